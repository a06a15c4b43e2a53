"""Amounts of money, sums of the ledger and balances.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.providers import (
    BillableParty,
    ProviderId,
)


class Money(Frozen):
    """An amount in a currency (ISO 4217 code, or ``credits``)."""

    amount: Decimal
    currency: str


class Balance(Frozen):
    """What was left at a provider for one key at one moment."""

    id: int
    provider: ProviderId
    key_id: str
    key_label: str
    at: datetime
    #: check | before | after: a test of the key, the beginning and the end of a batch.
    reason: str
    money: Money


class ChargeStatus(StrEnum):
    """What is known about the money of one attempt."""

    #: Nothing was bought.
    NONE = "none"
    #: Counted by our own price list.
    ESTIMATED = "estimated"
    #: Named by the provider.
    CHARGED = "charged"
    #: Taken to be charged although no answer said so.
    ASSUMED = "assumed"
    #: The provider gave it back.
    REFUNDED = "refunded"
    #: Nobody knows.
    UNKNOWN = "unknown"


#: Charges that are or may be owed: what counts as spent, in sums and against a budget.
OWED: Final = frozenset({ChargeStatus.ESTIMATED, ChargeStatus.CHARGED, ChargeStatus.ASSUMED, ChargeStatus.UNKNOWN})


class Spend(Frozen):
    """A sum of the ledger: attempts that are alike in everything named here."""

    project_id: int
    provider: BillableParty
    #: Fingerprint, of a key for language models its label; empty where no key was needed.
    key_id: str
    charge: ChargeStatus
    #: None: no price is known of these attempts.
    money: Money | None
    #: Attempts.
    n: int
    #: Local date on which the requests were sent.
    day: date
