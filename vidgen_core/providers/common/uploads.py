"""Files that are uploaded to a provider once, and where their links are remembered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from weakref import WeakValueDictionary

from vidgen_core.domain.errors import Delivery, RemoteError
from vidgen_core.providers.base import UploadCache
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody
from vidgen_core.providers.http.error_mapping import UNREADABLE, Table, as_error, classify


class MemoryUploads:
    """Links remembered until the process ends."""

    def __init__(self) -> None:
        self._links: dict[str, tuple[str, datetime]] = {}

    def get(self, sha: str) -> str | None:
        url, expires_at = self._links.get(sha, (None, None))
        return url if expires_at and expires_at > datetime.now(UTC) else None

    def put(self, sha: str, url: str, expires_at: datetime) -> None:
        self._links[sha] = (url, expires_at)


class UploadedFiles:
    """Uploads a file once, however many orders want it at the same time, and trusts its link for a while.

    :param life: how long a link is trusted
    """

    def __init__(self, cache: UploadCache, life: timedelta) -> None:
        self._cache = cache
        self._life = life
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def link(self, file: Path, place: str, upload: Callable[[str], Awaitable[str]]) -> tuple[str, str]:
        """A link of ``file``, and the name under which it is remembered.

        :param place: where it is uploaded to, and for whom: a link made elsewhere or with another key is another link
        :param upload: uploads it under the name that it is given, and says the link
        """
        name = await asyncio.to_thread(_name, file, place)
        async with self._locks.setdefault(name, asyncio.Lock()):
            known = await asyncio.to_thread(self._cache.get, name)
            if known:
                return known, name
            url = await upload(name)
            await asyncio.to_thread(self._cache.put, name, url, datetime.now(UTC) + self._life)
            return url, name

    async def forget(self, name: str) -> None:
        """The link does not work any more."""
        await asyncio.to_thread(self._cache.put, name, "", datetime.now(UTC) - self._life)


def refused_upload(table: Table, answer: ProviderResponse, said: ErrorBody, *, went_well: bool) -> RemoteError:
    """An answer that names no link, as an error; nothing was ordered, for an upload costs nothing."""
    refused = as_error(table, UNREADABLE if went_well else classify(table, said), answer, said)
    refused.delivery = Delivery.NOT_SENT
    return refused


def _name(file: Path, place: str) -> str:
    """The place and the content as one name."""
    digest = hashlib.sha256(place.encode())
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
