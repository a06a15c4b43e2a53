"""Request bodies that are never whole in memory: JSON with pictures in it, and files."""

from __future__ import annotations

import base64
import json
import math
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: Bytes of a file read at once; a multiple of three, so that base64 pieces join without padding.
PIECE: Final = 3 * 32 * 1024


@dataclass(frozen=True)
class RequestBody:
    """A body of known length that can be read once for each call of ``pieces``."""

    content_type: str
    length: int
    parts: tuple[bytes | _File, ...]

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, "Content-Length": str(self.length)}

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes in order.

        :raises OSError: a file is gone or unreadable; the length promised is not kept then
        """
        for part in self.parts:
            for piece in [part] if isinstance(part, bytes) else part.read():
                yield piece


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    as_base64: bool

    @property
    def length(self) -> int:
        return 4 * math.ceil(self.size / 3) if self.as_base64 else self.size

    def read(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(PIECE):
                yield base64.b64encode(piece) if self.as_base64 else piece


def data_uri_slot(path: Path, mime: str = "image/jpeg") -> dict[str, str]:
    """What to put into a JSON payload where the data URI of a file shall stand."""
    return {"$data_uri": str(path), "mime": mime}


def base64_slot(path: Path) -> dict[str, str]:
    """The same for bare base64, without what makes it a data URI."""
    return {"$data_uri": str(path), "mime": ""}


def json_body(payload: Mapping[str, Any]) -> RequestBody:
    """A JSON object; slots made by ``data_uri_slot`` are filled from their files while it is being sent.

    :raises OSError: a file of a slot is gone
    """
    marker = uuid.uuid4().hex
    files: list[_File] = []
    text = json.dumps(_fill(payload, marker, files), ensure_ascii=False).encode()
    texts = text.split(marker.encode())
    parts: list[bytes | _File] = [texts[0]]
    for file, after in zip(files, texts[1:], strict=True):
        parts += [file, after]
    return _body("application/json", parts)


def _fill(value: Any, marker: str, files: list[_File]) -> Any:
    if isinstance(value, Mapping):
        if "$data_uri" in value:
            path = Path(value["$data_uri"])
            files.append(_File(path, path.stat().st_size, as_base64=True))
            return f"data:{value['mime']};base64,{marker}" if value["mime"] else marker
        return {name: _fill(inner, marker, files) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(inner, marker, files) for inner in value]
    return value


@dataclass(frozen=True)
class FormFile:
    """A file of a form; the names must be plain ASCII without quotes."""

    field: str
    path: Path
    name: str
    mime: str


def multipart_body(
    fields: Mapping[str, str], file: Path, file_name: str, mime: str, *, file_field: str = "file"
) -> RequestBody:
    """A form with one file; names, and the file's name, must be plain ASCII without quotes.

    :raises OSError: the file is gone
    """
    return form_body(fields, [FormFile(file_field, file, file_name, mime)])


def form_body(fields: Mapping[str, str], files: Sequence[FormFile]) -> RequestBody:
    """A form with any number of files; names of fields must be plain ASCII without quotes.

    :raises OSError: a file is gone
    """
    boundary = uuid.uuid4().hex
    parts: list[bytes | _File] = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for file in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{file.field}"; filename="{file.name}"\r\n'
        parts += [
            f"{head}Content-Type: {file.mime}\r\n\r\n".encode(),
            _File(file.path, file.path.stat().st_size, as_base64=False),
            b"\r\n",
        ]
    parts.append(f"--{boundary}--\r\n".encode())
    return _body(f"multipart/form-data; boundary={boundary}", parts)


def _body(content_type: str, parts: Sequence[bytes | _File]) -> RequestBody:
    length = sum(len(part) if isinstance(part, bytes) else part.length for part in parts)
    return RequestBody(content_type, length, tuple(parts))
