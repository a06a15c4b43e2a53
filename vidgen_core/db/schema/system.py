"""The worker, the log, and who may use this installation: sessions, API requests, agents and their orders."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, text

from vidgen_core.db.schema.columns import (
    WHOLE,
    Micros,
    UtcTime,
    json_column,
    metadata,
    optional,
    partial_index,
    required,
)

#: One row: the number of the last change. Every changed row carries the number of its change.
revision = Table("revision", metadata, Column("id", WHOLE, primary_key=True), Column("n", BigInteger, nullable=False))

log = Table(
    "log",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("level", Text, nullable=False),
    *optional(WHOLE, "project_id", "task_id"),
    Column("code", Text, nullable=False),
    json_column("params"),
    # An id is never used again, even after the log was cleared: readers go on after the last one they saw.
    sqlite_autoincrement=True,
)
Index("log_level", log.c.level, log.c.id)
Index("log_project", log.c.project_id, log.c.level, log.c.id)
partial_index("log_task", log.c.task_id, log.c.id, where="task_id IS NOT NULL")

heartbeat = Table(
    "heartbeat",
    metadata,
    # The worker's; empty where there is only one.
    Column("name", Text, primary_key=True),
    Column("pid", WHOLE, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("leads", Boolean, nullable=False),
)

#: The name in ``state`` of the settings that machines share.
SETTINGS: Final = "settings"

state = Table("state", metadata, Column("name", Text, primary_key=True), json_column("value"))

#: Sessions of signed-in users, and one-time tickets exchanged for them; only a hash of the token is stored.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    *required(Text, "purpose", "role", "name"),
    #: Digest of the password or user list that was valid at the login: changing it ends the session.
    Column("credential_digest", Text, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    #: Digest of the login at an identity provider that it came from; with purpose ``ended`` the digest of the row itself.
    Column("login", Text),
)
Index("sessions_by_end", sessions.c.expires_at)

#: API requests with an idempotency key, and the responses to them.
requests = Table(
    "requests",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(Text, "caller", "key", "digest", "owner"),
    Column("written", Boolean, nullable=False, server_default="0"),
    Column("status", WHOLE),
    Column("answer", Text),
    Column("created_at", UtcTime, nullable=False),
)
Index("requests_key", requests.c.caller, requests.c.key, unique=True)
Index("requests_age", requests.c.created_at)

#: Programs with a token of their own; only a hash of the token is stored. A row is never removed: the ledger names it.
agents = Table(
    "agents",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    *required(Micros, "per_day", "in_all"),
    Column("currency", Text, nullable=False),
    # Ids; NULL: all projects.
    json_column("projects"),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)

#: Orders from their price to their tasks; ``tasks.quote_id`` names them.
quotes = Table(
    "quotes",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("agent", Text),
    Column("project_id", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tasks", WHOLE, nullable=False),
    Column("price", Micros),
    Column("price_currency", Text),
    Column("worst", Micros),
    Column("worst_currency", Text),
    Column("digest", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("approved", Boolean, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    json_column("shot_ids"),
    json_column("options"),
    Column("again", Boolean, nullable=False),
    # Whether somebody was told that it waits.
    Column("notified_at", UtcTime),
    sqlite_autoincrement=True,
)
partial_index("quotes_waiting", quotes.c.id, where="state = 'waiting'")
Index("quotes_of_agent", quotes.c.agent, quotes.c.id)
partial_index("quotes_unused", quotes.c.expires_at, where="state = 'quoted'")
