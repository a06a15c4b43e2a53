"""Sessions of signed-in users, and requests of API clients that carry an idempotency key.

Of a session's token only a hash is stored. A request that has begun is carried out once: whatever is committed under it
marks its row in the same transaction, so after a crash it is known whether anything was written.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, bindparam, delete, insert, select, update

from vidgen_core.db.dialect import upsert
from vidgen_core.db.repository import Repository, now
from vidgen_core.db.schema import requests, sessions
from vidgen_core.domain.errors import Refused

#: Purpose of a row for a login that was signed out.
_ENDED: Final = "ended"
# Runs with every request, so compiled once.
_SESSION: Final = select(sessions.c.role, sessions.c.name, sessions.c.credential_digest, sessions.c.login).where(
    sessions.c.digest == bindparam("digest"),
    sessions.c.purpose == bindparam("purpose"),
    sessions.c.expires_at > bindparam("now"),
)


class SessionRow(NamedTuple):
    """Role and name of a user, and the digest of the credentials at the login."""

    role: str
    name: str
    credential_digest: str
    #: The login at an identity provider; empty with a password.
    login: str = ""


class SessionRepository(Repository):
    def begin(self, digest: str, purpose: str, session: SessionRow, expires_at: datetime) -> None:
        """Store a session, and delete those that have expired."""
        self.tx.execute(delete(sessions).where(sessions.c.expires_at <= now()))
        values = {"digest": digest, "purpose": purpose, "expires_at": expires_at, **session._asdict()}
        self.tx.execute(insert(sessions).values(values))

    def get(self, digest: str, purpose: str) -> SessionRow | None:
        """The session, unless it has expired."""
        found: Row[Any] | None = self.tx.execute(
            _SESSION, {"digest": digest, "purpose": purpose, "now": now()}
        ).one_or_none()
        return (
            SessionRow(found.role, found.name, found.credential_digest, found.login or "")
            if found is not None
            else None
        )

    def end(self, digest: str) -> None:
        """Delete a session."""
        self.tx.execute(delete(sessions).where(sessions.c.digest == digest))

    def login_of(self, digest: str) -> str:
        """The login of a session, even of an expired one."""
        return str(
            self.tx.execute(select(sessions.c.login).where(sessions.c.digest == digest)).scalar_one_or_none() or ""
        )

    def end_login(self, login: str, until: datetime) -> None:
        """End all sessions of a login, and accept no new one of it until a time."""
        self.tx.execute(delete(sessions).where(sessions.c.login == login))
        self.begin(login, _ENDED, SessionRow("", "", "", login), until)

    def has_ended(self, login: str) -> bool:
        """Whether a login was signed out."""
        return self.get(login, _ENDED) is not None


#: How long a response is kept.
KEPT: Final = timedelta(hours=24)


class Begun(NamedTuple):
    """A request that is being carried out: its row and its owner."""

    id: int
    owner: str


class Known(NamedTuple):
    """The row of a request."""

    id: int
    digest: str
    owner: str
    #: Whether something was written for it.
    written: bool
    #: None: not answered yet.
    status: int | None
    answer: str | None


#: The request for which this thread or coroutine writes.
CURRENT: Final[ContextVar[Begun | None]] = ContextVar("vidgen_request", default=None)


class RequestRepository(Repository):
    def begin(self, caller: str, key: str, digest: str, owner: str) -> Known:
        """Create the row of a request, unless there is one already, and return it."""
        self.tx.execute(delete(requests).where(requests.c.created_at < now() - KEPT))
        new = upsert(requests).values(caller=caller, key=key, digest=digest, owner=owner, created_at=now())
        self.tx.execute(new.on_conflict_do_nothing(index_elements=["caller", "key"]))
        columns = (requests.c[name] for name in Known._fields)
        row = self.tx.execute(select(*columns).where(requests.c.caller == caller, requests.c.key == key)).one()
        return Known._make(row)

    def take_over(self, known: Known, owner: str) -> None:
        """Become the owner of a request for which nothing was written; its previous owner can write no more."""
        idle = (requests.c.id == known.id, requests.c.owner == known.owner, ~requests.c.written)
        if not self.tx.execute(update(requests).where(*idle).values(owner=owner)).rowcount:
            raise Refused("request_taken_over")

    def mark_written(self, begun: Begun) -> None:
        """Mark a request, in the transaction that writes for it.

        :raises Refused: ``request_taken_over``: it has another owner
        """
        mine = (requests.c.id == begun.id, requests.c.owner == begun.owner)
        if not self.tx.execute(update(requests).where(*mine).values(written=True)).rowcount:
            raise Refused("request_taken_over")

    def answer(self, begun: Begun, status: int, answer: str) -> None:
        """Store the response."""
        mine = (requests.c.id == begun.id, requests.c.owner == begun.owner)
        self.tx.execute(update(requests).where(*mine).values(status=status, answer=answer))

    def forget(self, begun: Begun) -> None:
        """Delete the row of a request for which nothing was written, so that it can be repeated."""
        mine = (requests.c.id == begun.id, requests.c.owner == begun.owner, ~requests.c.written)
        self.tx.execute(delete(requests).where(*mine))
