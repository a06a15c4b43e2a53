"""Create the first schema: the statements of ``0001_first.sql`` and the triggers."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from vidgen_core.db.triggers import renew_triggers

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    renew_triggers(connection)
