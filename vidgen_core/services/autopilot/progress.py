"""How far a project is on its way from script to film, and its autopilot.

The autopilot is a switch of the project that survives restarts. Its thread lives beside the worker, in the one process
that runs the tasks; it uses the same verbs as a click, so the budget limits it as it limits a person.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import AUTOPILOT
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.scripts import ScriptState
from vidgen_core.domain.tasks import Failure, TaskStatus, UntilPass
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.autopilot.autopilot import Autopilot
from vidgen_core.services.autopilot.run import AutopilotRun, current_run, note_run, stored_run
from vidgen_core.services.exports.exports import count_exports
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.planning import GenerateOptions, plan
from vidgen_core.services.generation.validation import validate
from vidgen_core.services.library.references import own_words
from vidgen_core.services.scripts.llm_ledger import failure_of

if TYPE_CHECKING:
    from vidgen_core.i18n import Text
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.exports.exports import Exports
    from vidgen_core.services.generation.preflight import Preflight
    from vidgen_core.services.generation.tasks import Tasks
    from vidgen_core.services.library.pictures import Pictures
    from vidgen_core.services.library.shots import Shots, ShotView
    from vidgen_core.services.library.takes import Takes
    from vidgen_core.services.scripts.prompts import Prompts

#: The steps in their order.
STEPS: Final = ("script", "storyboard", "pictures", "order", "prompts", "videos", "export")
#: Shots without a take that are named with their reasons.
NAMED: Final = 8


class ProgressStep(NamedTuple):
    """One step of the way."""

    name: str
    done: int
    #: 0: nothing to be done here yet.
    total: int
    state: Literal["done", "next", "open"]
    #: How many of what is missing …
    missing: int = 0
    #: … and what that is: ``way.missing.<lack>`` in the catalogues.
    lack: str = ""


class Unfilmed(NamedTuple):
    """A shot without a take, and why."""

    shot: str
    #: Of its last task; None: it never had one that failed.
    failure: Failure | None
    #: ``way.why.<why>`` in the catalogues where there is no failure.
    why: Literal["", "picture", "prompt", "cancelled", "waiting", "open"] = ""


class ProjectProgress:
    """From script to film."""

    def __init__(
        self,
        ctx: ServiceContext,
        tasks: Tasks,
        shots: Shots,
        pictures: Pictures,
        takes: Takes,
        prompts: Prompts,
        exports: Exports,
    ) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self._shots = shots
        self._pictures = pictures
        self._takes = takes
        self._prompts = prompts
        self._exports = exports
        self._autopilot: Autopilot | None = None

    # --- looking

    @requires(Role.VIEWER)
    def steps(self, project_id: int) -> list[ProgressStep]:
        """The seven steps with what each has and lacks; costs the same few index look-ups at any size."""
        return list(self._ctx.revision_cache.ask(("way", project_id), lambda tx: _steps(tx, project_id)))

    @requires(Role.VIEWER)
    def unfilmed(self, project_id: int, limit: int = NAMED) -> tuple[int, list[Unfilmed]]:
        """How many shots have no take and none under way, and why the first of them have none."""
        page = self._shots.page(project_id, ShotFilter("without_takes"), limit=limit)
        return page.total, [self._unfilmed(view) for view in page.items]

    def _unfilmed(self, view: ShotView) -> Unfilmed:
        shot = view.shot
        ended = (TaskStatus.FAILED, TaskStatus.PENDING)
        failures = [task.failure for task in view.tasks if task.failure and task.status in ended]
        if failures:
            return Unfilmed(shot.number, failures[-1])
        if view.tasks:
            waits = any(task.status is TaskStatus.PENDING for task in view.tasks)
            return Unfilmed(shot.number, None, "waiting" if waits else "cancelled")
        if shot.image is None and shot.image_url is None and shot.follows is None:
            undrawn = [task.failure for task in view.drawings if task.failure]
            return Unfilmed(shot.number, undrawn[-1] if undrawn else None, "picture")
        if not shot.prompt:
            return Unfilmed(shot.number, None, "prompt")
        problems = self._tasks.estimate(shot.project_id, [shot.id]).problems
        fatal = next((one.problem for one in problems if one.problem.fatal), None)
        if fatal is None:
            return Unfilmed(shot.number, None, "open")
        return Unfilmed(shot.number, failure_of(Refused(fatal.code, **fatal.params)))

    @requires(Role.VIEWER)
    def run(self, project_id: int) -> AutopilotRun | None:
        """The autopilot run of the project; None when there never was one."""
        return current_run(self._ctx, project_id)

    @requires(Role.VIEWER)
    def sheet(self, project_id: int, until: UntilPass | None = None) -> Preflight:
        """Everything that ``go`` would have made, and what it costs; nothing is changed.

        :param until: its takes are drawn until one passes: ``low`` is one take a shot, ``high`` all draws and retries
        """
        settings = self._ctx.settings()
        with self._ctx.store.read() as tx:
            ids = {
                name: tx.progress.ids(project_id, name)
                for name in ("unfilmed", "drawable", "choosable", "without_prompt")
            }
            shots = {shot.id: shot for shot in tx.shots.many({one for some in ids.values() for one in some})}
        drawn = [shots[id_] for id_ in ids["drawable"] if own_words(shots[id_])]
        pictured = {shot.id for shot in drawn} | set(ids["choosable"])
        asked = [shots[id_] for id_ in ids["without_prompt"]]
        takes = []
        for id_ in ids["unfilmed"]:
            shot = shots[id_]
            worded = shot.model_copy(update={"prompt": shot.prompt or shot.script or shot.picture_prompt})
            begins = bool(shot.image or shot.image_url or shot.follows)
            if worded.prompt.strip() and (begins or id_ in pictured):
                found = validate(self._ctx, worded, plan(worded, GenerateOptions(until=until), settings))
                problems = found.problems if begins else ()
                takes.append(gate.OrderItem(shot.number, *found.plan, problems))
        pictures = [
            gate.OrderItem(seen.shot.number, *seen.plan, seen.problems) for seen in self._pictures.look_at(drawn)
        ]
        questions = self._prompts.questions(asked)
        with self._ctx.store.read() as tx:
            sheet = gate.check_order(self._ctx, tx, project_id, takes, pictures=pictures, questions=questions)
            if until is None:
                return sheet
            takes = [item._replace(takes=until.most) for item in takes]
            most = gate.check_order(self._ctx, tx, project_id, takes, pictures=pictures, questions=questions)
            return sheet.model_copy(update={"high": most.high, "asks": most.asks})

    @property
    @requires(Role.VIEWER)
    def is_alive(self) -> bool:
        """Whether this process would take the next step."""
        return self._autopilot is not None and self._autopilot.is_alive()

    # --- the autopilot

    @requires(Role.MAKER)
    def go(self, project_id: int, limit: Decimal | None = None, until: UntilPass | None = None) -> AutopilotRun:
        """Draw pictures, write empty prompts, generate takes, choose the first good ones and make the rough cut.

        Nothing that a person has chosen, written or begun is changed; what has failed is left alone.
        :param limit: what it may spend in all, in the currency of the budget; it is asked like every limit, in the
            transaction that sets the money of a submit aside; 0: no limit; None: the sheet's worst case, where it is known
        :param until: draw takes one after another until one passes, and not several at once
        :raises Refused: ``key_needed`` (provider), ``limit_negative``, ``checks_off``
        """
        settings, sheet = self._ctx.settings(), self.sheet(project_id, until)
        if sheet.key_missing is not None:
            raise gate.no_key(settings, sheet.key_missing)
        if limit is not None and not (limit.is_finite() and limit >= 0):
            raise Refused("limit_negative")
        if until is not None and not settings.checks.enabled:
            raise Refused("checks_off")
        most = sheet.high.amount if limit is None and sheet.high else limit
        own = Money(amount=most, currency=settings.budget.currency) if most else None
        run = AutopilotRun(on=True, limit=own, until=until, started_at=datetime.now(UTC))
        with self._ctx.store.write() as tx:
            money.limit_run(tx, settings, project_id, own)
            tx.projects.set_setting(project_id, AUTOPILOT, run.model_dump(mode="json"))
            tx.log.add(LogLevel.INFO, "walk_started", project_id=project_id)
        return run

    @requires(Role.MAKER)
    def halt(self, project_id: int) -> None:
        """Begin nothing more; what was queued stays in the queue."""
        run = self.run(project_id)
        if run is not None:
            note_run(self._ctx, project_id, run, on=False, note="stopped")
        # Afterwards, so that a step that begins to write meanwhile sees the stop or is stopped here.
        self._prompts.cancel(project_id)

    @requires(Role.MAKER, log=False)
    def dismiss(self, project_id: int) -> None:
        """How the run ended has been read."""
        with self._ctx.store.write() as tx:
            run = stored_run(tx, project_id)
            if run is not None and not run.on:
                read = run.model_copy(update={"read": True})
                tx.projects.set_setting(project_id, AUTOPILOT, read.model_dump(mode="json"))

    # --- life

    def start(self) -> None:
        """Begin to run projects whose switch is on; a second call does nothing."""
        if self._autopilot is None:
            self._autopilot = Autopilot(
                self._ctx, self._tasks, self._pictures, self._takes, self._prompts, self._exports
            )
            self._autopilot.start()

    def stop(self) -> None:
        autopilot, self._autopilot = self._autopilot, None
        if autopilot is not None:
            autopilot.stop()


def _steps(tx: Tx, project_id: int) -> list[ProgressStep]:
    found = tx.shots.counts(project_id)
    scripts = [script.state for script in tx.scripts.all(project_id)]
    exports = count_exports(tx, project_id)
    shots, to_choose = found["all"], found["to_choose"]
    unfilmed = found["without_takes"] + found["running"]
    waiting = sum(1 for state in scripts if state is not ScriptState.STORED)
    numbers = {
        "script": (len(scripts) - waiting, len(scripts), waiting),
        "storyboard": (shots, shots, 0 if shots else 1),
        "pictures": (shots - found["unpictured"], shots, found["unpictured"]),
        "order": (shots, shots, 0),
        "prompts": (shots - found["without_prompt"], shots, found["without_prompt"]),
        "videos": (shots - unfilmed, shots, unfilmed),
        # What is not chosen cannot go out.
        "export": (exports, exports, to_choose or int(found["chosen"] > 0 and not exports)),
    }
    return _ranked(numbers, shots, {"export": "choice"} if to_choose else {})


def why_unfilmed(t: Text, one: Unfilmed) -> str:
    """The reason as a sentence."""
    return t.told(one.failure) if one.failure else t(f"way.why.{one.why}")


def _ranked(numbers: dict[str, tuple[int, int, int]], shots: int, lacks_what: dict[str, str]) -> list[ProgressStep]:
    """The first step that lacks something is the next one; a script is no must."""
    steps: list[ProgressStep] = []
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
        steps.append(ProgressStep(name, done, total, state, missing, lacks_what.get(name, name)))
    return steps
