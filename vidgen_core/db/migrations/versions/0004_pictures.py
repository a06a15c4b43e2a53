"""Tasks that draw pictures, and the pictures they draw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vidgen_core.db.triggers import renew_triggers

revision = "pictures"
down_revision = "lovart"

_ALIVE = "deleted_at IS NULL"
#: What each index of cells holds after the cell, and what it leaves out.
_BY = {
    "tasks_by_id": (["id"], _ALIVE),
    "tasks_by_shot": (["shot_position", "take", "id"], _ALIVE),
    "tasks_by_attempts": (["attempts", "id"], _ALIVE),
    "tasks_by_cost": (["cost", "id"], _ALIVE),
    "tasks_by_finished": (["finished_at", "id"], f"{_ALIVE} AND finished_at IS NOT NULL"),
    "tasks_by_duration": (["duration", "id"], f"{_ALIVE} AND duration IS NOT NULL"),
}


def upgrade() -> None:
    _count_pictures_on_shots()
    _tell_tasks_apart()
    _keep_candidates()
    renew_triggers(op.get_bind())


def _count_pictures_on_shots() -> None:
    op.add_column("shots", sa.Column("drawing_count", sa.Integer(), server_default="0", nullable=False))
    where = sa.text(f"{_ALIVE} AND image IS NULL AND image_url IS NULL AND drawing_count = 0")
    op.create_index(
        "shots_without_picture",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=where,
        postgresql_where=where,
    )


def _tell_tasks_apart() -> None:
    op.add_column("tasks", sa.Column("output", sa.Text(), server_default="video", nullable=False))
    for name, (columns, where) in _BY.items():
        op.drop_index(name, "tasks")
        op.create_index(
            name,
            "tasks",
            ["project_id", "provider", "output", "status", *columns],
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.drop_table("task_counts")
    op.create_table(
        "task_counts",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "provider", "output", "status"),
    )
    op.execute(
        sa.text(
            "INSERT INTO task_counts (project_id, provider, output, status, n) "
            "SELECT project_id, provider, output, status, count(*) FROM tasks WHERE deleted_at IS NULL "
            "GROUP BY project_id, provider, output, status"
        )
    )


def _keep_candidates() -> None:
    op.create_table(
        "candidates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("shot_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("rejected", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id"),
    )
    op.create_index("candidates_of_shot", "candidates", ["shot_id", "number"], unique=False)
