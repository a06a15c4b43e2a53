"""Tasks: making them, and the ways on when one has failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import LIVE, UNSENT, Task, TaskStatus
from vidgen_core.providers.capabilities import Problem
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import canaries, drawing, gate, recovery
from vidgen_core.services.generation.gate import OrderItem
from vidgen_core.services.generation.planning import NO_OPTIONS, GenerateOptions, plan
from vidgen_core.services.generation.preflight import Estimate, Preflight
from vidgen_core.services.generation.recovery import Outcome, Refusal, Step
from vidgen_core.services.generation.selection import check_shot, having_takes, select
from vidgen_core.services.generation.task_list import TaskList
from vidgen_core.services.generation.validation import Admit, Generated, ShotRefusal, new_tasks, refusals, warnings
from vidgen_core.worker import canary

#: Tasks of one act that are changed in one transaction.
SLICE = 500
#: Why a task of a chain waits although a person may say that it goes on all the same.
ASKED = frozenset({"chain_drifted", "chain_previous_stale"})


class Tasks(TaskList):
    """Our units of queued work: making them, and the ways on."""

    # --- making

    @requires(Role.VIEWER)
    def estimate(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
        *,
        again: bool = True,
    ) -> Estimate:
        """What ``generate`` with the same options would queue, cost and refuse; nothing is changed."""
        validated, having = select(self._ctx, project_id, shot_ids, options, again=again)
        return gate.estimate_of(self._ctx, validated, len(having), options.until)

    @requires(Role.VIEWER)
    def estimate_for(self, shots: Sequence[Shot], options: GenerateOptions = NO_OPTIONS) -> Estimate:
        """As ``estimate``, for shots that have been read already; the store is not asked again."""
        settings = self._ctx.settings()
        validated = [check_shot(self._ctx, shot, plan(shot, options, settings)) for shot in shots]
        return gate.estimate_of(self._ctx, validated, until=options.until)

    @requires(Role.VIEWER)
    def preflight(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
        *,
        again: bool = True,
    ) -> Preflight:
        """Everything that can be known before ``generate`` with the same options is paid for; nothing is changed."""
        validated, having = select(self._ctx, project_id, shot_ids, options, again=again)
        items = [OrderItem(seen.shot.number, *seen.plan, seen.problems) for seen in validated]
        return self._preflight(project_id, items, [shot.number for shot in having])

    @requires(Role.VIEWER)
    def preflight_tasks(self, project_id: int, ids: Sequence[int]) -> Preflight:
        """The same for tasks that are to be started or submitted again."""
        return self._preflight(project_id, [self._item(task) for task in self.many(ids)])

    @requires(Role.VIEWER)
    def estimate_tasks(self, ids: Sequence[int]) -> Estimate:
        """What starting or submitting these tasks again would cost."""
        return gate.estimate_tasks(self._ctx, self.many(ids))

    def _item(self, task: Task) -> OrderItem:
        try:
            problems = self._ctx.provider(task.provider).check(task.model, task.params)
        except Refused as error:
            problems = (Problem(field="provider", code=error.code, params=error.params),)
        with self._ctx.store.read() as tx:
            trial = (gate.on_trial(task.model),) if canaries.unproved(self._ctx, tx, task) else ()
        return OrderItem(task.shot, task.provider, task.model, task.params, 1, (*problems, *trial))

    def _preflight(self, project_id: int, items: Sequence[OrderItem], having: Sequence[str] = ()) -> Preflight:
        with self._ctx.store.read() as tx:
            return gate.check_order(self._ctx, tx, project_id, items, having)

    @requires(Role.VIEWER)
    def preflight_batch(self, project_id: int, batch: int) -> Preflight:
        """The same for the rest of a batch whose first shot went ahead."""
        return self.preflight_tasks(project_id, self._rest_of(project_id, batch))

    @requires(Role.VIEWER)
    def estimate_batch(self, project_id: int, batch: int) -> Estimate:
        """What releasing the rest of a batch whose first shot went ahead would cost."""
        return self.estimate_tasks(self._rest_of(project_id, batch))

    def _rest_of(self, project_id: int, batch: int) -> list[int]:
        with self._ctx.store.read() as tx:
            return canaries.waiting_tasks(tx, project_id, batch)

    @requires(Role.MAKER)
    def go_on(self, project_id: int, batch: int) -> int:
        """Release the rest of a batch whose first shot went ahead; returns how many tasks were queued.

        :raises Refused: ``key_needed`` (provider)
        """
        missing = self.estimate_batch(project_id, batch).key_missing
        if missing is not None:
            raise gate.no_key(self._ctx.settings(), missing)
        with self._ctx.store.write() as tx:
            released = canaries.release(tx, project_id, batch)
            tx.log.add(LogLevel.INFO, "canary_went_on", project_id=project_id, tasks=len(released))
        self._ctx.wake()
        return len(released)

    @requires(Role.MAKER)
    def generate(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
        *,
        release: bool = True,
        canary: bool | None = None,
        again: bool = True,
        admit: Admit | None = None,
    ) -> Generated:
        """Queue takes for shots in one transaction and return at once; a shot's own parameters win over the options.

        Shots that their model would not take as they are, or whose provider has no key, get nothing and are named in
        ``refused``.

        :param release: False keeps them as *pending* until ``start``
        :param canary: True releases the first shot only, and the rest with ``go_on`` (or by itself, as the settings have
            it); None: as the settings have it for large batches
        :param again: False leaves out shots that have takes, or some under way
        :param admit: asked in the transaction that queues what of it is queued
        :raises InputError: ``takes_out_of_range``
        :raises Refused: ``key_needed`` (provider), when nothing of it can go for want of a key
        """
        validated, having = select(self._ctx, project_id, shot_ids, options, again=again)
        if release:
            validated = gate.with_keys(self._ctx, validated)
        status = TaskStatus.QUEUED if release else TaskStatus.PENDING
        table = self._ctx.price_table()
        new = [task for seen in validated if not seen.fatal for task in new_tasks(self._ctx, seen, status, table)]
        ceiling = drawing.ceiling_of(self._ctx.settings(), new, options.until) if options.until and new else None
        beyond: set[int] = set()
        with self._ctx.store.write() as tx:
            if not again:
                # Two clicks at once: what the other one has queued meanwhile counts.
                had = having_takes(tx, project_id, tx.shots.many({task.shot_id for task in new}))
                new = [task for task in new if task.shot_id not in had]
            if admit is not None:
                new = admit(tx, new)
            if ceiling is not None and new:
                beyond = {task.shot_id for task in new}
                new = drawing.begin(tx, self._ctx.settings(), new, options, ceiling)
                beyond -= {task.shot_id for task in new}
            first = canary if ceiling is None else False
            tasks = canaries.queue(self._ctx, tx, project_id, new, release=release, first=first)
            if tasks:
                tx.log.add(
                    LogLevel.INFO,
                    "queued",
                    project_id=project_id,
                    tasks=len(tasks),
                    shots=len({task.shot_id for task in tasks}),
                )
        self._ctx.wake()
        told = {"limit": ceiling.model_dump(mode="json")} if ceiling else {}
        left = [ShotRefusal(seen.shot, "draw_ceiling", told) for seen in validated if seen.shot.id in beyond]
        refused = (*refusals(validated), *left)
        return Generated(tasks=tuple(tasks), refused=refused, warnings=warnings(validated), having=len(having))

    # --- acting on tasks

    @requires(Role.MAKER)
    def start(self, ids: Iterable[int]) -> Outcome:
        """Release kept tasks to the runner.

        :raises Refused: ``key_needed`` (provider), when nothing of it can go for want of a key
        """
        return self._paid(ids, _may_start)

    @requires(Role.MAKER)
    def cancel(self, ids: Iterable[int], give_up: bool = False) -> Outcome:
        """What was not sent ends at once and is free; for what was sent the runner stops waiting.

        :param give_up: also stop waiting for jobs that were submitted; they may still be charged, and a late result
            is still taken in. Without it such tasks are refused with ``task_already_sent``.
        """
        return self._each(
            ids, lambda tx, task: _cancel(tx, task, give_up), first=lambda tx, wanted: tx.tasks.cancel_unsent(wanted)
        )

    @requires(Role.MAKER)
    def delete(self, ids: Iterable[int]) -> Outcome:
        """Take tasks off the list, softly; finished videos stay where they are.

        A job under way is refused (``task_still_paid_for``, ``task_still_running``) until it is cancelled.
        """
        return self._each(ids, _delete)

    @requires(Role.MAKER)
    def restore(self, ids: Iterable[int]) -> None:
        """Bring deleted tasks back."""
        with self._ctx.store.write() as tx:
            tx.tasks.restore(list(ids))

    @requires(Role.MAKER)
    def pin(self, ids: Iterable[int], pinned: bool = True) -> None:
        """Let tasks go first (priority 1), or no longer (0)."""
        with self._ctx.store.write() as tx:
            tx.tasks.pin(list(ids), int(pinned))
        self._ctx.wake()

    @requires(Role.MAKER)
    def retry(self, ids: Iterable[int], confirm: bool = False) -> Outcome:
        """Submit failed or cancelled tasks again: a new attempt, paid anew.

        :param confirm: the user knows that it may pay twice; without it a task whose submit is in doubt is refused
            with ``may_be_paid_twice``
        :raises Refused: ``key_needed`` (provider), when nothing of it can go for want of a key
        """
        return self._paid(ids, lambda tx, task: recovery.retry(tx, task, confirm))

    @requires(Role.MAKER)
    def look_again(self, ids: Iterable[int]) -> Outcome:
        """Go on waiting for jobs that timed out, were given up or whose submit is in doubt; free."""
        return self._each(ids, recovery.look_again)

    @requires(Role.MAKER)
    def download_again(self, ids: Iterable[int]) -> Outcome:
        """Fetch the video of a finished job again, with a fresh link; free."""
        return self._each(ids, recovery.download_again)

    @requires(Role.MAKER, log=False)
    def asked_price(self, task_id: int) -> Money | None:
        """What a job that waits for a yes would take; None: no price is named; free.

        :raises Refused: ``nothing_to_confirm`` (shot, take), ``key_missing`` (provider)
        """
        from vidgen_core.services.generation import price_confirmation

        return price_confirmation.asked_price(self._ctx, task_id)

    @requires(Role.MAKER)
    def confirm_price(self, task_id: int, price: Money | None) -> None:
        """Say yes to the price a job waits for, which costs it; another price than ``price`` is not confirmed.

        :raises Refused: as ``asked_price``, and ``price_changed`` (shot, take)
        """
        from vidgen_core.services.generation import price_confirmation

        price_confirmation.confirm_price(self._ctx, task_id, price)

    @requires(Role.MAKER)
    def adopt(self, task_id: int, remote_id: str) -> Task:
        """Say which remote job is this task's; the runner goes on with it; free.

        :raises Refused: ``remote_id_known`` (shot, take), ``task_not_adoptable`` (status)
        :raises InputError: ``remote_id_empty``
        """
        with self._ctx.store.write() as tx:
            adopted = recovery.adopt(tx, tx.tasks.get(task_id), _remote_id(remote_id))
        self._ctx.wake()
        return adopted

    @requires(Role.MAKER)
    def enter_link(self, task_id: int, link: str) -> Task:
        """Fetch the result of a job that ended from a link that a person knows; free.

        :raises Refused: ``task_without_job`` (status), ``task_moved_on`` (shot, take)
        :raises InputError: ``result_link_invalid``
        """
        with self._ctx.store.write() as tx:
            task = recovery.enter_link(tx, tx.tasks.get(task_id), link)
        self._ctx.wake()
        return task

    @requires(Role.MAKER)
    def adopt_new(
        self, shot_id: int, provider: ProviderId, remote_id: str, model: str | None = None, key: str | None = None
    ) -> Task:
        """Attach a remote job that exists already to a shot, as a new take of it; free.

        :param key: name of the key that sent it; None: the first enabled one
        :raises Refused: ``remote_id_known`` (shot, take)
        :raises InputError: ``remote_id_empty``, ``key_unknown`` (key, provider)
        """
        with self._ctx.store.read() as tx:
            shot = tx.shots.get(shot_id)
        planned = plan(shot, GenerateOptions(provider=provider, model=model), self._ctx.settings())
        chosen = planned._replace(provider=provider, model=model or planned.model)
        base_url = self._ctx.provider(provider).base_url
        sender = recovery.key_named(self._ctx.settings(), provider, key)
        with self._ctx.store.write() as tx:
            task = recovery.adopt_new(tx, shot, chosen, _remote_id(remote_id), sender, base_url)
        self._ctx.wake()
        return task

    @requires(Role.VIEWER)
    def steps(self, task: Task, table: Sequence[money.Price] | None = None) -> tuple[Step, ...]:
        """The ways on from a task that waits for a person or ended without a video, from free to paid.

        :param table: ``budget.table()``, for those who ask after many tasks
        """
        if task.status not in recovery.REOPENABLE | {TaskStatus.PENDING}:
            return ()
        own = self._ctx.price_table() if table is None else table
        return recovery.steps(task, money.estimate(task.provider, task.model, task.params, own=own))

    def _paid(self, ids: Iterable[int], act: Callable[[Tx, Task], Refusal | None]) -> Outcome:
        """Queue those that ``act`` allows and whose provider has a key; of an unproved model one goes ahead."""
        lacks: dict[ProviderId, Refused | None] = {}
        ahead: dict[str, Task] = {}
        held: dict[str, list[Task]] = defaultdict(list)

        def allowed(tx: Tx, task: Task) -> Refusal | None:
            mode, refusal = task.provider, act(tx, task)
            if mode not in lacks:
                lacks[mode] = gate.no_key(self._ctx.settings(), mode) if gate.key_missing(self._ctx, [mode]) else None
            lack = lacks[mode]
            if refusal is None and lack:
                return recovery.refuse(task, lack.code, **lack.params)
            proof = canaries.unproved(self._ctx, tx, task) if refusal is None else None
            if proof is None or task.id in canaries.waiting_for_models(tx):
                # That what waits is started says that a person goes on with it.
                return refusal
            if proof in ahead or canary.under_way(tx, proof):
                held[proof].append(task)
                return recovery.refuse(task, "canary_ahead", model=task.model)
            ahead[proof] = task
            return None

        def queue(tx: Tx, done: Sequence[int]) -> None:
            # Only people have these verbs.
            tx.tasks.take_over(done)
            table = money.prices_of(tx, self._ctx.settings())
            for task in tx.tasks.many(done):
                if task.status in recovery.REOPENABLE:
                    # It was offered at the price of now; until here it shows what its attempts have cost.
                    price = money.estimate(task.provider, task.model, task.params, own=table)
                    tx.tasks.note(task.id, cost=price)
            tx.draws.resume(done, drawing.RESUMED)
            # As one batch, so that they take fair turns with others.
            tx.tasks.release(done)
            for proof in dict.fromkeys((*ahead, *held)):
                tasks = tx.tasks.many([task.id for task in (*filter(None, [ahead.get(proof)]), *held[proof])])
                canaries.keep_held(tx, tasks[0].project_id, tasks, [proof] * len(tasks))

        outcome = self._each(ids, allowed, queue)
        lack = next(filter(None, lacks.values()), None)
        if lack and not outcome.done and all(one.code in gate.NO_KEY for one in outcome.refused):
            raise lack
        return outcome

    def _each(
        self,
        ids: Iterable[int],
        act: Callable[[Tx, Task], Refusal | None],
        then: Callable[[Tx, Sequence[int]], None] | None = None,
        first: Callable[[Tx, Sequence[int]], Collection[int]] = lambda _tx, _ids: (),
    ) -> Outcome:
        """Do the same to every task; one that cannot be is named and stops no other.

        Some hundreds share a transaction, so that between them the runner and other people have their turn.

        :param then: what is done with all of those together that were not refused, in the one transaction of all
        :param first: does it to as many as one statement can, and returns those; ``act`` is for the others
        """
        wanted = list(dict.fromkeys(ids))
        done: list[int] = []
        refused: list[Refusal] = []
        unknown: list[Refusal] = []
        step = SLICE if then is None else max(len(wanted), 1)
        for start in range(0, len(wanted), step):
            some = wanted[start : start + step]
            with self._ctx.store.write() as tx:
                at_once = set(first(tx, some))
                left = [id_ for id_ in some if id_ not in at_once]
                tasks = {task.id: task for task in tx.tasks.many(left)}
                unknown += [Refusal(id_, "task_unknown", {"id": id_}) for id_ in left if id_ not in tasks]
                outcomes = {id_: act(tx, task) for id_, task in tasks.items()}
                refused += filter(None, outcomes.values())
                now = [id_ for id_ in some if id_ in at_once or (id_ in outcomes and outcomes[id_] is None)]
                if then is not None:
                    then(tx, now)
            done += now
        self._ctx.wake()
        return Outcome(done=tuple(done), refused=(*refused, *unknown))


def _remote_id(text: str) -> str:
    if not text.strip():
        raise InputError("remote_id_empty")
    return text.strip()


def _may_start(tx: Tx, task: Task) -> Refusal | None:
    if task.status is not TaskStatus.PENDING:
        return recovery.refuse(task, "task_not_pending")
    link = task.params.link
    if link is not None and task.failure is not None and task.failure.code in ASKED:
        # Whoever starts it has read what speaks against it.
        agreed = task.params.model_copy(update={"link": link.model_copy(update={"anyway": True})})
        tx.tasks.note(task.id, params=agreed)
    return None


def _cancel(tx: Tx, task: Task, give_up: bool) -> Refusal | None:
    if task.status not in LIVE:
        return recovery.refuse(task, "task_has_ended")
    if not give_up and task.remote_id is not None and not task.provider.is_free:
        return recovery.refuse(task, "task_already_sent")
    tx.tasks.request_cancel([task.id])
    return None


def _delete(tx: Tx, task: Task) -> Refusal | None:
    if task.status in LIVE - UNSENT:
        free = task.provider.is_free
        return recovery.refuse(task, "task_still_running" if free else "task_still_paid_for")
    if task.status in UNSENT:
        tx.tasks.move(task.id, TaskStatus.CANCELLED)
    tx.tasks.delete([task.id])
    return None
