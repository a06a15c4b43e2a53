"""Draw until one passes: what each shot of an order gets next.

Everything is decided and written in one transaction a shot, with the draws before it and their money in view, so that a
crash at any moment leaves neither a draw too many nor one that is not counted. The ceiling is asked again where the money of
each attempt is set aside (``money.check_draw``), for an automatic retry costs as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.errors import ErrorKind, InputError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty
from vidgen_core.domain.tasks import LIVE, Draw, DrawState, NewTask, Task, TaskKind, TaskStatus, UntilPass
from vidgen_core.services.generation.planning import GenerateOptions, plan
from vidgen_core.services.generation.validation import new_tasks, validate

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext


#: Draws of a shot whose answer may be lost, each counted as one that was made and paid, before a person is asked.
LOST_ANSWERS: Final = 1
#: Why the drawing of a shot has stopped, and the line of the log that says so.
STOPPED: Final = {
    "ceiling": "draw_stopped_ceiling",
    "most": "draw_stopped_most",
    "failed": "draw_stopped_failed",
    "cancelled": "draw_stopped_cancelled",
    "chosen": "draw_stopped_chosen",
    "deleted": "draw_stopped_deleted",
    "refused": "draw_stopped_refused",
    "checks_off": "draw_stopped_checks_off",
}
#: Of these, what a person who has a draw made after all takes back.
RESUMED: Final = frozenset({"failed", "cancelled"})


def ceiling_of(settings: Settings, new: Sequence[NewTask], until: UntilPass) -> Money:
    """What an order *until one passes* may cost as a whole.

    :raises InputError: ``checks_off``, ``draw_price_unknown``
    """
    if not settings.checks.enabled:
        raise InputError("checks_off")
    amounts: dict[BillableParty, list[Money]] = {}
    for task in new:
        if task.cost is None:
            raise InputError("draw_price_unknown", model=task.model)
        amounts.setdefault(task.provider, []).append(task.cost)
    worth, uncounted = money.in_currency(amounts, settings)
    if uncounted:
        raise InputError("draw_price_unknown", model=new[0].model)
    most = worth.amount * until.most
    return Money(amount=most if until.ceiling is None else until.ceiling, currency=settings.budget.currency)


def begin(
    tx: Tx, settings: Settings, new: Sequence[NewTask], options: GenerateOptions, ceiling: Money
) -> list[NewTask]:
    """Begin an order with the first draw of each shot; returns those that fit below its ceiling, to be queued."""
    assert options.until is not None
    kept = options.model_dump(mode="json", exclude={"until"}, exclude_none=True)
    first = {task.shot_id: task for task in new}
    draw = tx.draws.begin(new[0].project_id, first.keys(), options.until, ceiling, kept)
    queued: list[NewTask] = []
    amounts: dict[BillableParty, list[Money]] = {}
    for one in tx.draws.of_order(draw):
        task = first[one.shot_id]
        cost = task.cost or Money(amount=Decimal(0), currency=ceiling.currency)
        after = {**amounts, task.provider: [*amounts.get(task.provider, []), cost]}
        if money.in_currency(after, settings)[0].amount > ceiling.amount:
            _end(tx, one, DrawState.STOPPED, "ceiling")
            continue
        amounts = after
        queued.append(task.model_copy(update={"draw": draw}))
    return queued


def go_on(ctx: ServiceContext, shot_ids: Collection[int] | None) -> None:
    """Take the next step of every shot that is being drawn, or of some."""
    with ctx.store.read() as tx:
        waiting = [one for one in tx.draws.open() if shot_ids is None or one.shot_id in shot_ids]
    queued = False
    for one in waiting:
        with ctx.store.read() as tx:
            # Nothing is written, and nobody woken, while nothing has changed.
            if _step(ctx, tx, one) is None:
                continue
        with ctx.store.write() as tx:
            queued |= _carry_out(ctx, tx, one)
    if queued:
        ctx.wake()


def waits_for_person(tx: Tx, one: Draw) -> bool:
    """Whether a draw was set aside, so that nothing goes on by itself."""
    return any(task.status is TaskStatus.PENDING for task in tx.tasks.many(tx.draws.task_ids(one)))


def _step(ctx: ServiceContext, tx: Tx, one: Draw) -> tuple[DrawState, str] | None:
    """What becomes of a shot: its end with the reason, another draw (``DRAWING``), or None: something is under way."""
    tasks = tx.tasks.with_deleted(tx.draws.task_ids(one))
    if any(one.until.is_enough(task.verdict) for task in tasks):
        return DrawState.PASSED, ""
    checked = ctx.settings().checks.enabled
    under_way = [task for task in tasks if _is_under_way(task, checked)]
    if len(under_way) >= one.until.at_once:
        return None
    stopped = "chosen" if _is_chosen(tx, tasks, one) else _why_not(tasks, one) if checked else "checks_off"
    if stopped:
        return None if under_way else (DrawState.STOPPED, stopped)
    return DrawState.DRAWING, ""


def _is_under_way(task: Task, checked: bool) -> bool:
    """Whether a draw may still change; without checks none waits for its verdict."""
    unchecked = checked and task.status is TaskStatus.COMPLETED and task.verdict is None
    return task.status in LIVE or task.status is TaskStatus.PENDING or unchecked


def _is_chosen(tx: Tx, tasks: list[Task], one: Draw) -> bool:
    """Whether a person has chosen one of the draws whatever the checks say of it: then no other is wanted."""
    shot = next(iter(tx.shots.many([one.shot_id])), None)
    chosen = shot.chosen_take_id if shot is not None else None
    return chosen is not None and any(task.id == tx.takes.get(chosen).task_id for task in tasks)


def _why_not(tasks: list[Task], one: Draw) -> str:
    """Why a shot gets no further draw; empty: it may."""
    if any(task.status is TaskStatus.CANCELLED for task in tasks):
        return "cancelled"
    failed = [task.failure for task in tasks if task.status is TaskStatus.FAILED]
    lost = [one for one in failed if one is not None and one.kind is ErrorKind.SUBMIT_UNKNOWN]
    if len(failed) > len(lost) or len(lost) > LOST_ANSWERS:
        # The worker has tried again already where that was of use.
        return "failed"
    return "most" if len(tasks) >= one.until.most else ""


def _carry_out(ctx: ServiceContext, tx: Tx, one: Draw) -> bool:
    """Take the step of a shot; True: another draw was queued."""
    if not any(other.draw == one.draw and other.shot_id == one.shot_id for other in tx.draws.open()):
        return False
    step = _step(ctx, tx, one)
    if step is None:
        return False
    state, reason = step
    if state is DrawState.DRAWING:
        reason = _draw_again(ctx, tx, one)
        if not reason:
            return True
        if any(_is_under_way(task, checked=True) for task in tx.tasks.many(tx.draws.task_ids(one))):
            return False
        state = DrawState.STOPPED
    _end(tx, one, state, reason)
    return False


def _draw_again(ctx: ServiceContext, tx: Tx, one: Draw) -> str:
    """Queue one more take, as the click asked for it; returns why not."""
    settings = ctx.settings()
    shot = next(iter(tx.shots.many([one.shot_id])), None)
    if shot is None:
        return "deleted"
    options = GenerateOptions.model_validate(one.options).model_copy(update={"until": one.until})
    seen = validate(ctx, shot, plan(shot, options, settings))
    if seen.fatal is not None:
        return "refused"
    new = new_tasks(ctx, seen, TaskStatus.QUEUED, money.prices_of(tx, settings), TaskKind.VIDEO, one.draw)
    if not money.fits_draw(tx, settings, one.draw, new[0].provider, new[0].cost, queued=True):
        return "ceiling"
    # It is of the order of its agent, whose limits hold it as well.
    drawn = tx.tasks.many(tx.draws.task_ids(one))
    quote = next((task.quote_id for task in drawn if task.quote_id is not None), None)
    # Nobody has seen what is said against it since the first was ordered.
    known = tuple(sorted({code for task in drawn for code in task.params.warned or ()}))
    params = new[0].params.model_copy(update={"warned": known})
    tx.tasks.add([task.model_copy(update={"params": params, "quote_id": quote}) for task in new])
    return ""


def _end(tx: Tx, one: Draw, state: DrawState, reason: str) -> None:
    tx.draws.set_state(one, state, reason)
    if state is DrawState.STOPPED:
        number = next((shot.number for shot in tx.shots.many([one.shot_id])), "")
        tx.log.add(LogLevel.WARNING, STOPPED[reason], project_id=one.project_id, shot=number)
