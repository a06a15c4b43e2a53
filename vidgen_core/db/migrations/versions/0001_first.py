"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vidgen_core.db.triggers import renew_triggers

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("key_label", sa.Text(), nullable=True),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("intent_at", sa.Double(), nullable=True),
        sa.Column("accepted_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("sent", sa.JSON(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("cost_currency", sa.Text(), nullable=True),
        sa.Column("charge", sa.Text(), nullable=False),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempts_created", "attempts", ["created_at"], unique=False)
    op.create_index(
        "attempts_intents",
        "attempts",
        ["provider", "intent_at"],
        unique=False,
        sqlite_where=sa.text("intent_at IS NOT NULL"),
        postgresql_where=sa.text("intent_at IS NOT NULL"),
    )
    op.create_index("attempts_of_task", "attempts", ["task_id", "number"], unique=True)
    op.create_index(
        "attempts_open",
        "attempts",
        ["provider"],
        unique=False,
        sqlite_where=sa.text("state IN ('sending', 'accepted', 'unknown', 'abandoned')"),
        postgresql_where=sa.text("state IN ('sending', 'accepted', 'unknown', 'abandoned')"),
    )
    op.create_index(
        "attempts_remote",
        "attempts",
        ["provider", "remote_id"],
        unique=False,
        sqlite_where=sa.text("remote_id IS NOT NULL"),
        postgresql_where=sa.text("remote_id IS NOT NULL"),
    )
    op.create_index(
        "attempts_succeeded",
        "attempts",
        ["provider", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'succeeded'"),
        postgresql_where=sa.text("state = 'succeeded'"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "key_usage",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("submitted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.Column("cooling_until", sa.Double(), nullable=True),
        sa.Column("health", sa.Text(), server_default="usable", nullable=False),
        sa.PrimaryKeyConstraint("provider", "key_id"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("log_level", "log", ["level", "id"], unique=False)
    op.create_index("log_project", "log", ["project_id", "level", "id"], unique=False)
    op.create_index(
        "log_task",
        "log",
        ["task_id", "id"],
        unique=False,
        sqlite_where=sa.text("task_id IS NOT NULL"),
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )
    op.create_table(
        "project_settings",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "name"),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "shots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("params", sa.JSON(), nullable=True),
        sa.Column("extra", sa.JSON(), nullable=True),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("chosen_take_id", sa.Integer(), nullable=True),
        sa.Column("live_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("changed_rev", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "shots_all",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("shots_changed", "shots", ["project_id", "changed_rev"], unique=False)
    op.create_index(
        "shots_choice",
        "shots",
        ["chosen_take_id"],
        unique=False,
        sqlite_where=sa.text("chosen_take_id IS NOT NULL"),
        postgresql_where=sa.text("chosen_take_id IS NOT NULL"),
    )
    op.create_index(
        "shots_chosen",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND chosen_take_id IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NULL AND chosen_take_id IS NOT NULL"),
    )
    op.create_index(
        "shots_failed",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND failed_count > 0"),
        postgresql_where=sa.text("deleted_at IS NULL AND failed_count > 0"),
    )
    op.create_index(
        "shots_identity",
        "shots",
        ["project_id", "identity"],
        unique=False,
        sqlite_where=sa.text("identity IS NOT NULL AND deleted_at IS NULL"),
        postgresql_where=sa.text("identity IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "shots_number",
        "shots",
        ["project_id", "number", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "shots_running",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND live_count > 0"),
        postgresql_where=sa.text("deleted_at IS NULL AND live_count > 0"),
    )
    op.create_index(
        "shots_to_choose",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND completed_count > 0 AND chosen_take_id IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL AND completed_count > 0 AND chosen_take_id IS NULL"),
    )
    op.create_index(
        "shots_without_takes",
        "shots",
        ["project_id", "position"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND completed_count = 0 AND live_count = 0"),
        postgresql_where=sa.text("deleted_at IS NULL AND completed_count = 0 AND live_count = 0"),
    )
    op.create_table(
        "spend",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("charge", sa.Text(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "provider", "key_id", "currency", "charge"),
    )
    op.create_table(
        "state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "takes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("shot_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("poster", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=True),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.Column("was_chosen", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("task_id"),
    )
    op.create_index("takes_of_shot", "takes", ["shot_id", "number"], unique=False)
    op.create_index("takes_sha256", "takes", ["sha256"], unique=False)
    op.create_table(
        "task_counts",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "provider", "status"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("shot_id", sa.Integer(), nullable=False),
        sa.Column("shot_position", sa.BigInteger(), nullable=False),
        sa.Column("take", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("text_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("result_url", sa.Text(), nullable=True),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("cost_currency", sa.Text(), nullable=True),
        sa.Column("charge", sa.Text(), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("submitted_at", sa.Double(), nullable=True),
        sa.Column("polled_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("duration", sa.Double(), nullable=True),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.Column("params", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tasks_batch", "tasks", ["batch"], unique=False)
    op.create_index(
        "tasks_by_attempts",
        "tasks",
        ["project_id", "provider", "status", "attempts", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_by_cost",
        "tasks",
        ["project_id", "provider", "status", "cost", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_by_duration",
        "tasks",
        ["project_id", "provider", "status", "duration", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND duration IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NULL AND duration IS NOT NULL"),
    )
    op.create_index(
        "tasks_by_finished",
        "tasks",
        ["project_id", "provider", "status", "finished_at", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND finished_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NULL AND finished_at IS NOT NULL"),
    )
    op.create_index(
        "tasks_by_id",
        "tasks",
        ["project_id", "provider", "status", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_by_shot",
        "tasks",
        ["project_id", "provider", "status", "shot_position", "take", "id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("tasks_changed", "tasks", ["project_id", "rev"], unique=False)
    op.create_index(
        "tasks_claim",
        "tasks",
        ["provider", sa.literal_column("priority DESC"), "turn", "id", "due_at"],
        unique=False,
        sqlite_where=sa.text("status = 'queued' AND NOT cancel_requested AND deleted_at IS NULL"),
        postgresql_where=sa.text("status = 'queued' AND NOT cancel_requested AND deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_due",
        "tasks",
        ["provider", "due_at"],
        unique=False,
        sqlite_where=sa.text("status = 'queued' AND due_at IS NOT NULL AND deleted_at IS NULL"),
        postgresql_where=sa.text("status = 'queued' AND due_at IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_held",
        "tasks",
        ["status"],
        unique=False,
        sqlite_where=sa.text("status IN ('processing', 'downloading')"),
        postgresql_where=sa.text("status IN ('processing', 'downloading')"),
    )
    op.create_index(
        "tasks_of_kind",
        "tasks",
        ["failure_kind", "project_id", "status", "provider"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL AND failure_kind IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NULL AND failure_kind IS NOT NULL"),
    )
    op.create_index("tasks_of_shot", "tasks", ["shot_id", "take"], unique=False)
    op.create_index(
        "tasks_of_text",
        "tasks",
        ["text_id", "project_id", "status", "provider"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_turn",
        "tasks",
        ["provider", "turn"],
        unique=False,
        sqlite_where=sa.text("status = 'queued' AND deleted_at IS NULL"),
        postgresql_where=sa.text("status = 'queued' AND deleted_at IS NULL"),
    )
    op.create_index(
        "tasks_wishes",
        "tasks",
        ["id"],
        unique=False,
        sqlite_where=sa.text("cancel_requested"),
        postgresql_where=sa.text("cancel_requested"),
    )
    op.create_table(
        "texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "uploads",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "key_id", "sha256"),
    )
    op.execute(sa.text("INSERT INTO revision (id, n) VALUES (1, 0)"))
    renew_triggers(op.get_bind())
