"""Room on the disk: which videos may go, letting them go, and copies of what must not.

A chosen take never goes. What went keeps its row, its poster and its facts, and says that its file is gone.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import tomlkit

from vidgen_core.config.lookup import setting_names
from vidgen_core.db import Store, Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, Refused, StoreError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.takes import Take
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service

#: Among the warnings of a take: its file was cleaned up.
CLEANED: Final = "file_cleaned"
#: Save folder and path below it.
File = tuple[str, str]


class CleanupScope(StrEnum):
    """Which takes may go."""

    #: Set aside by a person.
    REJECTED = "rejected"
    #: Not chosen, of shots that have a chosen take.
    DECIDED = "decided"
    #: Not chosen.
    UNCHOSEN = "unchosen"


class RemovableTake(NamedTuple):
    """A file that would go."""

    take: Take
    shot: str
    bytes: int


class CleanupPlan(NamedTuple):
    """What a clean-up would delete."""

    items: tuple[RemovableTake, ...]

    @property
    def total(self) -> int:
        """Bytes."""
        return sum(item.bytes for item in self.items)


class Cleaned(NamedTuple):
    """What a clean-up did."""

    files: int
    bytes: int
    #: Files the system would not delete, and those that were chosen meanwhile.
    kept: int


class StoreCopy(Frozen):
    """A database that was copied, and how many rows of each table."""

    source: str
    place: str
    rows: dict[str, int]


class Cleanup(Service):
    """Old files and copies."""

    @requires(Role.OWNER)
    def plan(self, project_id: int, scope: CleanupScope, older_than_days: float = 0) -> CleanupPlan:
        """What would be deleted; nothing is touched.

        :param older_than_days: only takes made longer ago than that
        """
        with self._ctx.store.read() as tx:
            before = tx.now() - timedelta(days=older_than_days)
            shots = {shot.id: shot for shot in tx.shots.all(project_id)}
            takes = [take for some in tx.takes.of_shots(list(shots)).values() for take in some]
            shared = _shared_files(tx)
        decided = {shot.id for shot in shots.values() if shot.chosen_take_id}
        wanted = [take for take in takes if take.created_at <= before and _is_in(take, scope, decided)]
        found = [self._candidate(take, shots[take.shot_id].number, shared) for take in wanted]
        items = [item for item in found if item]
        return CleanupPlan(tuple(sorted(items, key=lambda item: (shots[item.take.shot_id].position, item.take.number))))

    @requires(Role.OWNER)
    def carry_out(self, project_id: int, take_ids: Iterable[int]) -> Cleaned:
        """Delete the files of takes that were shown; one that was chosen since then stays."""
        with self._ctx.store.read() as tx:
            shared = _shared_files(tx)
        sizes = [self._delete(take_id, shared) for take_id in take_ids]
        done = [size for size in sizes if size is not None]
        if done:
            with self._ctx.store.write() as tx:
                tx.log.add(LogLevel.INFO, "cleaned", project_id=project_id, files=len(done), bytes=sum(done))
        return Cleaned(len(done), sum(done), len(sizes) - len(done))

    def _delete(self, take_id: int, shared: set[File]) -> int | None:
        """Its bytes, or None when it stays. In one transaction: while it is open nobody can choose the take."""
        with self._ctx.store.write() as tx:
            take = tx.takes.get(take_id)
            item = self._candidate(take, "", shared)
            if item is None:
                return None
            try:
                self._ctx.media.remove(take)
            except (OSError, FileError):
                # The system holds on to it; the others may still go.
                return None
            tx.takes.update(take.id, warnings=(*take.warnings, CLEANED))
            tx.tasks.note(take.task_id, file=None)
            return item.bytes

    def _candidate(self, take: Take, shot: str, shared: set[File]) -> RemovableTake | None:
        """None when it must stay, or there is nothing to delete."""
        # What stands in for a take in exports is as good as chosen.
        if take.chosen or take.stands_in or CLEANED in take.warnings or (take.folder, take.file) in shared:
            return None
        size = self._ctx.media.removable(take)
        return None if size is None else RemovableTake(take, shot, size)

    # --- copies

    @requires(Role.OWNER)
    def backup(self, target: Path) -> tuple[Path, ...]:
        """Copy the database while everything goes on, and beside it the settings without keys, tokens and secrets.

        Into a folder they go under names with the time; videos and pictures are not among them.

        :raises FileError: backup_folder_missing (path), disk_full, folder_read_only
        """
        path = target.absolute()
        if path.is_dir():
            path = path / f"vidgen-{datetime.now().astimezone():%Y%m%d-%H%M%S}.db"
        if not path.parent.is_dir():
            raise FileError("backup_folder_missing", path=str(path.parent))
        from vidgen_core.media.disk import ensure_free_space, ensure_writable, translate_os_errors
        from vidgen_core.services.exports.writers import write_bytes

        with translate_os_errors(path):
            ensure_writable(path.parent)
            ensure_free_space(path.parent, self._ctx.store.info()["bytes"], reserve=0)
            self._ctx.store.backup(path)
        text = self._ctx.settings_file.text()
        if not text:
            return (path,)
        copy = path.with_name(f"{path.stem}.settings.toml")
        write_bytes(without_secrets(text).encode(), copy)
        return path, copy

    @requires(Role.OWNER)
    def copy_store(self, to: str) -> StoreCopy:
        """Copy the whole database into an empty one: a file, or ``postgresql://…``. This one stays as it is.

        :raises Refused: ``store_copy_while_running``: a worker buys from this database
        :raises StoreError: ``store_copy_not_empty``, ``store_copy_differs``, and as ``Store.open``
        """
        source = self._ctx.store
        lock = source.runner_lock(self._ctx.locations.runner_lock)
        if not lock.acquire():
            raise Refused("store_copy_while_running")
        try:
            timezone = self._ctx.settings().scale.timezone
            with contextlib.closing(Store.open(to, checkpoints=True, timezone=timezone)) as target:
                # That of whoever buys there, or, under another name, of this very database.
                taken = target.is_shared and target.runner_lock(self._ctx.locations.runner_lock).is_taken()
                if taken or target.place == source.place:
                    raise StoreError("store_copy_not_empty", place=target.place)
                rows = {table: n for table, n in source.copy_to(target) if n}
                return StoreCopy(source=source.place, place=target.place, rows=rows)
        finally:
            lock.release()


def _is_in(take: Take, scope: CleanupScope, decided: set[int]) -> bool:
    if scope is CleanupScope.REJECTED:
        return take.rejected is not None
    return scope is CleanupScope.UNCHOSEN or take.shot_id in decided


def _shared_files(tx: Tx) -> set[File]:
    """Files that more than one take calls its own: of equal content, under one name."""
    shots = [shot for project in tx.projects.all() for shot in tx.shots.ids(project.id)]
    takes = (take for some in tx.takes.of_shots(shots).values() for take in some if CLEANED not in take.warnings)
    counted = Counter((take.folder, take.file) for take in takes)
    return {file for file, times in counted.items() if times > 1}


def without_secrets(text: str) -> str:
    """Settings without keys, tokens and secrets; comments go too, for an old key may stand in one."""
    try:
        values = tomllib.loads(text)
    except ValueError:
        # What cannot be read cannot be searched for secrets either.
        return ""
    secret = {setting.name.rpartition(".")[2] for setting in setting_names() if setting.secret}
    return tomlkit.dumps(_stripped(values, secret | {"secret"}))


def _stripped(values: Any, secret: Collection[str]) -> Any:
    """Without what is called like a secret, wherever it stands; a password's hash is one too."""
    if isinstance(values, dict):
        return {name: _stripped(value, secret) for name, value in values.items() if name not in secret}
    return values
