"""Create the first schema. An empty database is given the present one without Alembic (``migrations.upgrade``)."""

from __future__ import annotations

from alembic import op

from vidgen_core.db.migrations import create

revision = "0001"
down_revision = None


def upgrade() -> None:
    create(op.get_bind())
