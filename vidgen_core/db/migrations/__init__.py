"""Migrations of the schema, run whenever a database is opened.

A new revision is a file in ``versions``; ``HEAD`` names the last one, so that opening a database that is up to
date, or empty, does not import Alembic.
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
    found = current(connection)
    if found is None:
        create(connection)
        # As Alembic has it.
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        return
    # Importing Alembic takes a quarter of a second, and it is needed once per release.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "vidgen_core.db:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known:
        raise StoreError("store_too_new", found=found, known=HEAD)
    command.upgrade(config, HEAD)


def create(connection: Connection) -> None:
    """Create the present schema in an empty database."""
    from sqlalchemy.schema import CreateIndex, CreateTable

    from vidgen_core.db.schema import metadata
    from vidgen_core.db.schema.system import revision
    from vidgen_core.db.triggers import renew_triggers

    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
        # By name: among indexes that do equally well, SQLite takes the one that was made last.
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
            connection.execute(CreateIndex(index))
    connection.execute(insert(revision).values(id=1, n=0))
    renew_triggers(connection)
