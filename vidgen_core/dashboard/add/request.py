"""The requested import of a session, and the plan computed from it.

Widgets only say what is wanted (``Order``); the page makes the plan when the order has become another one, and keeps it for
this session. Files lie on the disk, never in the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vidgen_core.config.schema import Settings
from vidgen_core.dashboard.session import Visit, current_visit, sentence
from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.imports.columns import ListChoice
from vidgen_core.services.imports.pairing import Spare
from vidgen_core.services.imports.plan import Existing, Imported, ImportPlan
from vidgen_core.services.imports.review import Review
from vidgen_core.services.imports.staging import Staging

Way = Literal["files", "form", "folder"]
_STAGING: Final = "_add_staging"
#: Set by the click that carries the plan out.
GO: Final = "_add_go"
_ORDER: Final = "_add_order"
_PLANNED: Final = "_add_planned"
_UPLOADS: Final = "_add_uploads"
_FILES: Final = "_add_files_"
#: Uploaders of a single shot beside that of its first frame, and whether they take several pictures.
MATERIAL: Final = {"last_frame": False, "references": True}


@dataclass(frozen=True)
class AddRequest:
    """The requested import, of one kind."""

    way: Way
    paths: tuple[Path, ...] = ()
    choices: tuple[tuple[Path, ListChoice], ...] = ()
    cells: tuple[tuple[str, str], ...] = ()
    spare: Spare = Spare.ASK
    #: Whether rows whose picture is not here become shots without one.
    without_pictures: bool = False
    #: When the files were written: one that came again is another one.
    written: tuple[int, ...] = ()


@dataclass
class Planned:
    """The plan of an order towards one project, and how its rows stand."""

    order: AddRequest
    project_id: int
    again: bool
    existing: Existing
    plan: ImportPlan
    settings: Settings | None = None
    review: Review = field(default=None)  # type: ignore[assignment]
    #: What was stored, as soon as it is.
    done: Imported | None = None


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


def received(name: str) -> list[Path]:
    """Move what an uploader has received to the disk; to be called in its callback."""
    came: Any = st.session_state.get(uploader_key(name)) or []
    return [staging().put(file.name, file) for file in (came if isinstance(came, list) else [came])]


def renew_uploaders() -> None:
    """Let Streamlit go of the files that were read."""
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


def files(way: str) -> tuple[Path, ...]:
    """What was uploaded for a way, so far."""
    kept: tuple[Path, ...] = st.session_state.get(f"{_FILES}{way}", ())
    return tuple(path for path in kept if path.exists())


def add_files(way: str, paths: Sequence[Path]) -> tuple[Path, ...]:
    """Take files in; one of the same name takes the place of the one before."""
    st.session_state[f"{_FILES}{way}"] = tuple(dict.fromkeys((*files(way), *paths)))
    return files(way)


def clear(way: Way) -> None:
    """Forget the files of a way and the plan."""
    for name in (way, *MATERIAL) if way == "form" else (way,):
        staging().remove(files(name))
        st.session_state[f"{_FILES}{name}"] = ()
    for key in ("add_spare", "add_without_pictures", "add_existing"):
        st.session_state.pop(key, None)
    forget()


# --- orders


def submit(order: AddRequest) -> None:
    """Want this from now on; an order of no content wants nothing."""
    written = tuple(path.stat().st_mtime_ns for path in order.paths if path.is_file())
    st.session_state[_ORDER] = replace(order, written=written)
    # A click belongs to the plan that was seen.
    st.session_state.pop(GO, None)
    st.session_state.pop("add_page", None)


def forget() -> None:
    for key in (_ORDER, _PLANNED, GO):
        st.session_state.pop(key, None)


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
    existing = Existing(st.session_state.get("add_existing") or Existing.ASK)
    found: Planned | None = st.session_state.get(_PLANNED)
    if found is None or (found.order, found.project_id, found.again) != (order, visit.project.id, again):
        try:
            found = _make(visit, order, again, existing)
        except VidgenError as error:
            # The column picker has said already what is to be done.
            if error.code != "list_without_header" or order.way != "files":
                st.error(sentence(error), icon=":material/error:")
            return None
        st.session_state[_PLANNED] = found
    if found.settings is not visit.app.settings() or found.existing is not existing:
        found.settings, found.existing = visit.app.settings(), existing
        found.review = visit.app.imports.review(visit.project.id, found.plan, again, existing)
    return found


def _make(visit: Visit, order: AddRequest, again: bool, existing: Existing) -> Planned:
    bar = st.progress(0.0, text=visit.t("add.reading"))
    try:
        plan = _read(visit, order, again, bar)
    finally:
        bar.empty()
    return Planned(order, visit.project.id, again, existing, plan)


def _read(visit: Visit, order: AddRequest, again: bool, bar: DeltaGenerator) -> ImportPlan:
    def tell(done: int, total: int) -> None:
        # Every message costs the browser a little; a hundred are enough.
        if total and done % max(1, total // 100) == 0:
            bar.progress(done / total, text=visit.t("add.checking", done=done, total=total))

    imports = visit.app.imports
    match order.way:
        case "files":
            choices = dict(order.choices)
            plan = imports.plan(order.paths, tell, choices=choices, spare=order.spare, may_leave=False)
        case "form":
            plan = imports.plan_one(dict(order.cells))
        case "folder":
            plan = imports.plan(order.paths, tell)
    if order.without_pictures:
        plan = plan.without_pictures()
    return imports.materialize(visit.project.id, plan, staging(), again, tell)
