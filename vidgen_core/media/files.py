"""Files of downloads: received in part, validated, and only then given their name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Self

from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import ensure_free_space, sync_file, sync_folder, translate_os_errors
from vidgen_core.media.naming import check_pattern, take_path
from vidgen_core.media.video import POSTER_EDGE, VideoFacts, look_at, make_playable, sha256_file

__all__ = ["PartFile", "check_pattern", "ensure_free_space", "take_path", "translate_os_errors"]


class PartFile:
    """A video that is being downloaded: ``<target>.part`` until it is complete, checked and durable.

    Beside it stands what its source said of the file, so that another run goes on with the same one. An event loop makes it and
    calls all but ``begin`` and ``close`` in a thread: the folder may be on a drive that answers slowly.

    :param owner: set it where two downloads may want the same target: each then has a part file of its own.
    """

    def __init__(self, target: Path, owner: str = "") -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}{'.' + owner if owner else ''}.part")
        self._note = self.path.with_name(f"{self.path.name}.json")
        self._file: IO[bytes] | None = None
        #: What ``begin`` was told and has not been written yet, and whether what was received is discarded before.
        self._begun: tuple[dict[str, str], bool] | None = None
        #: What ``finish`` found, so that nobody needs to look again.
        self.facts: VideoFacts | None = None
        #: The picture for its poster, likewise.
        self.picture: Image.Image | None = None
        with translate_os_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        #: Bytes already received: the offset of a Range request.
        self.received = self.path.stat().st_size if self.path.exists() else 0
        #: What the source of these bytes said of the file.
        self.source = self._read_note() if self.received else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, source: Mapping[str, str], *, anew: bool) -> None:
        """Take note of what the source says of the file; it is written with the next bytes, which ``anew`` are the first."""
        self._begun = dict(source), anew

    def append(self, chunk: bytes) -> None:
        """Add bytes.

        :raises FileError: disk_full, folder_read_only
        """
        if self._begun is not None:
            source, anew = self._begun
            if anew:
                self.restart()
            with translate_os_errors(self.path):
                self._note.write_text(json.dumps(source), encoding="utf-8")
            self.source, self._begun = source, None
        with translate_os_errors(self.path):
            if self._file is None:
                # Unbuffered: nothing received is lost when the process is killed.
                self._file = self.path.open("ab", buffering=0)
            rest = memoryview(chunk)
            while rest:
                written = self._file.write(rest) or 0
                self.received += written
                rest = rest[written:]

    def _read_note(self) -> dict[str, str]:
        try:
            source = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in source.items()} if isinstance(source, dict) else {}

    def restart(self) -> None:
        """Discard what was received."""
        self.close()
        with translate_os_errors(self.path):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self.received, self.source, self._begun = 0, {}, None

    def close(self) -> None:
        """Close the file; the part stays and can be continued."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self, expected_bytes: int | None = None) -> Path:
        """Check length and playability, give the file its name and return its path.

        A container that browsers do not play becomes an MP4; the ending is that of the container, whatever the result was called. A different file that bears the name already is
        left alone: this one then becomes ``name (2).mp4``.

        :raises FileError: download_incomplete, and what ``video.probe`` raises; the part file stays
        """
        self.close()
        self.ensure_whole(expected_bytes)
        facts, picture = look_at(self.path, POSTER_EDGE)
        if make_playable(self.path, facts.ending):
            facts, picture = look_at(self.path, POSTER_EDGE)
        self.facts, self.picture = facts, picture
        named = self.target.with_suffix(facts.ending)
        with translate_os_errors(self.target):
            sync_file(self.path)
            final = self._settle(named)
            sync_folder(final.parent)
            self._note.unlink(missing_ok=True)
        return final

    def ensure_whole(self, expected_bytes: int | None) -> None:
        """See that all bytes are there.

        :raises FileError: download_incomplete
        """
        if expected_bytes is not None and self.received != expected_bytes:
            raise FileError(
                "download_incomplete", received=self.received, expected=expected_bytes, path=str(self.target)
            )

    def _settle(self, named: Path) -> Path:
        for candidate in _names_beside(named):
            if _take_name(self.path, candidate):
                return candidate
            if _same_content(self.path, candidate):
                self.path.unlink()
                return candidate
        raise FileError("path_too_long", path=str(self.target))


def _names_beside(target: Path) -> Iterator[Path]:
    yield target
    for number in range(2, 10_000):
        yield target.with_name(f"{target.stem} ({number}){target.suffix}")


def _take_name(part: Path, final: Path) -> bool:
    """Rename without ever replacing a file; False when the name is taken."""
    try:
        os.link(part, final)
    except FileExistsError:
        return False
    except OSError:
        # File systems without links (exFAT, some network drives): check, then rename.
        if final.exists():
            return False
        part.rename(final)
        return True
    part.unlink()
    return True


def _same_content(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    return sha256_file(one) == sha256_file(other)
