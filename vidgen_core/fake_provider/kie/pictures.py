"""Pictures in KIE's requests: links to uploads of this rehearsal, or data; nothing remote is ever fetched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.requests import Request

from vidgen_core.fake_provider.storage.pictures import from_data_uri, is_data_uri
from vidgen_core.fake_provider.submissions import rehearsal_of

UPLOADS: Final = "/kie-uploads/"
#: Fields that hold pictures, over all documented models.
_FIELD: Final = re.compile(r"input_urls?|(first|last)_frame_url", re.IGNORECASE)


async def gather(request: Request, given: Mapping[str, Any]) -> list[str] | None:
    """Keys of the pictures of a request in its order; None where one cannot be had."""
    keys = [await _fetch(request, link) for link in _links(given)]
    return None if None in keys else [key for key in keys if key]


def _links(given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if "image" in name.lower() or _FIELD.fullmatch(name):
            texts = value if isinstance(value, list) else [value]
            yield from (text for text in texts if isinstance(text, str) and text)


async def _fetch(request: Request, link: str) -> str | None:
    rehearsal = rehearsal_of(request)
    if is_data_uri(link):
        picture = await asyncio.to_thread(from_data_uri, link)
        if picture is None:
            return None
        rehearsal.counters.saw_image(picture.facts())
        return rehearsal.pictures.put(picture)
    parts = urlsplit(link)
    if parts.netloc != request.url.netloc or not parts.path.startswith(UPLOADS):
        return None
    upload = rehearsal.uploads.find(unquote(parts.path.removeprefix(UPLOADS)), rehearsal.now())
    return upload.picture if upload else None
