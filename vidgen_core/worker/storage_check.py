"""Check that what is bought can be saved: free space, a writable folder, the drive that it is on.

Checked before money is spent, in the very folders that the next videos go to. Where one fails the provider is paused with
one sentence; the pause ends without a person when the folder is good again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vidgen_core.db import Store, Tx
from vidgen_core.db.worker_state import SAVE_FOLDER_MOUNT, SaveFolderMount
from vidgen_core.domain.errors import FileError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.media.disk import ensure_free_space, ensure_writable
from vidgen_core.worker.context import Context

#: Seconds for which a folder that was good is taken to be so still.
EVERY: Final = 5.0
#: Seconds that the queue waits for an answer of the media storage; a look that takes longer goes on by itself.
PATIENCE: Final = 5.0
#: The code of a pause by that of the error.
_CODES: Final = {
    "disk_full": "pause_disk_full",
    "folder_read_only": "pause_folder_read_only",
    "folder_is_file": "pause_folder_is_file",
    "folder_gone": "pause_folder_gone",
    "media_away": "pause_media_away",
    "media_refused": "pause_media_refused",
    "media_region": "pause_media_region",
    "media_full": "pause_media_full",
    "media_bucket_missing": "pause_media_bucket_missing",
    "media_unmounted": "pause_media_unmounted",
}
_OTHER: Final = "pause_folder_unwritable"
CODES: Final = frozenset({*_CODES.values(), _OTHER})


@dataclass
class StorageCheck:
    """When each folder was last found good."""

    ctx: Context
    _good: dict[Path, float] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None

    async def are_ready(self, mode: ProviderId, wanted: Iterable[Path]) -> bool:
        """Whether the save folder and ``wanted`` can be written; ``mode`` is paused or goes on accordingly."""
        base = self.ctx.media.landing_folder(self.ctx.settings())
        folders = {base, *wanted}
        pause = self.ctx.pauses.of(mode)
        paused = pause is not None and pause.code in CODES
        now = time.monotonic()
        doubtful = [one for one in folders if paused or now - self._good.get(one, -EVERY) >= EVERY]
        if not doubtful:
            return True
        try:
            await self._look_at_media()
            mount = await asyncio.to_thread(_check, self.ctx.store, base, doubtful)
        except FileError as error:
            self.ctx.pauses.pause(mode, _CODES.get(error.code, _OTHER), provider=mode.value, **error.params)
            return False
        self._good = dict.fromkeys(doubtful, now) | {one: at for one, at in self._good.items() if now - at < EVERY}
        if mount is not None:
            self.ctx.writer.post(lambda tx: SAVE_FOLDER_MOUNT.put(tx, SaveFolderMount(folder=str(base), mount=mount)))
        if pause is not None and paused:
            self.ctx.pauses.lift(mode, pause.code)
        return True

    async def _look_at_media(self) -> None:
        """:raises FileError: as ``LocalMedia.check``; ``media_away`` while an answer is still awaited"""
        patience = 0.0 if self._looking is not None else PATIENCE
        looking = self._looking = self._looking or asyncio.create_task(asyncio.to_thread(self.ctx.media.check))
        if not (await asyncio.wait({looking}, timeout=patience))[0]:
            raise FileError("media_away", place=self.ctx.media.place)
        self._looking = None
        looking.result()


def check(store: Store, base: Path, folders: Iterable[Path] = ()) -> None:
    """See that what is bought can be saved.

    :raises FileError: disk_full, folder_read_only, folder_is_file, folder_gone, file_not_written
    """
    _check(store, base, [base, *folders])


def ensure_mounted(before: str | None) -> None:
    """See that the drive is there that the save folder was on (``mount_before``).

    :raises FileError: folder_gone (folder)
    """
    if before is not None and not os.path.ismount(before):
        raise FileError("folder_gone", folder=before)


def _check(store: Store, base: Path, folders: Iterable[Path]) -> str | None:
    """The drive of the save folder, where it is another one than the store remembers."""
    with store.read() as tx:
        before = mount_before(tx, base)
    ensure_mounted(before)
    for folder in folders:
        ensure_writable(folder)
        ensure_free_space(folder, 0)
    mount = str(next(one for one in (base.absolute(), *base.absolute().parents) if os.path.ismount(one)))
    return None if mount == (before or str(base.anchor)) else mount


def mount_before(tx: Tx, base: Path) -> str | None:
    """The drive that the save folder was on, where it is not the system's own."""
    kept = SAVE_FOLDER_MOUNT.get(tx)
    return kept.mount if kept is not None and kept.folder == str(base) else None
