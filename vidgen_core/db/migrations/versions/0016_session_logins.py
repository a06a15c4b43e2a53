"""The login at an identity provider that a session came from, which ends with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "session_logins"
down_revision = "requests"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("login", sa.Text(), nullable=True))
