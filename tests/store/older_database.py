"""Turns a database of today back into one of before, for tests of migrations that have others after them."""

from __future__ import annotations

import sqlite3

#: What undoes the newest migrations, the last one first; a new migration that changes tables adds its own here.
_UNDO = (
    "DROP TABLE IF EXISTS requests",
    "DROP INDEX IF EXISTS takes_content",
    "ALTER TABLE takes DROP COLUMN content",
    "DROP TABLE IF EXISTS sessions",
)


def without_newest(connection: sqlite3.Connection) -> None:
    """Take back every migration after the one that counts shots."""
    for statement in _UNDO:
        connection.execute(statement)
