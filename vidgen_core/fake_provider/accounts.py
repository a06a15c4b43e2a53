"""The money of each key: balance, charges, refunds, and the log of them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Prefix of a key → the fault of all its requests (money: only of those that cost).
SPECIAL_KEYS: Final[Mapping[str, str]] = {
    "sk-bad": "key-invalid",
    "sk-expired": "key-expired",
    "sk-limited": "rate-limit",
    "sk-poor": "balance-empty",
}


def key_fault(key: str) -> str | None:
    """The fault of a key; None for a valid one. Every valid key begins with ``sk-``."""
    if not key.startswith("sk-"):
        return "key-invalid" if key else "key-missing"
    return next((fault for prefix, fault in SPECIAL_KEYS.items() if key.startswith(prefix)), None)


@dataclass(frozen=True)
class LogRow:
    """One line of an account's log; refunds have a negative amount."""

    id: int
    key: str
    provider: str
    job_id: str
    request_id: str
    model: str
    amount: float
    #: seconds since 1970
    at: float


class Accounts:
    """Balances by provider and key."""

    def __init__(self, first: Mapping[str, float], by_key: Mapping[str, float], keep: int) -> None:
        self._first = first
        self._by_key = by_key
        self._used: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.charged: defaultdict[str, float] = defaultdict(float)
        self.refunded: defaultdict[str, float] = defaultdict(float)
        self.log: deque[LogRow] = deque(maxlen=keep)
        self._rows = 0

    def granted(self, provider: str, key: str) -> float:
        if key_fault(key) == "balance-empty":
            return 0.0
        return self._by_key.get(key, self._first[provider])

    def used(self, provider: str, key: str) -> float:
        return round(self._used[provider, key], 6)

    def balance(self, provider: str, key: str) -> float:
        return round(self.granted(provider, key) - self.used(provider, key), 6)

    def book(
        self, provider: str, key: str, amount: float, request_id: str, at: float, *, job_id: str = "", model: str = ""
    ) -> None:
        """Charge an amount; a negative one is a refund."""
        self._used[provider, key] += amount
        sums = self.refunded if amount < 0 else self.charged
        sums[provider] += abs(amount)
        self._rows += 1
        self.log.append(LogRow(self._rows, key, provider, job_id, request_id, model, amount, at))

    def rows(self, provider: str, key: str) -> list[LogRow]:
        """The log of one key, newest first."""
        return [row for row in reversed(self.log) if (row.provider, row.key) == (provider, key)]
