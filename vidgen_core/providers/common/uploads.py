"""Files that are uploaded to a provider once, and where their links are remembered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.providers.base import UploadCache
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody, texts_at
from vidgen_core.providers.http.error_mapping import (
    ADDRESS_WRONG,
    IMAGE_NOT_FETCHED,
    IMAGE_REFUSED,
    JOB_UNKNOWN,
    UNREADABLE,
    Classification,
    Table,
    as_error,
    classify,
)
from vidgen_core.providers.http.links import resolve

#: The file itself is not taken: its size, its type, its measures.
UPLOAD_REFUSED: Final = Classification(ErrorKind.FILE, "upload_refused")
#: The file is there, and nobody can say where.
UPLOAD_WITHOUT_LINK: Final = Classification(ErrorKind.PROVIDER, "upload_without_link", retryable=True)

T = TypeVar("T")


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
        :raises RemoteError: as ``upload``; ``delivery`` is *not sent*, for an upload costs nothing
        """
        name = await asyncio.to_thread(_name, file, place)
        async with self._locks.setdefault(name, asyncio.Lock()):
            known = await asyncio.to_thread(self._cache.get, name)
            if known:
                return known, name
            url = await free(upload(name))
            await asyncio.to_thread(self._cache.put, name, url, datetime.now(UTC) + self._life)
            return url, name

    async def learn(self, code: str, sent: Mapping[str, Any]) -> None:
        """Forget the links of an order that ended with ``code``, where that says that they do not work."""
        for name in sent.get("uploads", ()) if code == IMAGE_NOT_FETCHED.code else ():
            await asyncio.to_thread(self._cache.put, name, "", datetime.now(UTC) - self._life)


async def free(request: Awaitable[T]) -> T:
    """What comes of a request that orders nothing: whatever becomes of it, no order was sent."""
    try:
        return await request
    except RemoteError as error:
        error.delivery = Delivery.NOT_SENT
        raise


def link_in(table: Table, answer: ProviderResponse, said: ErrorBody, base: str, *paths: str, went_well: bool) -> str:
    """The link of an uploaded file that an answer names at the first of the paths that holds one.

    :param base: what a relative link is relative to
    :raises RemoteError: it names none
    """
    if went_well:
        for text in texts_at(answer.json, *paths):
            if link := resolve(text, base):
                return link
    raise as_error(table, _refused(table, answer, said), answer, said)


def _refused(table: Table, answer: ProviderResponse, said: ErrorBody) -> Classification:
    """What an answer without a link says; where it speaks of what was sent, that is the file."""
    if answer.is_page:
        # It comes from something on the way, and says nothing of a key.
        return UNREADABLE
    verdict = classify(table, said)
    if verdict is UNREADABLE and answer.json is not None:
        return UPLOAD_WITHOUT_LINK
    if verdict is JOB_UNKNOWN:
        return ADDRESS_WRONG
    if verdict.kind is ErrorKind.MODERATION:
        return IMAGE_REFUSED
    of_file = verdict.kind in (ErrorKind.PARAMETER, ErrorKind.FILE) and verdict is not ADDRESS_WRONG
    return UPLOAD_REFUSED if of_file else verdict


def _name(file: Path, place: str) -> str:
    """The place and the content as one name."""
    digest = hashlib.sha256(place.encode())
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
