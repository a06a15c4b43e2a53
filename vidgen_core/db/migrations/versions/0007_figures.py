"""Figures: sums by day, counted once from what there is and kept by triggers from then on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vidgen_core.db.triggers import END, day_of, figure_time, renew_triggers

revision = "figures"
down_revision = "writing"

_CELL = ("day", "project_id", "provider", "model")

_ENDS = f"""
INSERT INTO figures_ends (day, project_id, provider, model, status, kind, n)
SELECT {day_of("finished_at")}, project_id, provider, model, {END.format(row="")}, coalesce(failure_kind, ''), count(*)
FROM tasks WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608
_CHOSEN = f"""
INSERT INTO figures_ends (day, project_id, provider, model, status, kind, n)
SELECT {day_of("takes.created_at")}, takes.project_id, takes.provider, takes.model, 'chosen', '', count(*)
FROM shots JOIN takes ON takes.id = shots.chosen_take_id WHERE shots.deleted_at IS NULL GROUP BY 1, 2, 3, 4
"""  # noqa: S608
_ATTEMPTS = f"""
INSERT INTO figures_attempts (day, project_id, provider, model, key_id, state, kind, charge, currency, n, cost)
SELECT {day_of("coalesce(intent_at, created_at)")}, project_id, provider, model, coalesce(key_id, ''), state,
    coalesce(json_extract(failure, '$.kind'), ''), charge,
    CASE WHEN cost IS NULL THEN '' ELSE coalesce(cost_currency, '') END, count(*), sum(coalesce(cost, 0))
FROM attempts WHERE state NOT IN ('preparing', 'sending') GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""  # noqa: S608

_HOURS = """
INSERT INTO figures_hours (hour, project_id, provider, n)
SELECT CAST(finished_at / 3600 AS INTEGER), project_id, provider, count(*)
FROM tasks WHERE status = 'completed' AND output = 'video' AND finished_at IS NOT NULL GROUP BY 1, 2, 3
"""

_BATCHES = """
INSERT INTO batches (batch, project_id, live, ended)
SELECT batch, min(project_id), sum(deleted_at IS NULL AND status IN ('queued', 'processing', 'downloading')),
    sum(deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled')) FROM tasks GROUP BY batch
"""
# What ended before there were notices is no news.
_OLD_BATCHES = "UPDATE batches SET told_at = CAST(strftime('%s', 'now') AS REAL) WHERE live = 0"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("queued_at", sa.Double(), nullable=True))
    op.create_table(
        "figures_ends",
        *_cell(),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*_CELL, "status", "kind"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "figures_attempts",
        *_cell(),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("charge", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*_CELL, "key_id", "state", "kind", "charge", "currency"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "figures_times",
        *_cell()[:3],
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("centiseconds", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stage", "centiseconds", "project_id", "provider", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "figures_hours",
        sa.Column("hour", sa.Integer(), nullable=False),
        *_cell()[1:3],
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "project_id", "provider"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batches",
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("live", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("batch"),
    )
    untold = sa.text("told_at IS NULL AND live = 0 AND ended > 0")
    op.create_index("batches_untold", "batches", ["batch"], sqlite_where=untold, postgresql_where=untold)
    for statement in (_ENDS, _CHOSEN, _ATTEMPTS, _HOURS, _BATCHES, _OLD_BATCHES, *_times()):
        op.get_bind().exec_driver_sql(statement)
    renew_triggers(op.get_bind())


def _cell() -> list[sa.Column[object]]:
    return [
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
    ]


def _times() -> list[str]:
    """How long a task waited in the queue was not written down before."""
    remote = "FROM attempts WHERE state = 'succeeded' AND accepted_at IS NOT NULL AND ended_at IS NOT NULL "
    remote += "AND EXISTS (SELECT 1 FROM tasks WHERE tasks.id = task_id AND output = 'video')"
    download = "FROM tasks WHERE status = 'completed' AND output = 'video' AND polled_at IS NOT NULL AND finished_at IS NOT NULL"
    return [
        figure_time("remote", "ended_at", "ended_at - accepted_at", remote),
        figure_time("download", "finished_at", "finished_at - polled_at", download),
    ]
