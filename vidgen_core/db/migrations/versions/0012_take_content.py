"""The digest of a take's video, which tells one video in two files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "take_content"
down_revision = "sessions"


def upgrade() -> None:
    op.add_column("takes", sa.Column("content", sa.Text(), nullable=True))
    op.create_index("takes_content", "takes", ["content"], unique=False)
