"""Requests that name themselves with an idempotency key, and what was answered to them.

A request that has begun is carried out once: whatever commits under it marks its row in the same transaction, so after a
crash it is known whether anything was done.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, select, update

from vidgen_core.db.dialect import upsert
from vidgen_core.db.repository import Repository, now
from vidgen_core.db.schema import requests
from vidgen_core.domain.errors import Refused

#: How long an answer is kept.
KEPT: Final = timedelta(hours=24)


class Begun(NamedTuple):
    """A request that is being carried out: its row, and who carries it out."""

    id: int
    runner: str


class Known(NamedTuple):
    """What is known of a request of that key."""

    id: int
    digest: str
    runner: str
    #: Whether something was written for it.
    acted: bool
    #: None: it was not answered yet.
    status: int | None
    answer: str | None


#: The request for which this thread or coroutine writes.
CURRENT: Final[ContextVar[Begun | None]] = ContextVar("vidgen_request", default=None)


class RequestRepository(Repository):
    def begin(self, who: str, key: str, digest: str, runner: str) -> Known:
        """Make the row of a request; the one that is there already is answered as it is."""
        self.tx.execute(delete(requests).where(requests.c.created_at < now() - KEPT))
        new = upsert(requests).values(who=who, key=key, digest=digest, runner=runner, created_at=now())
        self.tx.execute(new.on_conflict_do_nothing(index_elements=["who", "key"]))
        columns = (requests.c[name] for name in Known._fields)
        row = self.tx.execute(select(*columns).where(requests.c.who == who, requests.c.key == key)).one()
        return Known._make(row)

    def take_over(self, known: Known, runner: str) -> None:
        """Carry out anew what another one has begun, when nothing was written for it; that one can write no more."""
        idle = (requests.c.id == known.id, requests.c.runner == known.runner, ~requests.c.acted)
        if not self.tx.execute(update(requests).where(*idle).values(runner=runner)).rowcount:
            raise Refused("request_taken_over")

    def act(self, begun: Begun) -> None:
        """Say that something is written for a request, in the transaction that writes it.

        :raises Refused: ``request_taken_over``: another one carries it out
        """
        mine = (requests.c.id == begun.id, requests.c.runner == begun.runner)
        if not self.tx.execute(update(requests).where(*mine).values(acted=True)).rowcount:
            raise Refused("request_taken_over")

    def answer(self, begun: Begun, status: int, answer: str) -> None:
        """Keep what was answered."""
        mine = (requests.c.id == begun.id, requests.c.runner == begun.runner)
        self.tx.execute(update(requests).where(*mine).values(status=status, answer=answer))

    def forget(self, begun: Begun) -> None:
        """Let a request for which nothing was written be made again."""
        mine = (requests.c.id == begun.id, requests.c.runner == begun.runner, ~requests.c.acted)
        self.tx.execute(delete(requests).where(*mine))
