"""Scripts of a project: what is being read, what can be looked over, and putting it into the storyboard."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from vidgen_core.app.scripts import ScriptView
from vidgen_core.errors import ErrorKind
from vidgen_core.locale import Text
from vidgen_core.models import PieceState, ScriptState
from vidgen_core.ui.labels import Colour, plain
from vidgen_core.ui.session import Visit, answered, here, show_told, tell
from vidgen_core.writing import SCRIPT_ENDINGS, Board

_TEXT: Final = "script_text"
_NAME: Final = "script_name"
_ROUND: Final = "_script_round"
_COLOURS: Final[dict[ScriptState, Colour]] = {
    ScriptState.WAITING: "gray",
    ScriptState.RUNNING: "orange",
    ScriptState.STOPPED: "gray",
    ScriptState.READY: "blue",
    ScriptState.STORED: "green",
}
_VERDICTS: Final = {"ok": "✓", "warning": "⚠", "rejected": "✕"}


def form(visit: Visit) -> None:
    """Where a script is pasted or chosen, and what it costs to have it read."""
    t, app = visit.t, visit.app
    text = st.text_area(t("script.paste"), key=_TEXT, height=220, placeholder=t("script.paste_hint"))
    left, right = st.columns(2)
    with left:
        st.file_uploader(
            t("script.file"),
            type=[ending.removeprefix(".") for ending in SCRIPT_ENDINGS],
            key=f"script_file_{st.session_state.get(_ROUND, 0)}",
            on_change=_take_file,
        )
    with right:
        st.text_input(
            t("script.style"),
            value=app.scripts.style(visit.project.id),
            key=f"script_style_{visit.project.id}",
            placeholder=t("script.style_hint"),
            on_change=_keep_style,
        )
    asks = app.desk.has_model
    if not asks:
        st.caption(f":material/info: {t('script.no_model')}")
    elif st.toggle(t("script.offline"), key="script_offline"):
        asks = False
    label = t("script.go_offline")
    if asks:
        label = t("script.go_model", model=plain(app.settings().writing.model), pieces=app.scripts.pieces(text or " "))
    st.button(
        label,
        type="primary",
        icon=":material/movie_edit:",
        key="script_go",
        disabled=not (text or "").strip(),
        on_click=_start,
        kwargs={"offline": not asks},
    )


@answered
def _take_file() -> None:
    """What was chosen comes into the field, to be seen before anything is asked."""
    number = st.session_state.get(_ROUND, 0)
    file = st.session_state.get(f"script_file_{number}")
    if file is None:
        return
    st.session_state[_ROUND] = number + 1
    st.session_state[_TEXT] = here().app.scripts.read(file.getvalue(), file.name)
    st.session_state[_NAME] = file.name


@answered
def _keep_style() -> None:
    visit = here()
    visit.app.scripts.set_style(visit.project.id, st.session_state[f"script_style_{visit.project.id}"] or "")


@answered
def _start(*, offline: bool) -> None:
    visit = here()
    visit.app.scripts.start(visit.project.id, st.session_state[_TEXT], st.session_state.get(_NAME, ""), offline=offline)
    st.session_state[_TEXT] = ""
    st.session_state.pop(_NAME, None)


# --- the scripts there are


def scripts(visit: Visit) -> None:
    """Every script of the project, refreshed while one is being read."""
    busy = any(view.busy for view in visit.app.scripts.all(visit.project.id))

    @st.fragment(key="scripts", run_every=1.0 if busy else None)
    def draw() -> None:
        show_told()
        now = here()
        views = now.app.scripts.all(now.project.id)
        for view in views:
            _script(now, view)
        if busy and not any(view.busy for view in views):
            # What was read is to be looked over now.
            st.rerun()

    draw()


def _script(visit: Visit, view: ScriptView) -> None:
    t, script = visit.t, view.script
    with st.container(border=True, key=f"script_{script.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{plain(script.name)}**", width="content")
            st.badge(t(f"script.state.{script.state}"), color=_COLOURS[script.state])
            st.space("stretch")
            _acts(t, view)
        if view.busy and view.pieces:
            done, pieces = view.done, len(view.pieces)
            st.progress(done / pieces, text=t("script.reading", done=done, pieces=pieces))
        elif view.interrupted and view.pieces:
            st.info(t("script.interrupted", done=view.done, pieces=len(view.pieces)), icon=":material/pause_circle:")
        _failures(t, view)
        if not view.busy and script.state is not ScriptState.STORED and (view.done or not view.pieces):
            _plan(visit, view)
        if script.state is ScriptState.STORED:
            _coverage(visit, view)


def _acts(t: Text, view: ScriptView) -> None:
    script = view.script
    if view.busy:
        st.button(t("script.stop"), key=f"script_stop_{script.id}", on_click=_cancel, args=(script.id,))
        return
    if view.interrupted and view.pieces:
        st.button(t("script.resume"), key=f"script_resume_{script.id}", on_click=_resume, args=(script.id, False))
    if view.count(PieceState.UNKNOWN):
        st.button(t("script.ask_lost"), key=f"script_lost_{script.id}", on_click=_resume, args=(script.id, True))
    st.button(
        t("script.remove"), key=f"script_remove_{script.id}", type="tertiary", on_click=_remove, args=(script.id,)
    )


def _failures(t: Text, view: ScriptView) -> None:
    for piece in view.pieces:
        if piece.failure is not None:
            why = t.failure(piece.failure)
            st.caption(
                f":material/error: {t('script.piece_failed', first=piece.first_line, last=piece.last_line, why=why)}"
            )


def _plan(visit: Visit, view: ScriptView) -> None:
    """The storyboard as it would be stored, with what is to be said of each row."""
    t, board = visit.t, visit.app.scripts.board(view.script.id)
    if board.lost and any(piece.answer is not None for piece in view.pieces):
        lines = ", ".join(str(number) for number in board.lost[:20])
        st.warning(t("script.lost_lines", lines=lines), icon=":material/playlist_add:")
    if board.invented:
        st.warning(t("script.invented", n=board.invented), icon=":material/block:")
    st.dataframe(_rows(t, board), hide_index=True, width="stretch", key=f"script_plan_{view.script.id}")
    st.button(
        t("script.store", n=len(board.plan.ok)),
        type="primary",
        icon=":material/add:",
        key=f"script_store_{view.script.id}",
        disabled=not board.plan.ok,
        on_click=_store,
        args=(view.script.id,),
    )
    _coverage(visit, view)


def _rows(t: Text, board: Board) -> pd.DataFrame:
    def note(reasons: object) -> str:
        return " ".join(t.error(ErrorKind.PARAMETER, reason.code, reason.params) for reason in reasons)  # type: ignore[attr-defined]

    rows = [
        {
            " ": _VERDICTS[shot.verdict],
            t("script.column.shot"): shot.number or "–",
            t("script.column.line"): shot.line,
            t("script.column.script"): shot.script,
            t("script.column.picture"): shot.picture_prompt,
            t("script.column.video"): shot.prompt,
            t("script.column.seconds"): shot.params.duration,
            t("script.column.note"): note(shot.reasons),
        }
        for shot in board.plan.shots
    ]
    return pd.DataFrame(rows)


def _coverage(visit: Visit, view: ScriptView) -> None:
    t = visit.t
    with st.expander(t("script.coverage"), icon=":material/fact_check:"):
        st.caption(t("script.coverage_help"))
        rows = [
            {
                t("script.column.line"): entry.line.number,
                t("script.column.script"): entry.line.row,
                t("script.column.shot"): ", ".join(entry.shots) or "–",
            }
            for entry in visit.app.scripts.coverage(view.script.id)
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", key=f"script_coverage_{view.script.id}")


@answered
def _store(script_id: int) -> None:
    visit = here()
    stored = visit.app.scripts.store(script_id)
    tell(visit.t("script.stored", n=len(stored.added)), ":material/check:")


@answered
def _resume(script_id: int, ask_lost: bool) -> None:
    here().app.scripts.resume(script_id, ask_lost=ask_lost)


@answered
def _cancel(script_id: int) -> None:
    here().app.scripts.cancel(script_id)


@answered
def _remove(script_id: int) -> None:
    here().app.scripts.remove(script_id)
