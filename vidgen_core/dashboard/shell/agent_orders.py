"""Orders of agents that wait for a person: their messages, and the dialog with the yes and the no."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.agents import Quote
from vidgen_core.domain.errors import NotFound
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role


def messages(visit: Visit) -> Iterator[Message]:
    """One for each order that waits, of every project."""
    for quote in visit.app.quotes.waiting():
        act = partial(_answer, visit.t, quote.id)
        yield Message(f"agent_{quote.id}", sentence(visit, quote), ":material/smart_toy:", "warning", act)


def sentence(visit: Visit, quote: Quote) -> str:
    """Who wants to order what, for how much."""
    t = visit.t
    facts = {"agent": plain(quote.agent or "–"), "project": plain(_project(visit, quote)), "price": _price(t, quote)}
    return t.n("agents.asks", quote.tasks, **facts)


def _price(t: Text, quote: Quote) -> str:
    return t.money(quote.price, estimated=True) if quote.price else t("shell.price_unknown")


def _project(visit: Visit, quote: Quote) -> str:
    try:
        return visit.app.projects.get(quote.project_id).name
    except NotFound:
        return "–"


def _answer(t: Text, quote_id: int) -> None:
    if sign_in.may(Role.MAKER):
        st.button(t("agents.answer"), key=f"agent_answer_{quote_id}", on_click=_ask, args=(quote_id,))


@handle_errors
def _ask(quote_id: int) -> None:
    title = current_visit().t("agents.answer_title")
    dialogs.ask(title, _body, quote_id, width="medium", icon=":material/smart_toy:")


def _body(quote_id: int) -> None:
    visit = current_visit()
    t, app = visit.t, visit.app
    quote = app.quotes.get(quote_id)
    st.markdown(f"**{sentence(visit, quote)}** {t(f'agents.kind.{quote.what}')} {t(f'agents.why.{quote.reason}')}")
    sheet = app.quotes.preflight(quote)
    preflight.facts(sheet)
    preflight.problems(sheet)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("agents.no"), key="agent_no", on_click=_decline, args=(quote_id,))
        st.button(
            t("agents.yes", price=_price(t, quote)),
            key="agent_yes",
            type="primary",
            icon=":material/check:",
            on_click=_approve,
            args=(quote,),
        )


@handle_errors
def _approve(quote: Quote) -> None:
    visit = current_visit()
    ordered = visit.app.quotes.approve(quote.id, quote.price)
    toast_later(visit.t.n("agents.approved", len(ordered.tasks)), ":material/check:")
    st.rerun()


@handle_errors
def _decline(quote_id: int) -> None:
    visit = current_visit()
    visit.app.quotes.decline(quote_id)
    toast_later(visit.t("agents.declined"), ":material/block:")
    st.rerun()
