"""Bringing a result's bytes into a part file: resumed by Range, checked for length, safe to break off anywhere.

Every address that is asked is checked first (``addresses``), and the key goes to the API's own origin alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final
from urllib.parse import urljoin

import anyio
import httpx

from vidgen_core.config.schema import DownloadSettings
from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.media.disk import ensure_free_space
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import Key
from vidgen_core.providers.http.addresses import AddressRefused, Rules
from vidgen_core.providers.http.client import Http, Unpacker, Verb, asked_to_wait, local_error
from vidgen_core.providers.http.redact import redact

REDIRECTS: Final = 5
#: Answers of a link that was good once; a fresh one may help.
EXPIRED: Final = frozenset({401, 403, 404, 410})
#: Answers to a key that should not be there, and to one that should.
_WRONG_KEY: Final = frozenset({400, 401, 403})
_NO_KEY: Final = frozenset({401})
#: Answers that bring the whole file; 203 says that somebody in between has touched it.
_WHOLE: Final = frozenset({200, 203})
#: Queries of presigned links.
_SIGNED: Final = re.compile(r"[?&](?:x-[a-z]{1,8}-)?(?:signature|credential|sig|token|expires)=", re.IGNORECASE)
#: Seconds over which the rate of a download is measured.
RATE_WINDOW: Final = 5.0
#: Bytes between two looks at the free space of the disk.
SPACE_EVERY: Final = 8 * 1024 * 1024
#: Bytes that tell what kind of file it is.
_SNIFF: Final = 64
#: What goes wrong between here and there.
_LOST: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, anyio.ClosedResourceError)


async def download(
    http: Http,
    url: str,
    part: PartFile,
    *,
    key: Key | None = None,
    home: str | None = None,
    limits: DownloadSettings | None = None,
) -> int | None:
    """Bring the bytes behind ``url`` into ``part``, going on where it stands; return the full length if known.

    :param key: sent along to the API's own origin, and to nobody else
    :param home: the provider's own address: where the key may go; links may lead into the kind of network in which it is
    :raises RemoteError: ``link_expired`` (kind file), ``link_refused`` (kind file), ``download_too_large`` (kind file),
        ``download_incomplete``, ``download_slow``, ``download_failed`` or what ``Http.call`` raises; what was received stays in
        ``part``
    :raises FileError: the disk is full or cannot be written
    """
    refused: RemoteError | None = None
    for sent in _ways(url, key, home or ""):
        try:
            return await _settled(http, url, part, sent, home or "", limits or DownloadSettings())
        except RemoteError as error:
            if error.params.get("status") not in (_WRONG_KEY if sent else _NO_KEY):
                raise
            if refused is None or error.code == "link_expired":
                refused = error
    assert refused is not None
    raise refused


def _ways(url: str, key: Key | None, home: str) -> tuple[Key | None, ...]:
    """With the key and without it: the API's own files need it, presigned ones of the same server refuse it."""
    if key is None or _origin(url) is None or _origin(url) != _origin(home):
        return (None,)
    return (None, key) if _SIGNED.search(url) else (key, None)


async def _settled(
    http: Http, url: str, part: PartFile, key: Key | None, home: str, limits: DownloadSettings
) -> int | None:
    for _ in range(3):
        try:
            return await _attempt(http, url, part, key, home, limits)
        except _OtherFile:
            await asyncio.to_thread(part.restart)
    raise RemoteError("download_failed", kind=ErrorKind.NETWORK, status=416, host=_host(url))


async def is_video(http: Http, url: str, *, key: Key | None = None, home: str | None = None) -> bool | None:
    """Whether a video is behind a link, by its headers or its first bytes; None: that cannot be said now."""
    for sent in _ways(url, key, home or ""):
        try:
            return await _probed(http, url, sent, home or "")
        except _WrongKeyError:
            continue
        except RemoteError:
            return False
        except _LOST:
            return None
    return False


class _WrongKeyError(Exception):
    """The key should be there, or should not."""


async def _probed(http: Http, url: str, key: Key | None, home: str) -> bool | None:
    first_bytes = {"Range": f"bytes=0-{_SNIFF - 1}"}
    for method, headers in (("HEAD", {}), ("GET", first_bytes)):
        asked = {"Accept": "video/*, */*", "Accept-Encoding": "identity", **headers}
        async with asyncio.timeout(20), _open(http, url, method, asked, key, home) as response:
            kind = _content_type(response)
            if response.is_success and (kind.startswith("video/") or kind == "application/mp4"):
                return True
            if response.is_success and not _says_nothing(kind):
                return False
            if method == "HEAD":
                continue
            if response.is_success:
                return await _looks_like_video(response)
            if response.status_code in (_WRONG_KEY if key else _NO_KEY):
                raise _WrongKeyError
            return None if response.is_server_error else False
    return None


def _says_nothing(kind: str) -> bool:
    return kind in {
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/binary",
        "application/force-download",
    }


async def _looks_like_video(response: httpx.Response) -> bool:
    head = b""
    async for piece in response.aiter_bytes():
        head += piece
        if len(head) >= _SNIFF:
            break
    return head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"} or head.startswith((b"\x1aE\xdf\xa3", b"FLV"))


class _OtherFile(Exception):
    """What is behind the link is not what was begun; start over."""


async def _attempt(
    http: Http, url: str, part: PartFile, key: Key | None, home: str, limits: DownloadSettings
) -> int | None:
    if part.source.get("encoded"):
        # The bytes that came are not those that the other side counts.
        await asyncio.to_thread(part.restart)
    try:
        async with _open(http, url, "GET", _headers(part.received, part.source), key, home) as response:
            total = _agree(response, part.received, part.source)
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return total
            await _take(response, part, total, limits)
    except _LOST as error:
        raise local_error(error, url, key) from None
    if total is not None and part.received != total:
        raise RemoteError("download_incomplete", kind=ErrorKind.NETWORK, received=part.received, expected=total)
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
    http: Http, url: str, method: str, headers: Mapping[str, str], key: Key | None, home: str
) -> AsyncGenerator[httpx.Response]:
    """Follow redirects by hand, so that the key goes to its own API only and no redirect leads into a private network."""
    rules, own = Rules(home=home), _origin(home)
    for _ in range(REDIRECTS + 1):
        origin = _checked_origin(url)
        # Once a foreign address has said where to go on, the key is no longer sent anywhere.
        key = key if origin == own else None
        try:
            async with http.stream(Verb.DOWNLOAD, method, url, key=key, headers=headers, rules=rules) as response:
                if not response.has_redirect_location:
                    yield response
                    return
                url = _joined(url, response.headers["location"])
        except AddressRefused as error:
            raise RemoteError("link_refused", kind=ErrorKind.FILE, reason="private", host=error.host) from None
    raise RemoteError("link_refused", kind=ErrorKind.FILE, reason="redirects", host=_host(url))


def _joined(url: str, location: str) -> str:
    """Where a redirect leads to; what cannot be made out is refused as it stands."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


@functools.lru_cache(maxsize=512)
def _parsed(url: str) -> httpx.URL | None:
    """The address as the client reads it; None for what is none."""
    try:
        return httpx.URL(url) if re.fullmatch(r"[^\x00-\x20\x7f\\]+", url) else None
    except (httpx.InvalidURL, ValueError):
        return None


def _host(url: str) -> str:
    parsed = _parsed(url)
    return parsed.host if parsed else ""


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; to nothing else a key belongs."""
    parsed = _parsed(url)
    if parsed is None or not parsed.host:
        return None
    return parsed.scheme, parsed.host, parsed.port or {"http": 80, "https": 443}.get(parsed.scheme)


def _checked_origin(url: str) -> tuple[str, str, int | None]:
    parsed, origin = _parsed(url), _origin(url)
    if parsed is None or origin is None or parsed.scheme not in {"http", "https"}:
        raise RemoteError("link_refused", kind=ErrorKind.FILE, reason="scheme", host=_host(url))
    if parsed.userinfo:
        raise RemoteError("link_refused", kind=ErrorKind.FILE, reason="userinfo", host=parsed.host)
    return origin


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
        if start != received or _encoded(response) or not _same(response, total, known):
            raise _OtherFile
        return total
    if status not in _WHOLE:
        raise _refusal(response)
    if _content_type(response) in {"text/html", "application/json", "application/xml", "text/xml"}:
        # A page or an error object under 200: a link that has lost its file.
        raise RemoteError("link_expired", kind=ErrorKind.FILE, status=status)
    length = response.headers.get("content-length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) and not _encoded(response) else None


def _encoded(response: httpx.Response) -> bool:
    """Whether what comes is not the file itself but packed."""
    return response.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}


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


def _content_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


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


async def _take(response: httpx.Response, part: PartFile, total: int | None, limits: DownloadSettings) -> None:
    came = 0 if (anew := response.status_code in _WHOLE) else part.received
    if total is not None:
        _check_size(response, total, limits)
    part.begin(_source(response, total), anew=anew)
    # The whole of it with the first piece, then what is left whenever some megabytes have come.
    needed, checked = total - came if total is not None else 0, came - SPACE_EVERY
    try:
        async for piece in _in_time(response, limits.min_rate):
            try:
                _check_size(response, came + len(piece), limits)
            except RemoteError:
                await asyncio.to_thread(part.restart)
                raise
            if came - checked >= SPACE_EVERY:
                checked = came
                await _append(part, piece, needed)
                needed = 0
            else:
                await _append(part, piece)
            came += len(piece)
        if not came:
            # What was there before is not the file.
            await _append(part, b"")
    finally:
        part.close()


def _check_size(response: httpx.Response, size: int, limits: DownloadSettings) -> None:
    if size > limits.max_bytes:
        raise RemoteError(
            "download_too_large", kind=ErrorKind.FILE, size=size, limit=limits.max_bytes, host=response.url.host
        )


async def _in_time(response: httpx.Response, least: int) -> AsyncIterator[bytes]:
    """The pieces of an answer, unpacked, as long as they come at ``least`` bytes a second.

    :raises RemoteError: ``download_slow`` (kind network)
    """
    # Pieces as they come (64 KiB): gathering larger ones costs memory with every download.
    pieces, packed = response.aiter_raw(), _encoded(response)
    unpacker = Unpacker(response.headers.get("content-encoding", ""))
    began, came = time.monotonic(), 0
    while True:
        # A read that was broken off cannot be gone on with: it is broken off only when the rate is too low for good.
        deadline = began + max(RATE_WINDOW, came / least) if least else None
        try:
            async with asyncio.timeout(None if deadline is None else max(deadline - time.monotonic(), 0.0)) as patience:
                piece = await anext(pieces, None)
        except TimeoutError:
            if not patience.expired():
                raise
            raise _slow(response, came, time.monotonic() - began, least) from None
        if piece is None:
            return
        try:
            yield unpacker.unpack(piece) if packed else piece
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error
        came += len(piece)
        elapsed = time.monotonic() - began
        if elapsed >= RATE_WINDOW:
            if came < least * elapsed:
                raise _slow(response, came, elapsed, least)
            began, came = time.monotonic(), 0


def _slow(response: httpx.Response, came: int, elapsed: float, least: int) -> RemoteError:
    return RemoteError(
        "download_slow",
        kind=ErrorKind.NETWORK,
        rate=round(came / max(elapsed, 0.1)),
        least=least,
        host=response.url.host,
    )


async def _append(part: PartFile, piece: bytes, needed: int | None = None) -> None:
    """Write in a thread; when broken off, wait for it, so that nobody else finds the part half written.

    :param needed: bytes that must be free before; None: nobody looks
    """

    def write() -> None:
        if needed is not None:
            ensure_free_space(part.path.parent, needed)
        part.append(piece)

    writing = asyncio.ensure_future(asyncio.to_thread(write))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise


def _source(response: httpx.Response, total: int | None) -> dict[str, str]:
    """What an answer says of the file, by which another answer is known to be about the same one."""
    facts = {name: response.headers[name] for name in ("etag", "last-modified") if name in response.headers}
    if total is not None:
        facts["total"] = str(total)
    if _encoded(response):
        facts["encoded"] = "yes"
    return facts
