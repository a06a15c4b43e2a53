"""Scripts of a project: reading, reviewing, and adding them to the storyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from vidgen_core.dashboard.components import preflight
from vidgen_core.dashboard.components.labels import Colour, plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, lines, show_told, toast_later
from vidgen_core.dashboard.shell import budget_bar
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.scripts import PieceState, ScriptState
from vidgen_core.i18n import Text
from vidgen_core.services.imports.readers.reader import DOCUMENT_ENDINGS
from vidgen_core.services.scripts.llm_ledger import stopped_by_budget
from vidgen_core.services.scripts.planning import Board
from vidgen_core.services.scripts.script_files import SCRIPT_ENDINGS
from vidgen_core.services.scripts.scripts import ScriptView

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
_COLUMNS: Final = ["keep", "verdict", "shot", "line", "note", "script", "picture", "video", "seconds", "chain"]
_ROWS_SHOWN: Final = 16
_VERDICTS: Final = {"ok": "✓", "warning": "⚠", "rejected": "✕"}


def form(visit: Visit) -> None:
    """Where a script is pasted or chosen, and what it costs to have it read."""
    t, app = visit.t, visit.app
    text = st.text_area(t("script.paste"), key=_TEXT, height=220, placeholder=t("script.paste_hint"))
    left, right = st.columns(2)
    with left:
        st.file_uploader(
            t("script.file"),
            # Others are answered in the reader's own language, and with what to do.
            type=[ending.removeprefix(".") for ending in (*SCRIPT_ENDINGS, *sorted(DOCUMENT_ENDINGS))],
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
    asks = app.llm_queue.has_model
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


@handle_errors
def _take_file() -> None:
    """What was chosen comes into the field, to be seen before anything is asked."""
    number = st.session_state.get(_ROUND, 0)
    file = st.session_state.get(f"script_file_{number}")
    if file is None:
        return
    st.session_state[_ROUND] = number + 1
    st.session_state[_TEXT] = current_visit().app.scripts.read(file.getvalue(), file.name)
    st.session_state[_NAME] = file.name


@handle_errors
def _keep_style() -> None:
    visit = current_visit()
    visit.app.scripts.set_style(visit.project.id, st.session_state[f"script_style_{visit.project.id}"] or "")


@handle_errors
def _start(*, offline: bool) -> None:
    text, name = st.session_state[_TEXT], st.session_state.get(_NAME, "")
    if offline:
        _begin(text, name, offline=True)
    else:
        preflight.ask_questions(current_visit().app.scripts.estimate(text), lambda: _begin(text, name, offline=False))


@handle_errors
def _begin(text: str, name: str, *, offline: bool) -> None:
    visit = current_visit()
    visit.app.scripts.start(visit.project.id, text, name, offline=offline)
    st.session_state[_TEXT] = ""
    st.session_state.pop(_NAME, None)


# --- the scripts there are


def scripts(visit: Visit, shots: Path) -> None:
    """Every script of the project, refreshed while one is being read.

    :param shots: the file of the page where stored shots are worked at
    """
    busy = any(view.busy for view in visit.app.scripts.all(visit.project.id))

    @st.fragment(key="scripts", run_every=1.0 if busy else None)
    def draw() -> None:
        show_told()
        now = current_visit()
        views = now.app.scripts.all(now.project.id)
        for view in views:
            _script(now, view, shots)
        if busy and not any(view.busy for view in views):
            # What was read is to be reviewed now.
            st.rerun()

    draw()


def _script(visit: Visit, view: ScriptView, shots: Path) -> None:
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
        stop = next((piece.failure for piece in view.pieces if stopped_by_budget(piece.failure)), None)
        if stop is not None and not view.busy:
            budget_bar.stopped(t, stop, f"script_{script.id}", _resume, script.id, False)
        if not view.busy and script.state is not ScriptState.STORED and (view.done or not view.pieces):
            _plan(visit, view)
        if script.state is ScriptState.STORED:
            st.page_link(shots, label=t("script.to_shots"), icon=":material/view_agenda:")
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
        # What the budget has stopped is said once for all pieces.
        if piece.failure is not None and not stopped_by_budget(piece.failure):
            why = t.told(piece.failure)
            told = t("script.piece_failed", first=piece.first_line, last=piece.last_line, why=why)
            st.caption(f":material/error: {lines(told)}")


def _plan(visit: Visit, view: ScriptView) -> None:
    """The storyboard as it would be stored, with what is to be said of each row."""
    t, board, without = visit.t, visit.app.scripts.board(view.script.id), _left_out(view.script.id)
    if board.lost and any(piece.answer is not None for piece in view.pieces):
        lines = ", ".join(str(number) for number in board.lost[:20])
        st.warning(t("script.lost_lines", lines=lines), icon=":material/playlist_add:")
    if board.invented:
        st.warning(t("script.invented", n=board.invented), icon=":material/block:")
    st.caption(t("script.keep_help"))
    st.data_editor(
        _rows(t, board),
        column_config=_columns(t, board),
        disabled=[name for name in _COLUMNS if name != "keep"],
        hide_index=True,
        placeholder="–",
        width="stretch",
        height=min(len(board.plan.shots) + 1, _ROWS_SHOWN) * 35 + 2,
        key=_plan_key(view.script.id),
    )
    if any(shot.chain for shot in board.plan.shots):
        st.checkbox(t("chain.join_scenes"), key=_chains_key(view.script.id), help=t("chain.join_help"))
    count = sum(1 for place, shot in enumerate(board.plan.shots) if shot.verdict != "rejected" and place not in without)
    st.button(
        t("script.store", n=count),
        type="primary",
        icon=":material/add:",
        key=f"script_store_{view.script.id}",
        disabled=not count,
        on_click=_store,
        args=(view.script.id,),
    )
    _coverage(visit, view)


def _plan_key(script_id: int) -> str:
    return f"script_plan_{script_id}"


def _chains_key(script_id: int) -> str:
    return f"script_chains_{script_id}"


def _left_out(script_id: int) -> set[int]:
    """Places of the rows that the visitor does not want."""
    edited = st.session_state.get(_plan_key(script_id), {}).get("edited_rows", {})
    return {int(place) for place, row in edited.items() if row.get("keep") is False}


def _rows(t: Text, board: Board) -> pd.DataFrame:
    rows = [
        (
            shot.verdict != "rejected",
            _VERDICTS[shot.verdict],
            shot.number or "–",
            shot.line,
            " ".join(t.error(ErrorKind.PARAMETER, reason.code, reason.params) for reason in shot.reasons),
            shot.script,
            shot.picture_prompt,
            shot.prompt,
            shot.params.duration,
            shot.chain or None,
        )
        for shot in board.plan.shots
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _columns(t: Text, board: Board) -> dict[str, ColumnConfig | None]:
    """What stands over the columns; the one for notes only where there are any, and then beside the verdicts."""
    columns: dict[str, ColumnConfig | None] = {
        "keep": st.column_config.CheckboxColumn(t("script.column.keep"), width=80),
        "verdict": st.column_config.TextColumn(" ", width=40),
        "shot": st.column_config.TextColumn(t("script.column.shot"), width=60),
        "line": st.column_config.NumberColumn(t("script.column.line"), width=50),
        "note": st.column_config.TextColumn(t("script.column.note")),
        "script": st.column_config.TextColumn(t("script.column.script")),
        "picture": st.column_config.TextColumn(t("script.column.picture")),
        "video": st.column_config.TextColumn(t("script.column.video")),
        "seconds": st.column_config.NumberColumn(t("script.column.seconds"), width=60),
        "chain": st.column_config.TextColumn(t("shots.column.chain"), width=60),
    }
    if not any(shot.chain for shot in board.plan.shots):
        columns["chain"] = None
    if not any(shot.reasons for shot in board.plan.shots):
        columns["note"] = None
    return columns


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


@handle_errors
def _store(script_id: int) -> None:
    visit, chains = current_visit(), bool(st.session_state.get(_chains_key(script_id)))
    stored = visit.app.scripts.store(script_id, without=_left_out(script_id), chains=chains)
    toast_later(visit.t("script.stored", n=len(stored.added)), ":material/check:")


@handle_errors
def _resume(script_id: int, ask_lost: bool) -> None:
    current_visit().app.scripts.resume(script_id, ask_lost=ask_lost)


@handle_errors
def _cancel(script_id: int) -> None:
    current_visit().app.scripts.cancel(script_id)


@handle_errors
def _remove(script_id: int) -> None:
    current_visit().app.scripts.remove(script_id)
