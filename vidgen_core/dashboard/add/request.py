"""The requested import of a session, and the plan computed from it.

Widgets only say what is wanted (``Order``); the page makes the plan when the order has become another one, and keeps it for
this session. Files lie on the disk, never in the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vidgen_core.config.schema import Settings
from vidgen_core.dashboard.session import Visit, current_visit, sentence
from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.imports.columns import ListChoice
from vidgen_core.services.imports.imports import Review
from vidgen_core.services.imports.pairing import Pairing
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.reader import lists_among
from vidgen_core.services.imports.staging import Staging

Way = Literal["form", "list", "pictures", "links", "folder"]
_STAGING: Final = "_add_staging"
_ORDER: Final = "_add_order"
_PLANNED: Final = "_add_planned"
_UPLOADS: Final = "_add_uploads"
_FILES: Final = "_add_files_"


@dataclass(frozen=True)
class AddRequest:
    """The requested import, of one kind."""

    way: Way
    paths: tuple[Path, ...] = ()
    text: str = ""
    how: Pairing = Pairing.BY_NAME
    choices: tuple[tuple[Path, ListChoice], ...] = ()
    cells: tuple[tuple[str, str], ...] = ()


@dataclass
class Planned:
    """The plan of an order towards one project, and how its rows stand."""

    order: AddRequest
    project_id: int
    again: bool
    plan: ImportPlan
    settings: Settings | None = None
    review: Review = field(default=None)  # type: ignore[assignment]


# --- files


def staging() -> Staging:
    """The folder for uploads of this session."""
    found: Staging | None = st.session_state.get(_STAGING)
    if found is None or not found.path.is_dir():
        found = st.session_state[_STAGING] = current_visit().app.imports.open_staging()
    return found


def uploader_key(name: str) -> str:
    """The key of an uploader; another one after each upload, so that Streamlit lets go of the files in memory."""
    return f"add_{name}_{st.session_state.get(_UPLOADS, 0)}"


def take_uploads(name: str) -> list[Path]:
    """Move what an uploader has received to the disk; to be called in its callback."""
    received: Any = st.session_state.get(uploader_key(name)) or []
    files = received if isinstance(received, list) else [received]
    paths = [staging().put(file.name, file) for file in files]
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1
    return paths


def files(way: Way) -> tuple[Path, ...]:
    """What was uploaded for a way, so far."""
    kept: tuple[Path, ...] = st.session_state.get(f"{_FILES}{way}", ())
    return tuple(path for path in kept if path.exists())


def add_files(way: Way, paths: Sequence[Path]) -> tuple[Path, ...]:
    st.session_state[f"{_FILES}{way}"] = (*files(way), *paths)
    return files(way)


def clear(way: Way) -> None:
    """Forget the files of a way and the plan."""
    staging().remove(files(way))
    st.session_state[f"{_FILES}{way}"] = ()
    forget()


# --- orders


def submit(order: AddRequest) -> None:
    """Want this from now on; an order of no content wants nothing."""
    st.session_state[_ORDER] = order
    st.session_state.pop("add_page", None)


def forget() -> None:
    st.session_state.pop(_ORDER, None)
    st.session_state.pop(_PLANNED, None)


def wanted() -> AddRequest | None:
    order: AddRequest | None = st.session_state.get(_ORDER)
    return order


# --- plans


def planned(visit: Visit) -> Planned | None:
    """The plan of the requested import; computed here, with a progress bar, when the request has changed."""
    order = wanted()
    if order is None:
        return None
    again = bool(st.session_state.get("add_again", False))
    found: Planned | None = st.session_state.get(_PLANNED)
    if found is None or (found.order, found.project_id, found.again) != (order, visit.project.id, again):
        try:
            found = _make(visit, order, again)
        except VidgenError as error:
            # The column picker has said already what is to be done.
            if error.code != "list_without_header" or order.way != "list":
                st.error(sentence(error), icon=":material/error:")
            return None
        st.session_state[_PLANNED] = found
    if found.settings is not visit.app.settings():
        found.settings = visit.app.settings()
        found.review = visit.app.imports.review(visit.project.id, found.plan, again)
    return found


def _make(visit: Visit, order: AddRequest, again: bool) -> Planned:
    bar = st.progress(0.0, text=visit.t("add.reading"))
    try:
        plan = _read(visit, order, again, bar)
    finally:
        bar.empty()
    return Planned(order, visit.project.id, again, plan)


def _read(visit: Visit, order: AddRequest, again: bool, bar: DeltaGenerator) -> ImportPlan:
    def tell(done: int, total: int) -> None:
        # Every message costs the browser a little; a hundred are enough.
        if total and done % max(1, total // 100) == 0:
            bar.progress(done / total, text=visit.t("add.checking", done=done, total=total))

    imports = visit.app.imports
    match order.way:
        case "pictures":
            plan = imports.plan_pictures(_pictures(order.paths), order.text, order.how, tell)
        case "links":
            plan = imports.plan_links(order.text)
        case "form":
            plan = imports.plan_one(dict(order.cells))
        case "list":
            sources = lists_among(order.paths) or list(order.paths)
            plan = imports.plan(sources, tell, choices=dict(order.choices), may_leave=False)
        case "folder":
            plan = imports.plan(order.paths, tell)
    return imports.materialize(visit.project.id, plan, staging(), again, tell)


def _pictures(paths: Sequence[Path]) -> list[Path]:
    """All but the texts beside them."""
    return [path for path in paths if path.suffix.lower() != ".txt"]
