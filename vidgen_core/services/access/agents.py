"""Agents: programs that work here with a token, a role, limits of spending and a list of projects of their own."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vidgen_core import money
from vidgen_core.db.repositories.access import AgentRepository
from vidgen_core.domain.agents import Agent, QuoteState
from vidgen_core.domain.errors import ErrorKind, InputError, NotFound, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.money import AgentStatus
from vidgen_core.services.access.auth import LONGEST_NAME, Auth
from vidgen_core.services.access.permissions import Role, Visitor, requires, stored
from vidgen_core.services.context import Service

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

#: How tokens of agents begin, so that whoever finds one knows what it is.
PREFIX: Final = "vda_"
#: What an agent may be; nothing that it can ask for needs an owner.
ROLES: Final = (Role.VIEWER, Role.MAKER)


class Agents(Service):
    """Who may work here as a program, and how much of its limits is used."""

    all = stored(Role.VIEWER, AgentRepository.all)

    @requires(Role.VIEWER)
    def get(self, name: str) -> Agent:
        """:raises NotFound: ``agent_unknown`` (name)"""
        with self._ctx.store.read() as tx:
            found = tx.agents.get(name)
        if found is None or found.revoked_at is not None:
            raise NotFound("agent_unknown", name=name)
        return found

    @requires(Role.VIEWER)
    def statuses(self, agent: Agent) -> tuple[AgentStatus, ...]:
        """How much of its limits is used."""
        with self._ctx.store.read() as tx:
            return money.agent_statuses(tx, self._ctx.settings(), agent, tx.now())

    @requires(Role.OWNER)
    def add(
        self,
        name: str,
        role: Role = Role.MAKER,
        per_day: Decimal = Decimal(0),
        in_all: Decimal = Decimal(0),
        projects: Collection[int] | None = None,
    ) -> str:
        """Let a program in; returns its token, which is shown this once and kept nowhere.

        A name that was revoked comes back with what it has spent.
        :param per_day: in the currency of the budget, as ``in_all``; 0: every paid order waits for a person
        :param projects: ids; None: all projects
        :raises InputError: ``agent_name_wrong``, ``agent_role_wrong``, ``amount_negative``
        :raises Refused: ``agent_exists`` (name)
        :raises NotFound: ``project_not_found``
        """
        wanted = " ".join(name.split())
        if not wanted or len(wanted) > LONGEST_NAME or not wanted.isprintable():
            raise InputError("agent_name_wrong", most=LONGEST_NAME)
        if role not in ROLES:
            raise InputError("agent_role_wrong")
        if not all(amount.is_finite() and 0 <= amount < 10**12 for amount in (per_day, in_all)):
            raise InputError("agent_amount_wrong")
        token = PREFIX + secrets.token_urlsafe(32)
        agent = Agent(
            name=wanted,
            role=role.word,
            per_day=per_day,
            in_all=in_all,
            currency=self._ctx.settings().budget.currency,
            projects=None if projects is None else tuple(sorted(set(projects))),
            created_at=datetime.now(UTC),
        )
        with self._ctx.store.write() as tx:
            for project_id in agent.projects or ():
                tx.projects.get(project_id)
            known = tx.agents.get(wanted)
            if known is not None and known.revoked_at is None:
                raise Refused("agent_exists", name=wanted)
            (tx.agents.add if known is None else tx.agents.renew)(agent, _digest(token))
            tx.log.add(LogLevel.INFO, "agent_added", agent=wanted, role=role.word)
        return token

    @requires(Role.OWNER)
    def revoke(self, name: str) -> None:
        """Let its token be worth nothing from now on; what it has ordered goes on, and what waits for a yes is declined.

        :raises NotFound: ``agent_unknown`` (name)
        """
        with self._ctx.store.write() as tx:
            if not tx.agents.revoke(name):
                raise NotFound("agent_unknown", name=name)
            for quote in tx.quotes.waiting():
                if quote.agent == name:
                    tx.quotes.move(quote, QuoteState.DECLINED)
            tx.log.add(LogLevel.WARNING, "agent_revoked", agent=name)

    def find(self, token: str) -> Agent | None:
        """The agent that a token stands for; None: it stands for nobody (any more)."""
        if not token.startswith(PREFIX):
            return None
        with self._ctx.store.read() as tx:
            return tx.agents.by_digest(_digest(token))


def visitor_of(agent: Agent) -> Visitor:
    """An agent as somebody who asks."""
    return Visitor(Role[agent.role.upper()], agent.name, is_agent=True)


def sign(ctx: ServiceContext, purpose: str, *parts: object) -> str:
    """A signature of ours over some values: whoever has it was given it here. Renewing the API token ends all of them.

    :raises SettingsError: there is no API token yet and none can be made
    """
    auth = Auth(ctx.settings_file)
    auth.ensure_token()
    key = hashlib.sha256(b"sign\0" + auth.settings.token.get_secret_value().encode()).digest()
    message = "\0".join((purpose, *map(str, parts))).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:40]


def is_signed(ctx: ServiceContext, signature: str, purpose: str, *parts: object) -> bool:
    """Whether ``sign`` has given this signature for these values; compared in constant time."""
    return hmac.compare_digest(sign(ctx, purpose, *parts).encode(), signature.encode("utf-8", "replace"))


def require_project(agent: Agent | None, project_id: int) -> None:
    """:raises Refused: ``agent_without_project``: it is not in the list of the agent"""
    if agent is not None and agent.projects is not None and project_id not in agent.projects:
        raise Refused("agent_without_project", kind=ErrorKind.AUTH)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
