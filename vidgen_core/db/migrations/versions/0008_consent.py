"""When a yes to the price that a job waited for was last said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "consent"
down_revision = "figures"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("confirmed_at", sa.Double(), nullable=True))
