"""The way from script to film: how far a project is, and walking it by itself.

Walking is a switch of the project that survives restarts. The walker lives beside the runner, in the one process that
works; it uses the same verbs as a click, so the budget holds it as it holds a person.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pydantic import ValidationError

from vidgen_core.app.prompts import Wanted
from vidgen_core.errors import VidgenError
from vidgen_core.models import Frozen, LogLevel, ScriptState

if TYPE_CHECKING:
    from vidgen_core.app.vidgen import Vidgen
    from vidgen_core.store import Tx

_LOG = logging.getLogger(__name__)
_SETTING: Final = "walk"
#: Seconds between two steps.
STEP_EVERY: Final = 1.0
#: The steps in their order.
STEPS: Final = ("script", "storyboard", "pictures", "order", "prompts", "videos", "export")
#: Where a walk stands: ``way.walk.<note>`` in the catalogues.
Note = Literal["drawing", "writing", "rendering", "done", "stopped", "lost_answers", "failed"]


class WayStep(NamedTuple):
    """One step of the way."""

    name: str
    done: int
    #: 0: nothing to be done here yet.
    total: int
    state: Literal["done", "next", "open"]
    #: What is missing: ``way.missing.<name>`` in the catalogues is filled with this number.
    missing: int = 0


class Walk(Frozen):
    """A project that walks its way by itself, or did."""

    on: bool
    note: Note = "drawing"
    #: ``error.<code>`` of what stopped it.
    code: str | None = None
    started_at: datetime
    ended_at: datetime | None = None


class Way:
    """From script to film."""

    def __init__(self, app: Vidgen) -> None:
        self._app = app
        self._walker: _Walker | None = None

    # --- looking

    def steps(self, project_id: int) -> list[WayStep]:
        """The seven steps with what each has and lacks; costs the same few index look-ups at any size."""
        return list(self._app.asof.ask(("way", project_id), lambda tx: _steps(tx, project_id)))

    def walk(self, project_id: int) -> Walk | None:
        """How the project walks by itself; None when it never did."""
        return self._app.asof.ask(
            ("walk", project_id), lambda tx: _walk(tx.projects.settings(project_id).get(_SETTING))
        )

    @property
    def is_alive(self) -> bool:
        """Whether this process would take the next step."""
        return self._walker is not None and self._walker.is_alive()

    # --- walking

    def go(self, project_id: int) -> Walk:
        """Draw pictures, choose the first of each shot, write empty prompts and generate takes, one after the other."""
        walk = Walk(on=True, started_at=datetime.now(UTC))
        with self._app.store.write() as tx:
            tx.projects.set_setting(project_id, _SETTING, walk.model_dump(mode="json"))
            tx.log.add(LogLevel.INFO, "walk_started", project_id=project_id)
        if self._walker is not None:
            self._walker.forget(project_id)
        return walk

    def halt(self, project_id: int) -> None:
        """Begin nothing more; what was queued stays in the queue."""
        self._app.prompts.cancel(project_id)
        self.end(project_id, "stopped")

    def end(self, project_id: int, note: Note, code: str | None = None) -> None:
        """The walk is over."""
        walk = self.walk(project_id)
        if walk is None or not walk.on:
            return
        self.note(
            project_id, walk.model_copy(update={"on": False, "note": note, "code": code, "ended_at": datetime.now(UTC)})
        )
        with self._app.store.write() as tx:
            level = LogLevel.SUCCESS if note == "done" else LogLevel.INFO
            tx.log.add(level, "walk_ended", project_id=project_id)

    def note(self, project_id: int, walk: Walk) -> None:
        """Keep where a walk stands."""
        with self._app.store.write() as tx:
            tx.projects.set_setting(project_id, _SETTING, walk.model_dump(mode="json"))

    # --- life

    def start(self) -> None:
        """Begin to walk projects whose switch is on; a second call does nothing."""
        if self._walker is None:
            self._walker = _Walker(self._app)
            self._walker.start()

    def stop(self) -> None:
        walker, self._walker = self._walker, None
        if walker is not None:
            walker.stop()


def _steps(tx: Tx, project_id: int) -> list[WayStep]:
    found = tx.way.counts(project_id)
    scripts = [script.state for script in tx.scripts.all(project_id)]
    exports = len(tx.state.get(f"exports.{project_id}") or [])
    shots = found["shots"]
    unfilmed = found["without_takes"] + found["running"]
    waiting = sum(1 for state in scripts if state is not ScriptState.STORED)
    numbers = {
        "script": (len(scripts) - waiting, len(scripts), waiting),
        "storyboard": (shots, shots, 0 if shots else 1),
        "pictures": (shots - found["unpictured"], shots, found["unpictured"]),
        "order": (shots, shots, 0),
        "prompts": (shots - found["without_prompt"], shots, found["without_prompt"]),
        "videos": (shots - unfilmed, shots, unfilmed),
        "export": (exports, exports, shots - found["chosen"] if shots else 0),
    }
    return _ranked(numbers, shots)


def _ranked(numbers: dict[str, tuple[int, int, int]], shots: int) -> list[WayStep]:
    """The first step that lacks something is the next one; a script is no must."""
    steps: list[WayStep] = []
    found_next = False
    for name in STEPS:
        done, total, missing = numbers[name]
        lacks = missing > 0 and (shots > 0 or name in ("script", "storyboard"))
        if name == "storyboard" and not shots:
            lacks = True
        state: Literal["done", "next", "open"] = "open"
        if lacks and not found_next:
            state, found_next = "next", True
        elif not lacks and total and done >= total:
            state = "done"
        steps.append(WayStep(name, done, total, state, missing))
    return steps


class _Walker(threading.Thread):
    """One thread for all projects that walk."""

    def __init__(self, app: Vidgen) -> None:
        super().__init__(name="vidgen-walking", daemon=True)
        self._app = app
        self._stopping = threading.Event()
        #: Shots that a step has been tried for in this walk, so that what was refused is not tried again and again.
        self._tried: dict[int, dict[str, set[int]]] = {}

    def stop(self) -> None:
        self._stopping.set()
        self.join(timeout=10)

    def forget(self, project_id: int) -> None:
        self._tried.pop(project_id, None)

    def run(self) -> None:
        while not self._stopping.wait(STEP_EVERY):
            try:
                for project in self._app.projects.all():
                    walk = self._app.way.walk(project.id)
                    if walk is not None and walk.on:
                        self._step(project.id, walk)
            except VidgenError as error:
                # A locked database or a broken setting passes; the switch stays on.
                _LOG.warning("Walking waits: %s", error)

    def _step(self, project_id: int, walk: Walk) -> None:
        try:
            note, code = self._next(project_id)
        except VidgenError as error:
            self._app.way.end(project_id, "failed", error.code)
            return
        if note in ("done", "lost_answers", "failed"):
            self._app.way.end(project_id, note, code)
        elif note != walk.note:
            self._app.way.note(project_id, walk.model_copy(update={"note": note}))

    def _next(self, project_id: int) -> tuple[Note, str | None]:
        """Begin what can be begun, and say what is waited for."""
        app = self._app
        if ids := self._fresh(project_id, "draw", "drawable"):
            app.pictures.draw(project_id, ids)
        for shot_id in self._ids(project_id, "choosable"):
            candidates = [one for one in app.pictures.of_shot(shot_id) if not one.rejected]
            if candidates:
                app.pictures.choose(shot_id, candidates[0].id)
        writing = app.prompts.writing(project_id)
        busy = writing is not None and writing.busy
        if not busy and (ids := self._fresh(project_id, "write", "without_prompt")):
            app.prompts.write(project_id, ids, Wanted())
            busy = True
        if ids := self._fresh(project_id, "generate", "ready_for_takes"):
            app.tasks.generate(project_id, ids)
        return self._waits_for(project_id, busy=busy)

    def _waits_for(self, project_id: int, *, busy: bool) -> tuple[Note, str | None]:
        with self._app.store.read() as tx:
            counts = tx.way.counts(project_id)
        if counts["drawing"]:
            return "drawing", None
        if busy:
            return "writing", None
        if counts["running"]:
            return "rendering", None
        if self._ids(project_id, "ready_for_takes") and not self._tried_all(project_id):
            return "rendering", None
        return ("lost_answers", None) if self._app.prompts.lost(project_id) else ("done", None)

    def _tried_all(self, project_id: int) -> bool:
        tried = self._tried.get(project_id, {}).get("generate", set())
        return set(self._ids(project_id, "ready_for_takes")) <= tried

    def _ids(self, project_id: int, name: str) -> list[int]:
        with self._app.store.read() as tx:
            return tx.way.ids(project_id, name)

    def _fresh(self, project_id: int, step: str, name: str) -> list[int]:
        """Shots that a step has not been tried for; from here on they count as tried."""
        tried = self._tried.setdefault(project_id, {}).setdefault(step, set())
        found = [shot_id for shot_id in self._ids(project_id, name) if shot_id not in tried]
        tried.update(found)
        return found


def _walk(kept: object) -> Walk | None:
    try:
        return None if kept is None else Walk.model_validate(kept)
    except ValidationError:
        # Kept by another version.
        return None
