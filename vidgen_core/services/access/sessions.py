"""Who has signed in: kept in the database, so that signing out ends it wherever the cookie was copied to."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from vidgen_core.db.repositories.access import SessionRow
from vidgen_core.db.worker_state import StateRow
from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.services.access.auth import Auth, SettingsSource, clean_name, is_at_home
from vidgen_core.services.access.permissions import AT_HOME, Role, Visitor, requires

if TYPE_CHECKING:
    from vidgen_core.db import Store, Tx

#: Network addresses from which somebody has signed in, and where they are kept.
MOST_KNOWN: Final = 200
_KNOWN: Final = StateRow[list[str]]("sign_in.known", list[str])
#: The cookie of those who have signed in.
COOKIE: Final = "vidgen_session"
#: Seconds until people sign in anew.
SESSION_SECONDS: Final = 7 * 24 * 3600
#: Seconds within which a ticket is exchanged for a cookie.
TICKET_SECONDS: Final = 60

#: Seconds for which a login that was signed out of is remembered; Streamlit's own cookie lasts 31 days at most.
LOGIN_SECONDS: Final = 40 * 24 * 3600

Purpose = Literal["session", "ticket"]
_SECONDS: Final[Mapping[Purpose, int]] = {"session": SESSION_SECONDS, "ticket": TICKET_SECONDS}


class Sessions:
    """The sessions of one data home; holds no state of its own."""

    def __init__(self, settings_file: SettingsSource, store: Store) -> None:
        self._sharing = Auth(settings_file)
        self._store = store

    def begin(self, visitor: Visitor, purpose: Purpose = "session", login: str = "") -> str:
        """A random text that stands for somebody until it is taken back, or their way in changes.

        :param login: ``login_of`` what an identity provider says; all that came from it ends together
        :raises Refused: ``sign_in_needed``, the login has been signed out of
        :raises StoreError: it cannot be kept
        """
        text = secrets.token_urlsafe(32)
        row = SessionRow(
            visitor.role.word, clean_name(visitor.name), self._sharing.credential_digest(visitor.role), login
        )
        with self._store.write() as tx:
            if login and tx.sessions.has_ended(login):
                raise Refused("sign_in_needed", kind=ErrorKind.AUTH)
            tx.sessions.begin(_digest(text), purpose, row, tx.now() + timedelta(seconds=_SECONDS[purpose]))
        return text

    def find(self, text: str, purpose: Purpose = "session") -> Visitor | None:
        """Whom a text stands for; None when nobody gave it, or its time is over."""
        if not text:
            return None
        with self._store.read() as tx:
            row = tx.sessions.get(_digest(text), purpose)
        role = next((role for role in Role if row and role.word == row.role), None)
        if (
            row is None
            or role is None
            or not secrets.compare_digest(row.credential_digest, self._sharing.credential_digest(role))
        ):
            return None
        return Visitor(role, row.name)

    def end(self, text: str) -> None:
        """Let a text be worth nothing from now on.

        :raises StoreError: it cannot be taken back
        """
        with self._store.write() as tx:
            tx.sessions.end(_digest(text))

    def sign_out(self, text: str) -> None:
        """End a session and every other one of its login, which opens no session any more.

        What Streamlit keeps of a login is a signed cookie that is good for a month wherever it was copied to.
        :raises StoreError: it cannot be taken back
        """
        with self._store.write() as tx:
            login = tx.sessions.login_of(_digest(text))
            tx.sessions.end(_digest(text))
            if login:
                tx.sessions.end_login(login, tx.now() + timedelta(seconds=LOGIN_SECONDS))

    def has_ended(self, login: str) -> bool:
        """Whether somebody has signed out of a login at the identity provider."""
        with self._store.read() as tx:
            return tx.sessions.has_ended(login)

    # --- ways in

    def log_sign_in(self, name: str, role: Role | None) -> None:
        """Log that somebody has signed in, or has tried to.

        :param role: None: with a wrong password
        """
        level, code = (LogLevel.WARNING, "sign_in_failed") if role is None else (LogLevel.INFO, "signed_in")
        with self._store.write() as tx:
            tx.log.add(level, code, who=name, role=role.word if role else "–")

    def is_known(self, address: str) -> bool:
        """Whether the right password has come from a network address."""
        with self._store.read() as tx:
            return _digest(address) in _known(tx)

    def remember(self, address: str) -> None:
        """Remember a network address from which the right password came, the latest last."""
        digest = _digest(address)
        with self._store.write() as tx:
            others = [one for one in _known(tx) if one != digest]
            _KNOWN.put(tx, [*others, digest][-MOST_KNOWN:])

    def redeem(self, ticket: str) -> tuple[Visitor, str] | None:
        """Whom a ticket stands for, and their login; it is good for once."""
        visitor = self.find(ticket, "ticket")
        if visitor is None:
            return None
        with self._store.write() as tx:
            login = tx.sessions.login_of(_digest(ticket))
            # Whoever came with it at the same moment may have been first.
            return (visitor, login) if tx.sessions.end(_digest(ticket)) else None

    @requires(Role.VIEWER, always=True)
    def visitor(self, text: str, headers: Mapping[str, str], address: str | None) -> Visitor | None:
        """Who asks with a cookie, or without one from this machine.

        :param address: what the server is bound to
        """
        is_local = is_at_home(headers, address)
        found = self.find(text)
        if found is not None:
            return found._replace(is_local=is_local)
        return AT_HOME if is_local and self._sharing.settings.sign_in == "none" else None


def _known(tx: Tx) -> list[str]:
    return _KNOWN.get(tx) or []


def login_of(account: Mapping[str, object]) -> str:
    """What tells one login at an identity provider from every other: a digest of its claims, time and nonce among them."""
    return _digest(json.dumps(account, sort_keys=True, default=str))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
