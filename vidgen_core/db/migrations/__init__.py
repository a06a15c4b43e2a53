"""Migrations of the schema, run whenever a database is opened.

A new revision is a file in ``versions``; ``HEAD`` names the last one, so that opening a database that is up to
date does not import Alembic.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, insert, inspect, text

from vidgen_core.domain.errors import StoreError

HEAD: Final = "0001"


def current(connection: Connection) -> str | None:
    """The revision of the database's schema; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def is_current(connection: Connection) -> bool:
    return current(connection) == HEAD


def upgrade(connection: Connection) -> None:
    """Upgrade the schema to HEAD inside the open transaction. Raises StoreError store_too_new."""
    # Importing Alembic takes a quarter of a second, and it is needed once per release.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "vidgen_core.db:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    found = current(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError("store_too_new", found=found, known=HEAD)
    if found is None and connection.dialect.name == "postgresql":
        # What lies before is the history of SQLite files.
        _create(connection)
        command.stamp(config, HEAD)
    else:
        command.upgrade(config, HEAD)


def _create(connection: Connection) -> None:
    """Create the present schema in an empty database."""
    from vidgen_core.db.schema import metadata, revision
    from vidgen_core.db.triggers import renew_triggers

    for index in (index for table in metadata.tables.values() for index in table.indexes):
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    metadata.create_all(connection)
    connection.execute(insert(revision).values(id=1, n=0))
    renew_triggers(connection)
