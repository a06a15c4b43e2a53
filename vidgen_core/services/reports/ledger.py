"""Proof of spend: every paid request beside the provider's own number, and whether the ledger is as it was written."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from vidgen_core.db import Journal
from vidgen_core.db.ledger_chain import Head, LedgerLine, line_hash
from vidgen_core.db.schema.columns import MICRO
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import BillableParty, billable_party
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service
from vidgen_core.services.reports.disputes import period

if TYPE_CHECKING:
    from sqlalchemy import Row

    from vidgen_core.db import Tx
    from vidgen_core.i18n import Text

#: Rows named that are not as their line says; the others are counted.
NAMED: Final = 20
#: Requests of one page.
PAGE: Final = 200
FORMATS: Final = ("csv", "xlsx", "jsonl")
#: ``ledger.column.<name>`` in the catalogues heads each column of an export.
COLUMNS: Final = (
    "at", "project", "shot", "take", "task", "kind", "provider", "model", "key", "agent", "state", "charge", "cost", "currency",
    "ours", "theirs", "difference", "remote_id", "request_id", "accepted_at", "ended_at", "failure", "line", "hash",
)  # fmt: skip
DAY_COLUMNS: Final = ("day", "provider", "currency", "requests", "settled", "ours", "theirs", "difference", "unsettled")


class LedgerFinding(Frozen):
    """Something that is not as it was written; ``ledger.finding.<code>`` is its sentence."""

    code: str
    #: The line of the ledger that it is about.
    line: int | None = None
    params: dict[str, Any] = Field(default_factory=dict)

    def sentence(self, t: Text) -> str:
        return t(f"ledger.finding.{self.code}", line=self.line, **self.params)


class LedgerCheck(Frozen):
    """What a look through the whole ledger has found."""

    lines: int
    #: Hash of the last line: whoever has written it down elsewhere can tell later whether these lines were replaced.
    head: str
    #: The first line that is not what was written.
    broken: LedgerFinding | None
    #: Requests that are not as their last line says, and sums that are not those of their requests.
    strays: tuple[LedgerFinding, ...]
    #: How many there are altogether.
    stray_count: int
    #: Lines that were lost when an older database was put in place.
    gaps: tuple[LedgerFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was changed, moved or removed. A backup that a person has put in place is no fault."""
        return self.broken is None and not self.stray_count and all(gap.code == "gap_person" for gap in self.gaps)


class PaidRequest(Frozen):
    """One paid request as it stands."""

    #: attempt (of a task) or question (to a language model)
    kind: str
    id: int
    project: str
    shot: str | None
    take: int | None
    task_id: int | None
    provider: BillableParty
    model: str
    key: str
    #: When it was sent.
    at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    state: str
    charge: ChargeStatus
    #: The kind of error that it ended with.
    failure: str | None
    #: Its charge as known.
    cost: Money | None
    #: What our price list said.
    ours: Money | None
    #: The provider's own number; None: it has not named one.
    theirs: Money | None
    #: The agent that ordered it; None: a person.
    agent: str | None
    #: The provider's own ids.
    remote_id: str | None
    request_id: str | None
    #: Its last line in the ledger.
    line: int | None
    hash: str | None

    def state_words(self, t: Text) -> str:
        """How far it came; an answered question to a language model has succeeded."""
        return t(f"tasks.attempt_state.{'succeeded' if self.state == 'answered' else self.state}")

    @property
    def difference(self) -> Money | None:
        """The provider's number less ours; above zero it took more than our price list says."""
        if self.ours is None or self.theirs is None or self.ours.currency != self.theirs.currency:
            return None
        return Money(amount=self.theirs.amount - self.ours.amount, currency=self.ours.currency)


class LedgerDay(Frozen):
    """A day's requests to one provider: our numbers beside its own, in its currency."""

    day: date
    provider: BillableParty
    currency: str
    requests: int
    #: Those of which the provider has named a number.
    settled: int
    ours: Decimal
    theirs: Decimal
    #: What our price list says of the others that may be owed.
    unsettled: Decimal

    @property
    def difference(self) -> Decimal:
        """Above zero the provider took more than our price list says."""
        return self.theirs - self.ours


class Ledger(Service):
    """The ledger line by line."""

    @requires(Role.VIEWER)
    def verify(self) -> LedgerCheck:
        """Look through every line, and compare each request with its last one."""
        # Before the database: what is written meanwhile must not look like what was cut off.
        journal = Journal(self._ctx.locations.journal).look()
        with self._ctx.store.read(patient=True) as tx:
            return check(tx, journal.ledger)

    @requires(Role.VIEWER)
    def requests(
        self, project_id: int | None = None, since: date | None = None, until: date | None = None, limit: int = PAGE
    ) -> list[PaidRequest]:
        """Paid requests of a period, both days included, the newest first.

        :raises InputError: ``period_backwards`` (since, until)
        """
        return [_request(row) for row in self._rows(project_id, since, until, limit)]

    @requires(Role.VIEWER)
    def days(
        self, project_id: int | None = None, since: date | None = None, until: date | None = None
    ) -> list[LedgerDay]:
        """Our numbers beside the providers' own, by day and provider, the newest day first.

        :raises InputError: ``period_backwards`` (since, until)
        """
        return _days(_request(row) for row in self._rows(project_id, since, until, None))

    @requires(Role.VIEWER)
    def export(
        self,
        format: str,  # noqa: A002
        t: Text,
        project_id: int | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> bytes:
        """For accounting: a row a request (CSV), with the days beside them (XLSX), or the chain itself, a line a line (JSONL).

        :param format: one of ``FORMATS``
        :raises InputError: ``period_backwards`` (since, until)
        """
        from vidgen_core.services.exports.task_list import write_csv, write_xlsx

        if format == "jsonl":
            with self._ctx.store.read() as tx:
                return b"".join(_json_line(line) for line in tx.chain.lines())
        found = [_request(row) for row in self._rows(project_id, since, until, None)]
        rows = [[t(f"ledger.column.{name}") for name in COLUMNS], *(_columns(one, t) for one in found)]
        file = io.BytesIO()
        if format == "csv":
            write_csv(rows, file)
            return file.getvalue()
        days = [[t(f"ledger.column.{name}") for name in DAY_COLUMNS], *(_day_columns(one, t) for one in _days(found))]
        write_xlsx({t("ledger.sheet.requests"): rows, t("ledger.sheet.days"): days}, file)
        return file.getvalue()

    def _rows(
        self, project_id: int | None, since: date | None, until: date | None, newest: int | None
    ) -> Sequence[Row[Any]]:
        begin, end = period(since, until)
        with self._ctx.store.read() as tx:
            return tx.chain.requests(project_id, begin, end, newest)


def check(tx: Tx, told: Head | None) -> LedgerCheck:
    """Look through the ledger of a database.

    :param told: the last line as the journal knows it; without it an end that was cut off cannot be seen
    """
    broken: LedgerFinding | None = None
    gaps: list[LedgerFinding] = []
    before: LedgerLine | None = None
    missing = told
    for line in tx.chain.lines():
        broken = _fault(line, before)
        if broken is not None:
            break
        if line.kind == "gap":
            gap = _gap(line)
            if gap is None:
                broken = LedgerFinding(code="line_changed", line=line.n)
                break
            gaps.append(gap)
        if missing is not None and line.n == missing.n and line.hash == missing.hash:
            missing = None
        before = line
    if broken is None and missing is not None:
        broken = _cut(missing, before)
    strays = [
        LedgerFinding(code=code, line=n, params={"kind": kind, "id": id_}) for code, kind, id_, n in tx.chain.strays()
    ]
    # A request that was changed differs from its sum as well.
    strays = strays or [
        LedgerFinding(code="sum_differs", params={"provider": provider, "currency": currency})
        for provider, currency in tx.ledger.wrong_sums()
    ]
    head = tx.chain.head()
    return LedgerCheck(
        lines=head.n if head else 0,
        head=head.hash if head else "",
        broken=broken,
        strays=tuple(strays[:NAMED]),
        stray_count=len(strays),
        gaps=tuple(gaps),
    )


def _fault(line: LedgerLine, before: LedgerLine | None) -> LedgerFinding | None:
    """What is wrong with a line that comes after another."""
    expected = before.n + 1 if before else 1
    if line.n != expected:
        return LedgerFinding(code="line_missing", line=expected, params={"until": line.n - 1})
    if line.hash != line_hash(*line[:-1]):
        return LedgerFinding(code="line_changed", line=line.n)
    if line.previous != (before.hash if before else ""):
        return LedgerFinding(code="line_moved", line=line.n)
    return None


def _cut(told: Head, last: LedgerLine | None) -> LedgerFinding:
    end = last.n if last else 0
    if told.n > end:
        return LedgerFinding(code="end_missing", line=end + 1, params={"until": told.n})
    return LedgerFinding(code="end_replaced", line=told.n)


def _gap(line: LedgerLine) -> LedgerFinding | None:
    """What a line about lost lines says; None: it is none of ours, though its hash is right."""
    try:
        known = json.loads(line.body)
        at = datetime.fromtimestamp(line.at / 1000, UTC).astimezone().isoformat(sep=" ", timespec="minutes")
        params = {"until": int(known["n"]), "hash": str(known["hash"])[:12], "at": at}
        code = {"person": "gap_person", "start": "gap_start"}[known["by"]]
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
    return LedgerFinding(code=code, line=line.n, params=params)


def _json_line(line: LedgerLine) -> bytes:
    return json.dumps(line._asdict(), ensure_ascii=False, separators=(",", ":"), default=repr).encode() + b"\n"


def _request(row: Row[Any]) -> PaidRequest:
    cost, charge = _money(row.cost, row.currency), ChargeStatus(row.charge)
    theirs = cost if charge is ChargeStatus.CHARGED else None
    if charge is ChargeStatus.REFUNDED and row.currency:
        theirs = Money(amount=Decimal(0), currency=row.currency)
    known = {
        "project": row.project or "–",
        "provider": billable_party(row.provider),
        "key": row.key_label,
        "at": _time(row.at) or datetime.fromtimestamp(0, UTC),
        "accepted_at": _time(row.accepted_at),
        "ended_at": _time(row.ended_at),
        "charge": charge,
        "cost": cost,
        "ours": _money(row.ours, row.ours_currency),
        "theirs": theirs,
    }
    return PaidRequest(**known, **{name: getattr(row, name) for name in PaidRequest.model_fields.keys() - known.keys()})


def _money(micros: int | None, currency: str | None) -> Money | None:
    return None if micros is None or currency is None else Money(amount=Decimal(micros) / MICRO, currency=currency)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _days(found: Iterable[PaidRequest]) -> list[LedgerDay]:
    groups: dict[tuple[date, BillableParty, str], list[PaidRequest]] = defaultdict(list)
    for one in found:
        known = one.theirs or one.ours or one.cost
        if known is not None:
            groups[one.at.astimezone().date(), one.provider, known.currency].append(one)
    return [_day(*key, group) for key, group in sorted(groups.items(), key=lambda item: item[0], reverse=True)]


def _day(day: date, provider: BillableParty, currency: str, group: list[PaidRequest]) -> LedgerDay:
    settled = [one for one in group if one.theirs is not None]
    waiting = [one.cost for one in group if one.theirs is None and one.charge is not ChargeStatus.NONE]
    return LedgerDay(
        day=day,
        provider=provider,
        currency=currency,
        requests=len(group),
        settled=len(settled),
        # One without a price of ours differs by nothing that anybody could look into.
        ours=_sum(one.ours if one.difference is not None else one.theirs for one in settled),
        theirs=_sum(one.theirs for one in settled),
        unsettled=_sum(waiting),
    )


def _sum(amounts: Iterable[Money | None]) -> Decimal:
    return sum((one.amount for one in amounts if one is not None), Decimal(0))


def _columns(one: PaidRequest, t: Text) -> list[Any]:
    from vidgen_core.providers.http.cleaning import clean_text
    from vidgen_core.services.schemas.base import iso

    def amount(money: Money | None) -> float | None:
        return None if money is None else float(money.amount)

    currency = next((money.currency for money in (one.cost, one.theirs, one.ours) if money), None)
    said = {
        **{name: getattr(one, name) for name in COLUMNS if name in PaidRequest.model_fields},
        **{name: amount(getattr(one, name)) for name in ("cost", "ours", "theirs", "difference")},
        **{name: iso(getattr(one, name)) for name in ("at", "accepted_at", "ended_at")},
        "task": one.task_id,
        "kind": t(f"ledger.kind.{one.kind}"),
        "state": one.state_words(t),
        "provider": t.provider(one.provider),
        "charge": t(f"dispute.charge.{one.charge}"),
        "currency": currency,
        "failure": t(f"tasks.kind.{one.failure}") if one.failure else None,
    }
    return [clean_text(value) if isinstance(value := said[name], str) else value for name in COLUMNS]


def _day_columns(one: LedgerDay, t: Text) -> list[Any]:
    amounts = [float(getattr(one, name)) for name in ("ours", "theirs", "difference", "unsettled")]
    return [one.day.isoformat(), t.provider(one.provider), one.currency, one.requests, one.settled, *amounts]
