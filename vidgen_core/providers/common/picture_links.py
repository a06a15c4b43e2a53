"""Reference pictures for providers that take only links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from vidgen_core.providers.base import Order
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.http.addresses import is_private

#: Bytes of an uploaded picture.
IMAGE_BYTES: Final = 8_000_000

#: Uploads a copy; returns its link and the name under which it is remembered.
Upload = Callable[[Path], Awaitable[tuple[str, str]]]


async def picture_links(
    order: Order, copies: PictureCopies, upload: Upload
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The links of an order's pictures and the facts of them for the ledger, by what they are: ``first``, ``last`` and ``references``.

    The facts say how many of each there are; ``upload`` has the names of what was uploaded.

    :raises FileError: as ``PictureCopies.jpeg``; what ``upload`` raises
    """
    params = order.params
    wanted: list[tuple[str, Path | None, str | None]] = [
        ("first", order.image, params.image_url),
        ("last", order.last_frame, params.last_frame_url),
        *(("references", one.path, one.url) for one in order.references),
    ]
    links: dict[str, list[str]] = {}
    facts: dict[str, Any] = {"images": 0}
    for kind, path, url in wanted:
        link, seen = await _link(path, url, params.size, copies, upload)
        if link is None:
            continue
        links.setdefault(kind, []).append(link)
        facts["images"] += 1
        facts["image_transport"] = seen["image_transport"]
        facts["image_bytes"] = facts.get("image_bytes", 0) + seen.get("image_bytes", 0)
        facts["uploads"] = [*facts.get("uploads", []), *([seen["upload"]] if "upload" in seen else [])]
    return links, facts | {f"{kind}_pictures": len(those) for kind, those in links.items()}


async def _link(
    path: Path | None, link: str | None, size: str, copies: PictureCopies, upload: Upload
) -> tuple[str | None, dict[str, Any]]:
    if link and (path is None or not is_private(urlsplit(link).hostname)):
        return link, {"images": 1, "image_transport": "url"}
    if path is None:
        return None, {"images": 0}
    copy = await copies.jpeg(path, IMAGE_BYTES, size)
    url, name = await upload(copy)
    return url, {"images": 1, "image_transport": "upload", "image_bytes": copy.stat().st_size, "upload": name}
