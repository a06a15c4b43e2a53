"""Finishing: what a provider can do with a take that is there already. The result is a new take of the same shot.

A finishing order is a task like any other: the same gate, ledger, worker and recovery. It keeps what it was made from in
``params.parent``, as that was when it was ordered.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidgen_core import money
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId, video_providers
from vidgen_core.domain.shots import GenerationMode, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import FinishVerb, GenerationParams, ParentTake, Task, TaskStatus
from vidgen_core.providers.base import FinishOffer, Problem, Provider
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.gate import OrderItem
from vidgen_core.services.generation.planning import GenerateOptions, GenerationPlan, plan
from vidgen_core.services.generation.preflight import Estimate, Preflight
from vidgen_core.services.generation.validation import Generated, ValidatedShot, new_tasks, refusals

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

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


class Finishing:
    """Extends and enlarges takes."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    @requires(Role.VIEWER)
    def offers(self, take_id: int) -> tuple[Offered, ...]:
        """What can be done with a take, one line a verb.

        :raises NotFound: there is no such take
        """
        found = (self._validated(take_id, FinishOptions(verb=verb)) for verb in FinishVerb)
        table = self._ctx.price_table()
        return tuple(
            Offered(
                verb=parent.verb,
                provider=seen.plan.provider,
                model=seen.plan.model,
                price=money.estimate(seen.plan.provider, seen.plan.model, seen.plan.params, own=table),
                problem=seen.fatal,
            )
            for seen in found
            if seen is not None and (parent := seen.plan.params.parent) is not None
        )

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
        new = [] if seen.fatal else new_tasks(seen.shot.project_id, seen, TaskStatus.QUEUED, table)
        with self._ctx.store.write() as tx:
            tasks = tx.tasks.add(new) if new else []
            if tasks:
                tx.log.add(LogLevel.INFO, "queued", project_id=seen.shot.project_id, tasks=1, shots=1)
        self._ctx.wake()
        return Generated(tasks=tuple(tasks), refused=refusals([seen]))

    # --- what it comes to

    def _needed(self, take_id: int, asked: FinishOptions) -> ValidatedShot:
        seen = self._validated(take_id, asked)
        if seen is None:
            with self._ctx.store.read() as tx:
                model = tx.takes.get(take_id).model
            raise InputError("finish_not_offered", verb=asked.verb.value, model=model)
        return seen

    def _validated(self, take_id: int, asked: FinishOptions) -> ValidatedShot | None:
        """What would be queued; None where nobody can do it."""
        with self._ctx.store.read() as tx:
            take = tx.takes.get(take_id)
            task, shot = tx.tasks.get(take.task_id), tx.shots.get(take.shot_id)
            attempts = tx.attempts.of_task(task.id)
        key_id = attempts[-1].key_id if attempts else None
        parent = _parent_of(take, task, key_id, asked.verb)
        first = asked.provider or take.provider
        for mode in (first,) if asked.provider else dict.fromkeys((first, *video_providers())):
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
        seconds = asked.seconds
        if seconds is None and asked.verb is FinishVerb.EXTEND and can.duration_needed:
            seconds = next((one for one in can.lengths if one >= _SECONDS), _SECONDS)
        if asked.verb is FinishVerb.UPSCALE and not can.lengths:
            # Not sent; what is enlarged is paid for by its length.
            seconds = take.seconds
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
        problems = provider.check(offer.model, params)
        if offer.problem is not None:
            problems = (offer.problem, *problems)
        if not Path(parent.video).is_file() and parent.remote_id is None:
            problems = (Problem(field="take", code="take_file_gone", params={}), *problems)
        return ValidatedShot(shot, GenerationPlan(provider.mode, offer.model, params, 1), problems)


def _parent_of(take: Take, task: Task, key_id: str | None, verb: FinishVerb) -> ParentTake:
    return ParentTake(
        verb=verb,
        take=take.id,
        number=take.number,
        provider=take.provider,
        model=take.model,
        remote_id=task.remote_id,
        key_id=key_id,
        made_at=take.created_at,
        video=str(Path(take.folder, take.file)),
        seconds=take.seconds,
    )
