"""Finishing: what a provider can do with a take that is there already. The result is a new take of the same shot.

A finishing order is a task like any other: the same gate, ledger, worker and recovery. It keeps what it was made from in
``params.parent``, as that was when it was ordered.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId, video_providers
from vidgen_core.domain.shots import GenerationMode, Shot
from vidgen_core.domain.takes import Take, goes_out
from vidgen_core.domain.tasks import (
    LIVE,
    DrawState,
    FinishVerb,
    GenerationParams,
    ParentTake,
    Task,
    TaskKind,
    TaskStatus,
    UntilPass,
)
from vidgen_core.providers.base import FinishOffer, Provider
from vidgen_core.providers.capabilities import Problem
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.gate import OrderItem
from vidgen_core.services.generation.planning import GenerateOptions, GenerationPlan, check_options, cost_of, plan
from vidgen_core.services.generation.preflight import Estimate, Preflight
from vidgen_core.services.generation.validation import (
    Admit,
    Generated,
    ShotRefusal,
    ValidatedShot,
    new_tasks,
    refusals,
    warnings,
)

if TYPE_CHECKING:
    from vidgen_core.media.storage import LocalMedia

#: Seconds of more where neither the caller nor the model says how many.
_SECONDS: Final = 5.0


class FinishOptions(Frozen):
    """What is to be done with a take."""

    verb: FinishVerb
    #: What happens in the seconds that are added; None: as in the take.
    prompt: str | None = None
    #: Seconds that are added; None: as the model has it.
    seconds: float | None = None
    #: Who does it; None: the take's own provider, else the first that can.
    provider: ProviderId | None = None


class Offered(Frozen):
    """One thing that can be done with a take, by whom and for how much."""

    verb: FinishVerb
    provider: ProviderId
    model: str
    #: None: unknown.
    price: Money | None = None
    #: Why not now.
    problem: Problem | None = None


class FinishRow(Frozen):
    """A chosen take in the batch of finishing, and what becomes of it."""

    shot: str
    take: Take
    #: Who would do it and for how much; None: nobody can.
    offer: Offered | None = None
    #: Why it is left out; None: it goes.
    problem: Problem | None = None


class FinishSheet(Frozen):
    """What finishing the chosen takes of a project would do and cost."""

    rows: tuple[FinishRow, ...] = ()
    estimate: Estimate
    preflight: Preflight


class _Chosen(NamedTuple):
    """A chosen take, what would be queued, and why not."""

    shot: Shot
    take: Take
    seen: ValidatedShot | None
    problem: Problem | None


class Finishing(Service):
    """Extends and enlarges takes."""

    @requires(Role.VIEWER)
    def offers(self, take_id: int) -> tuple[Offered, ...]:
        """What can be done with a take, one line a verb.

        :raises NotFound: there is no such take
        """
        found = (self._validated(take_id, FinishOptions(verb=verb)) for verb in FinishVerb)
        table = self._ctx.price_table()
        return tuple(_offered(seen, table) for seen in found if seen is not None)

    @requires(Role.VIEWER)
    def estimate(self, take_id: int, asked: FinishOptions) -> Estimate:
        """What ``order`` would queue, cost and refuse; nothing is changed."""
        return gate.estimate_of(self._ctx, [self._needed(take_id, asked)])

    @requires(Role.VIEWER)
    def preflight(self, take_id: int, asked: FinishOptions) -> Preflight:
        """Everything that can be known before ``order`` is paid for; nothing is changed."""
        seen = self._needed(take_id, asked)
        with self._ctx.store.read() as tx:
            item = OrderItem(seen.shot.number, *seen.plan, seen.problems)
            return gate.check_order(self._ctx, tx, seen.shot.project_id, [item])

    @requires(Role.MAKER)
    def order(self, take_id: int, asked: FinishOptions) -> Generated:
        """Queue it and return at once.

        :raises NotFound: there is no such take
        :raises InputError: ``finish_not_offered`` (verb, model)
        :raises Refused: ``key_needed`` (provider)
        """
        seen = gate.with_keys(self._ctx, [self._needed(take_id, asked)])[0]
        table = self._ctx.price_table()
        new = [] if seen.fatal else new_tasks(self._ctx, seen, TaskStatus.QUEUED, table)
        with self._ctx.store.write() as tx:
            tasks = tx.tasks.add(new) if new else []
            if tasks:
                tx.log.add(LogLevel.INFO, "queued", project_id=seen.shot.project_id, tasks=1, shots=1)
        self._ctx.wake()
        return Generated(tasks=tuple(tasks), refused=refusals([seen]), warnings=warnings([seen]))

    # --- all chosen takes

    @requires(Role.VIEWER)
    def sheet(self, project_id: int, asked: FinishOptions, shot_ids: Collection[int] | None = None) -> FinishSheet:
        """What ``order_chosen`` would queue, cost and leave out; nothing is changed.

        :param shot_ids: only these shots; None: all of the project
        """
        table = self._ctx.price_table()
        chosen = self._chosen(project_id, asked, shot_ids)
        rows = tuple(
            FinishRow(
                shot=one.shot.number,
                take=one.take,
                offer=None if one.seen is None else _offered(one.seen, table),
                problem=one.problem,
            )
            for one in chosen
        )
        going = [one.seen for one in chosen if one.problem is None and one.seen is not None]
        items = [OrderItem(seen.shot.number, *seen.plan, seen.problems) for seen in going]
        with self._ctx.store.read() as tx:
            preflight = gate.check_order(self._ctx, tx, project_id, items)
        return FinishSheet(rows=rows, estimate=gate.estimate_of(self._ctx, going), preflight=preflight)

    @requires(Role.MAKER)
    def order_chosen(
        self,
        project_id: int,
        asked: FinishOptions,
        shot_ids: Collection[int] | None = None,
        ceiling: Decimal | None = None,
        admit: Admit | None = None,
    ) -> Generated:
        """Queue the same for all chosen takes that can have it, as one batch, and return at once.

        :param ceiling: what the batch may cost in all, retries included, in the currency of the budget; what does not
            fit is refused as ``finish_ceiling``
        :param admit: asked in the transaction that queues what of it is queued
        :raises InputError: ``draw_price_unknown`` (model): with a ceiling each price has to be known
        :raises Refused: ``key_needed`` (provider), ``limit_negative``
        """
        if ceiling is not None and not (ceiling.is_finite() and ceiling >= 0):
            raise Refused("limit_negative")
        going, left = self.planned(project_id, asked, shot_ids)
        seen = gate.with_keys(self._ctx, going) if going else []
        settings, table = self._ctx.settings(), self._ctx.price_table()
        limit = None if ceiling is None else Money(amount=ceiling, currency=settings.budget.currency)
        good = [one for one in seen if not one.fatal]
        fits = good if limit is None else _within(good, limit, table, settings)
        beyond = [one for one in good if one not in fits]
        with self._ctx.store.write() as tx:
            # Two clicks at once: what the other one has queued meanwhile counts.
            busy = _under_way(tx, {one.shot.id for one in fits}, asked.verb)
            fits = [one for one in fits if one.plan.params.parent and one.plan.params.parent.take not in busy]
            draw = None
            if limit is not None and fits:
                shots = list(dict.fromkeys(one.shot.id for one in fits))
                draw = tx.draws.begin(project_id, shots, UntilPass(most=1), limit, {}, DrawState.PASSED)
            new = [
                task
                for one in fits
                for task in new_tasks(self._ctx, one, TaskStatus.QUEUED, table, TaskKind.VIDEO, draw)
            ]
            new = new if admit is None else admit(tx, new)
            tasks = tx.tasks.add(new) if new else []
            if tasks:
                tx.log.add(LogLevel.INFO, "queued", project_id=project_id, tasks=len(tasks), shots=len(tasks))
        self._ctx.wake()
        told = {"limit": limit.model_dump(mode="json")} if limit else {}
        left += [ShotRefusal(one.shot, "finish_ceiling", told) for one in beyond]
        return Generated(tasks=tuple(tasks), refused=(*refusals(seen), *left), warnings=warnings(fits))

    @requires(Role.VIEWER)
    def planned(
        self, project_id: int, asked: FinishOptions, shot_ids: Collection[int] | None = None
    ) -> tuple[list[ValidatedShot], list[ShotRefusal]]:
        """What ``order_chosen`` would queue, and what it leaves out."""
        chosen = self._chosen(project_id, asked, shot_ids)
        going = [one.seen for one in chosen if one.problem is None and one.seen is not None]
        return going, [ShotRefusal(one.shot, one.problem.code, one.problem.params) for one in chosen if one.problem]

    def _chosen(self, project_id: int, asked: FinishOptions, shot_ids: Collection[int] | None) -> list[_Chosen]:
        with self._ctx.store.read() as tx:
            takes = [one for one in tx.takes.chosen(project_id) if shot_ids is None or one.shot_id in shot_ids]
            shots = {shot.id: shot for shot in tx.shots.many({one.shot_id for one in takes})}
            busy = _under_way(tx, shots.keys(), asked.verb)
            standing = tx.takes.stand_ins(project_id)
            made = tx.tasks.with_deleted([one.task_id for one in standing.values()])
        verbs = {task.id: task.params.parent.verb for task in made if task.params.parent}
        longer = {id_: one for id_, one in standing.items() if verbs.get(one.task_id) is FinishVerb.EXTEND}
        found: list[_Chosen] = []
        for chosen in takes:
            # What was extended is enlarged as it goes out.
            extends = asked.verb is FinishVerb.EXTEND
            take = chosen if extends else goes_out(chosen, longer)
            there = goes_out(chosen, longer if extends else standing)
            seen = self._validated(take.id, asked)
            problem = seen.fatal if seen else None
            if take.id in busy:
                problem = Problem(field="take", code="finish_under_way")
            elif there is not take:
                problem = Problem(field="take", code="finish_there", params={"take": there.number})
            elif seen is None:
                told = {"verb": asked.verb.value, "model": take.model}
                problem = Problem(field="take", code="finish_not_offered", params=told)
            found.append(_Chosen(shots[take.shot_id], take, seen, problem))
        return found

    # --- what it comes to

    def _needed(self, take_id: int, asked: FinishOptions) -> ValidatedShot:
        seen = self._validated(take_id, asked)
        if seen is None:
            with self._ctx.store.read() as tx:
                model = tx.takes.get(take_id).model
            raise InputError("finish_not_offered", verb=asked.verb.value, model=model)
        return seen

    def _validated(self, take_id: int, asked: FinishOptions) -> ValidatedShot | None:
        """What would be queued; None where nobody can do it.

        :raises InputError: ``duration_invalid``
        """
        check_options(GenerateOptions(duration=asked.seconds))
        with self._ctx.store.read() as tx:
            take = tx.takes.get(take_id)
            task, shot = tx.tasks.get(take.task_id), tx.shots.get(take.shot_id)
            attempts = tx.attempts.of_task(task.id)
        key_id = attempts[-1].key_id if attempts else None
        parent = _parent_of(self._ctx.media, take, task, key_id, asked.verb)
        first = asked.provider or take.provider
        # What this machine can do comes last: it adds no details.
        others = sorted(video_providers(), key=lambda mode: mode.is_free)
        for mode in (first,) if asked.provider else dict.fromkeys((first, *others)):
            keys = self._ctx.settings().providers.of(mode).keys
            if mode is not first and not (mode.is_free or any(key.works for key in keys)):
                continue
            try:
                provider = self._ctx.provider(mode)
            except Refused:
                continue
            offer = next((one for one in provider.finishing(parent) if one.verb is asked.verb), None)
            if offer is not None:
                return self._of_offer(shot, take, task, provider, offer, parent, asked)
        return None

    def _of_offer(
        self,
        shot: Shot,
        take: Take,
        task: Task,
        provider: Provider,
        offer: FinishOffer,
        parent: ParentTake,
        asked: FinishOptions,
    ) -> ValidatedShot:
        can = provider.capabilities(offer.model)
        planned = plan(shot, GenerateOptions(provider=provider.mode), self._ctx.settings()).params
        sizes = {size.upper(): size for size in can.sizes}
        own_size = f"{min(take.width, take.height)}P"
        seconds = asked.seconds if offer.takes_seconds else None
        if seconds is None and asked.verb is FinishVerb.EXTEND and can.duration_needed:
            seconds = next((one for one in can.lengths if one >= _SECONDS), _SECONDS)
        if asked.verb is FinishVerb.UPSCALE and not can.lengths:
            # Not sent; what is enlarged is paid for by its length, of which a frame more is no second more.
            seconds = float(max(1, math.ceil(take.seconds - 0.1))) if can.whole_seconds else take.seconds
        params = GenerationParams(
            prompt=(asked.prompt or task.params.prompt or shot.prompt) if offer.needs_prompt else "",
            mode=GenerationMode.TEXT,
            aspect_ratio=task.params.aspect_ratio,
            size=sizes.get(own_size) or sizes.get("720P") or next(iter(can.sizes), task.params.size),
            duration=seconds,
            watermark=planned.watermark,
            callback_url=planned.callback_url,
            options=planned.options,
            parent=parent,
        )
        problems = (*provider.check(offer.model, params), *_left_out(offer, asked))
        if offer.problem is not None:
            problems = (offer.problem, *problems)
        if parent.remote_id is None and not self._ctx.media.has(take):
            problems = (Problem(field="take", code="take_file_gone", params={}), *problems)
        return ValidatedShot(shot, GenerationPlan(provider.mode, offer.model, params, 1), problems)


def _left_out(offer: FinishOffer, asked: FinishOptions) -> Iterator[Problem]:
    """What is asked for and not told to anybody."""
    if asked.seconds is not None and not offer.takes_seconds:
        yield Problem(field="seconds", code="finish_seconds_not_taken", params={"model": offer.model}, fatal=False)
    if asked.prompt and not offer.needs_prompt:
        yield Problem(field="prompt", code="finish_prompt_not_taken", params={"model": offer.model}, fatal=False)


def _offered(seen: ValidatedShot, table: Sequence[money.Price]) -> Offered:
    provider, model, params, _ = seen.plan
    assert params.parent is not None
    price = money.estimate(provider, model, params, own=table)
    return Offered(verb=params.parent.verb, provider=provider, model=model, price=price, problem=seen.fatal)


def _under_way(tx: Tx, shot_ids: Collection[int], verb: FinishVerb) -> set[int]:
    """Ids of the takes of which this is being made."""
    tasks = [task for some in tx.tasks.of_shots(list(shot_ids)).values() for task in some]
    waiting = {TaskStatus.PENDING, *LIVE}
    return {
        parent.take
        for task in tasks
        if task.status in waiting and (parent := task.params.parent) is not None and parent.verb is verb
    }


def _within(
    seen: Sequence[ValidatedShot], limit: Money, table: Sequence[money.Price], settings: Settings
) -> list[ValidatedShot]:
    """Those that fit below a limit, in their order.

    :raises InputError: ``draw_price_unknown`` (model)
    """
    fits: list[ValidatedShot] = []
    spent = Decimal(0)
    for one in seen:
        cost = cost_of(one.plan, table)
        worth, uncounted = money.in_currency({one.plan.provider: [cost] if cost else []}, settings)
        if cost is None or uncounted:
            raise InputError("draw_price_unknown", model=one.plan.model)
        if spent + worth.amount <= limit.amount:
            spent += worth.amount
            fits.append(one)
    return fits


def _parent_of(media: LocalMedia, take: Take, task: Task, key_id: str | None, verb: FinishVerb) -> ParentTake:
    return ParentTake(
        verb=verb,
        take=take.id,
        number=take.number,
        provider=take.provider,
        model=take.model,
        remote_id=task.remote_id,
        key_id=key_id,
        made_at=take.created_at,
        video=media.address(take),
        seconds=take.seconds,
    )
