"""Copies of reference images as providers want them: JPEG, upright, opaque, under a byte limit; the originals stay."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from vidgen_core.media.disk import translate_os_errors
from vidgen_core.media.images import fit_jpeg

#: Copies kept for further takes of the same shot.
KEPT: Final = 64
#: Longest side of a copy in pixels, by the size of the video; more shows in no video and costs memory and time.
EDGE: Final = 2560
EDGES: Final = {"4K": 4096}
#: Seconds for which a copy that was just handed out is never taken away.
SAFE: Final = 900.0


class PictureCopies:
    """A folder of copies, shared by the takes of a shot; emptied when first used.

    Copies are made one at a time, in one thread: a decoded photo takes ten times the memory of its file, and each
    thread that ever decoded one keeps as much for the next.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: OrderedDict[Path, float] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vidgen-pictures")
        self._begun = False

    async def jpeg(self, image: Path, max_bytes: int, size: str) -> Path:
        """The path of a JPEG copy of at most ``max_bytes``, good for a quarter of an hour.

        :param size: of the video to be made; the copy is never coarser than that

        :raises FileError: as ``images.fit_jpeg``, and when the copy cannot be written
        """
        edge = EDGES.get(size.upper(), EDGE)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._copy, image, max_bytes, edge)

    def _copy(self, image: Path, max_bytes: int, max_edge: int) -> Path:
        copy = self._make(image, max_bytes, max_edge)
        self._used[copy] = time.monotonic()
        self._used.move_to_end(copy)
        self._clear_away()
        return copy

    def _make(self, image: Path, max_bytes: int, max_edge: int) -> Path:
        if not self._begun:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._begun = True
        copy = self._folder / _name(image, f"{max_bytes}|{max_edge}")
        if not copy.exists():
            data = fit_jpeg(image, max_bytes=max_bytes, max_edge=max_edge)
            with translate_os_errors(copy):
                self._folder.mkdir(parents=True, exist_ok=True)
                part = copy.with_suffix(".part")
                part.write_bytes(data)
                part.replace(copy)
        return copy

    def _clear_away(self) -> None:
        while len(self._used) > KEPT:
            oldest, used = next(iter(self._used.items()))
            if time.monotonic() - used < SAFE:
                return
            del self._used[oldest]
            oldest.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all copies."""
        self._thread.shutdown(cancel_futures=True)
        if self._begun:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._begun = False
            self._used.clear()


def _name(image: Path, limits: str) -> str:
    try:
        stat = image.stat()
        facts = f"{image}|{stat.st_mtime_ns}|{stat.st_size}|{limits}"
    except OSError:
        # Reading it will say what is wrong.
        facts = f"{image}|{limits}"
    return f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.jpg"
