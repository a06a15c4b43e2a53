"""Files as responses, in ranges, wherever they are kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.responses import FileResponse

from vidgen_core.domain.errors import NotFound
from vidgen_core.media.storage import StoredFile

#: Bytes that are asked of a bucket at once.
_BLOCK: Final = 1 << 20


def existing(file: Path | StoredFile | None) -> Path | StoredFile:
    """:raises NotFound: ``file_gone``"""
    if file is None or (isinstance(file, Path) and not file.is_file()):
        raise NotFound("file_gone")
    return file


class StoredFileResponse(FileResponse):
    """A ``FileResponse`` whose file may be in a bucket, of which no more is read than was asked for."""

    def __init__(self, file: Path | StoredFile, **options: Any) -> None:
        self._stored = None if isinstance(file, Path) else file
        if self._stored is not None:
            self.chunk_size = _BLOCK
            # Of a regular file: mode, then size; nothing else is looked at but the time of change, of which a bucket's is none.
            options["stat_result"] = os.stat_result((0o100600, 0, 0, 0, 0, 0, self._stored.size, 0, 0, 0))
        super().__init__(file if isinstance(file, Path) else file.name, **options)

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[Any]:
        if self._stored is not None:
            yield _StoredReader(self._stored)
            return
        async with super()._open_file() as file:
            yield file


class _StoredReader:
    """The part of an opened file that ``FileResponse`` uses."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._at = 0

    async def seek(self, to: int) -> None:
        self._at = to

    async def read(self, size: int) -> bytes:
        end = min(self._at + size, self._file.size)
        data = await asyncio.to_thread(self._file.read, self._at, end) if end > self._at else b""
        self._at = end
        return data
