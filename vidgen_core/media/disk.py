"""Writing files: atomic replacement, free space, and system errors as FileError."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from vidgen_core.domain.errors import FileError

#: Bytes that stay free whatever happens, so that the database can still be written.
RESERVE: Final = 200 * 1024 * 1024


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError about ``path`` into a FileError.

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


@contextlib.contextmanager
def opened_within(path: Path, roots: Iterable[Path]) -> Iterator[BinaryIO]:
    """Open a file to read it, unless it lies outside of ``roots`` once all links are followed.

    What is read is what was checked, also when a link takes its place in between.

    :param roots: absolute folders without links in their paths
    :raises FileError: file_outside (path)
    :raises OSError: it is not there, cannot be read, or is no file
    """
    real = path.resolve(strict=True)
    if not any(real.is_relative_to(root) for root in roots):
        raise FileError("file_outside", path=str(path))
    if not stat.S_ISREG(real.lstat().st_mode):
        # Opening a pipe would block.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    with real.open("rb") as file:
        if real.resolve(strict=True) != real or not os.path.samestat(os.fstat(file.fileno()), real.lstat()):
            raise FileError("file_outside", path=str(path))
        yield file


def ensure_free_space(folder: Path, needed: int, reserve: int = RESERVE) -> None:
    """Ensure that ``needed`` bytes and a reserve are free where ``folder`` is or will be.

    :raises FileError: disk_full with ``free`` and ``needed`` in bytes
    """
    free = _free(folder)
    if free < needed + reserve:
        raise FileError("disk_full", folder=str(folder), free=free, needed=needed + reserve)


def ensure_writable(folder: Path) -> None:
    """Ensure that files can be written durably where ``folder`` is or will be; leaves nothing behind.

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
    """Make renames in a folder durable; not needed on Windows."""
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
