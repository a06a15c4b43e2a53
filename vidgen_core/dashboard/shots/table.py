"""The shots as a table: cells are edited in place, many at once by pasting, and saved as they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from pydantic import ValidationError

from vidgen_core.dashboard.components.media import image_url, outside, reference_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, sentence, session_value, toast_later
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.dashboard.shots import prompt, selection
from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import GenerationMode, Shot, ShotParams
from vidgen_core.services.access.permissions import Role

if TYPE_CHECKING:
    import pandas as pd

PER_TABLE: Final = 50
#: Columns that are parameters of a shot.
PARAMS: Final = ("aspect_ratio", "duration", "takes", "seed", "model", "sound", "negative_prompt", "mode")
#: Columns of words.
_WORDS: Final = ("number", "prompt", "picture_prompt")
_NEVER: Final = object()


def show(visit: Visit, shots: list[Shot], offset: int) -> None:
    """One row a shot; ``offset`` is the place of the first one in its list."""
    ids = [shot.id for shot in shots]
    # Edits are kept by position: other shots, or the same in another order, are another editor.
    key, may_edit = f"shot_table_{abs(hash(tuple(ids)))}", sign_in.may(Role.MAKER)
    st.data_editor(
        frame(shots, offset),
        key=key,
        column_config=_columns(visit),
        disabled=["picture", "last_frame", "references"] if may_edit else True,
        hide_index=True,
        placeholder="–",
        num_rows="fixed",
        on_change=_edited,
        args=(ids, key),
        alt=visit.t("shots.table"),
    )
    if may_edit:
        st.caption(visit.t("shots.table_hint"))


def frame(shots: list[Shot], offset: int = 0) -> pd.DataFrame:
    """What the table shows."""
    # 60 MiB, imported only when a table is drawn.
    import pandas as pd

    rows = [_row(shot, offset + place) for place, shot in enumerate(shots, start=1)]
    columns = ["picture", "last_frame", "references", *_WORDS, *PARAMS, "order"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"duration": "Float64", "takes": "Int64", "seed": "Int64", "sound": "boolean"})


def _row(shot: Shot, place: int) -> dict[str, Any]:
    params = {name: getattr(shot.params, name) for name in PARAMS}
    picture = outside(image_url(shot)) if shot.image else None
    words = {name: getattr(shot, name) for name in _WORDS}
    last = outside(reference_url(shot.last_frame)) if shot.last_frame else None
    given = [outside(reference_url(one.image)) for one in shot.references if one.image]
    return {
        "picture": picture, "last_frame": last, "references": given[0] if given else None, **words, **params, "order": place
    }  # fmt: skip


def _columns(visit: Visit) -> dict[str, Any]:
    t, column = visit.t, st.column_config
    capabilities = visit.app.provider(visit.app.settings().mode)
    known = capabilities.capabilities(capabilities.models()[0]).aspect_ratios
    return {
        "picture": column.ImageColumn(t("shots.column.picture"), width="small"),
        "last_frame": column.ImageColumn(t("material.slot.last_frame"), width="small"),
        "references": column.ImageColumn(t("material.slot.reference"), width="small"),
        "number": column.TextColumn(t("shots.column.number"), width="small", required=True, max_chars=40),
        "prompt": column.TextColumn(t("shots.column.prompt"), width="large"),
        "picture_prompt": column.TextColumn(t("shots.column.picture_prompt"), width="medium"),
        "aspect_ratio": column.SelectboxColumn(t("shots.column.aspect_ratio"), options=list(known), width="small"),
        "duration": column.NumberColumn(t("shots.column.duration"), min_value=1, width="small"),
        "takes": column.NumberColumn(t("shots.column.takes"), min_value=1, max_value=5, step=1, width="small"),
        "seed": column.NumberColumn(t("shots.column.seed"), min_value=0, step=1, width="small"),
        "model": column.TextColumn(t("shots.column.model"), width="medium"),
        "sound": column.CheckboxColumn(t("shots.param.sound"), width="small"),
        "negative_prompt": column.TextColumn(t("shots.param.negative_prompt"), width="medium"),
        "mode": column.SelectboxColumn(
            t("shots.param.mode"),
            options=[mode.value for mode in GenerationMode],
            format_func=lambda mode: t(f"material.mode.{mode}"),
            width="small",
        ),
        "order": column.NumberColumn(t("shots.column.order"), min_value=1, step=1, width="small"),
    }


def _edited(ids: list[int], key: str) -> None:
    """Save what has come since the last time; a cell that cannot be saved says why and stops no other."""
    saved: dict[tuple[int, str], Any] = session_value(f"{key}_saved", {})
    for position, cells in st.session_state[key]["edited_rows"].items():
        fresh = {name: value for name, value in cells.items() if saved.get((position, name), _NEVER) != value}
        saved.update({(position, name): value for name, value in fresh.items()})
        if fresh:
            try:
                save(current_visit(), ids[int(position)], fresh)
            except VidgenError as error:
                toast_later(sentence(error), "⚠️")


def save(visit: Visit, shot_id: int, cells: Mapping[str, Any]) -> None:
    """Write the cells of one row.

    :raises InputError: ``shot_number_taken``, ``shot_number_empty``, ``input_invalid``
    """
    shot = visit.app.shots.get(shot_id)
    changes: dict[str, Any] = {name: str(cells[name] or "").strip() for name in _WORDS if name in cells}
    asked = {name: None if cells[name] == "" else cells[name] for name in PARAMS if name in cells}
    if asked:
        changes["params"] = _params(shot, asked)
    if changes:
        visit.app.shots.edit(shot_id, **changes)
    if cells.get("order"):
        _move(visit, shot_id, int(cells["order"]))


def _params(shot: Shot, asked: Mapping[str, Any]) -> ShotParams:
    try:
        return ShotParams.model_validate({**shot.params.model_dump(), **asked})
    except ValidationError as error:
        raise InputError("input_invalid") from error


def _move(visit: Visit, shot_id: int, place: int) -> None:
    others = [other for other in visit.app.shots.ids(visit.project.id, ShotFilter()) if other != shot_id]
    visit.app.shots.move(shot_id, others[place - 1] if place <= len(others) else None)


def replacing(visit: Visit, wanted: ShotFilter) -> None:
    """Find and replace in the prompts of the selected shots, or of all that the filter leaves."""
    t = visit.t
    with st.expander(t("shots.replace"), icon=":material/find_replace:"), st.form("replace", border=False):
        st.text_input(t("shots.replace_find"), key="replace_find")
        st.text_input(t("shots.replace_with"), key="replace_with")
        st.caption(t("select.replace_where"))
        st.form_submit_button(t("shots.replace_all"), on_click=_replace, args=(wanted,))


@handle_errors
def _replace(wanted: ShotFilter) -> None:
    visit, find, put = current_visit(), st.session_state["replace_find"], st.session_state["replace_with"]
    ids = selection.selected(visit) or visit.app.shots.ids(visit.project.id, wanted)
    toast_later(visit.t.n("shots.replaced", replace_in(visit, ids, find, put) if find else 0))


def replace_in(visit: Visit, ids: Sequence[int], find: str, put: str) -> int:
    """Replace ``find`` in prompts; returns how many shots were changed."""
    hits = [view.shot for view in visit.app.shots.views(ids) if find in view.shot.prompt]
    prompt.follow(shot.id for shot in hits)
    for shot in hits:
        visit.app.shots.edit(shot.id, prompt=shot.prompt.replace(find, put))
    return len(hits)
