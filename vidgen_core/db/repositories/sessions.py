"""Who has signed in; of what a browser holds, only a hash is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, bindparam, delete, insert, select

from vidgen_core.db.repository import Repository, now
from vidgen_core.db.schema import sessions

#: Purpose of a row that stands for a login that was signed out of.
_ENDED: Final = "ended"
# Asked with every request, so made once.
_SESSION: Final = select(sessions.c.role, sessions.c.name, sessions.c.ground, sessions.c.login).where(
    sessions.c.digest == bindparam("digest"),
    sessions.c.purpose == bindparam("purpose"),
    sessions.c.expires_at > bindparam("now"),
)


class SessionRow(NamedTuple):
    """Whose session it is, and what the way in was like when it began."""

    role: str
    name: str
    ground: str
    #: The login at an identity provider that it came from; empty with a password.
    login: str = ""


class SessionRepository(Repository):
    def begin(self, digest: str, purpose: str, session: SessionRow, expires_at: datetime) -> None:
        """Keep a session, and forget those that have ended by themselves."""
        self.tx.execute(delete(sessions).where(sessions.c.expires_at <= now()))
        values = {"digest": digest, "purpose": purpose, "expires_at": expires_at, **session._asdict()}
        self.tx.execute(insert(sessions).values(values))

    def get(self, digest: str, purpose: str) -> SessionRow | None:
        """The session that still lasts."""
        found: Row[Any] | None = self.tx.execute(
            _SESSION, {"digest": digest, "purpose": purpose, "now": now()}
        ).one_or_none()
        return SessionRow(found.role, found.name, found.ground, found.login or "") if found is not None else None

    def end(self, digest: str) -> None:
        """Let it be worth nothing."""
        self.tx.execute(delete(sessions).where(sessions.c.digest == digest))

    def login_of(self, digest: str) -> str:
        """The login that a session came from, also one that is not valid any more."""
        return str(
            self.tx.execute(select(sessions.c.login).where(sessions.c.digest == digest)).scalar_one_or_none() or ""
        )

    def end_login(self, login: str, until: datetime) -> None:
        """End all sessions that came from a login, and let none come from it until a time."""
        self.tx.execute(delete(sessions).where(sessions.c.login == login))
        self.begin(login, _ENDED, SessionRow("", "", "", login), until)

    def has_ended(self, login: str) -> bool:
        """Whether somebody has signed out of a login."""
        return self.get(login, _ENDED) is not None
