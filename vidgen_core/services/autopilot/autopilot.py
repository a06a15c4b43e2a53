"""The autopilot: one thread that takes the next step of each project whose switch is on.

It works only where the worker works, so that no two processes take the same step.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.db.worker_state import PROJECT_PAUSE
from vidgen_core.domain.errors import Refused, StoreError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.money import BudgetScope
from vidgen_core.services.autopilot.run import AutopilotRun, current_run, is_going, note_run
from vidgen_core.services.exports.film import Format
from vidgen_core.services.generation import canaries
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.quality.checks import waiting
from vidgen_core.services.scripts.llm_ledger import STOPPED_BY_BUDGET
from vidgen_core.services.scripts.prompts import Wanted
from vidgen_core.worker.retries import log_failure

if TYPE_CHECKING:
    from datetime import datetime

    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.exports.exports import Exports
    from vidgen_core.services.generation.tasks import Tasks
    from vidgen_core.services.library.pictures import Pictures
    from vidgen_core.services.library.takes import Takes
    from vidgen_core.services.scripts.prompts import Prompts

_LOG = logging.getLogger(__name__)
#: Seconds between two steps.
STEP_EVERY: Final = 1.0


class Autopilot(threading.Thread):
    """One thread for all projects whose autopilot is on."""

    def __init__(
        self, ctx: ServiceContext, tasks: Tasks, pictures: Pictures, takes: Takes, prompts: Prompts, exports: Exports
    ) -> None:
        super().__init__(name="vidgen-autopilot", daemon=True)
        self._ctx = ctx
        self._tasks = tasks
        self._pictures = pictures
        self._takes = takes
        self._prompts = prompts
        self._exports = exports
        self._stopping = threading.Event()
        #: The revision at which no project had its run on.
        self._off_at = -1
        #: By project: the beginning of its run, and the shots that each step has been tried for in it, so that what was
        #: refused is not tried again and again.
        self._tried: dict[int, tuple[datetime, dict[str, set[int]]]] = {}

    def stop(self) -> None:
        self._stopping.set()
        self.join(timeout=10)

    def run(self) -> None:
        while not self._stopping.wait(STEP_EVERY):
            if not self._ctx.works_here:
                continue
            try:
                revision = self._ctx.store.revision()
                if revision == self._off_at:
                    continue
                with self._ctx.store.read() as tx:
                    projects = tx.projects.all()
                runs = {project.id: current_run(self._ctx, project.id) for project in projects}
                on = {id_: run for id_, run in runs.items() if run is not None and run.on}
                for id_, run in on.items():
                    self._step(id_, run)
                self._off_at = -1 if on else revision
            except VidgenError as error:
                # A locked database passes; the switch stays on.
                log_failure(_LOG, "the autopilot waits", error)

    def _step(self, project_id: int, run: AutopilotRun) -> None:
        try:
            changes = self._next(project_id, run)
        except StoreError:
            raise
        except VidgenError as error:
            changes = {"on": False, "note": "failed", "code": error.code, "params": error.params}
        note_run(self._ctx, project_id, run, **changes)

    def _next(self, project_id: int, run: AutopilotRun) -> dict[str, Any]:
        """Begin what can be begun, and say what is waited for or how it ends."""
        if project_id not in self._tried or self._tried[project_id][0] != run.started_at:
            # Another run, wherever it was begun.
            self._tried[project_id] = (run.started_at, {})
        if run.limit is not None and self._is_spent(project_id):
            with self._ctx.store.read() as tx:
                counts = tx.tasks.counts(project_id)
            sent = counts[TaskStatus.PROCESSING] + counts[TaskStatus.DOWNLOADING]
            return {"note": "rendering"} if sent else {"on": False, "note": "limit"}
        # A stop in the middle of a step ends the limit of the run: nothing is ordered after it.
        goes = partial(is_going, project_id=project_id, run=run)
        if ids := self._fresh(project_id, "draw", "drawable"):
            self._pictures.draw(project_id, ids, admit=lambda tx, new: new if goes(tx) else [])
        for shot_id in self._ids(project_id, "choosable"):
            candidates = [one for one in self._pictures.of_shot(shot_id) if not one.rejected]
            if candidates:
                self._pictures.choose(shot_id, candidates[0].id)
        writing = self._prompts.writing(project_id)
        busy = writing is not None and writing.busy
        if not busy and (ids := self._fresh(project_id, "write", "without_prompt")):
            try:
                self._prompts.write(project_id, ids, Wanted())
            except Refused as error:
                if error.code != "writing_elsewhere":
                    raise
                self._tried[project_id][1]["write"].difference_update(ids)
            busy = True
            with self._ctx.store.read() as tx:
                if not goes(tx):
                    self._prompts.cancel(project_id)
        if ids := self._fresh(project_id, "generate", "ready_for_takes"):
            options = GenerateOptions(until=run.until)
            self._tasks.generate(project_id, ids, options, admit=lambda tx, new: new if goes(tx) else [])
        # Once a run: a choice that somebody takes back meanwhile stays taken back.
        judging = waiting(self._ctx, project_id)
        if not judging and (ids := self._fresh(project_id, "choose", "choosable_takes")):
            self._choose_takes(project_id, ids)
        waits = self._waits_for(project_id, busy=busy) or ({"note": "rendering"} if judging else None)
        return waits or self._end(project_id, run)

    def _is_spent(self, project_id: int) -> bool:
        """Whether something did not go out for the sake of the run's own limit."""
        with self._ctx.store.read() as tx:
            hold = PROJECT_PAUSE.get(tx, project_id)
        writing = self._prompts.writing(project_id)
        stopped = writing.failure.code if writing and writing.failure and not writing.busy else None
        held = hold is not None and hold.code == f"budget_{BudgetScope.RUN}"
        return held or stopped == f"{STOPPED_BY_BUDGET}{BudgetScope.RUN}"

    def _choose_takes(self, project_id: int, shot_ids: list[int]) -> None:
        chosen = self._takes.choose_first(project_id, shot_ids)
        if chosen:
            with self._ctx.store.write() as tx:
                tx.log.add(LogLevel.INFO, "walk_chose", project_id=project_id, takes=len(chosen))

    def _waits_for(self, project_id: int, *, busy: bool) -> dict[str, Any] | None:
        with self._ctx.store.read() as tx:
            counts = tx.shots.counts(project_id)
            first_shot = canaries.of_project(tx, project_id)
        if counts["drawing"]:
            return {"note": "drawing"}
        if busy:
            return {"note": "writing"}
        if counts["running"] or not self._tried_all(project_id):
            return {"note": "rendering"}
        return {"note": "first_shot"} if first_shot else None

    def _tried_all(self, project_id: int) -> bool:
        tried = self._tried[project_id][1]
        return all(
            set(self._ids(project_id, name)) <= tried.get(step, set())
            for step, name in (("generate", "ready_for_takes"), ("choose", "choosable_takes"))
        )

    def _end(self, project_id: int, run: AutopilotRun) -> dict[str, Any]:
        """The rough cut, when every shot that has takes has one chosen; then it is done."""
        with self._ctx.store.read() as tx:
            counts = tx.shots.counts(project_id)
        lost = {"on": False, "note": "lost_answers"} if self._prompts.lost(project_id) else {}
        if counts["to_choose"]:
            return {"on": False, "note": "to_choose"} | lost
        if not counts["chosen"]:
            return {"on": False, "note": "nothing"} | lost
        cutting = self._cut(project_id, run)
        return cutting or {"on": False, "note": "done", "clips": counts["chosen"]} | lost

    def _cut(self, project_id: int, run: AutopilotRun) -> dict[str, Any] | None:
        """Make a rough cut, once a run and only of another film than the last one; None when it is there."""
        exports = self._exports
        begun = next((one for one in exports.all(project_id) if one.id == run.cut), None)
        if begun is None:
            # Nothing has begun yet, or the process that cut has ended.
            if exports.cut(project_id) is not None:
                return None
            begun = exports.start(project_id, Format.MP4)
            with self._ctx.store.write() as tx:
                tx.log.add(LogLevel.INFO, "walk_cuts", project_id=project_id)
        if begun.live:
            return {"note": "cutting", "cut": begun.id}
        if begun.state == "cancelled":
            return {"on": False, "note": "stopped"}
        if begun.failure is not None:
            return {"on": False, "note": "failed", "code": begun.failure.code, "params": begun.failure.params}
        return None

    def _ids(self, project_id: int, name: str) -> list[int]:
        with self._ctx.store.read() as tx:
            return tx.progress.ids(project_id, name)

    def _fresh(self, project_id: int, step: str, name: str) -> list[int]:
        """Shots that a step has not been tried for; from here on they count as tried."""
        tried = self._tried[project_id][1].setdefault(step, set())
        found = [shot_id for shot_id in self._ids(project_id, name) if shot_id not in tried]
        tried.update(found)
        return found
