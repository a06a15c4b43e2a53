"""The forms of an import: pictures, a list, one shot, links. Each states the request; the preview shows its result."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.add import drop as add_drop
from vidgen_core.dashboard.add import request
from vidgen_core.dashboard.add.request import AddRequest
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, sentence, toast_later
from vidgen_core.domain.errors import VidgenError
from vidgen_core.i18n import Text
from vidgen_core.services.imports.columns import FIELDS, ListChoice
from vidgen_core.services.imports.pairing import Pairing
from vidgen_core.services.imports.readers.reader import LIST_ENDINGS, lists_among
from vidgen_core.services.imports.readers.table import SheetInspection
from vidgen_core.services.imports.template import template_csv

PICTURE_TYPES: Final = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "bmp", "gif", "tif", "tiff"]
PICTURES: Final = [f".{ending}" for ending in PICTURE_TYPES]
RATIOS: Final = ("9:16", "16:9", "1:1", "4:3", "3:4")
#: Fields that the column picker names first.
_PICKED: Final = (
    "image",
    "prompt",
    "shot",
    "aspect_ratio",
    "takes",
    "seed",
    "model",
    "duration",
    "script",
    "picture_prompt",
)
_NONE: Final = ""


# --- pictures


def pictures(visit: Visit) -> None:
    t = visit.t
    add_drop.drop("pictures", t("add.pictures"), [*PICTURES, ".txt"], _pictures_came)
    _files(t, "pictures")
    with st.grid(2, min_column_width=320):
        st.radio(
            t("add.pairing"),
            list(Pairing),
            format_func=lambda how: t(f"add.pairing.{how}"),
            captions=[t(f"add.pairing_help.{how}") for how in Pairing],
            key="add_pairing",
            on_change=_want_pictures,
        )
        st.text_area(
            t("add.prompts"),
            key="add_prompts",
            height=170,
            placeholder=t("add.prompts_placeholder"),
            help=t("add.prompts_help"),
            on_change=_want_pictures,
        )


def _pictures_came(paths: list[Path]) -> None:
    request.add_files("pictures", paths)
    _want_pictures()


def _want_pictures() -> None:
    paths = request.files("pictures")
    if not paths:
        return
    how = st.session_state.get("add_pairing") or Pairing.BY_NAME
    request.submit(AddRequest("pictures", paths, st.session_state.get("add_prompts", ""), how))


# --- lists


def lists(visit: Visit) -> None:
    t = visit.t
    add_drop.drop("list", t("add.list"), sorted(LIST_ENDINGS | set(PICTURES)), _list_came)
    st.caption(t("add.list_help"))
    _files(t, "list")
    for path in lists_among(request.files("list")):
        _picker(t, path)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(t("add.template"), width="content")
        for lang, name in (("zh", "镜头表模板.csv"), ("en", "shot-list-template.csv")):
            st.download_button(
                {"zh": "中文 CSV", "en": "English CSV"}[lang],
                template_csv(lang),
                file_name=name,
                mime="text/csv",
                key=f"add_template_{lang}",
                icon=":material/download:",
                on_click="ignore",
            )


def _list_came(paths: list[Path]) -> None:
    if lists_among(request.add_files("list", paths)):
        _want_lists()
    else:
        toast_later(current_visit().t("add.no_list"), ":material/error:")


def _want_lists() -> None:
    paths = request.files("list")
    choices = tuple((path, choice) for path in lists_among(paths) if (choice := _choice(path)))
    request.submit(AddRequest("list", paths, choices=choices))


def _key(path: Path, what: str) -> str:
    return f"add_{what}_{path.name}"


def _picker(t: Text, path: Path) -> None:
    """Which sheet and which columns are meant; open where the list cannot be read as it is."""
    try:
        sheets = current_visit().app.imports.inspect(path)
    except VidgenError as error:
        st.error(sentence(error), icon=":material/error:")
        return
    if not sheets:
        return
    first = next((sheet for sheet in sheets if sheet.usable), sheets[0])
    with st.expander(t("add.columns_of", name=plain(path.name)), expanded=not first.usable):
        titles = [sheet.title for sheet in sheets]
        if len(sheets) > 1:
            title = st.selectbox(
                t("add.sheet"), titles, titles.index(first.title), key=_key(path, "sheet"), on_change=_want_lists
            )
            first = sheets[titles.index(title)]
        if not first.usable:
            st.info(t("add.columns_unknown"), icon=":material/view_column:")
        with st.grid(4, min_column_width=180):
            for field in _PICKED:
                _column(t, path, first, field)


def _column(t: Text, path: Path, sheet: SheetInspection, field: str) -> None:
    options = [_NONE, *sheet.columns]
    st.selectbox(
        t(f"add.field.{field}"),
        options,
        options.index(sheet.guess.get(field, _NONE)),
        format_func=lambda name: name or t("add.no_column"),
        # Another sheet has other columns.
        key=_key(path, f"column_{sheet.title}_{field}"),
        on_change=_want_lists,
    )


def _choice(path: Path) -> ListChoice | None:
    """What the picker says, where it says another thing than the guess."""
    sheets = {sheet.title: sheet for sheet in current_visit().app.imports.inspect(path)}
    title: str = st.session_state.get(_key(path, "sheet"), "")
    sheet = sheets.get(title) or next((sheet for sheet in sheets.values() if sheet.usable), None)
    sheet = sheet or next(iter(sheets.values()), None)
    if sheet is None:
        return None
    picked = dict(sheet.guess)
    for field in FIELDS:
        name = st.session_state.get(_key(path, f"column_{sheet.title}_{field}"))
        if name is not None:
            picked[field] = name
    columns = {field: name for field, name in picked.items() if name}
    if columns == sheet.guess:
        return ListChoice(sheets=(title,)) if title else None
    return ListChoice(sheets=(sheet.title,) if sheet.title else (), columns=columns)


# --- one shot


def form(visit: Visit) -> None:
    t = visit.t
    with st.form("add_form", border=False):
        with st.grid(2, min_column_width=320):
            with st.container():
                st.file_uploader(t("add.picture"), type=PICTURE_TYPES, key=request.uploader_key("form"))
            with st.container():
                st.text_area(
                    t("add.prompt"), key="add_form_prompt", height=120, placeholder=t("add.prompt_placeholder")
                )
        with st.grid(4, min_column_width=140):
            st.text_input(t("add.field.shot"), key="add_form_shot", placeholder=t("add.numbered_on"))
            st.selectbox(
                t("add.field.aspect_ratio"),
                RATIOS,
                index=None,
                key="add_form_aspect_ratio",
                placeholder=t("add.as_set"),
                accept_new_options=True,
            )
            st.selectbox(
                t("add.field.takes"), range(1, 6), index=None, key="add_form_takes", placeholder=t("add.as_set")
            )
            st.text_input(t("add.field.seed"), key="add_form_seed", placeholder=t("add.random"))
        st.form_submit_button(t("add.look"), type="primary", icon=":material/visibility:", on_click=_want_one)


@handle_errors
def _want_one() -> None:
    values = st.session_state
    uploaded = request.take_uploads("form")
    paths = request.add_files("form", uploaded) if uploaded else request.files("form")
    cells = {
        name: str(values.get(f"add_form_{name}") or "") for name in ("shot", "prompt", "aspect_ratio", "takes", "seed")
    }
    cells["image"] = str(paths[-1]) if paths else ""
    request.submit(AddRequest("form", paths, cells=tuple(cells.items())))


# --- links


def links(visit: Visit) -> None:
    t = visit.t
    st.text_area(
        t("add.links"), key="add_links", height=170, placeholder=t("add.links_placeholder"), help=t("add.links_help")
    )
    st.button(t("add.fetch"), type="primary", icon=":material/cloud_download:", key="add_fetch", on_click=_want_links)


def _want_links() -> None:
    text = st.session_state.get("add_links", "").strip()
    if text:
        request.submit(AddRequest("links", text=text))
    else:
        toast_later(current_visit().t("add.links_empty"), ":material/error:")


# --- shared


def _files(t: Text, way: request.Way) -> None:
    """How much was uploaded, and the way to begin anew."""
    paths = request.files(way)
    if not paths:
        return
    size = t.bytes(sum(path.stat().st_size for path in paths))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/folder: {t.n('add.files', len(paths), size=size)}", width="content")
        st.button(
            t("add.clear"),
            key=f"add_clear_{way}",
            type="tertiary",
            icon=":material/close:",
            on_click=request.clear,
            args=(way,),
        )
