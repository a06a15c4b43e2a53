"""The ways on from a task that waits for a person or ended without a video: free ones, and the one that pays."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import ErrorKind, InputError, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import LINK_NOT_UNDERSTOOD, NewTask, Task, TaskStatus
from vidgen_core.services.generation.drawing import RESUMED
from vidgen_core.services.generation.planning import GenerationPlan

#: States that an action may open again.
REOPENABLE: Final = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
#: What the runner is asked to do with a submit whose answer was lost: look for it in the provider's own log.
RECONCILE: Final = "reconcile"
#: The code of a failure of our own: the remote job goes on without us.
INTERNAL_ERROR: Final = "internal_error"
#: Failures that another link of the same result would mend.
_LINK_LOST: Final = frozenset({"link_expired", "link_missing", "link_refused", "download_failed"})
#: Failures after which the remote job may still be running or be done.
_OPEN_KINDS: Final = frozenset({ErrorKind.TIMEOUT, ErrorKind.SUBMIT_UNKNOWN, ErrorKind.NETWORK})


class Refusal(NamedTuple):
    """A task on which an action was not carried out, and why (``error.<code>``)."""

    id: int
    code: str
    params: dict[str, Any]


class Outcome(Frozen):
    """What became of an action on several tasks."""

    done: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()


class StepName(StrEnum):
    """The ways on from a task that does not go on by itself, from free to paid."""

    LOOK_AGAIN = "look_again"
    DOWNLOAD_AGAIN = "download_again"
    ENTER_LINK = "enter_link"
    ADOPT = "adopt"
    SUBMIT_AGAIN = "submit_again"
    #: Of a task that was never sent.
    START = "start"


class Step(Frozen):
    """One way on."""

    name: StepName
    free: bool = True
    #: What it will probably cost; None when that is unknown, or free.
    money: Money | None = None
    #: It may pay for the same video twice, so it asks first.
    asks: bool = False


def refuse(task: Task, code: str, **params: Any) -> Refusal:
    """A task on which an action cannot be carried out."""
    return Refusal(task.id, code, {"shot": task.shot, "take": task.take, "status": task.status.value, **params})


def steps(task: Task, cost: Money | None) -> tuple[Step, ...]:
    """What can be done about ``task``, free ways first; ``cost`` is what submitting again would."""
    if task.status is TaskStatus.PENDING:
        return (Step(name=StepName.START, free=task.provider.is_free, money=task.cost),)
    if task.status not in REOPENABLE:
        return ()
    found = [Step(name=name) for name in _free_steps(task)]
    free = cost is not None and not cost.amount
    asks = _in_doubt(task) or _link_unknown(task)
    again = Step(name=StepName.SUBMIT_AGAIN, free=free, money=None if free else cost, asks=asks)
    return (*found, again)


def _free_steps(task: Task) -> list[StepName]:
    kind = task.failure.kind if task.failure else None
    if _can_download(task):
        lost = task.failure is not None and task.failure.code in _LINK_LOST and not task.provider.is_free
        return [StepName.DOWNLOAD_AGAIN, StepName.ENTER_LINK] if lost else [StepName.DOWNLOAD_AGAIN]
    if task.provider.is_free:
        return []
    if _link_unknown(task):
        return [StepName.LOOK_AGAIN, StepName.ENTER_LINK]
    if _in_doubt(task):
        return [StepName.LOOK_AGAIN, StepName.ADOPT]
    broke = task.failure is not None and task.failure.code == INTERNAL_ERROR
    if task.remote_id is not None and (task.status is TaskStatus.CANCELLED or kind in _OPEN_KINDS or broke):
        return [StepName.LOOK_AGAIN]
    return []


def _in_doubt(task: Task) -> bool:
    """A paid request left and nobody knows whether it was accepted."""
    if task.remote_id is not None or task.status not in REOPENABLE:
        return False
    lost = task.failure is not None and task.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    given_up = task.status is TaskStatus.CANCELLED and task.charge is ChargeStatus.UNKNOWN
    return lost or given_up


def _link_unknown(task: Task) -> bool:
    """Its video is made and paid for, and only its link is not known."""
    return task.failure is not None and task.failure.code == LINK_NOT_UNDERSTOOD and task.remote_id is not None


def _can_download(task: Task) -> bool:
    failed_of_file = task.failure is not None and task.failure.kind is ErrorKind.FILE
    return task.status is TaskStatus.FAILED and failed_of_file and task.remote_id is not None


def retry(tx: Tx, task: Task, confirm: bool) -> Refusal | None:
    """Whether it may be queued again for a new attempt; the queueing itself is done for all at once."""
    if task.status not in REOPENABLE:
        return refuse(task, "task_not_retryable")
    if (_may_have_been_accepted(tx, task) or _link_unknown(task)) and not confirm:
        return refuse(task, "may_be_paid_twice")
    return None


def _may_have_been_accepted(tx: Tx, task: Task) -> bool:
    """Whether its last submit left and no answer to it is known; the ledger knows more than the task."""
    if task.attempt_id is None or task.provider.is_free:
        return False
    attempt = tx.attempts.get(task.attempt_id)
    open_ended = attempt.state in (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.ABANDONED)
    return open_ended and attempt.remote_id is None and attempt.intent_at is not None


def look_again(tx: Tx, task: Task) -> Refusal | None:
    """Let the runner poll on; where the answer was lost, let it look in the provider's log."""
    if StepName.LOOK_AGAIN not in _free_steps(task) or task.attempt_id is None:
        return refuse(task, "nothing_to_look_for")
    doubtful = task.remote_id is None
    stage = RECONCILE if doubtful else None
    if not tx.tasks.move(task.id, TaskStatus.PROCESSING, attempt_id=task.attempt_id, progress=None, stage=stage):
        return refuse(task, "task_moved_on")
    if doubtful:
        tx.attempts.update(task.attempt_id, state=AttemptState.UNKNOWN, ended_at=None)
    _reopened(tx, "looking_again", task)
    return None


def download_again(tx: Tx, task: Task) -> Refusal | None:
    """Let the runner ask for the link again and fetch the file anew."""
    if not _can_download(task):
        return refuse(task, "nothing_to_download")
    moved = tx.tasks.move(
        task.id, TaskStatus.PROCESSING, attempt_id=task.attempt_id, progress=None, stage=None, result_url=None
    )
    if not moved:
        return refuse(task, "task_moved_on")
    _reopened(tx, "downloading_again", task)
    return None


def enter_link(tx: Tx, task: Task, link: str) -> Task:
    """Let the runner fetch the result of a job from a link that a person knows.

    :raises Refused: task_without_job, task_moved_on
    :raises InputError: result_link_invalid
    """
    if task.status not in REOPENABLE or task.attempt_id is None or task.remote_id is None or task.provider.is_free:
        raise Refused("task_without_job", status=task.status.value)
    from vidgen_core.providers.http.links import resolve

    url = resolve(link, tx.attempts.get(task.attempt_id).base_url or "http:")
    if url is None:
        raise InputError("result_link_invalid")
    moved = tx.tasks.move(
        task.id, TaskStatus.DOWNLOADING, attempt_id=task.attempt_id, result_url=url, progress=None, stage=None
    )
    if not moved:
        raise Refused("task_moved_on", shot=task.shot, take=task.take)
    tx.attempts.update(task.attempt_id, state=AttemptState.SUCCEEDED)
    _reopened(tx, "link_entered", task)
    return tx.tasks.get(task.id)


def adopt(tx: Tx, task: Task, remote_id: str) -> Task:
    """Give a task the remote job that is its own."""
    if task.status not in REOPENABLE or task.attempt_id is None:
        raise Refused("task_not_adoptable", status=task.status.value)
    _check_unknown(tx, task.provider, remote_id)
    attempt = tx.attempts.get(task.attempt_id)
    charge = ChargeStatus.ESTIMATED if attempt.cost else ChargeStatus.UNKNOWN
    _accept(tx, attempt.id, remote_id, charge)
    moved = tx.tasks.move(
        task.id,
        TaskStatus.PROCESSING,
        attempt_id=attempt.id,
        remote_id=remote_id,
        submitted_at=tx.now(),
        charge=charge,
        stage=None,
    )
    if not moved:
        raise Refused("task_moved_on", shot=task.shot, take=task.take)
    _reopened(tx, "adopted", task, remote_id=remote_id)
    return tx.tasks.get(task.id)


def key_named(settings: Settings, provider: ProviderId, name: str | None) -> KeySettings | None:
    """A key of a provider by its name; None: the first enabled one.

    :raises InputError: ``key_unknown`` (key, provider)
    """
    keys = settings.providers.of(provider).keys
    found = next((key for key in keys if (key.works if name is None else key.name == name)), None)
    if found is None and name is not None:
        raise InputError("key_unknown", key=name, provider=provider.value)
    return found


def adopt_new(
    tx: Tx, shot: Shot, planned: GenerationPlan, remote_id: str, key: KeySettings | None, base_url: str | None
) -> Task:
    """A new take for a remote job that exists already; ``key`` is the one that it is asked for with."""
    _check_unknown(tx, planned.provider, remote_id)
    new = NewTask(
        project_id=shot.project_id,
        shot_id=shot.id,
        provider=planned.provider,
        model=planned.model,
        params=planned.params,
        status=TaskStatus.PENDING,
    )
    task = tx.tasks.add([new])[0]
    fingerprint, label = (key.fingerprint, key.label) if key else (None, None)
    attempt = tx.attempts.begin(task.id, planned.provider, planned.model, fingerprint, label, base_url, None)
    _accept(tx, attempt.id, remote_id, ChargeStatus.UNKNOWN)
    # The same two steps as every task: the table of transitions knows no way around them.
    tx.tasks.move(task.id, TaskStatus.QUEUED)
    tx.tasks.move(task.id, TaskStatus.PROCESSING, attempt_id=attempt.id, remote_id=remote_id, submitted_at=tx.now())
    _reopened(tx, "adopted", task, remote_id=remote_id)
    return tx.tasks.get(task.id)


def _accept(tx: Tx, attempt_id: int, remote_id: str, charge: ChargeStatus) -> None:
    tx.attempts.update(
        attempt_id,
        remote_id=remote_id,
        state=AttemptState.ACCEPTED,
        accepted_at=tx.now(),
        ended_at=None,
        failure=None,
        charge=charge,
    )


def _check_unknown(tx: Tx, provider: ProviderId, remote_id: str) -> None:
    known = tx.attempts.by_remote_id(provider, remote_id)
    if known is None:
        return
    task = tx.tasks.get(known.task_id)
    raise Refused("remote_id_known", remote_id=remote_id, shot=task.shot, take=task.take)


def _reopened(tx: Tx, code: str, task: Task, **params: Any) -> None:
    tx.draws.resume([task.id], RESUMED)
    tx.log.add(
        LogLevel.INFO, code, project_id=task.project_id, task_id=task.id, shot=task.shot, take=task.take, **params
    )
