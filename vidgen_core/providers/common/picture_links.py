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


async def picture_link(order: Order, copies: PictureCopies, upload: Upload) -> tuple[str | None, dict[str, Any]]:
    """The link of an order's picture and the facts of it for the ledger: its own public link, or an uploaded copy.

    :raises FileError: as ``PictureCopies.jpeg``; what ``upload`` raises
    """
    link = order.params.image_url
    if link and (order.image is None or not is_private(urlsplit(link).hostname)):
        return link, {"images": 1, "image_transport": "url"}
    if order.image is None:
        return None, {"images": 0}
    copy = await copies.jpeg(order.image, IMAGE_BYTES, order.params.size)
    url, name = await upload(copy)
    return url, {"images": 1, "image_transport": "upload", "image_bytes": copy.stat().st_size, "upload": name}
