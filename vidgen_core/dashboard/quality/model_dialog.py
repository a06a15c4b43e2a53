"""Asking the language model about takes: what it has said, what another question costs, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import plain, price
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors
from vidgen_core.domain.takes import MODEL, Take
from vidgen_core.i18n import Text


def ask(visit: Visit, takes: Sequence[Take]) -> None:
    """Open the dialog for some takes; to be called in a widget callback."""
    dialogs.ask(visit.t("judge.title"), _body, [take.id for take in takes], icon=":material/visibility:")


def _body(take_ids: list[int]) -> None:
    visit = current_visit()
    t = visit.t
    st.markdown(t("judge.about"))
    takes = [visit.app.takes.get(take_id) for take_id in take_ids]
    for take in takes:
        if take.answer is not None:
            st.markdown(f"**v{take.number}** {_said(t, take)}")
    estimate = visit.app.model_judge.estimate(visit.project.id, take_ids)
    dialogs.buttons(
        "judge",
        t.n("judge.act", estimate.tasks, price=price(t, estimate)),
        _ask,
        take_ids,
        icon=":material/visibility:",
    )


def _said(t: Text, take: Take) -> str:
    assert take.answer is not None
    faults = [
        t("checks.said", sentence=t(f"shots.warning.{MODEL}{question}"), reason=plain(fault))
        for question, fault in take.answer.faults.items()
        if fault
    ]
    return " ".join(faults) or t("judge.nothing_wrong", model=plain(take.answer.model))


@handle_errors
def _ask(take_ids: list[int]) -> None:
    visit = current_visit()
    visit.app.model_judge.ask(visit.project.id, take_ids)
    st.rerun()


def message(visit: Visit) -> Message | None:
    """How far the model is, and why it could not judge some."""
    found, t = visit.app.model_judge.standing(visit.project.id), visit.t
    if found is None:
        return None
    if found.busy:
        said = t("judge.busy", done=t.number(found.done + found.failed), total=t.number(found.total))
        return Message("judge", said, ":material/visibility:", actions=lambda: _stop(t))
    if not found.failed or found.failure is None:
        return None
    said = t.n("judge.failed", found.failed, why=plain(t.told(found.failure)))
    return Message("judge", said, ":material/visibility:", "warning", lambda: _close(t))


def _stop(t: Text) -> None:
    st.button(t("common.cancel"), key="judge_stop", type="tertiary", on_click=_cancel)


def _close(t: Text) -> None:
    st.button(t("common.close"), key="judge_close", type="tertiary", on_click=_forget)


@handle_errors
def _cancel() -> None:
    visit = current_visit()
    visit.app.model_judge.cancel(visit.project.id)


@handle_errors
def _forget() -> None:
    visit = current_visit()
    visit.app.model_judge.forget(visit.project.id)
