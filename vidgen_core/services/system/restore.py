"""Putting a backup in place: checked first, the present database kept beside it, and nothing bought by itself afterwards.

Works on a data home that nobody runs, also when its database is gone or damaged.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from vidgen_core.config.loader import load_settings
from vidgen_core.config.paths import Locations
from vidgen_core.db import Journal, JournalState, Store
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, InputError, Refused, SettingsError, StoreError
from vidgen_core.media.disk import sync_folder, translate_os_errors
from vidgen_core.services.autopilot.run import stop_all
from vidgen_core.worker import database_age

#: What SQLite keeps beside a database.
_BESIDE: Final = ("", "-wal", "-shm")
_BOUGHT: Final = """
SELECT a.provider, a.model, a.remote_id, a.task_id, t.take, s.number
FROM attempts a LEFT JOIN tasks t ON t.id = a.task_id LEFT JOIN shots s ON s.id = t.shot_id
WHERE a.remote_id IS NOT NULL ORDER BY a.id
"""


class Bought(Frozen):
    """A job that was bought after the backup was made; its remote id can be adopted."""

    provider: str
    remote_id: str
    model: str | None = None
    shot: str | None = None
    take: int | None = None


class Restored(Frozen):
    """What putting a backup in place does, or has done."""

    backup: Path
    database: Path
    #: Where the database of before is kept; None without one.
    before: Path | None
    #: Tasks that were queued for paid services and are pending now.
    set_aside: int
    #: Paid orders that were sent after the backup was made, as far as the journal knows.
    orders: int
    bought: tuple[Bought, ...]


def restore(locations: Locations, backup: Path, agree: Callable[[Restored], None]) -> Restored:
    """Put ``backup`` in the place of the database.

    :param agree: is told what would be done, before it is; raises when that is not wanted
    :raises Refused: ``restore_while_running``: a runner works on this data home; ``restore_on_a_server``
    :raises InputError: ``backup_missing``, ``backup_is_present`` (path)
    :raises StoreError: the backup is no database of Vidgen, damaged or too new
    """
    backup = backup.absolute()
    if not backup.is_file():
        raise InputError("backup_missing", path=str(backup))
    if locations.database.exists() and backup.samefile(locations.database):
        raise InputError("backup_is_present", path=str(backup))
    if _is_on_a_server(locations):
        raise Refused("restore_on_a_server")
    locations.create()
    with _nobody_runs(locations):
        return _restore(locations, backup, agree)


def _is_on_a_server(locations: Locations) -> bool:
    try:
        return bool(load_settings(locations).scale.database.get_secret_value())
    except SettingsError:
        # Putting a backup in place must be possible however broken the settings are.
        return False


@contextlib.contextmanager
def _nobody_runs(locations: Locations) -> Iterator[None]:
    lock = FileLock(locations.runner_lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Refused("restore_while_running") from None
    try:
        yield
    finally:
        lock.release()


def _restore(locations: Locations, backup: Path, agree: Callable[[Restored], None]) -> Restored:
    database, journal = locations.database, Journal(locations.journal)
    found, working = journal.look(), database.with_name(f"{database.name}.restoring")
    try:
        _copy(backup, working)
        present = _bought_in(database)
        bought = {**_bought_by(found), **(present or {})}
        known = _bought_in(working) or {}
        with contextlib.closing(Store.open(working)) as store, store.write() as tx:
            seen = database_age.generation_of(tx)
            aside = database_age.go_on(tx, tx.now())
            stop_all(tx)
            trusted, head = database_age.trust(tx, found)
        _as_one_file(working)
        kept = database.with_name(f"{database.name}.before-restore-{datetime.now().astimezone():%Y%m%d-%H%M%S}")
        done = Restored(
            backup=backup,
            database=database,
            before=kept if database.exists() else None,
            set_aside=aside,
            orders=max(0, found.generation - seen),
            bought=tuple(one for name, one in bought.items() if name not in known),
        )
        agree(done)
        with translate_os_errors(database):
            for ending in _BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    database.with_name(database.name + ending).rename(kept.with_name(kept.name + ending))
            working.replace(database)
            sync_folder(database.parent)
        journal.begin(trusted, head)
        return done
    finally:
        for ending in _BESIDE:
            working.with_name(working.name + ending).unlink(missing_ok=True)


def _copy(backup: Path, working: Path) -> None:
    """A copy that nobody writes to while it is checked.

    :raises StoreError: ``backup_not_vidgen``, ``store_damaged``
    """
    working.unlink(missing_ok=True)
    with translate_os_errors(working):
        try:
            with contextlib.closing(_read_only(backup)) as source, contextlib.closing(sqlite3.connect(working)) as copy:
                source.execute("SELECT version_num FROM alembic_version").fetchone()
                source.execute("SELECT count(*) FROM attempts").fetchone()
                source.backup(copy)
                if copy.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                    raise StoreError("backup_damaged", path=str(backup))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
                raise FileError("disk_full", folder=str(working.parent), free=0, needed=0) from error
            damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR)
            raise StoreError("backup_damaged" if damaged else "backup_not_vidgen", path=str(backup)) from error
    working.chmod(0o600)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def _as_one_file(working: Path) -> None:
    with contextlib.closing(sqlite3.connect(working)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _bought_in(path: Path) -> dict[tuple[str, str], Bought] | None:
    """Jobs with a remote id in a database of whatever version; None where it cannot be read."""
    try:
        with contextlib.closing(_read_only(path.absolute())) as connection:
            rows = connection.execute(_BOUGHT).fetchall()
    except sqlite3.Error:
        return None
    names = ("provider", "model", "remote_id", "task", "take", "shot")
    return {(row[0], row[2]): _bought(dict(zip(names, row, strict=True))) for row in rows}


def _bought_by(found: JournalState) -> dict[tuple[str, str], Bought]:
    """Jobs that the journal knows of."""
    jobs = [*found.jobs, *(one for one in found.notes if one["kind"] == "accepted")]
    return {(one["provider"], one["remote_id"]): _bought(one) for one in jobs}


def _bought(facts: dict[str, Any]) -> Bought:
    return Bought.model_validate({name: facts.get(name) for name in Bought.model_fields})
