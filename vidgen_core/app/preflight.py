"""The preflight: everything that can be known before a batch is paid for, on one sheet.

Nothing is changed and nobody outside is asked. Pictures are read whole, so it takes about a second for a gigabyte.
"""

from __future__ import annotations

import hashlib
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from vidgen_core import money
from vidgen_core.app.views import BalanceAfter, Preflight, PreflightProblem
from vidgen_core.locations import Locations
from vidgen_core.models import GenerationParams, Mode, Money
from vidgen_core.providers.base import Problem
from vidgen_core.settings import Settings
from vidgen_core.store import Tx

#: Shots named with one problem.
NAMED: Final = 50


class Item(NamedTuple):
    """What would be made of one shot."""

    shot: str
    provider: Mode
    model: str
    params: GenerationParams
    takes: int
    problems: tuple[Problem, ...]

    @property
    def goes(self) -> bool:
        return not any(problem.fatal for problem in self.problems)


class _Found:
    """Problems as they are found, alike ones together."""

    def __init__(self) -> None:
        self._shots: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        self._params: dict[tuple[str, str, bool], dict[str, Any]] = {}

    def add(self, shot: str, code: str, params: dict[str, Any], *, fatal: bool) -> None:
        key = (code, repr(sorted(params.items())), fatal)
        self._params[key] = params
        if shot and shot not in self._shots[key]:
            self._shots[key].append(shot)

    def all(self) -> tuple[PreflightProblem, ...]:
        """What stops something first."""
        found = [
            PreflightProblem(
                code=code,
                params=params,
                fatal=fatal,
                shots=tuple(self._shots[code, text, fatal][:NAMED]),
                count=len(self._shots[code, text, fatal]),
            )
            for (code, text, fatal), params in self._params.items()
        ]
        return tuple(sorted(found, key=lambda problem: not problem.fatal))


def look(tx: Tx, settings: Settings, locations: Locations, project_id: int, items: Sequence[Item]) -> Preflight:
    """Go through a batch.

    :param items: one for each shot or task, with what its model has against it
    """
    found = _Found()
    for item in items:
        for problem in item.problems:
            found.add(item.shot, problem.code, problem.params, fatal=problem.fatal)
    _pictures(items, locations.images, found)
    _prompts(items, found)
    good = [item for item in items if item.goes]
    prices = money.prices_of(tx, settings)
    costs = [(item, money.estimate(item.provider, item.model, item.params, item.takes, prices)) for item in good]
    for item, cost in costs:
        if cost is None:
            found.add(item.shot, "preflight_price_unknown", {"model": item.model}, fatal=False)
    by_provider = _by_provider(costs)
    low, uncounted = money.in_currency(by_provider, settings)
    known = not uncounted and all(cost is not None for _, cost in costs)
    standings = money.standings(tx, settings, project_id, datetime.now(UTC))
    for standing in standings:
        if low.amount > standing.left:
            short: dict[str, Any] = {"left": _json(standing.left, low.currency), "needed": low.model_dump(mode="json")}
            found.add("", f"preflight_budget_{standing.scope}", short, fatal=False)
    balances = tuple(_balances(tx, by_provider))
    for balance in balances:
        if balance.after.amount < 0:
            told: dict[str, Any] = {"provider": balance.provider.value, "left": balance.left.model_dump(mode="json")}
            found.add("", "preflight_balance_short", told, fatal=False)
    retries = settings.runner.max_retries if settings.runner.retry_on_fail else 0
    tasks = sum(item.takes for item in good)
    return Preflight(
        tasks=tasks,
        shots=len(good),
        large=tasks > settings.budget.preflight_over,
        problems=found.all(),
        costs={mode: tuple(amounts) for mode, amounts in by_provider.items()},
        low=low if known else None,
        high=Money(amount=low.amount * (1 + retries), currency=low.currency) if known else None,
        at_least=low,
        balances=balances,
        seconds=_seconds(tx, settings, good),
        standings=standings,
    )


def _json(amount: Decimal, currency: str) -> dict[str, Any]:
    return Money(amount=amount, currency=currency).model_dump(mode="json")


def _pictures(items: Iterable[Item], folder: Path, found: _Found) -> None:
    """Pictures that are not there any more, or are not what was kept: they are named by the hash of their bytes."""
    looked: dict[str, str | None] = {}
    for item in items:
        key = item.params.image
        if key is None:
            continue
        if key not in looked:
            looked[key] = _wrong_with(folder / key)
        code = looked[key]
        if code is not None:
            found.add(item.shot, code, {}, fatal=True)


def _wrong_with(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "preflight_picture_missing"
    return None if digest == path.stem else "preflight_picture_broken"


def _prompts(items: Iterable[Item], found: _Found) -> None:
    shots: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for item in items:
        wording = " ".join(item.params.prompt.split())
        if not wording:
            found.add(item.shot, "preflight_prompt_empty", {}, fatal=False)
            continue
        same = shots[wording.casefold(), item.params.image or item.params.image_url]
        if item.shot not in same:
            same.append(item.shot)
    for alike in shots.values():
        for shot in alike if len(alike) > 1 else ():
            found.add(shot, "preflight_prompt_twice", {"first": alike[0]}, fatal=False)


def _by_provider(costs: Iterable[tuple[Item, Money | None]]) -> dict[Mode, list[Money]]:
    sums: dict[tuple[Mode, str], Decimal] = defaultdict(Decimal)
    for item, cost in costs:
        if cost is not None and cost.amount:
            sums[item.provider, cost.currency] += cost.amount
    found: dict[Mode, list[Money]] = defaultdict(list)
    for (mode, currency), amount in sums.items():
        found[mode].append(Money(amount=amount, currency=currency))
    return found


def _balances(tx: Tx, by_provider: dict[Mode, list[Money]]) -> Iterable[BalanceAfter]:
    """The last known balance of each provider, and what would be left of it."""
    for mode, amounts in by_provider.items():
        last = tx.ledger.last_balance(mode)
        if last is None:
            continue
        for amount in amounts:
            if amount.currency == last.money.currency:
                after = Money(amount=last.money.amount - amount.amount, currency=amount.currency)
                yield BalanceAfter(provider=mode, at=last.at, left=last.money, after=after)


def _seconds(tx: Tx, settings: Settings, items: Sequence[Item]) -> float | None:
    """How long it will take: learned durations of each model over the slots of its provider; None when not yet known."""
    work: dict[Mode, float] = defaultdict(float)
    longest: dict[Mode, float] = {}
    learned = {mode: tx.attempts.durations(mode) for mode in {item.provider for item in items}}
    for item in items:
        known = learned[item.provider].get(item.model)
        if not known:
            return None
        usual = statistics.median(known)
        work[item.provider] += usual * item.takes
        longest[item.provider] = max(usual, longest.get(item.provider, 0.0))
    spans = [max(longest[mode], seconds / settings.max_concurrent(mode)) for mode, seconds in work.items()]
    return max(spans, default=None)
