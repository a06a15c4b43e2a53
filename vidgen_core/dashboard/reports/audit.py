"""The audit view of the analytics page: is the ledger as it was written, differences by day, and every paid request."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.reports.overview import FigureScope
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors
from vidgen_core.domain.money import Money
from vidgen_core.i18n import Text
from vidgen_core.services.reports.ledger import PAGE, LedgerCheck, LedgerDay, PaidRequest

#: What the last look through the ledger found, in this session.
_FOUND: Final = "_ledger_found"


def show_downloads(visit: Visit, wanted: FigureScope) -> None:
    """The requests for accounting."""
    for format_ in ("xlsx", "csv"):
        st.download_button(
            format_.upper(),
            data=partial(visit.app.ledger.export, format_, visit.t, wanted.project_id, wanted.since, wanted.until),
            file_name=f"ledger.{format_}",
            icon=":material/download:",
            key=f"ledger_{format_}",
            on_click="ignore",
        )


def show(visit: Visit, wanted: FigureScope) -> None:
    """Verification, days and requests."""
    t, ledger = visit.t, visit.app.ledger
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(t("ledger.verify"), icon=":material/verified_user:", key="ledger_verify", on_click=_verify)
        st.caption(t("ledger.help"))
    found: LedgerCheck | None = st.session_state.get(_FOUND)
    if found is not None:
        _show_check(t, found)
    rows = [
        one
        for one in ledger.requests(wanted.project_id, wanted.since, wanted.until)
        if wanted.provider in (None, one.provider)
    ]
    if not rows:
        st.info(t("ledger.empty"), icon=":material/receipt_long:")
        return
    st.subheader(t("ledger.days_title"), anchor=False)
    days = ledger.days(wanted.project_id, wanted.since, wanted.until)
    _table([_day(t, day) for day in days if wanted.provider in (None, day.provider)], "ledger_days")
    st.subheader(t("ledger.requests_title"), anchor=False)
    if len(rows) == PAGE:
        st.caption(t("ledger.newest", n=PAGE))
    _table([_request(t, one) for one in rows], "ledger_requests")


def _show_check(t: Text, found: LedgerCheck) -> None:
    if found.ok:
        st.success(t.n("ledger.whole", found.lines, head=f"{found.head[:16]}…" if found.head else "–"))
    if found.broken is not None:
        st.error(found.broken.sentence(t))
    for stray in found.strays:
        st.error(stray.sentence(t))
    for gap in found.gaps:
        st.info(gap.sentence(t))


def _table(rows: list[dict[str, Any]], key: str) -> None:
    st.dataframe(rows, hide_index=True, width="stretch", key=key)


def _day(t: Text, day: LedgerDay) -> dict[str, Any]:
    def said(amount: Any) -> str:
        return t.money(Money(amount=amount, currency=day.currency), estimated=False)

    return {
        t("ledger.column.day"): day.day,
        t("ledger.column.provider"): t.provider(day.provider),
        t("ledger.column.requests"): day.requests,
        t("ledger.column.settled"): day.settled,
        t("ledger.column.ours"): said(day.ours),
        t("ledger.column.theirs"): said(day.theirs),
        t("ledger.column.difference"): said(day.difference),
        t("ledger.column.unsettled"): said(day.unsettled),
    }


def _request(t: Text, one: PaidRequest) -> dict[str, Any]:
    def said(money: Money | None) -> str:
        return "–" if money is None else t.money(money, estimated=False)

    named = one.shot and f"{one.shot}-v{one.take}"
    return {
        t("ledger.column.at"): t.datetime(one.at, clock()),
        t("ledger.column.project"): one.project,
        t("ledger.column.shot"): named or t(f"ledger.kind.{one.kind}"),
        t("ledger.column.provider"): t.provider(one.provider),
        t("ledger.column.model"): one.model,
        t("ledger.column.state"): one.state_words(t),
        t("ledger.column.charge"): t(f"dispute.charge.{one.charge}"),
        t("ledger.column.cost"): said(one.cost),
        t("ledger.column.ours"): said(one.ours),
        t("ledger.column.theirs"): said(one.theirs),
        t("ledger.column.difference"): said(one.difference),
        t("ledger.column.remote_id"): one.remote_id or "–",
        t("ledger.column.key"): one.key,
        t("ledger.column.failure"): t(f"tasks.kind.{one.failure}") if one.failure else "",
        t("ledger.column.line"): one.line,
    }


@handle_errors
def _verify() -> None:
    st.session_state[_FOUND] = current_visit().app.ledger.verify()
