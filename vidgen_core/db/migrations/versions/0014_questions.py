"""What was asked, as a digest, so that an answer that was never used is found by its question."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "questions"
down_revision = "lasting_ids"


def upgrade() -> None:
    op.add_column("writing_calls", sa.Column("question", sa.Text(), nullable=True))
    op.create_index(
        "writing_calls_of_shot",
        "writing_calls",
        ["shot_id", "id"],
        unique=False,
        sqlite_where=sa.text("shot_id IS NOT NULL"),
        postgresql_where=sa.text("shot_id IS NOT NULL"),
    )
