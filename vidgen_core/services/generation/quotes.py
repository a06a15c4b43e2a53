"""Quotes: what an order would make and cost, with a token by which it is ordered once, and the yes of a person.

Everything that decides is read and written in the transaction that queues the tasks: two orders at once cannot pass a limit
together, and a quote that was ordered before a crash answers with the tasks that it has.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from vidgen_core import money
from vidgen_core.db import NewTask, Tx
from vidgen_core.domain.agents import Quote, QuoteState
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError, NotFound, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.services.access.agents import is_signed, require_project, sign
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.planning import NO_OPTIONS, GenerateOptions
from vidgen_core.services.generation.validation import ShotRefusal, new_tasks, refusals

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
    #: Shots that were left out because they have takes.
    having: int = 0


class Ordered(Frozen):
    """What became of a quote."""

    quote: Quote
    tasks: tuple[Task, ...] = ()


class Quotes:
    """Orders that are priced before they are made."""

    def __init__(self, ctx: ServiceContext, tasks: Tasks) -> None:
        self._ctx = ctx
        self._tasks = tasks

    @requires(Role.MAKER, log=False)
    def make(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
        *,
        again: bool = True,
        agent: str | None = None,
    ) -> Quoted:
        """Price takes for shots; nothing is queued.

        :param agent: who asks, where it is one
        :raises InputError: as ``Tasks.generate``, and ``quote_until_pass``
        :raises Refused: ``quote_empty``, ``agent_without_project``, ``key_needed`` (provider)
        """
        if options.until is not None:
            raise InputError("quote_until_pass")
        validated, having = self._tasks.validated(project_id, shot_ids, options, again=again)
        validated = gate.with_keys(self._ctx, validated)
        table = self._ctx.price_table()
        new = [
            task
            for seen in validated
            if not seen.fatal
            for task in new_tasks(project_id, seen, TaskStatus.QUEUED, table)
        ]
        settings, now = self._ctx.settings(), datetime.now(UTC)
        price = _price(settings, new)
        if not new and not having:
            refused = next(iter(refusals(validated)), None)
            raise Refused(refused.code, **refused.params) if refused else Refused("quote_empty")
        if not new:
            raise Refused("quote_having", shots=len(having))
        quote = Quote(
            id=0,  # the table gives it one
            agent=agent,
            project_id=project_id,
            state=QuoteState.QUOTED,
            shot_ids=tuple(shot_ids),
            options=options.model_dump(mode="json", exclude_none=True),
            again=again,
            tasks=len(new),
            price=price,
            worst=price and gate.worst(price, settings),
            digest=_digest(new),
            created_at=now,
            expires_at=now + VALID,
        )
        with self._ctx.store.write() as tx:
            if agent is not None:
                require_project(tx.agents.get(agent), project_id)
            kept = tx.quotes.add(quote)
        return Quoted(quote=kept, token=self._token(kept), refused=refusals(validated), having=len(having))

    @requires(Role.MAKER)
    def order(self, token: str, agent: str | None = None) -> Ordered:
        """Order what a quote names, once; the same token again says what became of it.

        Above a limit of the agent nothing is queued: the order waits for a person.
        :raises NotFound: ``quote_unknown``: not one of ours, or that of somebody else
        :raises Refused: ``quote_expired``, ``quote_changed``, ``quote_declined``
        """
        quote = self.find(token, agent)
        if quote.state is QuoteState.QUOTED:
            if quote.expires_at <= datetime.now(UTC):
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

    @requires(Role.VIEWER)
    def get(self, quote_id: int) -> Quote:
        """:raises NotFound: ``quote_unknown``"""
        with self._ctx.store.read() as tx:
            return tx.quotes.get(quote_id)

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
        return self._outcome(quote_id)

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
            quote = tx.quotes.get(quote_id)
        if quote.state is not QuoteState.WAITING:
            raise Refused("quote_decided")
        if quote.expires_at <= datetime.now(UTC):
            raise Refused("quote_expired")
        return quote

    def _outcome(self, quote_id: int) -> Ordered:
        with self._ctx.store.read() as tx:
            quote = tx.quotes.get(quote_id)
            return Ordered(quote=quote, tasks=tuple(tx.tasks.many(tx.tasks.of_quote(quote_id))))

    def _generate(self, quote: Quote, *, approved: bool) -> None:
        """Queue the tasks of a quote, or let it wait for a person."""
        self._tasks.generate(
            quote.project_id,
            quote.shot_ids,
            GenerateOptions.model_validate(quote.options),
            again=quote.again,
            admit=partial(self._admit, quote=quote, approved=approved),
        )

    def _admit(self, tx: Tx, new: list[NewTask], *, quote: Quote, approved: bool) -> list[NewTask]:
        """Decide in the transaction that queues.

        :raises Refused: ``quote_changed``: it is not what was priced
        """
        settings, now = self._ctx.settings(), datetime.now(UTC)
        if tx.quotes.get(quote.id).state is not quote.state:
            # Another call with the same token came first: what it did counts.
            return []
        if (len(new), _price(settings, new), _digest(new)) != (quote.tasks, quote.price, quote.digest):
            raise Refused("quote_changed")
        reason = "" if approved else self._reason(tx, quote, new, settings, now)
        if reason:
            tx.quotes.move(quote, QuoteState.WAITING, reason=reason, expires_at=now + WAITS)
            tx.log.add(LogLevel.WARNING, "agent_waits", project_id=quote.project_id, **_told(quote))
            return []
        tx.quotes.move(quote, QuoteState.ORDERED, approved=approved)
        if quote.agent is not None:
            code = "agent_approved" if approved else "agent_ordered"
            tx.log.add(LogLevel.INFO, code, project_id=quote.project_id, **_told(quote))
        return [replace(task, quote_id=quote.id) for task in new]

    def _reason(self, tx: Tx, quote: Quote, new: Sequence[NewTask], settings: Settings, now: datetime) -> str:
        """Why an order waits for a person; empty: it does not."""
        if quote.agent is None:
            return ""
        agent = tx.agents.get(quote.agent)
        if agent is None or agent.revoked_at is not None:
            raise Refused("agent_revoked")
        require_project(agent, quote.project_id)
        costs = _costs(new)
        if quote.price is None:
            return "price"
        passed = money.over_agent_limit(money.agent_statuses(tx, settings, agent, now), settings, costs)
        if passed is not None:
            return passed.scope
        return "gate" if gate.asks(settings, len(new), costs, known=True) else ""

    def _token(self, quote: Quote) -> str:
        return f"{quote.id}-{sign(self._ctx, *_signed(quote))}"


def _signed(quote: Quote) -> tuple[str, ...]:
    """What the token of a quote stands for."""
    named = (quote.id, quote.agent or "", quote.project_id, quote.tasks, quote.price, quote.worst, quote.digest)
    return ("quote", *map(str, named), quote.created_at.isoformat())


def _told(quote: Quote) -> dict[str, Any]:
    price = quote.price.model_dump(mode="json") if quote.price else "?"
    return {"agent": quote.agent or "–", "tasks": quote.tasks, "price": price}


def _costs(new: Sequence[NewTask]) -> dict[BillableParty, list[Money]]:
    found: dict[BillableParty, list[Money]] = defaultdict(list)
    for task in new:
        if task.cost is not None:
            found[task.provider].append(task.cost)
    return dict(found)


def _price(settings: Settings, new: Sequence[NewTask]) -> Money | None:
    """What tasks cost in the currency of the budget; None: a price or a rate is missing."""
    worth, uncounted = money.in_currency(_costs(new), settings)
    if uncounted or any(task.cost is None for task in new):
        return None
    # As the store keeps amounts.
    return Money(amount=worth.amount.quantize(_MICRO), currency=worth.currency)


def _digest(new: Sequence[NewTask]) -> str:
    """A digest of what would be bought; a wording may still change, as it may while a task waits."""
    bought = sorted((task.shot_id, task.provider.value, task.model, str(task.cost)) for task in new)
    return hashlib.sha256(json.dumps(bought).encode()).hexdigest()
