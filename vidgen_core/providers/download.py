"""Bringing a result's bytes into a part file: resumed by Range, checked for length, safe to break off anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import anyio
import httpx

from vidgen_core.errors import ErrorKind, RemoteError
from vidgen_core.media.disk import ensure_free_space, translate_os_errors
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import Key
from vidgen_core.providers.http import Http, Verb, asked_to_wait, local_error
from vidgen_core.providers.redact import redact

REDIRECTS: Final = 5
#: Answers of a link that was good once; a fresh one may help.
EXPIRED: Final = frozenset({401, 403, 404, 410})
#: Networks that a public provider has no reason to send us to (RFC 1918, 3927, 4193, 4291; loopback).
PRIVATE: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                "::/127", "fc00::/7", "fe80::/10")
)  # fmt: skip


async def download(
    http: Http, url: str, part: PartFile, *, key: Key | None = None, home: str | None = None
) -> int | None:
    """Bring the bytes behind ``url`` into ``part``, going on where it stands; return the full length if known.

    :param key: sent along only where the link belongs to the API itself; presigned links refuse it
    :param home: the provider's own address; links into a private network are followed only if it lies in one, too
    :raises RemoteError: ``link_expired`` (kind file), ``link_refused`` (kind file), ``download_incomplete``,
        ``download_failed`` or what ``Http.call`` raises; what was received stays in ``part``
    :raises FileError: the disk is full or cannot be written
    """
    for _ in range(3):
        try:
            return await _attempt(http, url, part, key, home)
        except _OtherFile:
            _forget(part)
    raise RemoteError("download_failed", kind=ErrorKind.NETWORK, status=416, host=urlsplit(url).hostname or "")


class _OtherFile(Exception):
    """What is behind the link is not what was begun; start over."""


async def _attempt(http: Http, url: str, part: PartFile, key: Key | None, home: str | None) -> int | None:
    received = part.received
    known = _recall(part) if received else {}
    try:
        async with _open(http, url, _headers(received, known), key, home) as response:
            total = _agree(response, received, known)
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return total
            await _take(response, part, total)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, anyio.ClosedResourceError) as error:
        raise local_error(error, url, key) from None
    if total is not None and part.received != total:
        raise RemoteError("download_incomplete", kind=ErrorKind.NETWORK, received=part.received, expected=total)
    _note(part).unlink(missing_ok=True)
    return total


def _headers(received: int, known: Mapping[str, str]) -> dict[str, str]:
    headers = {"Accept": "video/*, */*", "Accept-Encoding": "identity"}
    if received:
        headers["Range"] = f"bytes={received}-"
        etag = known.get("etag", "")
        # A weak tag must not be used here (RFC 9110, 13.1.5); it is compared when the answer is there.
        validator = etag if etag and not etag.startswith("W/") else known.get("last-modified")
        headers |= {"If-Range": validator} if validator else {}
    return headers


@contextlib.asynccontextmanager
async def _open(
    http: Http, url: str, headers: Mapping[str, str], key: Key | None, home: str | None
) -> AsyncGenerator[httpx.Response]:
    """Follow redirects by hand, so that the key stays at home and no step leads into a private network."""
    origin = _origin(url)
    for _ in range(REDIRECTS + 1):
        _refuse_private(url, home)
        sent = key if _origin(url) == origin else None
        async with http.stream(Verb.DOWNLOAD, "GET", url, key=sent, headers=headers) as response:
            if not response.is_redirect:
                yield response
                return
            url = urljoin(url, response.headers["location"])
    raise RemoteError("link_refused", kind=ErrorKind.FILE, why="redirects", host=urlsplit(url).hostname or "")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _refuse_private(url: str, home: str | None) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise RemoteError("link_refused", kind=ErrorKind.FILE, why="scheme", host=parts.hostname or "")
    if is_private(parts.hostname) and not (home and is_private(urlsplit(home).hostname)):
        raise RemoteError("link_refused", kind=ErrorKind.FILE, why="private", host=parts.hostname or "")


def is_private(host: str | None) -> bool:
    """Whether a host is this machine or in its own network, as far as its name says; names are not looked up."""
    if not host or host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in net for net in PRIVATE)


def _agree(response: httpx.Response, received: int, known: Mapping[str, str]) -> int | None:
    """See that the answer goes on with what is there; return the full length.

    :raises _OtherFile: it does not, and the part must be begun anew
    """
    status = response.status_code
    start, total = _range(response)
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        if total is not None and total == received:
            return total
        raise _OtherFile
    if status == httpx.codes.PARTIAL_CONTENT:
        if start != received or not _same(response, total, known):
            raise _OtherFile
        return total
    if status != httpx.codes.OK:
        raise _refusal(response)
    if _is_text(response):
        # A page or an error object under 200: a link that has lost its file.
        raise RemoteError("link_expired", kind=ErrorKind.FILE, status=status)
    length = response.headers.get("content-length", "")
    return int(length) if length.isdigit() and "content-encoding" not in response.headers else None


def _range(response: httpx.Response) -> tuple[int | None, int | None]:
    """First byte and full length of a ``Content-Range``."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("content-range", "").strip())
    if not found:
        return None, None
    return (int(found[1]) if found[1] else None), (int(found[2]) if found[2] != "*" else None)


def _same(response: httpx.Response, total: int | None, known: Mapping[str, str]) -> bool:
    etag = response.headers.get("etag")
    if etag and known.get("etag"):
        return bool(etag == known["etag"])
    return total is None or "total" not in known or str(total) == known["total"]


def _is_text(response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"text/html", "application/json", "application/xml", "text/xml"}


def _refusal(response: httpx.Response) -> RemoteError:
    status = response.status_code
    if status in EXPIRED:
        return RemoteError("link_expired", kind=ErrorKind.FILE, status=status)
    kind = ErrorKind.RATE_LIMIT if status == httpx.codes.TOO_MANY_REQUESTS else ErrorKind.NETWORK
    return RemoteError(
        "download_failed",
        kind=kind,
        retry_after=asked_to_wait(response.headers),
        status=status,
        host=response.url.host,
        evidence=redact(f"HTTP {status} {response.url}"),
    )


async def _take(response: httpx.Response, part: PartFile, total: int | None) -> None:
    if response.status_code == httpx.codes.OK:
        _forget(part)
    if total is not None:
        ensure_free_space(part.path.parent, total - part.received)
    _remember(part, response, total)
    try:
        # Pieces as they come (64 KiB): gathering larger ones costs memory with every download.
        async for piece in response.aiter_raw():
            await _append(part, piece)
    finally:
        part.close()


async def _append(part: PartFile, piece: bytes) -> None:
    """Write in a thread; when broken off, wait for it, so that nobody else finds the part half written."""
    writing = asyncio.ensure_future(asyncio.to_thread(part.append, piece))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise


# --- what is known of the file that was begun -----------------------------------------------------------------------


def _note(part: PartFile) -> Path:
    return part.path.with_name(f"{part.path.name}.json")


def _remember(part: PartFile, response: httpx.Response, total: int | None) -> None:
    facts = {name: response.headers[name] for name in ("etag", "last-modified") if name in response.headers}
    if total is not None:
        facts["total"] = str(total)
    with translate_os_errors(part.path):
        _note(part).write_text(json.dumps(facts), encoding="utf-8")


def _recall(part: PartFile) -> dict[str, str]:
    try:
        facts = json.loads(_note(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in facts.items()} if isinstance(facts, dict) else {}


def _forget(part: PartFile) -> None:
    part.restart()
    _note(part).unlink(missing_ok=True)
