"""Pictures uploaded to KIE: kept for a while under a path of the caller's choice."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from vidgen_core.fake_provider.storage.pictures import Picture, Pictures


@dataclass(frozen=True)
class Upload:
    """One stored file; ``picture`` is its key in ``Pictures``."""

    path: str
    picture: str
    mime: str
    #: bytes
    size: int
    #: seconds since 1970
    at: float


class Uploads:
    """Uploads by path; a path written again is overwritten."""

    def __init__(self, pictures: Pictures, lifetime: float, keep: int) -> None:
        self._pictures = pictures
        self._lifetime = lifetime
        self._keep = keep
        self._by_path: OrderedDict[str, Upload] = OrderedDict()

    def put(self, path: str, picture: Picture, mime: str, now: float) -> Upload:
        upload = Upload(path, self._pictures.put(picture), mime, len(picture.data), now)
        self._by_path[path] = upload
        self._by_path.move_to_end(path)
        while len(self._by_path) > self._keep:
            self._by_path.popitem(last=False)
        return upload

    def find(self, path: str, now: float) -> Upload | None:
        """None where it never was, or is too old."""
        upload = self._by_path.get(path)
        return upload if upload and now - upload.at < self._lifetime else None

    def file(self, upload: Upload) -> Path | None:
        return self._pictures.path(upload.picture)
