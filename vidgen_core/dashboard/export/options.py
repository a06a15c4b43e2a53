"""Options of an export: format, contents and file names."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, page_file, sentence, toast_later
from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.exports.film import Film, Format, Options, numbers_of

#: What a person chooses among; the two lists are in one of three formats each.
WHATS: Final = ("zip", "mp4", "jianying", "fcpxml", "otio", "edl", "shots", "tasks")
_LISTS: Final = (Format.XLSX, Format.CSV, Format.JSON)
_STILLS: Final = frozenset({"mp4", "jianying", "fcpxml", "otio", "edl"})
_PREFIX: Final = "export_"


def show_summary(visit: Visit, film: Film) -> None:
    """What is chosen and what is missing."""
    t = visit.t
    every = len(film.takes) + len(film.missing)
    with st.container(horizontal=True, gap="large", border=True, key="export_summary"):
        st.metric(t("export.chosen"), t("export.of", n=t.number(len(film.takes)), all=t.number(every)), width="content")
        st.metric(t("export.length"), t.duration(film.seconds), width="content")
        st.metric(t("export.size"), t.bytes(film.bytes), width="content")
    if film.missing:
        shots = plain(numbers_of(film.missing))
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="export_missing"):
            st.markdown(f":orange[:material/warning:] {t.n('export.missing', len(film.missing), shots=shots)}")
            st.page_link(page_file("shots"), label=t("export.to_shots"), icon=":material/view_agenda:")
    if film.gone:
        shots = plain(numbers_of(clip.shot for clip in film.gone))
        st.error(t("error.export_files_gone", n=len(film.gone), shots=shots), icon=":material/movie_off:")


def show_choice(visit: Visit) -> None:
    """The formats on one side, the options of the chosen one on the other."""
    t = visit.t
    left, right = st.columns([5, 6], gap="medium")
    with left.container(border=True, key="export_formats"):
        what = st.radio(
            t("export.what"),
            WHATS,
            format_func=lambda name: t(f"export.what.{name}"),
            captions=[t(f"export.what_help.{name}") for name in WHATS],
            key=f"{_PREFIX}what",
        )
    with right.container(border=True, key="export_options"):
        st.markdown(f"**{t(f'export.what.{what}')}**")
        usable = _options(visit, what)
        st.button(
            t("export.start"),
            type="primary",
            icon=":material/output:",
            key="export_start",
            disabled=not usable,
            on_click=_start,
        )


def _options(visit: Visit, what: str) -> bool:
    """Draw the options; False when an export cannot be made of them."""
    t = visit.t
    if what in ("shots", "tasks"):
        st.segmented_control(
            t("export.list_format"),
            _LISTS,
            default=Format.XLSX,
            required=True,
            format_func=lambda kind: kind.value.upper(),
            key=f"{_PREFIX}list",
        )
        if what == "shots":
            st.checkbox(t("export.pictures"), help=t("export.pictures_help"), key=f"{_PREFIX}pictures")
        return True
    usable = _pattern(visit) if what in ("zip", "jianying") else True
    if what == "zip":
        st.checkbox(t("export.timelines"), help=t("export.timelines_help"), key=f"{_PREFIX}timelines")
    if what in _STILLS:
        _stills(visit)
    if what == "mp4":
        st.checkbox(t("export.numbers"), key=f"{_PREFIX}numbers")
    if what == "jianying":
        st.text_input(
            t("export.drafts_folder"),
            key=f"{_PREFIX}drafts_folder",
            placeholder="C:/Users/…/JianyingPro Drafts",
            help=t("export.drafts_folder_help"),
        )
        st.caption(t("export.jianying_versions"))
    return usable


def _pattern(visit: Visit) -> bool:
    t = visit.t
    st.session_state.setdefault(f"{_PREFIX}pattern", Options().pattern)
    pattern = st.text_input(
        t("export.pattern"),
        key=f"{_PREFIX}pattern",
        live="300ms",
        help=t("export.pattern_help"),
    )
    try:
        names = visit.app.exports.names(visit.project.id, (pattern or "").strip() or Options().pattern)
    except VidgenError as error:
        st.error(sentence(error), icon=":material/error:")
        return False
    if names:
        st.caption(f":material/movie: {' · '.join(plain(name) for name in names)} …")
    return True


def _stills(visit: Visit) -> None:
    t = visit.t
    if st.checkbox(t("export.stills"), help=t("export.stills_help"), key=f"{_PREFIX}stills"):
        st.number_input(
            t("export.still_seconds"), min_value=0.5, max_value=60.0, value=3.0, step=0.5, key=f"{_PREFIX}still_seconds"
        )


def _chosen(name: str, default: Any) -> Any:
    value = st.session_state.get(f"{_PREFIX}{name}")
    return default if value is None else value


@handle_errors
def _start() -> None:
    visit = current_visit()
    what = _chosen("what", "zip")
    listed = what in ("shots", "tasks")
    kind = Format(_chosen("list", Format.XLSX)) if listed else Format(what)
    options = Options(
        pattern=_chosen("pattern", "").strip() or Options().pattern,
        timelines=_chosen("timelines", False),
        stills=_chosen("stills", False) and what in _STILLS,
        still_seconds=_chosen("still_seconds", 3.0),
        numbers=_chosen("numbers", False),
        rows="tasks" if what == "tasks" else "shots",
        pictures=_chosen("pictures", False),
        drafts_folder=_chosen("drafts_folder", "").strip(),
    )
    visit.app.exports.start(visit.project.id, kind, options, language=visit.t.lang)
    toast_later(visit.t("export.started"), ":material/output:")
