"""Shots counted by what they have and lack, once from what there is and by triggers from then on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vidgen_core.db.triggers import renew_triggers, traits_of

revision = "shot_counts"
down_revision = "writing_money"


def upgrade() -> None:
    op.create_table(
        "shot_counts",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("traits", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "traits"),
    )
    op.get_bind().exec_driver_sql(
        "INSERT INTO shot_counts (project_id, traits, n) "  # noqa: S608
        f"SELECT project_id, {traits_of('')}, count(*) FROM shots GROUP BY 1, 2"
    )
    renew_triggers(op.get_bind())
