"""When a job last waited for a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "lovart"
down_revision = "picture_prompt"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("waited_at", sa.Double(), nullable=True))
