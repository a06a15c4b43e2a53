"""Checks of takes: one thread that has every finished clip checked beside the worker, and what it found."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.takes import MODEL, CheckResult, ModelAnswer, Severity, Take, Verdict
from vidgen_core.domain.tasks import Task
from vidgen_core.media.camera_words import Move, choose_moves
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import drawing
from vidgen_core.services.quality.accuracy import Accuracy, accuracy
from vidgen_core.worker.retries import log_failure
from vidgen_core.worker.steps.download import asked_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidgen_core.db import Tx
    from vidgen_core.media.checks.clip import ClipRequest
    from vidgen_core.media.checks.process import CheckProcess
    from vidgen_core.services.context import ServiceContext

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at the store, and after one that failed.
LOOK_EVERY: Final = 0.5
_AFTER_FAILURE: Final = 5.0
#: Takes that are read at once.
_AT_ONCE: Final = 20


class Checks:
    """What the checks of this machine say of takes. A check never deletes, hides or orders anything."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._checker: _Checker | None = None

    def start(self) -> None:
        """Begin to check what is finished; a second call does nothing."""
        if self._checker is None:
            self._checker = _Checker(self._ctx)
            self._checker.start()

    def stop(self) -> None:
        """End; a clip in the middle of its checks is checked at the next start."""
        checker, self._checker = self._checker, None
        if checker is not None:
            checker.stop()

    @requires(Role.VIEWER)
    def waiting(self, project_id: int | None) -> int:
        """As the function of that name."""
        return waiting(self._ctx, project_id)

    @requires(Role.VIEWER)
    def accuracy(self, project_id: int | None) -> Accuracy:
        """How often each check was right by what people chose and rejected, in a project or in all."""
        return accuracy(self._ctx, project_id)

    @requires(Role.MAKER)
    def judge(self, project_id: int | None, progress: Callable[[int, int], None] = lambda *_: None) -> list[Task]:
        """Check every take again, here and now, as the settings are; returns their tasks.

        :param progress: told after each take how many are done, and of how many
        """
        from vidgen_core.media.checks.process import CheckProcess

        with self._ctx.store.write() as tx:
            tx.takes.uncheck(project_id)
            takes = [one for one in tx.takes.unchecked(None) if project_id in (None, one.project_id)]
        process = CheckProcess()
        try:
            for done, take in enumerate(takes):
                progress(done, len(takes))
                check(self._ctx, process, take)
        finally:
            process.stop()
        with self._ctx.store.read() as tx:
            return tx.tasks.many([take.task_id for take in takes])


def waiting(ctx: ServiceContext, project_id: int | None) -> int:
    """Takes to be checked and shots that are being drawn until one passes, at most so many takes as are read at once."""
    if not ctx.settings().checks.enabled:
        return 0
    with ctx.store.read() as tx:
        takes = [one for one in tx.takes.unchecked(_AT_ONCE) if project_id in (None, one.project_id)]
        draws = [one for one in tx.draws.open() if project_id in (None, one.project_id)]
        held = sum(drawing.waits_for_person(tx, one) for one in draws)
    return len(takes) + len(draws) - held


def check(ctx: ServiceContext, process: CheckProcess, take: Take) -> bool:
    """Check one take and keep what was found; False when the process was stopped meanwhile."""
    from vidgen_core.media import checks

    path = ctx.media.video(take)
    with ctx.store.read() as tx:
        task = tx.tasks.with_deleted([take.task_id])[0]
        same = tx.takes.earlier_twins(take)
    results: list[CheckResult] | None
    if path.is_file():
        try:
            asked = _request_of(ctx, task).model_copy(update={"same": same})
            results = process.run(path, asked, ctx.settings().checks.limits)
        except VidgenError:
            raise
        except Exception:  # noqa: BLE001 - whatever one clip breaks on, the next one is still checked
            _LOG.exception("The checks of take %s broke", take.id)
            results = [checks.unchecked()]
    else:
        results = [checks.unplayable()]
    if results is None:
        return False
    with ctx.store.write() as tx:
        results = [*results, *_results_of(tx.takes.get(take.id).answer)]
        verdict = checks.verdict_of(results)
        tx.takes.judge(take, verdict, results)
        if verdict is Verdict.FAIL:
            tx.log.add(LogLevel.WARNING, "take_failed_checks", project_id=take.project_id, task_id=take.task_id)
    return True


def keep_answer(tx: Tx, take: Take, answer: ModelAnswer) -> None:
    """Keep what a model has said of a take beside what was measured, unless its file was replaced meanwhile."""
    from vidgen_core.media import checks

    now = tx.takes.get(take.id)
    results = [one for one in now.checks if not one.code.startswith(MODEL)] + _results_of(answer)
    verdict = None if now.verdict is None else checks.verdict_of(results)
    if tx.takes.judge(now.model_copy(update={"sha256": take.sha256}), verdict, results):
        tx.takes.keep_answer(take.id, answer)


def _results_of(answer: ModelAnswer | None) -> list[CheckResult]:
    """What a model found wrong, as results: a doubt each, for a person decides."""
    return [
        CheckResult(
            code=f"{MODEL}{question}", severity=Severity.DOUBT if fault else Severity.PASS, value=bool(fault), limit=0
        )
        for question, fault in (answer.faults.items() if answer else ())
    ]


def _request_of(ctx: ServiceContext, task: Task) -> ClipRequest:
    """What was asked of the model, as it was sent."""
    can, picture = ctx.provider(task.provider).capabilities(task.model), ctx.media.picture
    params = can.settle(task.params)
    first = picture(params.image) if params.image else None
    last = picture(params.last_frame) if params.last_frame else None
    still = Move.STILL in choose_moves(params.prompt)
    return asked_of(can, params, first, last).model_copy(update={"still": still})


class _Checker(threading.Thread):
    """One thread for the checks and for what is drawn until it passes; it works where the worker works."""

    def __init__(self, ctx: ServiceContext) -> None:
        super().__init__(name="vidgen-checks", daemon=True)
        self._ctx = ctx
        self._stopping = threading.Event()
        self._process: CheckProcess | None = None
        #: Revision of the store and whether checks are on, when nothing was left to do.
        self._seen: tuple[int, bool] | None = None

    def stop(self) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.stop()
        self.join(timeout=10)

    def run(self) -> None:
        wait = LOOK_EVERY
        while not self._stopping.wait(wait):
            wait = LOOK_EVERY
            if not self._ctx.works_here:
                continue
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - whatever one look breaks on, the next one is made
                # A locked database passes, and so does a store of files that is away; what is not checked is found again.
                log_failure(_LOG, "checks wait", error)
                wait = _AFTER_FAILURE
        if self._process is not None:
            self._process.stop()

    def _look(self) -> None:
        """Check what is finished and draw on; a take that cannot be checked now keeps no other one waiting.

        :raises VidgenError: of the last take that could not be checked
        """
        seen = self._ctx.store.revision(), self._ctx.settings().checks.enabled
        if seen == self._seen:
            return
        with self._ctx.store.read() as tx:
            takes = tx.takes.unchecked(_AT_ONCE) if seen[1] else []
        failed: VidgenError | None = None
        for take in takes:
            try:
                if self._stopping.is_set() or not check(self._ctx, self._checking(), take):
                    return
            except VidgenError as error:
                failed = error
            else:
                drawing.go_on(self._ctx, {take.shot_id})
        drawing.go_on(self._ctx, None)
        if failed is not None:
            raise failed
        if not takes:
            self._seen = seen

    def _checking(self) -> CheckProcess:
        from vidgen_core.media.checks.process import CheckProcess

        if self._process is None:
            self._process = CheckProcess()
        return self._process
