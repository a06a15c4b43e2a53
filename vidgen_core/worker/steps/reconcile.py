"""processing, with an order whose answer was lost: find out whether the provider has its job."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, HandOver, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import Found, Submission
from vidgen_core.worker.context import ActiveTask, Context, Next
from vidgen_core.worker.steps import submit
from vidgen_core.worker.transition import fail, requeue

#: Seconds around a lost answer in which the provider's log is searched: clocks differ, and a request takes its time.
WINDOW_BEFORE = 5.0
WINDOW_AFTER = 335.0
#: Logs count in whole seconds.
LOG_SECOND = 1.0
#: Jobs of a provider's log that are named to a person.
MOST_NAMED = 5
#: Characters of such a job's prompt that are kept.
MOST_TOLD = 80
#: Seconds after the intent during which the provider's log is asked again before a person is.
RECONCILE_FOR = 60.0
#: Seconds between two requests for the provider's log.
RECONCILE_EVERY = 10.0
#: Seconds between two checks of a task whose request another process may have sent.
TAKEOVER_CHECK = 5.0


async def reconcile(active: ActiveTask, ctx: Context) -> Next | None:
    """Search the provider's log for the job: what is surely ours is taken, anything else is for a person."""
    attempt = active.sent
    if attempt.state is AttemptState.SENDING:
        return await _without_answer(active, ctx, attempt)
    intent_at = attempt.intent_at or attempt.created_at
    since = intent_at - timedelta(seconds=WINDOW_BEFORE)
    interval = ctx.settings().runner.poll_interval
    try:
        found = await ctx.provider(active).find(ctx.order(active), since, ctx.key(active))
    except HandOver as error:
        ctx.pauses.hand_over(attempt.provider, error)
        return Next(interval)
    except RemoteError:
        found = ()
    age = (ctx.clock() - intent_at).total_seconds()
    candidates: list[Found] = []
    if found is not None:
        candidates = ctx.read(lambda tx: _candidates(tx, attempt, found))
        own = _own(active, attempt, candidates)
        if own is not None and (own.exact or ctx.read(lambda tx: _alone(tx, attempt))):
            submission = Submission(remote_id=own.remote_id)
            await ctx.write(active, lambda tx: submit.accept(tx, active, submission, ctx.clock()))
            return Next(0.0)
        if age < min(RECONCILE_FOR, ctx.settings().runner.max_wait):
            return Next(min(RECONCILE_EVERY, interval))
    failure = _for_a_person(attempt, candidates)
    await ctx.write(active, lambda tx: fail(tx, active, failure, ctx.clock()))
    return None


async def start_over(active: ActiveTask, ctx: Context) -> Next | None:
    """Put a task back into the queue of which nothing paid had left."""
    await ctx.write(active, lambda tx: requeue(tx, active, None, None, ctx.clock(), 0.0, state=AttemptState.REFUSED))
    return None


async def _without_answer(active: ActiveTask, ctx: Context, attempt: Attempt) -> Next | None:
    """The intent was written and no answer: only where sending again is harmless is it sent again.

    Whoever wrote the intent may be waiting for the answer still, unless that process is dead for sure.
    """
    if active.own(submit.Unsent).attempt_id == attempt.id:
        return await start_over(active, ctx)
    if ctx.provider(active).repeatable_submit:
        return await submit.send(active, ctx, ctx.key(active))
    if not active.inherited:
        age = (ctx.clock() - (attempt.intent_at or attempt.created_at)).total_seconds()
        rest = ctx.takeover_seconds - max(age, time.monotonic() - active.since)
        if rest > 0:
            active.stale = True
            return Next(min(rest, TAKEOVER_CHECK))
    failure = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="submit_interrupted", charged=ChargeStatus.UNKNOWN)
    return await submit.lost(active, ctx, failure, None)


def _candidates(tx: Tx, attempt: Attempt, found: tuple[Found, ...]) -> list[Found]:
    """Jobs that no attempt has, of the model and the time of the request; or that bear its reference."""
    return [
        one
        for one in found
        if (one.exact or _fits(one, attempt)) and tx.attempts.by_remote_id(attempt.provider, one.remote_id) is None
    ]


def _fits(found: Found, attempt: Attempt) -> bool:
    intent_at = attempt.intent_at or attempt.created_at
    at = found.at if found.at.tzinfo else found.at.replace(tzinfo=UTC)
    in_time = -WINDOW_BEFORE - LOG_SECOND <= (at - intent_at).total_seconds() <= WINDOW_AFTER
    return in_time and found.model in (attempt.model, attempt.sent.get("model"))


def _own(active: ActiveTask, attempt: Attempt, candidates: list[Found]) -> Found | None:
    """The one job that is surely ours: it bears our reference, or it alone was ordered with our very prompt.

    A key may be shared, so time and model alone would take somebody else's job. Providers write options behind a prompt in
    their logs; such a prompt is ours where no other job may be the one.
    """
    exact = [one for one in candidates if one.exact]
    prompts = {_words(str(prompt)) for prompt in (active.task.params.prompt, attempt.sent.get("prompt") or "")} - {""}
    said = [(one, _words(one.prompt)) for one in candidates if one.prompt is not None]
    alike = exact or [one for one, words in said if words in prompts]
    if not alike and len(candidates) == 1:
        alike = [one for one, words in said if any(_only_adds_options(words, prompt) for prompt in prompts)]
    return alike[0] if len(alike) == 1 else None


def _only_adds_options(said: str, prompt: str) -> bool:
    """Whether ``said`` is ``prompt`` followed by options and nothing else: ``--name``, ``--name=value`` or ``--name value``."""
    if not said.startswith(f"{prompt} --"):
        return False
    may_be_value = False
    for word in said.removeprefix(prompt).split():
        is_option = word.startswith("--") and word[2:3].isalpha()
        if not is_option and not may_be_value:
            return False
        may_be_value = is_option and "=" not in word
    return True


def _words(text: str) -> str:
    """A prompt without differences of spacing, which logs do not keep."""
    return " ".join(text.split())


def _for_a_person(attempt: Attempt, candidates: list[Found]) -> Failure:
    """The outcome stays unknown; jobs of the provider's log that may be the one are named."""
    known = attempt.failure
    params: dict[str, Any] = {**(known.params if known else {}), "cause": known.code if known else "submit_interrupted"}
    code = "submit_unknown"
    if candidates:
        code = "submit_candidates"
        named = [f"{one.remote_id} ({one.at:%Y-%m-%d %H:%M:%S} UTC)" for one in candidates[:MOST_NAMED]]
        params |= {
            "n": len(candidates),
            "jobs": ", ".join(named) + (" …" if len(candidates) > MOST_NAMED else ""),
            "candidates": [one.remote_id for one in candidates[:MOST_NAMED]],
            "told": [
                {"at": one.at.isoformat(timespec="seconds"), "prompt": _words(one.prompt or "")[:MOST_TOLD]}
                for one in candidates[:MOST_NAMED]
            ],
        }
    return Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code=code, params=params, charged=ChargeStatus.UNKNOWN)


def _alone(tx: Tx, attempt: Attempt) -> bool:
    """Whether no other answer of the same model is open: its job could be the one that was found."""
    others = tx.attempts.open(attempt.provider)
    return not any(
        other.id != attempt.id
        and other.model == attempt.model
        and other.remote_id is None
        and other.state in (AttemptState.SENDING, AttemptState.UNKNOWN)
        for other in others
    )


def end_broken(tx: Tx, active: ActiveTask, failure: Failure, now: datetime) -> None:
    """End a task that this step cannot get any further with: whether it was bought stays unknown."""
    unknown = failure.model_copy(update={"kind": ErrorKind.SUBMIT_UNKNOWN, "charged": ChargeStatus.UNKNOWN})
    lost = active
    if active.sent.state is AttemptState.SENDING:
        submit.lose_answer(tx, active, unknown, None, now)
        lost = ActiveTask(tx.tasks.get(active.task.id), tx.attempts.get(active.sent.id))
    fail(tx, lost, unknown, now)
    tx.after_commit(lambda: active.take(lost.task, lost.attempt))
