"""queued -> processing: submit an order, the one step that costs money.

The order of things is the promise: claim, prepare (free), put the intent on disk, send once, put the remote id on disk. A
crash before the intent costs nothing; a crash after it leaves an attempt in ``sending``, which is never sent again without
being reconciled.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import (
    Delivery,
    ErrorKind,
    FileError,
    HandOver,
    InputError,
    RemoteError,
    StoreError,
    Superseded,
)
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.providers.base import Key, Order, Prepared, Provider, Submission
from vidgen_core.providers.http.error_mapping import RATE_LIMITED_UNCLEAR
from vidgen_core.worker import chain, database_age
from vidgen_core.worker.context import ActiveTask, Context, Next
from vidgen_core.worker.limits.key_pool import KeyOutcome, outcome_of
from vidgen_core.worker.retries import (
    LONGEST_BEFORE_SUBMIT,
    back_off,
    bounded,
    evidence_of,
    failure_of,
    is_disk_trouble,
    repeats,
)
from vidgen_core.worker.steps.claim import FULL, cap_of, claim, unsaid
from vidgen_core.worker.transition import (
    UNDER_WAY,
    Rows,
    change_attempt,
    fail,
    fenced,
    log,
    move,
    remember,
    requeue,
    same,
)

logger = logging.getLogger(__name__)

#: Seconds until a database that could not be written is tried again.
STORE_WAIT = 1.0
#: Seconds until a journal that could not be written is tried again.
JOURNAL_WAIT = 10.0
#: Clear refusals for want of capacity before the task gives up.
OVERLOADED_TRIES = 5
#: For how long an order is sent again that is refused as asked too often: a limit by the day has passed by then, and words
#: that nobody knows may be about the order itself.
LONGEST_LIMITED: Final = timedelta(days=1)
LONGEST_UNCLEAR: Final = timedelta(hours=1)
#: Such refusals at least, however long a queue stood still between them.
LIMITED_TRIES: Final = 5
#: Seconds that a stop at once gives requests that have not left to be taken back.
TAKE_BACK = 5.0
#: Seconds before the provider's log is asked about a lost answer: it needs a moment to show the job.
SETTLE = 3.0
#: States of an attempt whose request has left and whose remote id nobody knows yet.
_WITHOUT_ID: Final = frozenset({AttemptState.PREPARING, AttemptState.SENDING, AttemptState.UNKNOWN})
#: States of an attempt that only its sender can say more about.
_SENT: Final = frozenset({AttemptState.SENDING, AttemptState.UNKNOWN})


@dataclass(frozen=True)
class Turn:
    """Nothing was intended: the key may send again in so many seconds."""

    seconds: float


@dataclass
class Unsent:
    """The attempt whose intent may be on disk although its request surely did not leave."""

    attempt_id: int | None = None


# --- decisions --------------------------------------------------------------------------------------------------------


async def submit(active: ActiveTask, ctx: Context, key: Key | None) -> Next | None:
    """Claim a queued task, prepare its order and send it once."""
    provider, settings = ctx.provider(active), ctx.settings()
    base_url, cap = provider.base_url, cap_of(settings, provider)
    rules = chain.rules_of(ctx)

    def write(tx: Tx) -> Any:
        return claim(tx, active, key, base_url, settings, ctx.clock(), cap, rules, provider)

    taken = await ctx.write(active, write)
    if taken is chain.NO_FRAME:
        await chain.take_frame(active, ctx)
        taken = await ctx.write(active, write)
    if isinstance(taken, money.BudgetExceeded):
        ctx.budget.stopped(taken, active.task.provider)
    if taken is not True:
        active.at_limit = taken is FULL
        return None
    return await send(active, ctx, key)


async def send(active: ActiveTask, ctx: Context, key: Key | None) -> Next | None:
    """Prepare and send the present attempt."""
    provider, order = ctx.provider(active), ctx.order(active)
    prepared: Prepared | None = None
    try:
        if _is_as_queued(provider, active.task):
            if order.pictures or order.params.parent:
                await asyncio.to_thread(_check_files, order, ctx)
            with ctx.telemetry.request("prepare", active.task, active.attempt):
                made = await provider.prepare(order, key)
            # Pictures take their time: what the model takes may have been read anew meanwhile.
            prepared = made if _is_as_queued(provider, active.task) else None
    except Exception as error:  # noqa: BLE001 — nothing paid has left, so every error is safe to judge here
        return await _refused(active, ctx, _named(error, order))
    if prepared is None:
        # The claim asks a person, or waits.
        return await _end_attempt(active, ctx, _not_sent("model_changed"), 0.0)
    prepared = prepared.model_copy(update={"sent": prepared.sent | {"material": _material(order)}})
    if key is not None:
        pool = ctx.keys[active.task.provider]
        while (seconds := pool.pace(key.id)) > 0:  # noqa: ASYNC110 — the limiter is time, there is no event to wait for
            await asyncio.sleep(seconds)
    while True:
        request = asyncio.ensure_future(_intend_and_send(active, ctx, order, prepared, key))
        active.request = request
        following = await asyncio.shield(request)
        if not isinstance(following, Turn):
            return following
        # Another worker has just sent with this key.
        await asyncio.sleep(following.seconds)


def _is_as_queued(provider: Provider, task: Task) -> bool:
    """Whether the model is known, and leaves nothing out that was not said: its provider may have published something else since.

    As it was queued: once it is settled, what nobody has chosen looks chosen.

    :raises InputError: what it does not take
    """
    if provider.awaited(task.model) is not None:
        return False
    if problem := next((one for one in provider.check(task.model, task.params) if one.fatal), None):
        raise InputError(problem.code, **problem.params)
    return not unsaid(task, provider)


def _check_files(order: Order, ctx: Context) -> None:
    """Whatever an adapter makes of them, the pictures beside the first frame are there.

    :raises FileError: ``image_missing`` (path), and as ``Context.fetch``
    """
    ctx.fetch(order)
    for path in order.pictures:
        if path != order.image and not path.is_file():
            raise FileError("image_missing", path=str(path))


def _named(error: Exception, order: Order) -> Exception:
    """A picture that is gone, by what it is of its shot; any other error as it is."""
    if not isinstance(error, FileError) or error.code != "image_missing":
        return error
    places = {order.image: "first_frame_gone", order.last_frame: "last_frame_gone"}
    places |= dict.fromkeys((picture.path for picture in order.references), "reference_gone")
    code = {str(path): code for path, code in places.items()}.get(str(error.params.get("path")))
    return FileError(code) if code else error


def _material(order: Order) -> dict[str, Any]:
    """What was ordered besides the prompt, for the ledger: the pictures by key or link."""
    params = order.params
    facts = {
        "mode": params.mode,
        "first_frame": params.image or params.image_url,
        "last_frame": params.last_frame or params.last_frame_url,
        "references": [{"picture": one.image or one.image_url, "role": one.role.value} for one in params.references],
        "characters": [one.model_dump(mode="json", exclude={"version"}) for one in params.characters],
        "sound": params.sound,
        "negative_prompt": params.negative_prompt,
        "chain": params.link and params.link.model_dump(mode="json", include={"shot", "take"}),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


async def _intend_and_send(
    active: ActiveTask, ctx: Context, order: Order, prepared: Prepared, key: Key | None
) -> Next | Turn | None:
    """Put the intent on disk, send, and write down what came of it, as one thing that a stop does not interrupt."""
    active.left = False
    try:
        intended = await _intend(active, ctx, prepared, key)
        if isinstance(intended, Turn):
            return intended
        if not intended:
            return None
        active.left = True
        return await _send(active, ctx, order, prepared, key)
    finally:
        active.request = None


async def _intend(active: ActiveTask, ctx: Context, prepared: Prepared, key: Key | None) -> bool | Turn:
    """Put the intent on disk; False when nothing is to be sent, and then nothing of it stands any more."""
    # The wall as well: while a machine sleeps, the monotonic clock may stand still.
    begun = time.monotonic(), ctx.clock.wall()
    attempt, at, tries = active.sent, ctx.clock(), itertools.count()

    def write(tx: Tx) -> int | Turn | None:
        if next(tries) and is_intended(tx, active, at):
            # A commit that was not answered has been made all the same.
            return _generation(tx, active, ctx)
        return _write_intent(tx, active, ctx, prepared, key, at)

    try:
        generation = await ctx.write(active, write)
    except Exception:
        # A failed commit may be on disk all the same; what is sure is that nothing was sent.
        active.own(Unsent).attempt_id = attempt.id
        raise
    if generation is None or isinstance(generation, Turn):
        return generation or False
    ctx.newest = max(ctx.newest, generation)
    try:
        await write_order(active, ctx, generation)
    except FileError as error:
        pause_for_journal(active, ctx)
        await _end_attempt(active, ctx, _not_sent("journal_unwritable", cause=error.code), 0.0)
        return False
    stalled = max(time.monotonic() - begun[0], (ctx.clock.wall() - begun[1]).total_seconds())
    if stalled > ctx.takeover_seconds / 2:
        # The machine stood still: another process may think by now that this one is dead.
        await _end_attempt(active, ctx, _not_sent("submit_stalled", seconds=round(stalled)), 0.0)
        return False
    if ctx.is_unwanted(active):
        await _take_back(active, ctx)
        return False
    return True


def _write_intent(
    tx: Tx, active: ActiveTask, ctx: Context, prepared: Prepared, key: Key | None, at: datetime
) -> int | Turn | None:
    """Put the intent on disk; returns its generation, or None when nothing is to be sent."""
    if not ctx.provider(active).repeatable_submit and database_age.looks_behind(tx, ctx):
        # It was put back while this worker ran: what is queued in it may be bought.
        old = failure_of(_not_sent("submit_taken_back"))
        requeue(tx, active, old, None, at, 0.0, state=AttemptState.REFUSED)
        return None
    if not chain.is_current(tx, active.task, chain.rules_of(ctx)):
        # Another take counts since it was claimed.
        moved = failure_of(_not_sent("chain_moved_on"))
        requeue(tx, active, moved, None, at, 0.0, state=AttemptState.REFUSED)
        return None
    provider = active.sent.provider
    if key is not None and ctx.worker is not None and (every := ctx.keys[provider].every):
        # All workers share the key: its rate is kept where the intent is written.
        wait = tx.keys.take_turn(provider, key.id, key.label, every, ctx.clock())
        if wait > 0:
            return Turn(wait)
    return _generation(tx, active, ctx) if intend(tx, active, prepared, at) else None


def _generation(tx: Tx, active: ActiveTask, ctx: Context) -> int:
    """The number of a paid act; 0 of one that is not."""
    return 0 if ctx.provider(active).repeatable_submit else database_age.next_generation(tx)


async def _take_back(active: ActiveTask, ctx: Context) -> None:
    """A stop, a pause or a cancel request came after the intent and before the request has left."""
    await _end_attempt(active, ctx, _not_sent("submit_taken_back"), 0.0)


async def _send(active: ActiveTask, ctx: Context, order: Order, prepared: Prepared, key: Key | None) -> Next | None:
    """Send once; the answer is written down before anything else happens."""
    provider = ctx.provider(active)
    try:
        with ctx.telemetry.request("submit", active.task, active.attempt):
            submission = await provider.submit(order, prepared, key)
        await _keep_id(active, ctx, submission)
    except RemoteError as error:
        if error.delivery is not Delivery.UNKNOWN:
            return await _refused(active, ctx, error)
        if isinstance(error, HandOver):
            ctx.pauses.hand_over(active.task.provider, error)
        return await lost(active, ctx, failure_of(error, ChargeStatus.UNKNOWN), evidence_of(error))
    except Exception as error:  # noqa: BLE001 — after the intent an unforeseen error may mean an accepted job
        if provider.repeatable_submit:
            return await _refused(active, ctx, error)
        return await lost(active, ctx, failure_of(error, ChargeStatus.UNKNOWN), None)
    ctx.pauses.reached(active.task.provider)
    ctx.pauses.accepted(active.task.provider)
    _report(active, ctx, None)
    interval = provider.own_pace or ctx.settings().runner.poll_interval
    return Next(ctx.intervals.delay((provider.mode, active.task.model), 0.0, interval))


def pause_for_journal(active: ActiveTask, ctx: Context) -> None:
    """Let nothing paid leave as long as the journal cannot be written."""
    until = ctx.clock() + timedelta(seconds=JOURNAL_WAIT)
    ctx.pauses.pause(active.task.provider, "pause_journal_unwritable", until=until, path=str(ctx.journal.path))


async def write_order(active: ActiveTask, ctx: Context, generation: int) -> None:
    """Write a paid act and its generation to the journal before it is sent.

    :raises FileError: the journal cannot be written
    """
    attempt = active.attempt
    if generation and attempt is not None:
        facts = {"task": active.task.id, "attempt": attempt.id, "provider": attempt.provider.value}
        await ctx.journals.do(lambda: ctx.journal.order(generation, wait=False, **facts), durable=True)


def _not_sent(code: str, **params: Any) -> RemoteError:
    return RemoteError(code, kind=ErrorKind.NETWORK, delivery=Delivery.NOT_SENT, **params)


async def stop_waiting(tasks: list[ActiveTask], ctx: Context) -> None:
    """Wait no more for the answers to paid requests: whether they were bought is not known from now on.

    Those that have not left yet see the stop and take their intents back.
    """
    unsent = [one.request for one in tasks if one.request is not None and not one.left]
    if unsent:
        await asyncio.wait(unsent, timeout=TAKE_BACK)
    requests = [one.request for one in tasks if one.request is not None]
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    for one in tasks:
        if one.attempt is None or one.attempt.state is not AttemptState.SENDING:
            continue
        if not one.left:
            await _take_back(one, ctx)
            continue
        failure = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="submit_interrupted", charged=ChargeStatus.UNKNOWN)
        await lost(one, ctx, failure, None)


async def _keep_id(active: ActiveTask, ctx: Context, submission: Submission) -> None:
    """Write the remote id, which is the money, for as long as it takes."""
    attempt = active.sent
    cost = submission.cost.model_dump(mode="json") if submission.cost else None
    facts = {"remote_id": submission.remote_id, "cost": cost, "request_id": submission.request_id}
    await _keep(active, ctx, lambda tx: accept(tx, active, submission, ctx.clock()), "accepted", facts)
    if ctx.provider(active).repeatable_submit:
        return
    job = {"task": active.task.id, "attempt": attempt.id, "provider": attempt.provider.value}
    with contextlib.suppress(FileError):
        await ctx.journals.do(lambda: ctx.journal.job(**job, remote_id=submission.remote_id), durable=False)


async def _keep(
    active: ActiveTask,
    ctx: Context,
    write: Callable[[Tx], None],
    kind: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write down what a provider has answered to a paid request: a database that cannot be written is tried until it can.

    Meanwhile an answer of a ``kind`` is in the journal, so that a crash does not lose it; it stays there where the rows that it
    is about are gone, or a mistake of ours keeps it out.
    :raises Superseded: another process knows more of the task
    """
    note: str | None = None
    while True:
        try:
            await ctx.write(active, write)
        except (StoreError, FileError) as error:
            logger.error("the answer about task %s is not yet kept: %s", active.task.id, error)
            ctx.pauses.unwritable(active.task.provider, STORE_WAIT)
            if kind and note is None:
                note = await _note(active, ctx, kind, facts or {})
            await asyncio.sleep(STORE_WAIT)
        except Superseded:
            raise
        except Exception:
            if kind and note is None:
                await _note(active, ctx, kind, facts or {})
            raise
        else:
            break
    if note is not None:
        with contextlib.suppress(FileError):
            await asyncio.to_thread(ctx.journal.settle, note)


async def _note(active: ActiveTask, ctx: Context, kind: str, facts: Mapping[str, Any]) -> str | None:
    """Put an answer into the journal; None where that cannot be written either."""
    attempt = active.attempt
    if attempt is None or attempt.intent_at is None:
        return None
    known = {"task": active.task.id, "attempt": attempt.id, "provider": attempt.provider.value}
    try:
        return await asyncio.to_thread(
            ctx.journal.note, kind, **known, intent_at=attempt.intent_at.timestamp(), **facts
        )
    except FileError as error:
        logger.error("the journal cannot be written either: %s", error)
        return None


async def lost(active: ActiveTask, ctx: Context, failure: Failure, evidence: str | None) -> Next:
    """The answer is lost: the job counts as under way, and the provider's log is asked after a moment."""
    await _keep(active, ctx, lambda tx: lose_answer(tx, active, failure, evidence, ctx.clock()))
    return Next(SETTLE)


async def _refused(active: ActiveTask, ctx: Context, error: Exception) -> Next | None:
    """Surely not accepted: wait, take another key, or fail, as the table of repetitions says."""
    settings = ctx.settings().runner
    if not isinstance(error, RemoteError):
        if is_disk_trouble(error):
            return await _end_attempt(active, ctx, error, back_off(settings, 1))
        return await _end_attempt(active, ctx, error, None)
    provider_id = active.task.provider
    if isinstance(error, HandOver):
        ctx.pauses.hand_over(provider_id, error)
        return await _end_attempt(active, ctx, error, 0.0)
    if error.delivery is Delivery.NOT_SENT and error.kind is ErrorKind.NETWORK:
        delay = back_off(settings, ctx.pauses.misses(provider_id) + 1, error.retry_after)
        ctx.pauses.unreachable(provider_id, delay, "pause_unreachable")
        return await _end_attempt(active, ctx, error, 0.0)
    ctx.pauses.reached(provider_id)
    _report(active, ctx, error)
    if error.kind is ErrorKind.RATE_LIMIT:
        tries, lasting = _limited(active, ctx)
        unclear = error.code == RATE_LIMITED_UNCLEAR.code
        longest = LONGEST_UNCLEAR if unclear else LONGEST_LIMITED
        if lasting >= longest and tries >= LIMITED_TRIES:
            return await _end_attempt(active, ctx, error, None)
        if unclear:
            # Others go first meanwhile: theirs may be taken.
            return await _end_attempt(active, ctx, error, back_off(settings, tries + 1, error.retry_after))
    if error.kind in (ErrorKind.AUTH, ErrorKind.BALANCE, ErrorKind.RATE_LIMIT):
        return await _end_attempt(active, ctx, error, bounded(error.retry_after, LONGEST_BEFORE_SUBMIT))
    if repeats(error):
        attempts = ctx.read(lambda tx: tx.attempts.of_task(active.task.id))
        tries = sum(attempt.failure is not None and attempt.failure.kind is error.kind for attempt in attempts)
        if tries < OVERLOADED_TRIES:
            return await _end_attempt(active, ctx, error, back_off(settings, tries + 1, error.retry_after))
    if error.kind is ErrorKind.PARAMETER:
        ctx.pauses.refused_alike(provider_id, active.task.model, error.code, error.params)
    return await _end_attempt(active, ctx, error, None)


def _limited(active: ActiveTask, ctx: Context) -> tuple[int, timedelta]:
    """How often in a row an order was refused as asked too often before now, and for how long.

    A person who submits it again begins anew: only then is it started again.
    """
    attempts, begun = ctx.read(lambda tx: tx.attempts.of_task(active.task.id)), active.task.started_at
    before = (one for one in reversed(attempts) if one.id != active.sent.id)
    refused = [
        *itertools.takewhile(
            lambda one: (
                one.failure is not None
                and one.failure.kind is ErrorKind.RATE_LIMIT
                and (begun is None or one.created_at >= begun)
            ),
            before,
        )
    ]
    return len(refused), ctx.clock() - refused[-1].created_at if refused else timedelta(0)


async def _end_attempt(active: ActiveTask, ctx: Context, error: Exception, again_in: float | None) -> Next | None:
    """Write that the order was surely not accepted, and queue the task again in so many seconds; None: it fails."""
    failure, evidence = failure_of(error), evidence_of(error)
    refused = AttemptState.REFUSED

    def write(tx: Tx) -> None:
        speak_as_sender(tx, active)
        if again_in is None:
            fail(tx, active, failure, ctx.clock(), state=refused, evidence=evidence, charge=ChargeStatus.NONE)
        else:
            requeue(tx, active, failure, evidence, ctx.clock(), again_in, state=refused)

    facts = {"failure": failure.model_dump(mode="json"), "again": again_in is not None}
    await _keep(active, ctx, write, "refused", facts)
    return None


def _report(active: ActiveTask, ctx: Context, error: RemoteError | None) -> None:
    """Tell the key pool what the request taught about its key."""
    attempt = active.attempt
    if attempt is None or attempt.key_id is None:
        return
    outcome = KeyOutcome.OK if error is None else outcome_of(error)
    if outcome is not None:
        ctx.keys[attempt.provider].report(attempt.key_id, outcome, error.retry_after if error else None)


# --- writes -----------------------------------------------------------------------------------------------------------


def intend(tx: Tx, active: ActiveTask, prepared: Prepared, now: datetime) -> bool:
    """Put the intent on disk; False when the user has cancelled meanwhile, or another process has the task."""
    rows = same(tx, active)
    if rows is None or rows.task.status is not TaskStatus.PROCESSING or rows.task.attempt_id != rows.sent.id:
        return False
    unwanted = rows.task.cancel_requested
    if unwanted:
        change_attempt(tx, rows, state=AttemptState.REFUSED, charge=ChargeStatus.NONE, ended_at=now)
        move(tx, rows, TaskStatus.CANCELLED)
        log(tx, LogLevel.INFO, "task_cancelled", rows.task)
    else:
        change_attempt(tx, rows, state=AttemptState.SENDING, intent_at=now, sent=prepared.sent)
    remember(tx, active, rows)
    return not unwanted


def is_intended(tx: Tx, active: ActiveTask, at: datetime) -> bool:
    """Whether the intent of that very moment is on disk."""
    task, attempt = _found(tx, active.task.id), active.sent
    if task is None or (task.status, task.attempt_id) != (TaskStatus.PROCESSING, attempt.id):
        return False
    found = tx.attempts.get(attempt.id)
    if (found.state, found.worker, found.intent_at) != (AttemptState.SENDING, attempt.worker, at):
        return False
    remember(tx, active, Rows(task, found))
    return True


def speak_as_sender(tx: Tx, active: ActiveTask) -> None:
    """Let what the sender of a request knows for sure of it count, also where another worker has taken its task over meanwhile.

    The other one only knows that the answer is lost, and sends nothing.
    """
    known, task = active.attempt, _found(tx, active.task.id)
    if known is None or known.state not in _SENT or task is None or task.status is not TaskStatus.PROCESSING:
        return
    attempt = tx.attempts.get(known.id)
    if task.attempt_id == attempt.id and attempt.state in _SENT and attempt.remote_id is None:
        active.take(task, attempt)


def accept(tx: Tx, active: ActiveTask, submission: Submission, now: datetime) -> None:
    """Write the remote id, before anything else happens. It is the money: it is written whatever the task has become."""
    rows = same(tx, active)
    if rows is not None:
        task, attempt = keep_id(tx, rows.task, rows.sent, submission, now)
    else:
        attempt = tx.attempts.get(active.sent.id)
        _, attempt = keep_id(tx, _found(tx, attempt.task_id), attempt, submission, now)
        task = _found(tx, active.task.id)
    remember(tx, active, Rows(task or active.task, attempt))


def _found(tx: Tx, task_id: int) -> Task | None:
    return next(iter(tx.tasks.many([task_id])), None)


def keep_id(
    tx: Tx, task: Task | None, attempt: Attempt, submission: Submission, now: datetime
) -> tuple[Task | None, Attempt]:
    """Write a remote id to its attempt, whoever has given it up meanwhile; writing it again changes nothing.

    A task that has no other attempt goes on with it; a job that nobody waits for any more is polled as an abandoned one.

    :param task: the attempt's, None where it was deleted
    """
    if attempt.remote_id is not None and attempt.state not in (*_WITHOUT_ID, AttemptState.ACCEPTED):
        return task, attempt
    if attempt.remote_id == submission.remote_id and attempt.state is AttemptState.ACCEPTED:
        return task, attempt
    # Accepted without a known price: something is owed, and nobody can say how much.
    charge = (
        ChargeStatus.CHARGED if submission.cost else ChargeStatus.ESTIMATED if attempt.cost else ChargeStatus.UNKNOWN
    )
    current = task is not None and task.attempt_id == attempt.id
    if task is not None and current:
        task = _going_on(tx, task)
    followed = task is not None and current and task.status is TaskStatus.PROCESSING
    known = {
        "state": AttemptState.ACCEPTED if followed else AttemptState.ABANDONED,
        "remote_id": submission.remote_id,
        "accepted_at": now,
        "ended_at": None if followed else now,
        "failure": None if followed else attempt.failure,
        "charge": charge,
        "cost": submission.cost or attempt.cost,
        "evidence": submission.evidence,
        "request_id": submission.request_id,
    }
    attempt = tx.attempts.updated(attempt, **known)
    if task is not None and current:
        task = tx.tasks.noted(task, remote_id=submission.remote_id, submitted_at=now, charge=charge)
    if attempt.key_id:
        tx.keys.touch(attempt.provider, attempt.key_id, attempt.key_label or "", submitted=1, at=now)
    if task is not None:
        log(tx, LogLevel.INFO, "task_accepted", task, remote_id=submission.remote_id)
    return task, attempt


def _going_on(tx: Tx, task: Task) -> Task:
    """The task of an accepted attempt: being processed, also where it was given up in the meantime, if that can be."""
    if task.status is TaskStatus.PENDING:
        tx.tasks.move(task.id, TaskStatus.QUEUED, attempt_id=task.attempt_id)
    if task.status in (TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.FAILED):
        tx.forget((UNDER_WAY, task.provider))
        tx.tasks.move(task.id, TaskStatus.PROCESSING, attempt_id=task.attempt_id, stage=None)
        return tx.tasks.get(task.id)
    return task


def lose_answer(tx: Tx, active: ActiveTask, failure: Failure, evidence: str | None, now: datetime) -> None:
    """The request may have been accepted: the attempt waits to be reconciled and its money counts as spent.

    :raises Superseded:
    """
    rows = fenced(tx, active)
    attempt = rows.sent
    charge = ChargeStatus.UNKNOWN if attempt.cost else ChargeStatus.NONE
    change_attempt(
        tx,
        rows,
        state=AttemptState.UNKNOWN,
        intent_at=attempt.intent_at or now,
        charge=charge,
        failure=failure,
        evidence=evidence,
    )
    tx.tasks.note(rows.task.id, stage="reconcile", charge=charge)
    rows.task = tx.tasks.get(rows.task.id)
    log(tx, LogLevel.WARNING, "submit_unknown", rows.task, cause=failure.code, detail=failure.params)
    remember(tx, active, rows)


def end_broken(tx: Tx, active: ActiveTask, failure: Failure, now: datetime) -> None:
    """End a task that this step cannot get any further with: nothing of it has left, so nothing is owed."""
    attempt = active.attempt if active.task.status is TaskStatus.PROCESSING else None
    closes = AttemptState.REFUSED if attempt is not None and attempt.state is AttemptState.PREPARING else None
    known = failure.model_copy(update={"kind": ErrorKind.PROVIDER, "charged": ChargeStatus.NONE})
    fail(tx, active, known, now, state=closes, charge=ChargeStatus.NONE)
