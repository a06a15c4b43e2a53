"""Video prompts on the screens: writing many at once, and the versions of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, now, show_told, toast_later
from vidgen_core.dashboard.shell import budget_bar
from vidgen_core.dashboard.shots import prompt
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import Author, Shot
from vidgen_core.i18n import Text
from vidgen_core.services.scripts.cameras import CAMERAS
from vidgen_core.services.scripts.prompts import VersionView, Wanted
from vidgen_core.services.scripts.templates import TEMPLATE

_WHICH: Final = ("empty", "all")
_TRANSLATE: Final = ("", "zh", "en")
#: Project whose prompts were begun to be written in this session.
_BEGUN: Final = "_prompts_begun"


def bulk(visit: Visit, wanted: ShotFilter) -> None:
    """The button that writes the prompts of all empty shots or of those that are shown, and how far it is."""
    t, app, project = visit.t, visit.app, visit.project.id
    with st.expander(t("prompts.write"), icon=":material/edit_note:", key="prompts_box"):
        st.caption(t("prompts.write_help"))
        _form(visit, "prompts", len(app.prompts.empty(project)), app.shots.count(project, wanted), wanted)
        lost = app.prompts.lost(project)
        if lost:
            st.warning(t("prompts.lost", n=len(lost)), icon=":material/help:")
            st.button(t("script.ask_lost"), key="prompts_lost", on_click=_ask_lost)


def progress(visit: Visit) -> None:
    """How far the writing is, and why it has stopped."""
    t, last = visit.t, visit.app.prompts.writing(visit.project.id)
    _progress()
    if last is not None and last.stopped and last.failure is not None and not last.busy:
        budget_bar.stopped(t, last.failure, "prompts", _ask_stopped)


def of_ticked(visit: Visit, shots: Sequence[Shot]) -> None:
    """The same for exactly these shots: the empty ones, or all of them when that is asked for."""
    t, empty = visit.t, sum(1 for shot in shots if not shot.prompt)
    with st.popover(
        t("prompts.write_ticked"), icon=":material/edit_note:", key="ticked_prompts_box", help=t("prompts.write_help")
    ):
        _form(visit, "ticked_prompts", empty, len(shots), [shot.id for shot in shots])


def _form(visit: Visit, key: str, empty: int, every: int, shots: ShotFilter | list[int]) -> None:
    """Which of the shots, and how their prompts are to be written."""
    t, counts = visit.t, {"empty": empty, "all": every}
    which = st.radio(
        t("prompts.for"), _WHICH, format_func=lambda name: t(f"prompts.{name}", n=counts[name]), key=f"{key}_for"
    )
    st.selectbox(
        t("prompts.camera"),
        ["", *CAMERAS],
        format_func=lambda name: t(f"prompts.camera.{name or 'none'}"),
        key=f"{key}_camera",
    )
    if visit.app.llm_queue.has_model:
        st.selectbox(
            t("prompts.translate"),
            _TRANSLATE,
            format_func=lambda name: t(f"prompts.translate.{name or 'none'}"),
            key=f"{key}_translate",
        )
    if which == "all":
        st.caption(t("prompts.all_help"))
    st.button(
        t("prompts.begin"),
        type="primary",
        key=f"{key}_begin",
        disabled=not counts[which or "empty"],
        on_click=_begin,
        args=(key, which, shots),
    )


def _progress() -> None:
    """How far it is; once it has ended, what came of it."""

    @st.fragment(key="prompts_progress", run_every=1.0 if st.session_state.get(_BEGUN) else None)
    def draw() -> None:
        show_told()
        visit = current_visit()
        found = visit.app.prompts.writing(visit.project.id)
        if found is None or st.session_state.get(_BEGUN) != visit.project.id:
            return
        if found.busy:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(visit.t("prompts.busy", done=found.done, total=found.total), width="content")
                st.button(visit.t("script.stop"), key="prompts_stop", type="tertiary", on_click=_cancel)
            return
        del st.session_state[_BEGUN]
        counts = {name: getattr(found, name) for name in ("written", "beside", "skipped", "failed")}
        toast_later(visit.t("prompts.done", **counts), ":material/edit_note:")
        st.rerun()

    draw()


@handle_errors
def _begin(key: str, which: str, shots: ShotFilter | list[int]) -> None:
    visit, state = current_visit(), st.session_state
    app, project = visit.app, visit.project.id
    ids = shots if isinstance(shots, list) else app.shots.ids(project, shots)
    if which == "empty":
        empty = app.prompts.empty(project)
        # Without ticks those that the filter hides count, too.
        ids = [shot_id for shot_id in empty if shot_id in set(ids)] if isinstance(shots, list) else empty
    options = Wanted(camera=state.get(f"{key}_camera", ""), translate=state.get(f"{key}_translate", ""))
    preflight.ask_questions(app.prompts.estimate(project, ids, options), lambda: _write(ids, options))
    if isinstance(shots, list):
        # How far it is stands beside the other button, in the page itself.
        st.rerun()


@handle_errors
def _write(ids: Sequence[int], options: Wanted) -> None:
    visit = current_visit()
    visit.app.prompts.write(visit.project.id, ids, options)
    prompt.follow(ids)
    st.session_state[_BEGUN] = visit.project.id


@handle_errors
def _ask_lost() -> None:
    visit = current_visit()
    ids = [call.shot_id for call in visit.app.prompts.lost(visit.project.id) if call.shot_id is not None]
    visit.app.prompts.write(visit.project.id, ids, Wanted(ask_lost=True))
    prompt.follow(ids)
    st.session_state[_BEGUN] = visit.project.id


@handle_errors
def _ask_stopped() -> None:
    visit = current_visit()
    last = visit.app.prompts.writing(visit.project.id)
    if last is not None:
        visit.app.prompts.write(visit.project.id, last.stopped, last.wanted)
        prompt.follow(last.stopped)
        st.session_state[_BEGUN] = visit.project.id


@handle_errors
def _cancel() -> None:
    visit = current_visit()
    visit.app.prompts.cancel(visit.project.id)


# --- the versions of one prompt


def ask_for_versions(shot_id: int) -> None:
    """Open the list of versions of a shot's prompt."""
    visit = current_visit()
    shot = visit.app.shots.get(shot_id)
    dialogs.ask(visit.t("prompts.versions_of", shot=plain(shot.number)), _versions, shot_id)


def _versions(shot_id: int) -> None:
    show_told()
    visit = current_visit()
    found = visit.app.prompts.versions(shot_id)
    if not found:
        st.caption(visit.t("prompts.none"))
    for view in found:
        with st.container(border=True, key=f"version_{view.version.id}", gap="xsmall"):
            _version(visit, shot_id, view)


def _version(visit: Visit, shot_id: int, view: VersionView) -> None:
    t, version = visit.t, view.version
    facts = [t("prompts.version", n=version.number), _author(t, view)]
    facts.append(t.ago((now() - version.created_at).total_seconds()))
    if view.takes:
        facts.append(t("prompts.made_takes", takes=", ".join(f"v{number}" for number in view.takes)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(" · ".join(facts), width="content")
        st.space("stretch")
        if view.in_use:
            st.badge(t("prompts.in_use"), color="green")
        else:
            st.button(
                t("prompts.put_back"),
                key=f"put_back_{version.id}",
                icon=":material/undo:",
                on_click=_put_back,
                args=(shot_id, version.id),
            )
    st.markdown(plain(version.text))
    if version.negative_prompt:
        st.caption(f"{t('shots.param.negative_prompt')}: {plain(version.negative_prompt)}")


def _author(t: Text, view: VersionView) -> str:
    version = view.version
    if version.author is not Author.MODEL:
        return t(f"prompts.author.{version.author}")
    writer = t("prompts.template") if version.writer == TEMPLATE else plain(version.writer)
    return t("prompts.author.model", writer=writer)


@handle_errors
def _put_back(shot_id: int, version_id: int) -> None:
    prompt.follow([shot_id])
    current_visit().app.prompts.put_back(shot_id, version_id)
