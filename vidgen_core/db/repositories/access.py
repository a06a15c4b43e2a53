"""Sessions of signed-in users, requests of API clients that carry an idempotency key, and agents with their orders.

Of a session's token only a hash is stored. A request that has begun is carried out once: whatever is committed under it
marks its row in the same transaction, so after a crash it is known whether anything was written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, TextClause, bindparam, delete, func, insert, literal, select, text, update

from vidgen_core.db.dialect import upsert
from vidgen_core.db.repository import Repository, money
from vidgen_core.db.schema.queue import attempts, llm_calls, tasks
from vidgen_core.db.schema.system import agents, quotes, requests, sessions
from vidgen_core.db.transaction import Begun
from vidgen_core.domain.agents import Agent, Quote, QuoteState
from vidgen_core.domain.errors import NotFound, Refused
from vidgen_core.domain.money import OWED, Money
from vidgen_core.domain.providers import WRITING, BillableParty, billable_party
from vidgen_core.domain.scripts import LlmCallState

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
        self.tx.execute(delete(sessions).where(sessions.c.expires_at <= self.tx.now()))
        values = {"digest": digest, "purpose": purpose, "expires_at": expires_at, **session._asdict()}
        self.tx.execute(insert(sessions).values(values))

    def get(self, digest: str, purpose: str) -> SessionRow | None:
        """The session, unless it has expired."""
        found: Row[Any] | None = self.tx.execute(
            _SESSION, {"digest": digest, "purpose": purpose, "now": self.tx.now()}
        ).one_or_none()
        return (
            SessionRow(found.role, found.name, found.credential_digest, found.login or "")
            if found is not None
            else None
        )

    def end(self, digest: str) -> bool:
        """Delete a session; whether there was one."""
        return bool(self.tx.execute(delete(sessions).where(sessions.c.digest == digest)).rowcount)

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


class RequestRepository(Repository):
    def begin(self, caller: str, key: str, digest: str, owner: str) -> Known:
        """Create the row of a request, unless there is one already, and return it."""
        self.tx.execute(delete(requests).where(requests.c.created_at < self.tx.now() - KEPT))
        new = upsert(requests).values(caller=caller, key=key, digest=digest, owner=owner, created_at=self.tx.now())
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


#: Exactly as in the partial index.
_UNSENT: Final = "quote_id IS NOT NULL AND status IN ('pending', 'queued') AND deleted_at IS NULL"


class AgentRepository(Repository):
    """Programs with a token of their own, and what they have spent."""

    def add(self, agent: Agent, digest: str) -> None:
        """:param digest: of its token"""
        self.tx.execute(insert(agents).values(**_columns_of(agent), digest=digest))

    def renew(self, agent: Agent, digest: str) -> None:
        """Let an agent that was revoked come back under its name, with another token and what it may do now."""
        self.tx.execute(update(agents).where(agents.c.name == agent.name).values(**_columns_of(agent), digest=digest))

    def get(self, name: str) -> Agent | None:
        """The agent of that name, also when it was revoked."""
        return self._one(agents.c.name == name)

    def by_digest(self, digest: str) -> Agent | None:
        """The agent with that token, unless it was revoked."""
        return self._one((agents.c.digest == digest) & agents.c.revoked_at.is_(None))

    def all(self) -> list[Agent]:
        """In the order of their names, revoked ones last."""
        query = select(agents).order_by(agents.c.revoked_at.is_not(None), agents.c.name)
        return [_agent(row) for row in self.tx.execute(query)]

    def revoke(self, name: str) -> bool:
        """Let the token of an agent be worth nothing; False when it was so already."""
        here = update(agents).where(agents.c.name == name, agents.c.revoked_at.is_(None))
        return self.tx.execute(here.values(revoked_at=self.tx.now())).rowcount == 1

    def committed(self, name: str, since: datetime | None = None) -> dict[BillableParty, list[Money]]:
        """What is or may be owed for what an agent ordered, by provider; money set aside is included."""
        wanted = [attempts.c.agent == name, attempts.c.charge.in_(sorted(OWED)), attempts.c.cost.is_not(None)]
        if since is not None:
            wanted.append(attempts.c.created_at >= since)
        query = select(attempts.c.provider, attempts.c.cost_currency, func.sum(attempts.c.cost).label("cost"))
        found = self._sums(query.where(*wanted).group_by(attempts.c.provider, attempts.c.cost_currency))
        asked = [llm_calls.c.agent == name, llm_calls.c.state != LlmCallState.REFUSED, llm_calls.c.cost.is_not(None)]
        if since is not None:
            asked.append(llm_calls.c.created_at >= since)
        words = select(
            literal(WRITING).label("provider"), llm_calls.c.cost_currency, func.sum(llm_calls.c.cost).label("cost")
        )
        return found | self._sums(words.where(*asked).group_by(llm_calls.c.cost_currency))

    def unsent(self, name: str) -> dict[BillableParty, list[Money]]:
        """What the tasks of an agent will cost that were not sent yet."""
        query = select(tasks.c.provider, tasks.c.cost_currency, func.sum(tasks.c.cost).label("cost"))
        query = query.join(quotes, quotes.c.id == tasks.c.quote_id)
        query = query.where(text(_UNSENT), quotes.c.agent == name, tasks.c.cost.is_not(None))
        return self._sums(query.group_by(tasks.c.provider, tasks.c.cost_currency))

    def _sums(self, query: Any) -> dict[BillableParty, list[Money]]:
        found: dict[BillableParty, list[Money]] = defaultdict(list)
        for row in self.tx.execute(query):
            found[billable_party(row.provider)].append(Money(amount=row.cost, currency=row.cost_currency))
        return dict(found)

    def _one(self, wanted: ColumnElement[bool]) -> Agent | None:
        row = self.tx.execute(select(agents).where(wanted)).one_or_none()
        return None if row is None else _agent(row)


def _columns_of(agent: Agent) -> dict[str, Any]:
    return agent.model_dump(exclude={"projects"}) | {"projects": agent.projects and list(agent.projects)}


def _agent(row: Row[Any]) -> Agent:
    return Agent.model_validate({name: value for name, value in row._asdict().items() if name != "digest"})


class QuoteRepository(Repository):
    """Orders, from their price to their tasks."""

    def add(self, quote: Quote) -> Quote:
        """Keep a new one, which gets its id, and forget those that nobody has used in time."""
        self.tx.execute(delete(quotes).where(text("state = 'quoted'"), quotes.c.expires_at < self.tx.now() - KEPT))
        values = quote.model_dump(exclude={"id", "price", "worst", "shot_ids"})
        values |= {"shot_ids": list(quote.shot_ids)}
        for name in ("price", "worst"):
            amount: Money | None = getattr(quote, name)
            values |= {name: amount and amount.amount, f"{name}_currency": amount and amount.currency}
        return _quote(self.tx.execute(insert(quotes).values(values).returning(*quotes.c)).one())

    def get(self, quote_id: int) -> Quote:
        """Raises NotFound quote_unknown."""
        row = self.tx.execute(select(quotes).where(quotes.c.id == quote_id)).one_or_none()
        if row is None:
            raise NotFound("quote_unknown")
        return _quote(row)

    def move(self, quote: Quote, to: QuoteState, **columns: Any) -> bool:
        """Change the state, unless somebody else has meanwhile."""
        _ = self.tx.rev
        here = update(quotes).where(quotes.c.id == quote.id, quotes.c.state == quote.state)
        return self.tx.execute(here.values(state=to, **columns)).rowcount == 1

    def waiting(self) -> list[Quote]:
        """Those that wait for a person, the oldest first."""
        return self._where(text("state = 'waiting'"), quotes.c.expires_at > self.tx.now())

    def unnotified(self) -> list[Quote]:
        """Those that wait and of which nobody was told."""
        return self._where(
            text("state = 'waiting'"), quotes.c.expires_at > self.tx.now(), quotes.c.notified_at.is_(None)
        )

    def mark_notified(self, quote_id: int) -> bool:
        """False when somebody was told before."""
        first = update(quotes).where(quotes.c.id == quote_id, quotes.c.notified_at.is_(None))
        return self.tx.execute(first.values(notified_at=self.tx.now())).rowcount == 1

    def _where(self, *wanted: ColumnElement[bool] | TextClause) -> list[Quote]:
        return [_quote(row) for row in self.tx.execute(select(quotes).where(*wanted).order_by(quotes.c.id))]


def _quote(row: Row[Any]) -> Quote:
    values = row._asdict()
    del values["notified_at"]
    for name in ("price", "worst"):
        values[name] = money(values[name], values.pop(f"{name}_currency"))
    return Quote.model_validate(values)
