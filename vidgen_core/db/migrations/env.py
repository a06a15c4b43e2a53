"""Hands Alembic the connection the store has opened; there is no other way to run a migration."""

from __future__ import annotations

from alembic import context

from vidgen_core.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
