"""Quotes: what an order would make and cost, with a token by which it is ordered once, and the yes of a person.

Everything that decides is read and written in the transaction that queues the tasks: two orders at once cannot pass a limit
together, and a quote that was ordered before a crash answers with the tasks that it has.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.db.repositories.access import QuoteRepository
from vidgen_core.domain.agents import Quote, QuoteKind, QuoteState
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import NotFound, Refused, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import WRITING, BillableParty
from vidgen_core.domain.tasks import NewTask, Task, TaskStatus, UntilPass
from vidgen_core.services.access.agents import is_signed, require_project, sign
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.generation import drawing, gate
from vidgen_core.services.generation.finishing import Finishing, FinishOptions
from vidgen_core.services.generation.planning import NO_OPTIONS, GenerateOptions
from vidgen_core.services.generation.preflight import Preflight, PreflightProblem
from vidgen_core.services.generation.selection import select
from vidgen_core.services.generation.validation import Admit, ShotRefusal, ValidatedShot, new_tasks, refusals, warnings

if TYPE_CHECKING:
    from vidgen_core.config.schema import Settings
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.tasks import Tasks

#: How long a quote can be ordered.
VALID: Final = timedelta(minutes=15)
#: How long an order waits for a person.
WAITS: Final = timedelta(days=3)
_MICRO: Final = Decimal("0.000001")


class Quoted(Frozen):
    """A quote, and what orders it."""

    quote: Quote
    token: str
    #: Shots that would get nothing.
    refused: tuple[ShotRefusal, ...] = ()
    #: What would be left out of the others, or may be ignored.
    warnings: tuple[PreflightProblem, ...] = ()
    #: Shots that were left out because they have takes.
    having: int = 0


class Ordered(Frozen):
    """What became of a quote."""

    quote: Quote
    tasks: tuple[Task, ...] = ()
    #: Shots that are still drawn until one passes, and questions to a language model that are still to be answered.
    left: int = 0
    #: Nobody has said yes or no in time.
    expired: bool = False


class Draws(Protocol):
    """What draws reference pictures (``library.pictures``)."""

    def validated(self, project_id: int, shot_ids: Sequence[int], options: GenerateOptions) -> list[ValidatedShot]: ...

    def draw(
        self, project_id: int, shot_ids: Sequence[int], options: GenerateOptions, *, admit: Admit | None = None
    ) -> object: ...


class Asks(Protocol):
    """What asks a language model: for prompts, about takes, or for a storyboard."""

    def wanted(self, options: Mapping[str, Any]) -> Any: ...

    def asked(self, project_id: int, shot_ids: Sequence[int], wanted: Any, /) -> list[tuple[int, Money | None]]: ...

    def ask_for(self, quote: Quote, ids: Sequence[int], wanted: Any, /) -> None: ...


class Working(Protocol):
    """Where language models are asked (``scripts.llm_queue``)."""

    def left(self, quote_id: int) -> int: ...


class _Planned(NamedTuple):
    """What an order would make."""

    #: One for each shot; of prompts none.
    seen: Sequence[ValidatedShot] = ()
    #: What a language model would be asked about (of a script the pieces), and what each costs at most.
    asked: Sequence[tuple[int, Money | None]] = ()
    refused: tuple[ShotRefusal, ...] = ()
    having: int = 0


class _Order(NamedTuple):
    """What is bought, as it is compared with what was priced."""

    tasks: int
    #: In the currency of the budget; None: a price or a rate is missing.
    price: Money | None
    worst: Money | None
    digest: str
    #: The same money by whom it goes to; what has no price is left out.
    costs: dict[BillableParty, list[Money]]

    def is_that_of(self, quote: Quote) -> bool:
        return (self.tasks, self.price, self.digest) == (quote.tasks, quote.price, quote.digest)


class Quotes:
    """Orders that are priced before they are made."""

    def __init__(
        self,
        ctx: ServiceContext,
        tasks: Tasks,
        finishing: Finishing,
        pictures: Draws,
        prompts: Asks,
        model_judge: Asks,
        scripts: Asks,
        llm_queue: Working,
    ) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self._finishing = finishing
        self._pictures = pictures
        self._asking = {
            QuoteKind.PROMPTS: prompts,
            QuoteKind.JUDGEMENTS: model_judge,
            QuoteKind.SCRIPT: scripts,
        }
        self._llm_queue = llm_queue

    @requires(Role.MAKER, log=False)
    def make(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: Frozen = NO_OPTIONS,
        *,
        kind: QuoteKind = QuoteKind.VIDEOS,
        again: bool = True,
        agent: str | None = None,
    ) -> Quoted:
        """Price an order; nothing is queued.

        :param options: ``GenerateOptions``, for finishing ``FinishOptions``, for questions what they want
        :param again: False leaves out shots that have takes; for takes only
        :param agent: who asks, where it is one
        :raises InputError: as what orders the same at once
        :raises Refused: ``quote_empty``, ``quote_having``, ``agent_without_project``, ``key_needed`` (provider)
        """
        planned = self._planned(kind, project_id, shot_ids, options, again=again)
        if planned.seen:
            planned = planned._replace(seen=gate.with_keys(self._ctx, planned.seen))
        table, settings, now = self._ctx.price_table(), self._ctx.settings(), self._ctx.store.now()
        good = [seen for seen in planned.seen if not seen.fatal]
        new = [task for seen in good for task in new_tasks(self._ctx, seen, TaskStatus.QUEUED, table)]
        refused = (*refusals(planned.seen), *planned.refused)
        if not new and not planned.asked:
            if refused and not planned.having:
                raise Refused(refused[0].code, **refused[0].params)
            raise Refused("quote_having", shots=planned.having) if planned.having else Refused("quote_empty")
        bought = _of_tasks(settings, new, _until(options)) if new else _of_questions(settings, kind, planned.asked)
        quote = Quote(
            id=0,  # the table gives it one
            agent=agent,
            project_id=project_id,
            state=QuoteState.QUOTED,
            kind=kind,
            shot_ids=tuple(shot_ids),
            options=options.model_dump(mode="json", exclude_none=True),
            again=again,
            tasks=bought.tasks,
            price=bought.price,
            worst=bought.worst,
            digest=bought.digest,
            created_at=now,
            expires_at=now + VALID,
        )
        with self._ctx.store.write() as tx:
            if agent is not None:
                require_project(tx.agents.get(agent), project_id)
            kept = tx.quotes.add(quote)
        said = gate.grouped(warnings(good))
        return Quoted(quote=kept, token=self._token(kept), refused=refused, warnings=said, having=planned.having)

    @requires(Role.VIEWER)
    def preflight(self, quote: Quote) -> Preflight:
        """Everything that can be known before an order is paid for; nothing is changed."""
        planned = self._planned(quote.kind, quote.project_id, quote.shot_ids, self._options(quote), again=quote.again)
        items = [gate.OrderItem(seen.shot.number, *seen.plan, seen.problems) for seen in planned.seen]
        questions = [cost for _, cost in planned.asked]
        with self._ctx.store.read() as tx:
            return gate.check_order(self._ctx, tx, quote.project_id, items, questions=questions)

    @requires(Role.MAKER)
    def order(self, token: str, agent: str | None = None) -> Ordered:
        """Order what a quote names, once; the same token again says what became of it.

        Above a limit of the agent nothing is queued: the order waits for a person.
        :raises NotFound: ``quote_unknown``: not one of ours, or that of somebody else
        :raises Refused: ``quote_expired``, ``quote_changed``, ``quote_declined``
        """
        quote = self.find(token, agent)
        if quote.state is QuoteState.QUOTED:
            if quote.expires_at <= self._ctx.store.now():
                raise Refused("quote_expired")
            self._generate(quote, approved=False)
        return self._outcome(quote.id)

    @requires(Role.VIEWER)
    def find(self, token: str, agent: str | None = None) -> Quote:
        """The quote of a token.

        :raises NotFound: ``quote_unknown``: not one of ours, or that of somebody else
        """
        number, _, signature = token.strip().partition("-")
        if not number.isdecimal() or len(number) > 18:
            raise NotFound("quote_unknown")
        with self._ctx.store.read() as tx:
            quote = tx.quotes.get(int(number))
        if quote.agent != agent or not is_signed(self._ctx, signature, *_signed(quote)):
            raise NotFound("quote_unknown")
        return quote

    @requires(Role.VIEWER)
    def follow(self, token: str, agent: str | None = None) -> Ordered:
        """What became of a quote; raises as ``find``."""
        return self._outcome(self.find(token, agent).id)

    get = stored(Role.VIEWER, QuoteRepository.get)

    @requires(Role.VIEWER)
    def waiting(self) -> list[Quote]:
        """Orders that wait for a person, the oldest first."""
        return self._ctx.revision_cache.ask("quotes.waiting", lambda tx: tx.quotes.waiting())

    @requires(Role.MAKER)
    def approve(self, quote_id: int, price: Money | None) -> Ordered:
        """Say yes to an order that waits, at the price that was shown and no other.

        :raises NotFound: ``quote_unknown``
        :raises Refused: ``quote_decided``, ``quote_expired``, ``quote_changed``
        """
        quote = self.undecided(quote_id)
        if quote.price != price:
            raise Refused("quote_changed")
        self._generate(quote, approved=True)
        ordered = self._outcome(quote_id)
        if ordered.quote.state is not QuoteState.ORDERED:
            raise Refused("quote_decided")
        return ordered

    @requires(Role.MAKER)
    def decline(self, quote_id: int) -> None:
        """Say no to an order that waits.

        :raises NotFound: ``quote_unknown``
        :raises Refused: ``quote_decided``, ``quote_expired``
        """
        quote = self.undecided(quote_id)
        with self._ctx.store.write() as tx:
            if not tx.quotes.move(quote, QuoteState.DECLINED):
                raise Refused("quote_decided")
            tx.log.add(LogLevel.INFO, "agent_declined", project_id=quote.project_id, **_told(quote))

    @requires(Role.VIEWER)
    def undecided(self, quote_id: int) -> Quote:
        """An order that waits; raises as ``decline``."""
        with self._ctx.store.read() as tx:
            quote, now = tx.quotes.get(quote_id), tx.now()
        if quote.state is not QuoteState.WAITING:
            raise Refused("quote_decided")
        if quote.expires_at <= now:
            raise Refused("quote_expired")
        return quote

    def _outcome(self, quote_id: int) -> Ordered:
        with self._ctx.store.read() as tx:
            quote = tx.quotes.get(quote_id)
            expired = quote.state is QuoteState.WAITING and quote.expires_at <= tx.now()
            tasks = tx.tasks.many(tx.tasks.of_quote(quote_id))
            drawn = {task.draw for task in tasks if task.draw is not None}
            open_ = sum(one.draw in drawn for one in tx.draws.open()) if drawn else 0
        left = open_ + self._llm_queue.left(quote_id)
        return Ordered(quote=quote, tasks=tuple(tasks), left=left, expired=expired)

    def _options(self, quote: Quote) -> Any:
        if quote.kind in self._asking:
            return self._asking[quote.kind].wanted(quote.options)
        kind = FinishOptions if quote.kind is QuoteKind.FINISH else GenerateOptions
        return kind.model_validate(quote.options)

    def _planned(
        self, kind: QuoteKind, project_id: int, shot_ids: Sequence[int], options: Any, *, again: bool
    ) -> _Planned:
        if kind in self._asking:
            return _Planned(asked=self._asking[kind].asked(project_id, shot_ids, options))
        if kind is QuoteKind.PICTURES:
            return _Planned(self._pictures.validated(project_id, shot_ids, options))
        if kind is QuoteKind.FINISH:
            going, left = self._finishing.planned(project_id, options, shot_ids)
            return _Planned(going, refused=tuple(left))
        validated, having = select(self._ctx, project_id, shot_ids, options, again=again)
        return _Planned(validated, having=len(having))

    def _generate(self, quote: Quote, *, approved: bool) -> None:
        """Queue the tasks of a quote, or let it wait for a person."""
        options, admit = self._options(quote), partial(self._admit, quote=quote, approved=approved)
        if quote.kind in self._asking:
            self._ask(quote, options, approved=approved)
        elif quote.kind is QuoteKind.PICTURES:
            self._pictures.draw(quote.project_id, quote.shot_ids, options, admit=admit)
        elif quote.kind is QuoteKind.FINISH:
            self._finishing.order_chosen(quote.project_id, options, quote.shot_ids, admit=admit)
        else:
            self._tasks.generate(quote.project_id, quote.shot_ids, options, again=quote.again, admit=admit)

    def _ask(self, quote: Quote, wanted: Any, *, approved: bool) -> None:
        """Let a language model be asked: each question asks the limits again before it leaves."""
        asking = self._asking[quote.kind]
        asked = asking.asked(quote.project_id, quote.shot_ids, wanted)
        bought = _of_questions(self._ctx.settings(), quote.kind, asked)
        with self._ctx.store.write() as tx:
            going = self._decide(tx, quote, bought, approved=approved)
        if not going:
            return
        ordered = self.get(quote.id)
        try:
            asking.ask_for(ordered, [about for about, _ in asked], wanted)
        except VidgenError:
            # Nothing was asked: it can be ordered again.
            with self._ctx.store.write() as tx:
                tx.quotes.move(ordered, quote.state, approved=False)
            raise

    def _admit(self, tx: Tx, new: list[NewTask], *, quote: Quote, approved: bool) -> list[NewTask]:
        """What of an order is queued, decided in the transaction that queues."""
        bought = _of_tasks(self._ctx.settings(), new, _until(self._options(quote)))
        if not self._decide(tx, quote, bought, approved=approved):
            return []
        return [task.model_copy(update={"quote_id": quote.id}) for task in new]

    def _decide(self, tx: Tx, quote: Quote, bought: _Order, *, approved: bool) -> bool:
        """Whether a quote is ordered now; else it waits for a person, or another call with its token came first.

        :raises Refused: ``quote_changed``: it is not what was priced
        """
        settings, now = self._ctx.settings(), tx.now()
        if tx.quotes.get(quote.id).state is not quote.state:
            # What the other call did counts.
            return False
        if not bought.is_that_of(quote):
            raise Refused("quote_changed")
        reason = "" if approved else self._reason(tx, quote, bought, settings, now)
        if reason:
            tx.quotes.move(quote, QuoteState.WAITING, reason=reason, expires_at=now + WAITS)
            tx.log.add(LogLevel.WARNING, "agent_waits", project_id=quote.project_id, **_told(quote))
            return False
        tx.quotes.move(quote, QuoteState.ORDERED, approved=approved)
        if quote.agent is not None:
            code = "agent_approved" if approved else "agent_ordered"
            tx.log.add(LogLevel.INFO, code, project_id=quote.project_id, **_told(quote))
        return True

    def _reason(self, tx: Tx, quote: Quote, bought: _Order, settings: Settings, now: datetime) -> str:
        """Why an order waits for a person; empty: it does not."""
        if quote.agent is None:
            return ""
        agent = tx.agents.get(quote.agent)
        if agent is None or agent.revoked_at is not None:
            raise Refused("agent_revoked")
        require_project(agent, quote.project_id)
        if quote.price is None:
            return "price"
        passed = money.over_agent_limit(money.agent_statuses(tx, settings, agent, now), settings, bought.costs)
        if passed is not None:
            return passed.scope
        return "gate" if gate.asks(settings, bought.tasks, bought.costs, known=True) else ""

    def _token(self, quote: Quote) -> str:
        return f"{quote.id}-{sign(self._ctx, *_signed(quote))}"


def _of_tasks(settings: Settings, new: Sequence[NewTask], until: UntilPass | None) -> _Order:
    """What tasks are as an order; where takes are made until one passes, ``new`` are the first ones."""
    digest = _digest(
        # A wording may still change, as it may while a task waits.
        (task.shot_id, task.provider.value, task.model, *_made(task))
        for task in new
    )
    if until is not None and new:
        ceiling = _micros(drawing.ceiling_of(settings, new, until))
        return _Order(len(new) * until.most, ceiling, ceiling, digest, {new[0].provider: [ceiling]})
    costs: dict[BillableParty, list[Money]] = defaultdict(list)
    for task in new:
        if task.cost is not None:
            costs[task.provider].append(task.cost)
    price = _price(settings, costs, known=all(task.cost is not None for task in new))
    return _Order(len(new), price, price and gate.worst(price, settings), digest, dict(costs))


def _of_questions(settings: Settings, kind: QuoteKind, asked: Sequence[tuple[int, Money | None]]) -> _Order:
    """What questions to a language model are as an order, at the most that each may cost."""
    costs: dict[BillableParty, list[Money]] = {WRITING: [cost for _, cost in asked if cost is not None]}
    price = _price(settings, costs, known=all(cost is not None for _, cost in asked))
    # An answer that cannot be read is asked to be repaired once, but for an opinion of a take.
    worst = price and Money(amount=price.amount * (1 if kind is QuoteKind.JUDGEMENTS else 2), currency=price.currency)
    return _Order(len(asked), price, worst, _digest((about, settings.writing.model) for about, _ in asked), costs)


def _signed(quote: Quote) -> tuple[str, ...]:
    """What the token of a quote stands for."""
    named = (quote.id, quote.agent or "", quote.project_id, quote.tasks, quote.price, quote.worst, quote.digest)
    return ("quote", *map(str, named), quote.created_at.isoformat())


def _told(quote: Quote) -> dict[str, Any]:
    price = quote.price.model_dump(mode="json") if quote.price else "?"
    return {"agent": quote.agent or "–", "tasks": quote.tasks, "price": price}


def _until(options: Frozen) -> UntilPass | None:
    return options.until if isinstance(options, GenerateOptions) else None


def _price(settings: Settings, costs: Mapping[BillableParty, Sequence[Money]], *, known: bool) -> Money | None:
    """What an order costs in the currency of the budget; None: a price or a rate is missing."""
    worth, uncounted = money.in_currency(costs, settings)
    return None if uncounted or not known else _micros(worth)


def _micros(amount: Money) -> Money:
    """As the store keeps amounts."""
    return Money(amount=amount.amount.quantize(_MICRO), currency=amount.currency)


def _made(task: NewTask) -> tuple[Any, ...]:
    """What a task costs, makes and is made of, beside words and pictures."""
    params, parent = task.params, task.params.parent
    # The same amount may be written in several ways, as lists of prices do.
    cost = task.cost and (str(_micros(task.cost).amount), task.cost.currency)
    finishes = (parent.verb.value, parent.take) if parent else ()
    return (cost, params.size, params.duration, params.sound, *finishes)


def _digest(bought: Iterable[tuple[Any, ...]]) -> str:
    """A digest of what would be bought, so that a change of it is seen."""
    return hashlib.sha256(json.dumps(sorted(bought, key=repr)).encode()).hexdigest()
