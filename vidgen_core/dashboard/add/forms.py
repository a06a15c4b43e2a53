"""The way in: one place to drop everything, and beside it a table to paste, a single shot, a script, a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.add import drop as add_drop
from vidgen_core.dashboard.add import request, watch
from vidgen_core.dashboard.add.request import MATERIAL, AddRequest
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import (
    Visit,
    current_visit,
    handle_errors,
    open_page,
    page_file,
    sentence,
    toast_later,
)
from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.i18n import Text
from vidgen_core.media.disk import translate_os_errors
from vidgen_core.services.imports.columns import FIELDS, ListChoice, match_columns, template_csv
from vidgen_core.services.imports.pairing import Spare
from vidgen_core.services.imports.readers.reader import DOCUMENT_ENDINGS, LIST_ENDINGS, is_script, lists_among, readable
from vidgen_core.services.imports.readers.table import SheetInspection
from vidgen_core.services.scripts.script_files import SCRIPT_ENDINGS

PICTURE_TYPES: Final = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif", "bmp", "gif", "tif", "tiff"]
RATIOS: Final = ("9:16", "16:9", "1:1", "4:3", "3:4")
#: Files of these endings are scripts and nothing else.
_SCRIPTS: Final = frozenset(SCRIPT_ENDINGS) - LIST_ENDINGS
#: Documents that are named with what to do about them.
_UNREAD: Final = DOCUMENT_ENDINGS - _SCRIPTS
_TAKEN: Final = sorted(
    {f".{ending}" for ending in PICTURE_TYPES} | LIST_ENDINGS | _SCRIPTS | _UNREAD | {".zip", ".xls"}
)
_SCRIPT: Final = "_add_script"
_LEFT: Final = "_add_left"
_NONE: Final = ""
_WAYS: Final = {
    "paste": ":material/content_paste:",
    "form": ":material/add_photo_alternate:",
    "folder": ":material/folder:",
}


def drop_zone(visit: Visit) -> None:
    """Draw the drop zone and the other ways; what came is read when the page is drawn."""
    t = visit.t
    try:
        add_drop.drop("files", t("add.drop_title"), _TAKEN, _came)
    except VidgenError as error:
        # No place for files: the disk is full, or the visitor may only look.
        st.error(sentence(error), icon=":material/error:")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="add_ways"):
        st.page_link(page_file("script"), label=t("add.way.script"), icon=":material/movie_edit:", width="content")
        way = st.pills(
            t("add.other_ways"),
            list(_WAYS),
            format_func=lambda name: f"{_WAYS[name]} {t(f'add.way.{name}')}",
            key="add_way",
            label_visibility="collapsed",
            width="content",
            wrap=True,
        )
        with st.popover(t("add.template"), icon=":material/download:", type="tertiary"):
            for lang, name in (("zh", "镜头表模板.csv"), ("en", "shot-list-template.csv")):
                st.download_button(
                    {"zh": "中文 CSV", "en": "English CSV"}[lang],
                    template_csv(lang),
                    file_name=name,
                    mime="text/csv",
                    key=f"add_template_{lang}",
                    on_click="ignore",
                )
    if way:
        with st.container(border=True):
            {"paste": _paste, "form": _form, "folder": watch.folder}[way](visit)
    for note in st.session_state.get(_LEFT, ()):
        st.error(sentence(InputError(note.code, **note.params)), icon=":material/error:")
    _script(t)
    _files(t)


# --- files


def _came(paths: list[Path]) -> None:
    """Take in what the browser has sent: archives are unpacked, scripts wait for a click, other documents are named."""
    app, staging = current_visit().app, request.staging()
    found: list[Path] = []
    for path in paths:
        found += app.imports.unpack(path, staging) if path.suffix.lower() == ".zip" else [path]
    scripts = [path for path in found if path.suffix.lower() in _SCRIPTS or is_script(path)]
    if scripts:
        st.session_state[_SCRIPT] = scripts[-1]
    rest, st.session_state[_LEFT] = readable(path for path in found if path not in scripts)
    if rest:
        request.add_files("files", rest)
        want_files()


def want_files() -> None:
    """Read all files that came, as they are said to be now."""
    paths = request.files("files")
    if not paths:
        return
    choices = tuple((path, choice) for path in lists_among(paths) if (choice := _choice(path)))
    values = st.session_state
    spare = Spare(values.get("add_spare") or Spare.ASK)
    without = bool(values.get("add_without_pictures"))
    request.submit(AddRequest("files", paths, choices, spare=spare, without_pictures=without))


def _script(t: Text) -> None:
    """A script that came goes to the page where scripts become shots."""
    path: Path | None = st.session_state.get(_SCRIPT)
    if path is None or not path.exists():
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.info(t("add.is_script", name=plain(path.name)), icon=":material/movie_edit:", width="stretch")
        if st.button(t("add.to_script"), key="add_to_script", type="primary"):
            _open_script(path)


def _open_script(path: Path) -> None:
    try:
        st.session_state["script_text"] = current_visit().app.scripts.read(path, path.name)
    except VidgenError as error:
        st.error(sentence(error), icon=":material/error:")
        return
    st.session_state["script_name"] = path.name
    st.session_state.pop(_SCRIPT, None)
    open_page("script")


def _files(t: Text) -> None:
    """How much was uploaded, the way to begin anew, and what each list is taken for."""
    paths = request.files("files")
    if not paths:
        return
    size = t.bytes(sum(path.stat().st_size for path in paths))
    lists = lists_among(paths)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/folder: {t.n('add.files', len(paths), size=size)}", width="content")
        st.button(
            t("add.clear"),
            key="add_clear",
            type="tertiary",
            icon=":material/close:",
            on_click=request.clear,
            args=("files",),
        )
        texts = [path for path in lists if path.suffix.lower() in SCRIPT_ENDINGS]
        if texts and st.button(
            t("add.text_is_script"), key="add_text_is_script", type="tertiary", icon=":material/movie_edit:"
        ):
            request.forget()
            _open_script(texts[-1])
    for path in lists:
        _picker(t, path)


def _key(path: Path, what: str) -> str:
    return f"add_{what}_{path.name}"


def _picker(t: Text, path: Path) -> None:
    """Which sheets and which columns are meant; open where the list cannot be read as it is."""
    try:
        sheets = current_visit().app.imports.inspect(path)
    except VidgenError as error:
        st.error(sentence(error), icon=":material/error:")
        return
    if not sheets:
        return
    first = next((sheet for sheet in sheets if sheet.usable and not sheet.hidden), sheets[0])
    titles = [sheet.title for sheet in sheets]
    if len(sheets) > 1:
        chosen = st.pills(
            t("add.sheets_of", name=plain(path.name)),
            titles,
            selection_mode="multi",
            default=[first.title],
            key=_key(path, "sheet"),
            on_change=want_files,
        )
        first = next((sheet for sheet in sheets if sheet.title in chosen), first)
    if first.hidden_rows or any(sheet.hidden for sheet in sheets):
        st.toggle(t.n("add.hidden", first.hidden_rows), key=_key(path, "hidden"), on_change=want_files)
    with st.expander(t("add.columns_of", name=plain(path.name)), expanded=not first.usable):
        if not first.usable:
            st.info(t("add.columns_unknown"), icon=":material/view_column:")
        with st.grid(4, min_column_width=180):
            for place, column in enumerate(first.columns):
                # Columns of one reference picture each are known by their headers alone.
                is_named = not column.startswith("#") and not match_columns([column]).references
                if (first.samples.get(column) and column.startswith("#")) or is_named:
                    _column(t, path, first, place, column)


def _column(t: Text, path: Path, sheet: SheetInspection, place: int, column: str) -> None:
    """One column of the list with its first values, and the field it is."""
    options = [_NONE, *FIELDS]
    field = next((field for field, name in sheet.guess.items() if name == column), _NONE)
    with st.container(gap="xxsmall"):
        st.selectbox(
            plain(column),
            options,
            options.index(field) if field in options else 0,
            format_func=lambda name: t(f"add.field.{name}") if name else t("add.no_column"),
            # Another sheet has other columns.
            key=_key(path, f"column_{sheet.title}_{place}"),
            on_change=want_files,
        )
        if samples := sheet.samples.get(column):
            st.caption(plain(" · ".join(sample[:24] for sample in samples)))


def _choice(path: Path) -> ListChoice | None:
    """What the picker says, where it says another thing than the guess; a mapping is kept for lists like it."""
    values = st.session_state
    try:
        sheets = {sheet.title: sheet for sheet in current_visit().app.imports.inspect(path)}
    except VidgenError:
        return None
    titles = tuple(values.get(_key(path, "sheet")) or ())
    hidden = bool(values.get(_key(path, "hidden")))
    first = next((sheets[title] for title in titles if title in sheets), None)
    first = first or next((sheet for sheet in sheets.values() if sheet.usable and not sheet.hidden), None)
    first = first or next(iter(sheets.values()), None)
    if first is None:
        return None
    picked = {name: field for field, name in first.guess.items()}
    for place, name in enumerate(first.columns):
        if (field := values.get(_key(path, f"column_{first.title}_{place}"))) is not None:
            picked[name] = field
    columns = {field: name for name, field in picked.items() if field}
    choice = ListChoice(sheets=titles, hidden=hidden, columns=None if columns == first.guess else columns)
    if choice.columns:
        current_visit().app.imports.remember(path, choice)
    return None if choice == ListChoice() else choice


# --- a table, prompts or links that are pasted


def _paste(visit: Visit) -> None:
    t = visit.t
    st.text_area(t("add.paste"), key="add_paste", height=170, placeholder=t("add.paste_hint"))
    st.button(t("add.look"), type="primary", icon=":material/visibility:", key="add_paste_go", on_click=_want_paste)


@handle_errors
def _want_paste() -> None:
    text = st.session_state.get("add_paste", "").strip("\n")
    if not text.strip():
        toast_later(current_visit().t("add.paste_empty"), ":material/error:")
        return
    target = request.staging().replace(f"{current_visit().t('add.pasted')}.txt")
    with translate_os_errors(target):
        target.write_text(text, encoding="utf-8")
    _came([target])


# --- one shot

_FIELDS: Final = ("shot", "prompt", "aspect_ratio", "takes", "seed", "mode", "sound", "negative_prompt")


def _form(visit: Visit) -> None:
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
        with st.expander(t("add.more_material"), icon=":material/imagesmode:"), st.grid(2, min_column_width=260):
            for slot, several in MATERIAL.items():
                st.file_uploader(
                    t(f"add.field.{slot}"), PICTURE_TYPES, accept_multiple_files=several, key=request.uploader_key(slot)
                )
            st.selectbox(
                t("add.field.mode"),
                [mode.value for mode in GenerationMode],
                index=None,
                key="add_form_mode",
                placeholder=t("shots.param_by_pictures"),
                format_func=lambda mode: t(f"material.mode.{mode}"),
            )
            st.selectbox(
                t("add.field.sound"),
                ["on", "off"],
                index=None,
                key="add_form_sound",
                placeholder=t("add.as_set"),
                format_func=lambda on: t(f"material.sound.{on == 'on'}"),
            )
            st.text_area(t("add.field.negative_prompt"), key="add_form_negative_prompt", height=68)
        st.form_submit_button(t("add.look"), type="primary", icon=":material/visibility:", on_click=_want_one)


@handle_errors
def _want_one() -> None:
    values = st.session_state
    # All of them at once: after taking one in, the uploaders have other keys.
    came = {name: request.received(name) for name in ("form", *MATERIAL)}
    request.renew_uploaders()
    paths, last, references = (
        request.add_files(name, came[name]) if came[name] else request.files(name) for name in ("form", *MATERIAL)
    )
    cells = {name: str(values.get(f"add_form_{name}") or "") for name in _FIELDS}
    cells |= {"image": str(paths[-1]) if paths else "", "last_frame": str(last[-1]) if last else ""}
    cells["references"] = json.dumps([str(path) for path in references]) if references else ""
    request.submit(AddRequest("form", (*paths, *last, *references), cells=tuple(cells.items())))
