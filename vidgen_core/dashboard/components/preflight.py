"""Price confirmation on the screens: a paid action runs at once, is shown on the preflight sheet, or asks for a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.labels import amount, mode_label, plain
from vidgen_core.dashboard.components.media import reference_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.settings import picture_settings, video_settings
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.preflight import Estimate, Preflight, facts_of, problem_line, sent_of
from vidgen_core.services.generation.validation import ValidatedShot

_CANARY: Final = "preflight_canary"
_AGAIN: Final = "preflight_again"


class PreflightChoice(NamedTuple):
    """What was chosen on the preflight sheet."""

    #: Whether one shot goes first; None: as the settings have it.
    canary: bool | None = None
    #: Whether shots that have takes get more.
    again: bool = False


#: Runs the order.
Act = Callable[[PreflightChoice], None]
#: Computes the sheet, with the shots that have takes or without them.
BuildSheet = Callable[[bool], Preflight]


def order(estimate: Estimate, build: BuildSheet, act: Act, *, canary: bool = False) -> None:
    """Run an order at once, or ask first where the settings say so. To be called in a widget callback."""
    if estimate.key_missing is not None:
        enter_key(estimate.key_missing)
    elif estimate.asks:
        ask(build, act, canary=canary)
    else:
        act(PreflightChoice())


def order_tasks(ids: list[int], act: Callable[[], None]) -> None:
    """The same for tasks that are there already: kept ones to start, failed ones to submit again."""
    visit = current_visit()
    tasks, project = visit.app.tasks, visit.project.id
    order(tasks.estimate_tasks(ids), lambda _again: tasks.preflight_tasks(project, ids), lambda _choice: act())


def ask(build: BuildSheet, act: Act, *, canary: bool = False) -> None:
    """Open the sheet; ``act`` is called when the order is released. To be called in a widget callback.

    :param canary: offer to let one shot go first
    """
    for key in (_AGAIN, _CANARY):
        st.session_state.pop(key, None)
    dialogs.ask(
        current_visit().t("preflight.title"), _body, build, act, canary, width="medium", icon=":material/fact_check:"
    )


def ask_questions(estimate: Estimate, act: Callable[[], None]) -> None:
    """The same for questions to a language model. To be called in a widget callback."""
    t = current_visit().t
    if not estimate.asks:
        act()
        return
    price = t.money(estimate.money, estimated=True) if estimate.money else t("shell.price_unknown")
    question = t.n("preflight.questions", estimate.tasks, price=price)
    dialogs.ask(t("preflight.title"), dialogs.confirm, question, t("preflight.ask"), act)


def button(visit: Visit, estimate: Estimate, label: str, act: Callable[..., None], *args: Any, **looks: Any) -> None:
    """A button that costs something; without a key it asks for one instead."""
    missing = estimate.key_missing
    if missing is None:
        st.button(label, on_click=act, args=args, **looks)
        return
    looks |= {"icon": ":material/key:", "disabled": False, "help": no_key(visit, missing)}
    st.button(visit.t("gate.enter_key"), on_click=enter_key, args=(missing,), **looks)


def no_key(visit: Visit, mode: ProviderId) -> str:
    """Why nothing can be sent to a provider without a key."""
    lack = gate.no_key(visit.app.settings(), mode)
    return visit.t.error(lack.kind, lack.code, {"provider": mode_label(visit.t, mode)})


@handle_errors
def enter_key(mode: ProviderId) -> None:
    """Open the dialog that takes a provider's key; visitors who may not enter one get a toast."""
    visit = current_visit()
    if not sign_in.may(Role.OWNER):
        toast_later(no_key(visit, mode), ":material/key:")
    elif mode.spec.pictures and not mode.spec.videos:
        dialogs.ask_for(lambda: picture_settings.open_dialog(visit.t))
    else:
        dialogs.ask_for(lambda: video_settings.open_dialog(visit.t, visit.app, mode))


def _body(build: BuildSheet, act: Act, canary: bool) -> None:
    visit = current_visit()
    t = visit.t
    again = bool(st.session_state.get(_AGAIN))
    sheet = build(again)
    facts(sheet)
    if sheet.having:
        label = t.n("preflight.again", len(sheet.having), shots=plain(named(sheet.having)))
        st.checkbox(label, key=_AGAIN, help=t("preflight.again_help"))
    problems(sheet)
    default = visit.app.settings().budget.canary
    if canary and sheet.shots > 1:
        st.checkbox(t("preflight.canary"), value=default != "off", key=_CANARY, help=t(f"preflight.canary_{default}"))
    dialogs.buttons(
        "preflight",
        t("preflight.act", n=t.number(sheet.tasks), price=amount(t, sheet.low)),
        _release,
        act,
        canary,
        again,
        icon=":material/auto_awesome:",
        disabled=not sheet.tasks,
    )


def facts(sheet: Preflight) -> None:
    """Size, price, balance and duration of the order."""
    first, *more = facts_of(current_visit().t, sheet)
    st.markdown(f"**{plain(first)}**")
    st.markdown("\n".join(f"- {plain(line)}" for line in more))


def problems(sheet: Preflight) -> None:
    """Problems of the order, or that there are none."""
    t = current_visit().t
    for problem in sheet.problems:
        show = st.error if problem.fatal else st.warning
        show(plain(problem_line(t, problem)), icon=":material/error:" if problem.fatal else ":material/warning:")
    if not sheet.problems and sheet.tasks:
        st.success(t("preflight.clean"), icon=":material/check_circle:")


def named(shots: tuple[str, ...]) -> str:
    """The first of some shots by number."""
    return ", ".join(shots[:8]) + (" …" if len(shots) > 8 else "")


def _release(act: Act, canary: bool, again: bool) -> None:
    act(PreflightChoice(bool(st.session_state.get(_CANARY)) if canary else None, again))
    st.rerun()


# --- characters


#: Pixels.
_SMALL: Final = 72


def show_sent(visit: Visit, seen: ValidatedShot) -> None:
    """What goes along of the characters that a prompt names, and the prompt as it is sent; nothing where it names none."""
    t, params = visit.t, seen.plan.params
    if not params.characters:
        return
    for one in params.characters:
        st.caption(f":material/person: **{plain(one.name)}** · {sent_of(t, one)}")
    with st.expander(t("references.sent_prompt"), icon=":material/visibility:"):
        st.code(params.prompt, language=None, wrap_lines=True)
        images = [(one.name, image) for one in params.characters for image in one.images]
        if images:
            with st.container(horizontal=True, gap="small"):
                for name, image in images:
                    with st.container(width=_SMALL, gap="xxsmall"):
                        st.image(reference_url(image), width="stretch", alt=name)
                        st.caption(plain(name))
