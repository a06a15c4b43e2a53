"""Videos, pictures, posters and exports in a bucket (S3), or another place that fsspec knows, for all machines of a studio.

Files are made and checked on this machine and then put into the bucket; what is read again is copied here once. Copies are
named by their content, so none is ever old.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import RESERVE, ensure_free_space, translate_os_errors
from vidgen_core.media.storage.local import LocalMedia
from vidgen_core.media.video import sha256_file

try:
    import fsspec
except ImportError:
    raise FileError("media_driver_missing") from None

if TYPE_CHECKING:
    from vidgen_core.config.paths import Locations
    from vidgen_core.config.schema import ScaleSettings, Settings
    from vidgen_core.domain.takes import Take

#: Bytes of fetched videos that are kept on this machine.
MOST_COPIED: Final = 20 << 30
#: Seconds for which a copy that was used stays, whatever the space.
IN_USE: Final = 3600.0
#: Seconds for which a bucket that could be written is taken to be so still.
GOOD_FOR: Final = 60.0
#: Seconds until a server that does not answer is given up.
_CONNECT, _READ = 5, 30
#: How often one is asked, and bytes a second of the slowest transfer that is waited for.
_TRIES: Final = 2
_SLOWEST: Final = 16 << 10
#: What a server answers that will not have this key, this region or the time of this machine, however often it is asked.
_REFUSALS: Final = (400, 401, 403)
#: What one answers whose bucket lies in another region.
_ELSEWHERE: Final = 301
#: Whether the call that runs has asked for the region of the bucket.
_ASKED_FOR_REGION: Final = ContextVar("vidgen_region", default=False)
#: Codes of those that have no room left, whatever their status; AWS has none, others name their quotas so.
_FULL: Final = re.compile("Quota|StorageFull|InsufficientStorage")
_FULL_STATUS: Final = 507
#: Bytes that are put to see whether the bucket can be written.
_PROBE: Final = 6
#: What drivers say before they ask any server, by the names of their errors.
_SAID_HERE: Final = {
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"), "media_refused"),
    # A profile or a sign-in of this machine that is not there.
    **dict.fromkeys(("ProfileNotFound", "SSOTokenLoadError", "UnauthorizedSSOTokenError"), "media_refused"),
    "NoRegionError": "media_region",
    "ParamValidationError": "media_bucket_missing",
}
#: The file that says of a mounted folder that it is the one, and in the data home which one has been used.
_MARK: Final = ".vidgen-media"
_BLOCK: Final = 1 << 20
#: Characters of a SHA-256.
_DIGEST: Final = 64


class BucketFile:
    """A file of the bucket, read in parts."""

    def __init__(self, media: BucketMedia, key: str, size: int) -> None:
        self._media = media
        self._key = key
        self.name = key.rpartition("/")[2]
        self.size = size

    def read(self, begin: int, end: int) -> bytes:
        return self._media.read(self._key, begin, end)


class BucketMedia(LocalMedia):
    """A bucket, with copies in the data home. Safe to share between threads.

    :raises FileError: every method may raise ``media_away``, ``media_refused``, ``media_region``, ``media_full``,
        ``media_bucket_missing``, ``media_unmounted`` (all with place)
    """

    def __init__(self, locations: Locations, scale: ScaleSettings) -> None:
        super().__init__(locations)
        self.place = scale.media.rstrip("/")
        self._copies = locations.home / "media-copies"
        self._options = _options(scale)
        self._opened: Any = None
        self._root = ""
        self._lock = threading.Lock()
        self._good = -GOOD_FOR
        #: Bytes that it must take: less may find room where the file that was refused last does not.
        self._wanted = _PROBE

    # --- reading

    def picture(self, key: str) -> Path:
        return self._copied(self.path_of_picture(key), f"images/{key}")

    def poster(self, name: str) -> Path:
        return self._copied(super().poster(name), f"posters/{name}")

    def address(self, take: Take) -> str:
        if "://" in take.folder or PurePath(take.file).is_absolute() or Path(take.place).is_file():
            return take.address
        # From before there was a bucket: its folder has been copied there.
        return f"{self.place}/videos/{take.file}#{take.sha256}"

    def path_of(self, address: str) -> Path:
        key = self._key_of(address)
        if key is None:
            return Path(address)
        digest = address.rpartition("#")[2]
        return self._copies / f"{digest}{Path(key).suffix}"

    def fetched(self, address: str) -> Path:
        path, key = self.path_of(address), self._key_of(address)
        if key is None:
            return path
        self._copied(path, key, room=True)
        with contextlib.suppress(OSError):
            os.utime(path)
        return path

    def video(self, take: Take) -> Path:
        return self.fetched(self.address(take))

    def has(self, take: Take) -> bool:
        key = self._key_of(self.address(take))
        return super().has(take) if key is None else self._size(key) is not None

    def has_picture(self, key: str) -> bool:
        return super().has_picture(key) or self._size(f"images/{key}") is not None

    def may_have(self, take: Take) -> bool:
        return self._key_of(self.address(take)) is not None or super().may_have(take)

    def may_have_picture(self, key: str) -> bool:  # noqa: ARG002 - each was put there before its row was written
        return True

    def stored(self, take: Take) -> Path | BucketFile:
        key, path = self._key_of(self.address(take)), self.path_of(self.address(take))
        if key is None or path.is_file():
            return path
        size = self._size(key)
        return path if size is None else BucketFile(self, key, size)

    def export(self, path: Path) -> Path | BucketFile:
        if path.is_file():
            return path
        size = self._size(_export_key(path))
        return path if size is None else BucketFile(self, _export_key(path), size)

    def may_have_export(self, path: Path) -> bool:
        return path.exists() or path.parent.parent.name == self._locations.exports.name

    def read(self, key: str, begin: int, end: int) -> bytes:
        """Bytes of a file."""
        with self._translated():
            return bytes(self._ask("cat_file", self._at(key), start=begin, end=end, size=end - begin))

    # --- writing

    def landing_folder(self, settings: Settings) -> Path:  # noqa: ARG002 - a save folder is one of a single machine
        return self._locations.home / "arriving"

    def add_video(self, path: Path, folder: Path, sha256: str) -> tuple[str, str]:
        name = path.relative_to(folder).as_posix()
        stem, dot, suffix = name.rpartition(".")
        for number in range(1, 10_000):
            file = name if number == 1 else f"{stem} ({number}){dot}{suffix}"
            if self._put_new(path, f"videos/{file}", sha256):
                break
        copy = self._copies / f"{sha256}{path.suffix}"
        with translate_os_errors(copy):
            copy.parent.mkdir(exist_ok=True)
            path.replace(copy)
        return f"{self.place}/videos", file

    def add_poster(self, path: Path) -> None:
        self._put(path, f"posters/{path.name}")

    def add_picture(self, picture: Path | bytes, inspected: str | None = None) -> str:
        key = super().add_picture(picture, inspected)
        if self._size(f"images/{key}") is None:
            self._put(self.path_of_picture(key), f"images/{key}")
        return key

    def add_export(self, path: Path) -> None:
        self._put(path, _export_key(path))

    def remove(self, take: Take) -> None:
        key = self._key_of(self.address(take))
        if key is None:
            super().remove(take)
            return
        self._remove(key)
        self.path_of(self.address(take)).unlink(missing_ok=True)

    def removable(self, take: Take) -> int | None:
        return super().removable(take) if self._key_of(self.address(take)) is None else take.bytes

    def remove_poster(self, name: str) -> None:
        super().remove_poster(name)
        self._remove(f"posters/{name}")

    def remove_export(self, path: Path) -> None:
        super().remove_export(path)
        self._remove(_export_key(path))

    def check(self) -> None:
        if time.monotonic() - self._good < GOOD_FOR:
            return
        key = f"checks/{uuid4().hex}"
        with self._translated():
            self._see_that_it_is_mounted()
            self._ask("pipe_file", self._at(key), bytes(self._wanted), size=self._wanted)
            self._ask("rm_file", self._at(key))
        self._good, self._wanted = time.monotonic(), _PROBE

    def _see_that_it_is_mounted(self) -> None:
        """What is written into the empty folder at which a drive is to be mounted lies on this machine alone.

        :raises FileError: ``media_unmounted``
        :raises FileNotFoundError: there is no folder
        """
        if "file" not in _protocols(self._files):
            return
        mark, used = Path(self._root, _MARK), self._locations.home / _MARK
        if not mark.exists():
            if not mark.parent.is_dir():
                raise FileNotFoundError
            if used.is_file() and used.read_text() == self.place:
                raise FileError("media_unmounted", place=self.place, mark=_MARK)
            mark.touch()
        if not used.is_file() or used.read_text() != self.place:
            used.write_text(self.place)

    # --- the bucket

    @property
    def _files(self) -> Any:
        """The file system; opened when it is first needed, for its libraries take a second to load."""
        with self._lock:
            if self._opened is None:
                try:
                    self._opened, self._root = fsspec.core.url_to_fs(self.place, **self._options)
                    # s3fs would try five times what its own driver has tried several times: minutes, where nobody answers.
                    self._opened.retries = 1
                    if "s3" in _protocols(self._opened):
                        self._opened.session = _session()
                except ImportError:
                    raise FileError("media_driver_missing") from None
            return self._opened

    def _ask(self, verb: str, *given: Any, size: int = 0, **options: Any) -> Any:
        """Call the file system, with an end: its driver waits without one for a server to say that it may go on.

        :param size: bytes that are sent or fetched
        """
        files = self._files
        if files.async_impl:
            options["timeout"] = _TRIES * (_CONNECT + _READ) + size / _SLOWEST
        return getattr(files, verb)(*given, **options)

    def _at(self, key: str) -> str:
        # Opening the file system says where the root is.
        _ = self._files
        return f"{self._root}/{key}"

    def _key_of(self, address: str) -> str | None:
        """The key of an address in this bucket; None for a file of a machine."""
        if not address.startswith(f"{self.place}/"):
            return None
        return address.removeprefix(f"{self.place}/").rpartition("#")[0]

    def _size(self, key: str) -> int | None:
        """Bytes of a file; None where there is none."""
        with self._translated():
            try:
                return int(self._ask("info", self._at(key))["size"])
            except FileNotFoundError:
                return None

    def _put(self, path: Path, key: str, **options: Any) -> None:
        size = path.stat().st_size
        try:
            with self._translated():
                self._see_that_it_is_mounted()
                self._ask("put_file", str(path), self._at(key), size=size, **options)
        except FileError as error:
            if error.code == "media_full":
                self._wanted = max(size, _PROBE)
            raise
        self._good = time.monotonic()

    def _put_new(self, path: Path, key: str, sha256: str) -> bool:
        """Put a file under a name that is free or has the same content; False where it has another one."""
        size = self._size(key)
        if size is None:
            try:
                # Of two machines with the same name one is told, where the server knows this condition.
                self._put(path, key, **({"mode": "create"} if "s3" in _protocols(self._files) else {}))
            except FileExistsError:
                size = self._size(key)
        return size is None or (size == path.stat().st_size and self._digest(key, size) == sha256)

    def _digest(self, key: str, size: int) -> str:
        digest = hashlib.sha256()
        for begin in range(0, size, _BLOCK * 8):
            digest.update(self.read(key, begin, min(begin + _BLOCK * 8, size)))
        return digest.hexdigest()

    def _remove(self, key: str) -> None:
        with self._translated(), contextlib.suppress(FileNotFoundError):
            self._ask("rm_file", self._at(key))

    def _copied(self, path: Path, key: str, *, room: bool = False) -> Path:
        """See that a file is on this machine, unless the bucket has none of that name either."""
        if path.is_file():
            return path
        size = self._size(key)
        if size is None:
            return path
        if room:
            self._make_room(size)
        ensure_free_space(path.parent, size)
        # The name begins with the digest of the content, but for posters, which nothing is made of.
        digest = path.stem if len(path.stem) == _DIGEST else ""
        part = path.with_name(f"{uuid4().hex}.part")
        try:
            with translate_os_errors(path):
                path.parent.mkdir(exist_ok=True)
            with self._translated(path):
                self._ask("get_file", self._at(key), str(part), size=size)
            with translate_os_errors(path):
                if digest and sha256_file(part) != digest:
                    raise FileError("media_changed", place=f"{self.place}/{key}")
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def _make_room(self, needed: int) -> None:
        """Delete the copies that were used longest ago, as far as space is short."""
        if not self._copies.is_dir():
            return
        found = sorted((stat.st_mtime, stat.st_size, path) for path in self._copies.iterdir() if (stat := _stat(path)))
        free = _free(self._copies) - RESERVE - needed
        over = sum(size for _, size, _ in found) + needed - MOST_COPIED
        for used, size, path in found:
            if (over <= 0 and free >= 0) or time.time() - used < IN_USE:
                return
            path.unlink(missing_ok=True)
            over, free = over - size, free + size

    def _refused(self) -> FileError:
        """That there is no right to write."""
        if "file" in _protocols(self._files):
            return FileError("folder_read_only", folder=self.place)
        return FileError("media_refused", place=self.place)

    @contextlib.contextmanager
    def _translated(self, target: Path | None = None) -> Iterator[None]:
        """Turn what the drivers raise into a ``FileError``.

        :param target: the file of this machine that is written
        :raises FileExistsError: something has the name already
        """
        try:
            yield
            return
        except (FileError, FileExistsError):
            raise
        except PermissionError:
            error = self._refused()
        except FileNotFoundError:
            error = FileError("media_bucket_missing", place=self.place)
        except OSError as trouble:
            if trouble.errno in {errno.ENOSPC, errno.EDQUOT} and target is not None:
                with translate_os_errors(target):
                    raise
            if "pre-conditions" in str(trouble) or "PreconditionFailed" in str(trouble):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            error = self._refused() if trouble.errno == errno.EROFS else FileError(_code_of(trouble), place=self.place)
        except Exception as trouble:  # noqa: BLE001 - drivers trip in any way over a server that is none of S3
            error = FileError(_SAID_HERE.get(type(trouble).__name__, "media_away"), place=self.place)
        # Outside of the handlers: what the drivers raise may quote addresses with signatures.
        self._good = -GOOD_FOR
        raise error


def _code_of(trouble: OSError) -> str:
    """What an answer that a driver has made an error of means, or an error of a mounted folder."""
    answer = getattr(trouble.__cause__, "response", None) or {}
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    said = str(answer.get("Error", {}).get("Code", ""))
    if status == _FULL_STATUS or _FULL.search(said) or trouble.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "media_full"
    if status == _ELSEWHERE:
        return "media_region"
    return "media_refused" if status in _REFUSALS else "media_away"


def _session() -> Any:
    """That of S3's driver, which would ask a server for its region as often as that names none."""
    from aiobotocore.session import AioSession

    def ask_once(**_: object) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        if _ASKED_FOR_REGION.get():
            return SimpleNamespace(status_code=_ELSEWHERE), {"Error": {}, "ResponseMetadata": {"HTTPHeaders": {}}}
        _ASKED_FOR_REGION.set(True)
        return None

    session = AioSession()
    session.register("before-call.s3.HeadBucket", ask_once)
    return session


def _export_key(path: Path) -> str:
    return f"exports/{path.name}"


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _free(folder: Path) -> int:
    import shutil

    return shutil.disk_usage(folder).free


def _options(scale: ScaleSettings) -> dict[str, Any]:
    """What fsspec is opened with. Without a key S3's own ways hold: environment, profile, role of the machine."""
    if not scale.media.startswith("s3://"):
        return {"auto_mkdir": True}
    secret = scale.media_secret.get_secret_value()
    return {
        "key": scale.media_key or None,
        "secret": secret or None,
        "endpoint_url": scale.media_endpoint or None,
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": _CONNECT, "read_timeout": _READ, "retries": {"max_attempts": _TRIES - 1}},
    }
