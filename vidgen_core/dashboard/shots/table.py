"""The shots as a table: state, selection and *Generate* of every row, and cells that are edited in place.

Many cells at once are edited by pasting; all are saved as they are made. The grid keeps what was edited by position and shows it
over what it is told; where the two differ, because a value was refused or has changed elsewhere since, a new grid begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from pydantic import ValidationError

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.actions import Place, offered
from vidgen_core.dashboard.components.labels import plain, price
from vidgen_core.dashboard.components.media import image_url, outside, poster_url, reference_url
from vidgen_core.dashboard.components.task_table import BADGES
from vidgen_core.dashboard.pick import order
from vidgen_core.dashboard.session import (
    Visit,
    current_visit,
    handle_errors,
    open_page,
    sentence,
    session_value,
    show_told,
    toast_later,
)
from vidgen_core.dashboard.shell import live_updates, sign_in
from vidgen_core.dashboard.shots import prompt, selection, take_actions, takes
from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import GenerationMode, Shot, ShotParams
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import STATUS_COLOURS, STATUS_ICONS, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.library.shots import ShotView

if TYPE_CHECKING:
    import pandas as pd

PER_TABLE: Final = 50
#: Columns that are parameters of a shot.
PARAMS: Final = ("aspect_ratio", "duration", "takes", "seed", "model", "sound", "negative_prompt", "mode")
#: Columns of words.
_WORDS: Final = ("number", "chain", "prompt", "picture_prompt")
_SELECTED: Final = "selected"
#: Columns that nobody types into.
_SHOWN: Final = ("state", "made", "generate", "picture", "take", "last_frame", "references", "more")
_COLUMNS: Final = (
    *(_SELECTED, "number", "state", "generate", "picture", "prompt", "made", "take", "more", "chain"),
    *("last_frame", "references", "picture_prompt", *PARAMS, "order"),
)
#: Triggers of the columns of buttons.
_GENERATED: Final = "shot_table_generate"
_OPENED: Final = "shot_table_more"
_FRAGMENT: Final = "shot_table"
#: Counts the grids of this session.
_GRIDS: Final = "_shot_table_grids"
#: Pixels; and rows that are seen at once, below a head that stays.
_ROW: Final = 44
_ROWS: Final = 13


def show(visit: Visit, views: Sequence[ShotView]) -> None:
    """One row a shot, refreshed when one of them changes."""
    ids = [view.shot.id for view in views]

    def now() -> list[ShotView]:
        return current_visit().app.shots.views(ids)

    live_updates.watch(_FRAGMENT, now, ids)

    @st.fragment(key=_FRAGMENT)
    def draw() -> None:
        show_told()
        _grid(current_visit(), now())

    draw()
    if sign_in.may(Role.MAKER):
        st.caption(visit.t("shots.table_hint"))


def _grid(visit: Visit, views: list[ShotView]) -> None:
    ids, data = [view.shot.id for view in views], rows(visit, views)
    may_edit = sign_in.may(Role.MAKER)
    with st.container(key="shot_grid"):
        st.data_editor(
            frame(data),
            key=(key := _key(ids, data)),
            column_config=_columns(visit, ids),
            disabled=list(_SHOWN) if may_edit else True,
            hide_index=True,
            placeholder="–",
            num_rows="fixed",
            row_height=_ROW,
            height=min(len(views), _ROWS) * _ROW + 40,
            on_change=_edited,
            args=(ids, key),
            alt=visit.t("shots.table"),
        )


def _key(ids: list[int], data: Sequence[Mapping[str, Any]]) -> str:
    """The grid of these rows; a new one where it would show what is not so.

    Edits are kept by position: other shots, or the same in another order, are another grid.
    """
    number = session_value(_GRIDS, 0)
    key = f"shot_table_{abs(hash(tuple(ids)))}_{number}"
    saved: dict[tuple[int, str], Any] = session_value(f"{key}_saved", {})
    if all((data[place][name] or None) == (value or None) for (place, name), value in saved.items()):
        return key
    st.session_state[_GRIDS] = number + 1
    return f"shot_table_{abs(hash(tuple(ids)))}_{number + 1}"


def frame(data: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as the grid takes them."""
    # 60 MiB, imported only when a table is drawn.
    import pandas as pd

    # A column without a value would have another type than the same with one: another grid, in which nobody types any more.
    types: dict[str, Any] = dict.fromkeys(_COLUMNS, "string")
    types |= {"selected": "bool", "state": "object"}
    types |= {"duration": "Float64", "takes": "Int64", "seed": "Int64", "order": "Int64", "sound": "boolean"}
    return pd.DataFrame(data, columns=list(_COLUMNS)).astype(types)


def rows(visit: Visit, views: Sequence[ShotView]) -> list[dict[str, Any]]:
    """What the table shows of each shot."""
    places = {shot_id: place for place, shot_id in enumerate(visit.app.shots.ids(visit.project.id), start=1)}
    selected = set(selection.selected(visit))
    return [_row(visit, view, places.get(view.shot.id), view.shot.id in selected) for view in views]


def _row(visit: Visit, view: ShotView, place: int | None, selected: bool) -> dict[str, Any]:
    t, shot = visit.t, view.shot
    params = {name: getattr(shot.params, name) for name in PARAMS}
    words = {name: getattr(shot, name) for name in _WORDS}
    shown = next(
        (take for take in view.takes if take.id == shot.chosen_take_id), view.takes[-1] if view.takes else None
    )
    given = [outside(reference_url(one.image)) for one in shot.references if one.image]
    button = takes.generate_words(visit, visit.app.tasks.estimate_for([shot]))
    return {
        _SELECTED: selected,
        "state": _states(t, view),
        "made": takes.summary(t, takes.slots(view)),
        "generate": f"{button['icon']} {button['words']}",
        "picture": outside(image_url(shot)) if shot.image else None,
        "take": outside(poster_url(shown)) if shown else None,
        "last_frame": outside(reference_url(shot.last_frame)) if shot.last_frame else None,
        "references": given[0] if given else None,
        "more": "⋯",
        **words,
        **params,
        "order": place,
    }


def _states(t: Text, view: ShotView) -> list[str]:
    counts = view.counts
    chosen = [_chosen(t)] if view.shot.chosen_take_id is not None else []
    return chosen + [_state(t, status) for status in TaskStatus if counts.get(status)] or [_untouched(t)]


def _untouched(t: Text) -> str:
    return f"○ {t('shots.state.without_takes')}"


def _chosen(t: Text) -> str:
    return f"⭐ {t('shots.chosen')}"


def _state(t: Text, status: TaskStatus) -> str:
    return f"{STATUS_ICONS[status]} {t.status(status)}"


def _columns(visit: Visit, ids: list[int]) -> dict[str, Any]:
    t, column = visit.t, st.column_config
    capabilities = visit.app.provider(visit.app.settings().mode)
    known = capabilities.capabilities(capabilities.models()[0]).aspect_ratios
    return {
        _SELECTED: column.CheckboxColumn("☑", help=t("shots.column.selected"), width=40, pinned=True),
        "number": column.TextColumn(t("shots.column.number"), width=100, required=True, max_chars=40, pinned=True),
        "state": column.MultiselectColumn(
            t("shots.column.state"),
            width=200,
            options=[_untouched(t), _chosen(t), *(_state(t, status) for status in TaskStatus)],
            color=[BADGES["gray"], BADGES["violet"], *(BADGES[STATUS_COLOURS[status]] for status in TaskStatus)],
        ),
        "generate": column.ButtonColumn(
            t("shots.column.generate"),
            width=150,
            type="primary",
            key=_GENERATED,
            on_click=lambda: _clicked(_GENERATED, ids, _generate),
        ),
        "picture": column.ImageColumn(t("shots.column.picture"), width="small"),
        "prompt": column.TextColumn(t("shots.column.prompt"), width="large"),
        "made": column.TextColumn(t("shots.column.made"), width="medium"),
        "take": column.ImageColumn(t("material.take"), width="small"),
        "more": column.ButtonColumn(
            t("shots.more"), width=60, type="tertiary", key=_OPENED, on_click=lambda: _clicked(_OPENED, ids, open_menu)
        ),
        "last_frame": column.ImageColumn(t("material.slot.last_frame"), width="small"),
        "references": column.ImageColumn(t("material.slot.reference"), width="small"),
        "chain": column.TextColumn(t("shots.column.chain"), width="small", max_chars=64),
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


# --- a click on a row


@handle_errors
def _clicked(trigger: str, ids: list[int], act: Any) -> None:
    click = st.session_state.get(trigger)
    if click is not None and click["row"] < len(ids) and sign_in.may(Role.MAKER):
        act(ids[click["row"]])


def _generate(shot_id: int) -> None:
    take_actions.generate(shot_id)


def open_menu(shot_id: int) -> None:
    """Everything that the menu of a card offers, and the way to the takes."""
    view = current_visit().app.shots.view(shot_id)
    dialogs.ask(current_visit().t("shots.menu_of", shot=plain(view.shot.number)), _menu, shot_id)


def _menu(shot_id: int) -> None:
    visit = current_visit()
    t, view = visit.t, visit.app.shots.view(shot_id)
    one = price(t, visit.app.tasks.estimate_for([view.shot], GenerateOptions(takes=1)))
    if view.takes and st.button(t("shell.page.pick"), icon=":material/star:", key="row_review", width="stretch"):
        # There the takes are played, chosen and rejected.
        order.lead_to(visit, shot_id)
        open_page("pick")
    for action in offered(take_actions.SHOT_ACTIONS, Place.MENU, view):
        st.button(
            t(f"shots.menu.{action.name}", price=one),
            key=f"row_{action.name}",
            on_click=action.run,
            args=(shot_id,),
            width="stretch",
        )


# --- cells


def _edited(ids: list[int], key: str) -> None:
    """Save what has come since the last time; a cell that cannot be saved says why and stops no other."""
    visit, before = current_visit(), selection.selected(current_visit())
    saved: dict[tuple[int, str], Any] = session_value(f"{key}_saved", {})
    for position, cells in st.session_state[key]["edited_rows"].items():
        place = int(position)
        fresh = {name: value for name, value in cells.items() if saved.get((place, name), ...) != value}
        saved.update({(place, name): value for name, value in fresh.items()})
        if _SELECTED in fresh:
            selection.set_selected(visit, ids[place], bool(fresh.pop(_SELECTED)))
        if fresh:
            try:
                save(visit, ids[place], fresh)
            except VidgenError as error:
                toast_later(sentence(error), "⚠️")
    if selection.selected(visit) != before:
        live_updates.rerun_fragments([_FRAGMENT, selection.LINE])


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
    others = [other for other in visit.app.shots.ids(visit.project.id) if other != shot_id]
    visit.app.shots.move(shot_id, others[place - 1] if place <= len(others) else None)


def replacing(visit: Visit, wanted: ShotFilter) -> None:
    """Find and replace in the prompts of the selected shots, or of all that the filter leaves."""
    t = visit.t
    with st.expander(t("shots.replace"), icon=":material/find_replace:"), st.form("replace", border=False):
        st.text_input(t("shots.replace_find"), key="replace_find")
        st.text_input(t("shots.replace_with"), key="replace_with")
        st.caption(t("select.replace_where"))
        many = len(selection.selected(visit)) or visit.app.shots.count(visit.project.id, wanted)
        st.form_submit_button(t.n("shots.replace_all", many), disabled=not many, on_click=_replace, args=(wanted,))


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
