"""What a shot's reference image is drawn from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "picture_prompt"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("shots", sa.Column("picture_prompt", sa.Text(), server_default=sa.text("''"), nullable=False))
