"""What is chosen and what is missing, and how exports are wanted."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, page_file, sentence
from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.exports.film import Film, Format, Options, numbers_of

_LISTS: Final = (Format.XLSX, Format.CSV, Format.JSON)
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


def show_options(visit: Visit) -> bool:
    """Draw what all exports share; False when no file could be named so."""
    t = visit.t
    with st.expander(t("export.options"), icon=":material/tune:", key="export_options"):
        left, right = st.columns(2, gap="large")
        with left:
            usable = _pattern(visit)
            st.text_input(
                t("export.drafts_folder"),
                key=f"{_PREFIX}drafts_folder",
                placeholder="C:/Users/…/JianyingPro Drafts",
                help=t("export.drafts_folder_help"),
            )
            st.caption(t("export.jianying_versions"))
            st.segmented_control(
                t("export.list_formats"),
                _LISTS,
                default=Format.XLSX,
                required=True,
                format_func=lambda kind: kind.value.upper(),
                key=f"{_PREFIX}list",
            )
        with right:
            st.checkbox(t("export.subtitles"), key=f"{_PREFIX}subtitles")
            st.checkbox(t("export.numbers"), key=f"{_PREFIX}numbers")
            st.checkbox(t("export.timelines"), help=t("export.timelines_help"), key=f"{_PREFIX}timelines")
            st.checkbox(t("export.pictures"), help=t("export.pictures_help"), key=f"{_PREFIX}pictures")
            if st.checkbox(t("export.stills"), help=t("export.stills_help"), key=f"{_PREFIX}stills"):
                st.number_input(
                    t("export.still_seconds"),
                    min_value=0.5,
                    max_value=60.0,
                    value=3.0,
                    step=0.5,
                    key=f"{_PREFIX}still_seconds",
                )
    return usable


def _pattern(visit: Visit) -> bool:
    t = visit.t
    st.session_state.setdefault(f"{_PREFIX}pattern", Options().pattern)
    pattern = st.text_input(t("export.pattern"), key=f"{_PREFIX}pattern", live="300ms", help=t("export.pattern_help"))
    try:
        names = visit.app.exports.names(visit.project.id, (pattern or "").strip() or Options().pattern)
    except VidgenError as error:
        st.error(sentence(error), icon=":material/error:")
        return False
    if names:
        st.caption(f":material/movie: {' · '.join(plain(name) for name in names)} …")
    return True


def chosen_options() -> Options:
    """The options as they stand on the screen."""
    return Options(
        pattern=_chosen("pattern", "").strip() or Options().pattern,
        timelines=_chosen("timelines", False),
        stills=_chosen("stills", False),
        still_seconds=_chosen("still_seconds", 3.0),
        numbers=_chosen("numbers", False),
        subtitles=_chosen("subtitles", False),
        pictures=_chosen("pictures", False),
        drafts_folder=_chosen("drafts_folder", "").strip(),
    )


def list_format() -> Format:
    """What lists are written as."""
    return Format(_chosen("list", Format.XLSX))


def _chosen(name: str, default: Any) -> Any:
    value = st.session_state.get(f"{_PREFIX}{name}")
    return default if value is None else value
