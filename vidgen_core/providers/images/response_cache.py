"""Answers of image endpoints, kept on disk until the picture is in the image store.

Such an endpoint answers once, with the picture in its answer: there is no job to ask for again. So the answer itself is
the money, and it lies here durably before anything is written about it anywhere else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from vidgen_core.domain.tasks import Failure
from vidgen_core.media.disk import replacing


class CachedResponse(NamedTuple):
    """What an order was answered with: a picture's file, its link, or why there is none."""

    file: Path | None = None
    url: str | None = None
    failure: Failure | None = None


class ResponseCache:
    """One folder; what lies in it is named by the order's reference."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, picture: bytes | None = None, url: str | None = None, why: Failure | None = None) -> None:
        """Write an answer down; it is there for ``read`` once it is whole and durable.

        :raises FileError: disk_full, folder_read_only
        """
        note: dict[str, Any] = {"picture": picture is not None, "url": url}
        if why is not None:
            note["failure"] = why.model_dump(mode="json")
        if picture is not None:
            with replacing(self._picture(name), ".new") as path:
                path.write_bytes(picture)
        with replacing(self._note(name), ".new") as path:
            path.write_text(json.dumps(note), "utf-8")

    def read(self, name: str) -> CachedResponse | None:
        """The answer; None where there is none."""
        try:
            note = json.loads(self._note(name).read_text("utf-8"))
        except FileNotFoundError:
            return None
        why = Failure.model_validate(note["failure"]) if "failure" in note else None
        return CachedResponse(self._picture(name) if note["picture"] else None, note["url"], why)

    def forget(self, name: str) -> None:
        """The picture is safe elsewhere, or nobody wants it."""
        self._note(name).unlink(missing_ok=True)
        self._picture(name).unlink(missing_ok=True)

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _picture(self, name: str) -> Path:
        return self._folder / f"{name}.picture"
