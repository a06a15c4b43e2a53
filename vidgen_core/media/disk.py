"""Writing to a disk: files that appear whole or not at all, room, and refusals as errors."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vidgen_core.errors import FileError

#: Bytes that stay free whatever happens, so that the database can still be written.
RESERVE: Final = 200 * 1024 * 1024


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to read or write ``path`` into a FileError that says which it is.

    :raises FileError: disk_full, folder_read_only, folder_is_file, path_too_long, file_not_written
    """
    try:
        yield
    except OSError as error:
        raise _as_file_error(error, path) from error


def _as_file_error(error: OSError, path: Path) -> FileError:
    folder = str(path.parent)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return FileError("disk_full", folder=folder, free=_free(path.parent), needed=0)
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return FileError("folder_read_only", folder=folder)
    if error.errno == errno.ENAMETOOLONG:
        return FileError("path_too_long", path=str(path))
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        return FileError("folder_is_file", path=str(error.filename or path))
    system = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return FileError("file_not_written", path=str(path), system=system)


def ensure_free_space(folder: Path, needed: int, reserve: int = RESERVE) -> None:
    """See that ``needed`` bytes and a reserve are free where ``folder`` is or will be.

    :raises FileError: disk_full with ``free`` and ``needed`` in bytes
    """
    free = _free(folder)
    if free < needed + reserve:
        raise FileError("disk_full", folder=str(folder), free=free, needed=needed + reserve)


def ensure_writable(folder: Path) -> None:
    """See that files can be written durably where ``folder`` is or will be; nothing is left behind.

    :raises FileError: folder_gone, folder_is_file, folder_read_only, disk_full, file_not_written
    """
    place = next(one for one in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(one))
    if place.is_symlink() and not place.exists():
        raise FileError("folder_gone", folder=str(place))
    if not place.is_dir():
        raise FileError("folder_is_file", path=str(place))
    with translate_os_errors(place / "probe"):
        handle, name = tempfile.mkstemp(prefix=".vidgen-", dir=place)
        try:
            os.write(handle, b"vidgen")
            os.fsync(handle)
        finally:
            os.close(handle)
            Path(name).unlink()


def _free(folder: Path) -> int:
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable; Windows has no such thing and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(target: Path, working: str) -> Iterator[Path]:
    """Give a path beside ``target`` to write to; it takes the target's name, durably, when all went well.

    :param working: ending of the working file; the same one each time, so that a crash leaves at most one.
    :raises FileError: as ``translate_os_errors``
    """
    part = target.with_name(f"{target.name}{working}")
    with translate_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            sync_file(part)
            part.replace(target)
            sync_folder(target.parent)
        finally:
            part.unlink(missing_ok=True)
