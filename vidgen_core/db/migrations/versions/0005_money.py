"""The ledger by quarters of an hour, balances, and the queue of one project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vidgen_core.db.triggers import renew_triggers

revision = "money"
down_revision = "pictures"

_QUEUED = sa.text("status = 'queued' AND NOT cancel_requested AND deleted_at IS NULL")
_UNSETTLED = sa.text("charge IN ('estimated', 'assumed', 'unknown') AND remote_id IS NOT NULL")
_FILL = """
INSERT INTO spend_quarters (quarter, project_id, provider, key_id, currency, charge, cost, n)
SELECT CAST(coalesce(intent_at, created_at) / 900 AS INTEGER), project_id, provider, coalesce(key_id, ''),
       coalesce(cost_currency, ''), charge, sum(coalesce(cost, 0)), count(*)
FROM attempts GROUP BY 1, 2, 3, 4, 5, 6
"""


def upgrade() -> None:
    op.create_table(
        "spend_quarters",
        sa.Column("quarter", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("charge", sa.Text(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("quarter", "project_id", "provider", "key_id", "currency", "charge"),
    )
    op.create_table(
        "balances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("key_label", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("balances_of_key", "balances", ["provider", "key_id", "at"], unique=False)
    op.create_index(
        "tasks_claim_in_project",
        "tasks",
        ["provider", "project_id", sa.literal_column("priority DESC"), "turn", "id", "due_at"],
        unique=False,
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    )
    op.create_index(
        "attempts_unsettled",
        "attempts",
        ["provider", "key_id", "intent_at"],
        unique=False,
        sqlite_where=_UNSETTLED,
        postgresql_where=_UNSETTLED,
    )
    op.execute(sa.text(_FILL))
    renew_triggers(op.get_bind())
