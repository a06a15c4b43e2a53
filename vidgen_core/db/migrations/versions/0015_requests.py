"""Requests of programs that name themselves, and what was answered to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "requests"
down_revision = "questions"


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("acted", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("requests_key", "requests", ["who", "key"], unique=True)
    op.create_index("requests_age", "requests", ["created_at"])
