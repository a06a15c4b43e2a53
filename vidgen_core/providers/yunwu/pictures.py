"""Pictures on their way to Yunwu: inside the request, as links, or uploaded to its picture host first.

``POST {host}/api/upload`` with the same key takes one file and answers ``{"url", "created"}`` (yunwu.apifox.cn,
api-356192326; tested by a client on 2025-12-30). It is free; how long a picture stays there is not published.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from vidgen_core.providers.base import Key, Order, UploadCache
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.common.uploads import UploadedFiles, link_in
from vidgen_core.providers.http.addresses import is_private
from vidgen_core.providers.http.client import Http, Verb
from vidgen_core.providers.http.multipart import base64_slot, data_uri_slot, multipart_body
from vidgen_core.providers.yunwu.families.family import Inline, SentPictures
from vidgen_core.providers.yunwu.responses import TABLE, said_by, went_well

#: How long a link is trusted; a client that uses the host trusts it as long.
LIFE: Final = timedelta(hours=1)
#: How the pictures of an order travel.
Transport = Literal["data", "file", "upload", "url"]


class PictureSender:
    """Makes of an order's pictures what its request holds."""

    def __init__(self, http: Http, copies: PictureCopies, cache: UploadCache) -> None:
        self._http = http
        self._copies = copies
        self._files = UploadedFiles(cache, LIFE)
        self.learn = self._files.learn

    async def pictures(
        self, order: Order, way: Transport, inline: Inline, host: str, max_bytes: int, key: Key | None
    ) -> tuple[SentPictures, dict[str, Any]]:
        """The pictures of an order as they travel, and the facts of them for the ledger.

        :param host: where they are uploaded to
        :raises FileError: as ``PictureCopies.jpeg``
        :raises RemoteError: as ``UploadedFiles.link``
        """
        params, facts = order.params, _Facts()

        async def travel(path: Path | None, link: str | None) -> Any:
            if link and (path is None or way == "url" or (way == "upload" and not is_private(urlsplit(link).hostname))):
                return facts.add("url", 0, link)
            if path is None:
                return None
            copy = await self._copies.jpeg(path, max_bytes, params.size)
            size = copy.stat().st_size
            if way == "upload":
                url, name = await self._uploaded(copy, host, key)
                facts.uploads.append(name)
                return facts.add("upload", size, url)
            if inline == "file":
                return facts.add("file", size, str(copy))
            return facts.add("data", size, base64_slot(copy) if inline == "base64" else data_uri_slot(copy))

        pictures = SentPictures(
            await travel(order.image, params.image_url),
            await travel(order.last_frame, params.last_frame_url),
            tuple([await travel(one.path, one.url) for one in order.references]),
        )
        return pictures, facts.told()

    async def _uploaded(self, picture: Path, host: str, key: Key | None) -> tuple[str, str]:
        """The link of a picture, and the name under which it is remembered."""

        async def upload(name: str) -> str:
            return await self._upload(picture, host, name, key)

        return await self._files.link(picture, f"yunwu\n{host}\n{key.id if key else ''}\n", upload)

    async def _upload(self, picture: Path, host: str, name: str, key: Key | None) -> str:
        body = multipart_body({}, picture, f"{name[:40]}.jpg", "image/jpeg")
        answer = await self._http.call(Verb.UPLOAD, "POST", f"{host}/api/upload", key=key, body=body)
        return link_in(TABLE, answer, said_by(answer), host, "url", "data.url", went_well=went_well(answer))


class _Facts:
    """What the ledger keeps of the pictures of one order."""

    def __init__(self) -> None:
        self._ways: list[str] = []
        self._bytes = 0
        self.uploads: list[str] = []

    def add(self, way: str, size: int, made: Any) -> Any:
        self._ways.append(way)
        self._bytes += size
        return made

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {"images": len(self._ways)}
        if self._ways:
            told["image_transport"] = self._ways[0]
        if self._bytes:
            told["image_bytes"] = self._bytes
        return told | ({"uploads": self.uploads} if self.uploads else {})
