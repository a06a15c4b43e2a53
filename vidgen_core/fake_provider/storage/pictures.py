"""Pictures: decoding, a store by content, uploads by path, and sizes in pixels."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image, UnidentifiedImageError

from vidgen_core.domain.errors import InputError
from vidgen_core.media.kenburns import pixel_size

_RATIO: Final = re.compile(r"(\d{1,5})[:x](\d{1,5})")
#: Sizes of single providers → the nearest common one.
_SIZES: Final = {"small": "720P", "large": "1080P", "512p": "540P", "768p": "720P", "": "720P"}
_DATA_URI: Final = re.compile(r"data:(?P<type>[\w/+.-]+);base64,", re.ASCII)


@dataclass(frozen=True)
class Picture:
    """A decodable picture; ``size`` in pixels, ``data`` as sent."""

    data: bytes
    format: str
    width: int
    height: int
    declared: str = ""

    def facts(self) -> dict[str, Any]:
        """What the statistics keep of it."""
        return {
            "format": self.format,
            "declared": self.declared,
            "width": self.width,
            "height": self.height,
            "bytes": len(self.data),
        }


def is_data_uri(text: str) -> bool:
    return text.startswith("data:")


def without_data(value: Any) -> Any:
    """The same JSON value with data URIs cut short, for keeping and showing."""
    if isinstance(value, dict):
        return {name: without_data(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_data(inner) for inner in value]
    return f"{value[:40]}…" if isinstance(value, str) and is_data_uri(value) else value


def from_data_uri(text: str) -> Picture | None:
    """The picture in a data URI; None where it holds none."""
    match = _DATA_URI.match(text)
    if match is None:
        return None
    try:
        data = base64.b64decode(text[match.end() :], validate=True)
    except binascii.Error:
        return None
    return measure(data, match["type"])


def measure(data: bytes, declared: str = "") -> Picture | None:
    """Decode to know format and pixels; None where it is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return Picture(data, str(image.format), image.width, image.height, declared)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


class Pictures:
    """Files named by their content, below one folder."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self._paths: OrderedDict[str, Path] = OrderedDict()

    def put(self, picture: Picture) -> str:
        """Keep it; the key under which it is found again."""
        return self.put_bytes(picture.data)

    def put_bytes(self, data: bytes) -> str:
        key = hashlib.sha256(data).hexdigest()
        if key not in self._paths:
            path = self._folder / f"picture-{key}"
            path.write_bytes(data)
            self._paths[key] = path
        self._paths.move_to_end(key)
        while len(self._paths) > self._keep:
            self._paths.popitem(last=False)[1].unlink(missing_ok=True)
        return key

    def path(self, key: str | None) -> Path | None:
        """None without a key or when it was forgotten."""
        return self._paths.get(key) if key else None


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


def pixels(size: str, ratio: str, orientation: str = "") -> tuple[int, int]:
    """Width and height, both even; what is not understood is taken as 720p and 16:9."""
    match = _RATIO.fullmatch(ratio.strip())
    across, down = (int(match[1]), int(match[2])) if match else (16, 9)
    if orientation == "portrait" and across > down:
        across, down = down, across
    word = size.strip()
    try:
        return pixel_size(_SIZES.get(word.lower(), word), f"{across}:{down}")
    except InputError:
        return pixel_size("720P", "16:9")
