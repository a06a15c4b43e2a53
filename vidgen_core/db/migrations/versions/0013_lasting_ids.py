"""Ids of tasks and attempts that are never used again, whatever is deleted: they are written down outside, too."""

from __future__ import annotations

import re
from typing import Final

from alembic import op
from sqlalchemy import Connection

from vidgen_core.db.triggers import renew_triggers

revision = "lasting_ids"
down_revision = "take_content"

_MASTER: Final = "SELECT sql FROM sqlite_master WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL"


def upgrade() -> None:
    connection = op.get_bind()
    # A table that is made anew takes its triggers along, and copying must not set them off.
    for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    for table in ("tasks", "attempts"):
        _make_anew(connection, table)
    renew_triggers(connection)


def _make_anew(connection: Connection, table: str) -> None:
    [(made,)] = connection.exec_driver_sql(_MASTER, ("table", table)).all()
    indexes = [sql for (sql,) in connection.exec_driver_sql(_MASTER, ("index", table)).all()]
    connection.exec_driver_sql(_with_lasting_ids(made, table))
    connection.exec_driver_sql(f"INSERT INTO {table}_anew SELECT * FROM {table}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for index in indexes:
        connection.exec_driver_sql(index)


def _with_lasting_ids(made: str, table: str) -> str:
    """The statement that made a table, for one of another name whose ids count on."""
    replacements = (
        (rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_anew"),
        (r"\bid INTEGER NOT NULL", "id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"),
        (r",\s*PRIMARY KEY \(id\)", ""),
    )
    for pattern, new in replacements:
        made, count = re.subn(pattern, new, made, count=1)
        if not count:
            raise ValueError(f"the table {table} was not made by this program")
    return made
