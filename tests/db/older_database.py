"""A database of an older release: its schema as the migrations made it then, with the rows of one of today."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import create_engine

from vidgen_core.db import Store, migrations


def older(store: Store, path: Path, revision: str) -> None:
    """Copy ``store`` to ``path`` as it would have been when ``revision`` was the newest one.

    What that schema had no place for is left out, and so are triggers: they are of today, and opening makes them anew.
    """
    today = path.with_name("today.db")
    store.backup(today)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection, patch.object(migrations, "HEAD", revision):
        migrations.upgrade(connection)
    engine.dispose()
    copy = sqlite3.connect(path, isolation_level=None)
    for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        copy.execute(f"DROP TRIGGER {name}")
    copy.execute("ATTACH ? AS today", (str(today),))
    for (table,) in copy.execute("SELECT name FROM main.sqlite_master WHERE sql LIKE 'CREATE TABLE%'").fetchall():
        if table != "alembic_version" and not table.startswith("sqlite_"):
            _copy(copy, table)
    copy.close()


def _copy(connection: sqlite3.Connection, table: str) -> None:
    now, then = (
        [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({table})")] for schema in ("today", "main")
    )
    kept = ", ".join(f'"{column}"' for column in then if column in now)
    connection.execute(f"DELETE FROM main.{table}")  # noqa: S608
    connection.execute(f"INSERT INTO main.{table} ({kept}) SELECT {kept} FROM today.{table}")  # noqa: S608
