"""Tasks in every state that a run with a paid provider can leave behind."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.takes import NewTake, Take
from vidgen_core.domain.tasks import Failure, GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

PRICE = Money(amount=Decimal("0.4"), currency="CNY")
PARAMS = GenerationParams(prompt="pan left", aspect_ratio="9:16", size="720P")


def paid_task(app: Vidgen, shot: Shot, provider: ProviderId = ProviderId("yunwu"), cost: Money | None = PRICE) -> Task:
    """A queued task of a provider that takes money."""
    new = NewTask(
        project_id=shot.project_id, shot_id=shot.id, provider=provider, model="grok-video-3", params=PARAMS, cost=cost
    )
    with app.store.write() as tx:
        return tx.tasks.add([new])[0]


def sent(app: Vidgen, shot: Shot, remote_id: str | None = "grok:1", **attempt: Any) -> Task:
    """A task under way; without ``remote_id`` its answer was lost."""
    task = paid_task(app, shot)
    with app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.PROCESSING)
        begun = tx.attempts.begin(task.id, task.provider, task.model, "k1", "main ••x4KR", "https://yunwu.ai", PRICE)
        known = {
            "state": AttemptState.ACCEPTED if remote_id else AttemptState.UNKNOWN,
            "remote_id": remote_id,
            "intent_at": datetime.now(UTC),
            "charge": ChargeStatus.ESTIMATED if remote_id else ChargeStatus.UNKNOWN,
        }
        tx.attempts.update(begun.id, **(known | attempt))
        tx.tasks.note(task.id, remote_id=remote_id)
        return tx.tasks.get(task.id)


def failed(
    app: Vidgen, shot: Shot, kind: ErrorKind, remote_id: str | None = "grok:1", code: str = "", **attempt: Any
) -> Task:
    """A task that was sent and has failed."""
    task = sent(app, shot, remote_id, **attempt)
    with app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.FAILED, failure=Failure(kind=kind, code=code or f"{kind}"))
        return tx.tasks.get(task.id)


def timed_out(app: Vidgen, shot: Shot) -> Task:
    return failed(app, shot, ErrorKind.TIMEOUT, state=AttemptState.ABANDONED)


def link_unknown(app: Vidgen, shot: Shot) -> Task:
    """Done and paid for, and no link of it could be read."""
    return failed(app, shot, ErrorKind.PROVIDER, code="link_not_understood", state=AttemptState.ABANDONED)


def in_doubt(app: Vidgen, shot: Shot) -> Task:
    """The request left and its answer was lost."""
    return failed(app, shot, ErrorKind.SUBMIT_UNKNOWN, remote_id=None)


def attempt_of(app: Vidgen, task: Task) -> Any:
    return app.tasks.attempts(task.id)[-1]


def add_take(app: Vidgen, project: Project, shot: Shot, folder: Path = Path("/videos")) -> Take:
    """A finished video of one second."""
    task = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    new = NewTake(
        project_id=project.id, shot_id=shot.id, task_id=task.id, number=task.take, folder=str(folder), file=f"{task.take}.mp4", poster=None, seconds=1.0, width=128, height=72, bytes=9, sha256="0", provider=ProviderId("local"), model="m"
    )  # fmt: skip
    with app.store.write() as tx:
        return tx.takes.add(new)
