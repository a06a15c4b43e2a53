"""The ledger line by line, and what a look through it has found."""

from __future__ import annotations

from vidgen_core.i18n import Text
from vidgen_core.services.reports.ledger import LedgerCheck, LedgerFinding
from vidgen_core.services.schemas.base import Amount, Day, Moment, ResponseModel


class FindingResponse(ResponseModel):
    """Something in the ledger that is not as it was written."""

    code: str
    line: int | None
    message: str

    @classmethod
    def of(cls, found: LedgerFinding, t: Text) -> FindingResponse:
        return cls(code=found.code, line=found.line, message=found.sentence(t))


class LedgerCheckResponse(ResponseModel):
    """Whether the ledger is as it was written."""

    ok: bool
    lines: int
    head: str
    """Hash of the last line; empty before the first paid request."""
    broken: FindingResponse | None
    """The first line that is not what was written."""
    strays: list[FindingResponse]
    """Requests that are not as their last line says; the first few."""
    stray_count: int
    gaps: list[FindingResponse]
    """Lines that were lost when an older database was put in place."""

    @classmethod
    def of(cls, found: LedgerCheck, t: Text) -> LedgerCheckResponse:
        return cls.filled(
            found,
            broken=FindingResponse.of(found.broken, t) if found.broken else None,
            strays=[FindingResponse.of(one, t) for one in found.strays],
            gaps=[FindingResponse.of(one, t) for one in found.gaps],
        )


class PaidRequestResponse(ResponseModel):
    """One paid request as it stands."""

    kind: str
    """attempt (of a task) or question (to a language model)."""
    id: int
    project: str
    shot: str | None
    take: int | None
    task_id: int | None
    provider: str
    model: str
    key: str
    at: Moment
    state: str
    charge: str
    failure: str | None
    cost: Amount | None
    ours: Amount | None
    """What our price list said."""
    theirs: Amount | None
    """The provider's own number."""
    difference: Amount | None
    agent: str | None
    """The agent that ordered it; null: a person."""
    remote_id: str | None
    request_id: str | None
    line: int | None
    """Its last line in the ledger."""
    hash: str | None


class LedgerDayResponse(ResponseModel):
    """A day's requests to one provider: our numbers beside its own."""

    day: Day
    provider: str
    currency: str
    requests: int
    settled: int
    """Those of which the provider has named a number; ``ours`` and ``theirs`` are about them."""
    ours: float
    theirs: float
    difference: float
    unsettled: float
    """What is or may be owed for the others."""


class LedgerPage(ResponseModel):
    """Paid requests of a period, and the days they were sent on."""

    requests: list[PaidRequestResponse]
    days: list[LedgerDayResponse]
