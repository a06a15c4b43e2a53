"""Questions that a person can answer by a link of a notice: what is asked, and the yes or no.

A link is signed and ends with its day; whoever has it may answer this one question, at the price that it was sent with, and
nothing else. What was answered once, there or elsewhere, cannot be answered again: the question itself is gone then. To read
a question changes nothing.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import ErrorKind, NotFound, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.services.access.agents import is_signed, sign

if TYPE_CHECKING:
    from vidgen_core.domain.tasks import Task
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.quotes import Quotes
    from vidgen_core.services.generation.tasks import Tasks

#: Where a link leads, below the address of the server.
PATH: Final = "/answer/"
#: Seconds that a link can be used.
VALID: Final = 24 * 3600

Kind = Literal["order", "price"]


class Question(Frozen):
    """Something that waits for a person."""

    kind: Kind
    #: Of the quote, or of the task.
    id: int
    project: str
    #: ``agents.question.<kind>`` in the catalogues, filled with these; money as JSON.
    params: dict[str, Any]
    price: Money | None


class Answers:
    """Questions behind links. There is no visitor: the signature of the link says what may be answered."""

    def __init__(self, ctx: ServiceContext, tasks: Tasks, quotes: Quotes) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self._quotes = quotes

    def read(self, token: str) -> Question:
        """What is asked.

        :raises NotFound: ``answer_unknown``: no link of ours
        :raises Refused: ``answer_expired``, ``quote_decided``, ``nothing_to_confirm``, ``price_changed``: another one is
            asked now than when the link was sent
        :raises RemoteError: the provider cannot be asked for its price
        """
        kind, id_, mark = self._opened(token)
        if kind == "order":
            quote = self._quotes.undecided(id_)
            why = {
                "agent": quote.agent or "–",
                "n": quote.tasks,
                "worst": quote.worst,
                "code": quote.reason,
                "what": quote.what,
            }
            return self._question(kind, id_, quote.project_id, quote.price, why)
        task, price = self._tasks.get(id_), self._tasks.asked_price(id_)
        self._check(task, price, mark)
        return self._question(kind, id_, task.project_id, price, {"shot": task.shot, "take": task.take})

    def yes(self, token: str, amount: str, currency: str) -> None:
        """Say yes at the price that was shown and no other; raises as ``read``, ``Quotes.approve``, ``Tasks.confirm_price``.

        :param amount: empty: none was named
        """
        kind, id_, mark = self._opened(token)
        try:
            price = Money(amount=Decimal(amount), currency=currency) if amount else None
        except (InvalidOperation, ValueError):
            raise Refused("quote_changed") from None
        if kind == "order":
            self._quotes.approve(id_, price)
        else:
            self._check(self._tasks.get(id_), price, mark)
            self._tasks.confirm_price(id_, price)
        self._log(kind, id_, "yes")

    def no(self, token: str) -> None:
        """Say no to an order, or leave a price as it is; raises as ``read``."""
        kind, id_, _ = self._opened(token)
        if kind == "order":
            self._quotes.decline(id_)
            self._log(kind, id_, "no")

    def _log(self, kind: Kind, id_: int, answer: str) -> None:
        with self._ctx.store.write() as tx:
            tx.log.add(LogLevel.INFO, f"answered_{answer}", what=f"{kind} {id_}")

    def _check(self, task: Task, price: Money | None, mark: str) -> None:
        if mark != mark_of_price(self._ctx, task, price):
            raise Refused("price_changed", shot=task.shot, take=task.take)

    def _opened(self, token: str) -> tuple[Kind, int, str]:
        parts = token.split("-")
        kinds: dict[str, Kind] = {"order": "order", "price": "price"}
        if (
            len(parts) != 5
            or parts[0] not in kinds
            or not all(part.isdecimal() and len(part) < 16 for part in parts[1:3])
        ):
            raise NotFound("answer_unknown")
        kind, id_, until, mark = kinds[parts[0]], int(parts[1]), int(parts[2]), parts[3]
        if not is_signed(self._ctx, parts[4], "answer", kind, id_, until, mark):
            raise NotFound("answer_unknown")
        if until < self._ctx.store.time():
            raise Refused("answer_expired", kind=ErrorKind.AUTH)
        return kind, id_, mark

    def _question(self, kind: Kind, id_: int, project_id: int, price: Money | None, params: dict[str, Any]) -> Question:
        with self._ctx.store.read() as tx:
            project = tx.projects.get(project_id).name
        return Question(kind=kind, id=id_, project=project, params=params, price=price)


def mark_of_price(ctx: ServiceContext, task: Task, price: Money | None) -> str:
    """What tells the question about a price of a task from every other one of it."""
    with ctx.store.read() as tx:
        attempt = tx.attempts.get(task.attempt_id) if task.attempt_id is not None else None
    asked = (task.attempt_id, attempt and attempt.confirmed_at, price and (price.amount.normalize(), price.currency))
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]


def link_of(ctx: ServiceContext, kind: Kind, id_: int, mark: str = "0") -> str | None:
    """The link to the answer; None where the settings do not say where people reach this server.

    :param mark: of a price, ``mark_of_price``
    """
    address = ctx.settings().notices.address
    if not address:
        return None
    until = int(ctx.store.time()) + VALID
    return f"{address}{PATH}{kind}-{id_}-{until}-{mark}-{sign(ctx, 'answer', kind, id_, until, mark)}"
