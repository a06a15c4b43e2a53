"""Requests of API clients that carry an idempotency key, and orders of screens, so that each is carried out once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from vidgen_core.db.repositories.access import Known
from vidgen_core.db.transaction import CURRENT, Begun
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service

__all__ = ["Begun", "Known", "Requests"]


class Requests(Service):
    """What is known of requests with a key."""

    def claim(self, caller: str, key: str, digest: str, owner: str) -> Known:
        """Make the row of a request for ``owner``; the one that is there already is answered as it is."""
        with self._ctx.store.write() as tx:
            return tx.requests.begin(caller, key, digest, owner)

    def take_over(self, known: Known, owner: str) -> None:
        """Carry out anew what another one has begun, when nothing was written for it.

        :raises Refused: ``request_taken_over``
        """
        with self._ctx.store.write() as tx:
            tx.requests.take_over(known, owner)

    @contextmanager
    def carried_out(self, begun: Begun) -> Iterator[None]:
        """Tie every transaction that is committed meanwhile to the request."""
        token = CURRENT.set(begun)
        try:
            yield
        finally:
            CURRENT.reset(token)

    @requires(Role.MAKER, log=False)
    @contextmanager
    def once(self, caller: str, key: str) -> Iterator[bool]:
        """Whether a request is still to be carried out: nothing was written for it; what is written meanwhile is."""
        owner = uuid.uuid4().hex
        known = self.claim(caller, key, "", owner)
        if known.written:
            yield False
            return
        if known.owner != owner:
            self.take_over(known, owner)
        with self.carried_out(Begun(known.id, owner)):
            yield True

    def end(self, begun: Begun, status: int, answer: str | None) -> None:
        """Keep the answer; a request that failed without having done anything may be made again.

        :param answer: None: there is none to be kept
        """
        with self._ctx.store.write() as tx:
            if status >= 500:
                tx.requests.forget(begun)
            if answer is not None:
                tx.requests.answer(begun, status, answer)
