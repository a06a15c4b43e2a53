"""The one way to a provider: an HTTP client with pooled connections, limits of time and size, and no leaks.

``Http.call`` returns every answer the other side gave, whatever its status, and raises ``RemoteError`` only when
there is none; ``delivery`` then says whether the request can have been acted on. Nothing is ever repeated here.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import functools
import json
import re
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import anyio
import httpx
from pydantic import SecretStr

from vidgen_core import __version__
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.providers.base import Key
from vidgen_core.providers.http.addresses import Rules, trust
from vidgen_core.providers.http.cleaning import clean, clean_text, read_cut, read_json, read_xml
from vidgen_core.providers.http.error_body import texts_of
from vidgen_core.providers.http.multipart import RequestBody, json_body
from vidgen_core.providers.http.redact import SAID_CHARACTERS, cut, mask, quiet_http_logs, redact

#: Bytes read of an answer; a list of all models has some hundred thousand.
ANSWER_BYTES: Final = 8 * 1024 * 1024
USER_AGENT: Final = f"vidgen/{__version__}"
#: Seconds a connection may rest between two uses.
KEEPALIVE: Final = 15.0


class Verb(StrEnum):
    """What a call is for; decides how long to wait."""

    SUBMIT = "submit"
    POLL = "poll"
    ASK = "ask"
    UPLOAD = "upload"
    DOWNLOAD = "download"


#: What is sent on a connection that is used once.
_ONCE: Final = frozenset({Verb.SUBMIT, Verb.UPLOAD})


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a connection, for each piece sent or received, and in sum (None: no limit)."""

    connect: float
    write: float
    read: float
    total: float | None

    @functools.cached_property
    def timeout(self) -> httpx.Timeout:
        """As the client takes it."""
        return httpx.Timeout(self.read, connect=self.connect, write=self.write, pool=60)


PATIENCE: Final[Mapping[Verb, Patience]] = {
    Verb.SUBMIT: Patience(connect=15, write=60, read=120, total=300),
    Verb.POLL: Patience(connect=10, write=20, read=20, total=40),
    Verb.ASK: Patience(connect=10, write=20, read=20, total=30),
    Verb.UPLOAD: Patience(connect=15, write=60, read=60, total=300),
    Verb.DOWNLOAD: Patience(connect=15, write=20, read=30, total=None),
}


class Bearer(httpx.Auth):
    """Puts a key into the request at the last moment, so that no frame of ours holds it in clear."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._secret.get_secret_value()}"
        yield request


@dataclass(frozen=True)
class ProviderResponse:
    """What the other side said."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    #: The body as JSON, cleaned and without secrets; None where it is none.
    json: Any = field(repr=False)
    #: The body as text, secrets removed, at most a few kilobytes.
    text: str = field(repr=False)
    #: The body where it is a file, which has no text then.
    file: bytes | None = field(default=None, repr=False)
    #: What stands whole in a body that is JSON only in part, or XML.
    rest: Any = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        return re.match(r"\s*<(?:!doctype\s+)?html", self.text, re.IGNORECASE) is not None

    @property
    def plain_text(self) -> str:
        """The body when it is text for people, or XML: neither JSON nor a page, whose words say nothing about the order."""
        if self.json is not None:
            return ""
        if not self.text.lstrip().startswith("<"):
            return self.text
        return "" if self.is_page else " ".join(texts_of(self.rest))

    @property
    def request_id(self) -> str | None:
        """The provider's name for the request: a header, or the end of an error text."""
        for name in ("x-oneapi-request-id", "x-request-id", "request-id", "cf-ray"):
            if name in self.headers:
                return self.headers[name][:200]
        found = re.search(r"request id: ([\w.-]{4,80})", self.text)
        return found[1] if found else None

    @property
    def retry_after(self) -> float | None:
        """Seconds the provider asks us to wait."""
        return asked_to_wait(self.headers)

    @property
    def evidence(self) -> str:
        return cut(f"HTTP {self.status} {self.text}")


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds from now that the headers of an answer ask us to wait.

    A time is counted from the answer's own, for the other side's clock may differ from ours.
    """
    now = _time_named(headers.get("date")) or datetime.now(UTC)
    return parse_retry_after(headers.get("retry-after"), now)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds named by a ``Retry-After`` header, in either of its forms; None without a usable one.

    Any length is returned as it stands: who waits decides how long at most.
    """
    if not value:
        return None
    if re.fullmatch(r"\s*\d{1,30}(\.\d{1,30})?\s*", value):
        return float(value)
    at = _time_named(value)
    return None if at is None else max((at - now).total_seconds(), 0.0)


def _time_named(value: str | None) -> datetime | None:
    """The time of an HTTP date; None where it is none."""
    try:
        at = email.utils.parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


class Http:
    """Connections to one provider; made in the running loop when first needed, gone after ``close``.

    How a key proves itself, what else is said along, and which texts are secret are single methods, for providers that do not
    take a bearer's key.

    Paid requests and uploads have connections of their own, each used once: a connection that the other side is just closing
    would leave it open whether the request arrived.

    :param patience: replaces single entries of ``PATIENCE``.
    :param most: bytes read of an answer; a longer one is no JSON any more.
    :param names_jobs: what came of an answer to an order counts where it breaks off, for it may name a job.
    """

    def __init__(
        self, patience: Mapping[Verb, Patience] | None = None, most: int = ANSWER_BYTES, *, names_jobs: bool = True
    ) -> None:
        self._most = most
        self._names_jobs = names_jobs
        self._patience = {**PATIENCE, **(patience or {})}
        self._clients: dict[tuple[bool, Rules | None], httpx.AsyncClient] = {}

    def _client(self, verb: Verb, rules: Rules | None) -> httpx.AsyncClient:
        kind = verb in _ONCE, rules
        if kind not in self._clients:
            quiet_http_logs()
            self._clients[kind] = _make_client(*kind)
        return self._clients[kind]

    def _auth(self, key: Key) -> httpx.Auth:
        """Proves at the last moment who asks."""
        return Bearer(key.secret)

    def _own_headers(self, verb: Verb) -> Mapping[str, str]:
        """What every request for ``verb`` says of itself."""
        return {}

    def _secrets(self, key: Key) -> tuple[str, ...]:
        """What must not be left in an answer."""
        return (key.secret.get_secret_value(),)

    async def close(self) -> None:
        """Let go of all connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def call(
        self,
        verb: Verb,
        method: str,
        url: str,
        *,
        key: Key | None = None,
        params: Mapping[str, str | int] | None = None,
        json: Mapping[str, Any] | None = None,
        body: RequestBody | None = None,
    ) -> ProviderResponse:
        """Send one request and return what came back, whatever its status; redirects are not followed.

        :param json: a JSON body, which may hold slots of ``multipart.data_uri_slot``
        :raises RemoteError: there is no answer; kind *network*, ``delivery`` says whether the request can have been
            acted on
        """
        if json is not None:
            body = _make_body(json)
        with _lost(url, key):
            async with (
                asyncio.timeout(self._patience[verb].total) as limit,
                self.stream(verb, method, url, key=key, params=params, body=body) as response,
            ):
                until = limit.when()
                # From here on it ends the reading alone: what had come by then counts.
                limit.reschedule(None)
                secrets = self._secrets(key) if key else ()
                partly = self._names_jobs and verb is Verb.SUBMIT
                return await _read(response, until, secrets, self._most, partly=partly)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        verb: Verb,
        method: str,
        url: str,
        *,
        key: Key | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        body: RequestBody | None = None,
        rules: Rules | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """The response with its body still to come; raises what httpx raises.

        :param rules: given for an address that somebody else named, which is then checked (``addresses``)
        """
        if key is not None and not key.may_go_to(url):
            raise RemoteError("key_elsewhere", kind=ErrorKind.AUTH, host=httpx.URL(url).host)
        patience = self._patience[verb]
        async with self._client(verb, rules).stream(
            method,
            _parsed(url),
            params=params,
            headers={**self._own_headers(verb), **(headers or {}), **(body.headers if body else {})},
            content=body.pieces() if body else None,
            auth=self._auth(key) if key else None,
            timeout=patience.timeout,
        ) as response:
            yield response


def _make_body(payload: Mapping[str, Any]) -> RequestBody:
    try:
        return json_body(payload)
    except OSError as error:
        raise RemoteError(
            "picture_copy_gone", kind=ErrorKind.FILE, delivery=Delivery.NOT_SENT, why=type(error).__name__
        ) from error


def _make_client(once: bool, rules: Rules | None) -> httpx.AsyncClient:
    # Only those who send something wait for aiohttp to be imported.
    from vidgen_core.providers.http.transport import AsyncClient

    try:
        return AsyncClient(
            rules,
            once=once,
            verify=trust(),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            limits=httpx.Limits(
                max_connections=1000, max_keepalive_connections=0 if once else 200, keepalive_expiry=KEEPALIVE
            ),
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        # The proxy named by the environment has a form or a scheme that nobody can use.
        raise RemoteError(
            "proxy_unusable", kind=ErrorKind.NETWORK, delivery=Delivery.NOT_SENT, why=type(error).__name__
        ) from None


async def _read(
    response: httpx.Response, until: float | None, secrets: tuple[str, ...], most: int, *, partly: bool
) -> ProviderResponse:
    """The answer; of one that breaks off or is damaged what came, where that is ``partly`` of use: it may name a job.

    :param until: when its end is waited for no more, by the clock of the loop
    """
    raw = bytearray()
    broke: Exception | None = None
    # Unpacked below, by what it is: labels are often wrong.
    encoding = response.headers.pop("content-encoding", "")
    try:
        async with asyncio.timeout_at(until):
            async for piece in response.aiter_bytes():
                raw += piece
                if len(raw) > most:
                    break
    except (httpx.HTTPError, TimeoutError) as error:
        broke = error
    body, headers = _unpacked(bytes(raw), encoding, most + 1), dict(response.headers.items())
    data, intact = body.data, broke is None and not (body.cut or body.damaged)
    if intact and _FILE.match(headers.get("content-type", "")) and len(data) <= most:
        return replace(answer_of(response.status_code, headers, "", *secrets), file=data)
    answer = answer_of(response.status_code, headers, _decoded(data, headers.get("content-type", "")), *secrets)
    if body.damaged and answer.json is not None:
        # It looks whole, and something in it is not as it was sent: it may name a job, and nothing else is believed.
        answer = replace(answer, json=None, rest=answer.json)
    if body.damaged or (body.cut and answer.json is None):
        broke = broke or httpx.DecodingError("the packed answer is damaged")
    if not partly and answer.json is None and answer.rest is not None and not answer.is_page:
        answer = replace(answer, json=answer.rest)
    if broke is not None and (not partly or (answer.json is None and answer.rest is None)):
        raise broke
    return answer


def _decoded(data: bytes, label: str) -> str:
    """A body as text: UTF-16 is told by its marks; what is no UTF-8 is what its label says, or as older Chinese servers write.

    :param label: its ``Content-Type``
    """
    encoding = json.detect_encoding(data)
    text = data.decode(encoding, "replace")
    # Single broken letters say nothing; in another encoding most of those that are not ASCII are broken.
    broken = text.count("\ufffd")
    if broken and encoding.startswith("utf-8") and broken > sum(one > "\x7f" for one in text) / 2:
        named = re.search(r"charset=[\s\"']*([\w.:-]{1,40})", label, re.IGNORECASE)
        for other in (named[1] if named else "gb18030", "gb18030"):
            with contextlib.suppress(UnicodeDecodeError, LookupError):
                return data.decode(other)
    return text


class Unpacker:
    """Takes gzip and deflate (RFC 9110, 8.4.1) off a body, by what it is: labels are often wrong.

    :param label: its ``Content-Encoding``
    """

    def __init__(self, label: str) -> None:
        self._deflated = "deflate" in label.lower()
        self._begun = False
        self._way: zlib._Decompress | None = None

    @property
    def ended(self) -> bool:
        """Whether all has come of what is packed."""
        return self._way is None or self._way.eof

    def unpack(self, piece: bytes, most: int = 0) -> bytes:
        """The next bytes, at most so many; of what is not packed the same.

        :raises zlib.error: it is damaged
        """
        if not self._begun:
            self._begun = True
            for way in (31,) if piece[:2] == b"\x1f\x8b" else (15, -15) if self._deflated else ():
                self._way = zlib.decompressobj(way)
                with contextlib.suppress(zlib.error):
                    return self._way.decompress(piece, most)
                self._way = None
        return piece if self._way is None else self._way.decompress(piece, most)


#: Bytes of a damaged body that are unpacked.
_SALVAGED: Final = 65536


class _Unpacked(NamedTuple):
    """A body without its packing."""

    data: bytes
    #: It ended too early.
    cut: bool = False
    #: It is not what was packed; the data are what could be read.
    damaged: bool = False


def _unpacked(body: bytes, label: str, most: int) -> _Unpacked:
    """A body without its packing, at most so many bytes of it."""
    unpacker = Unpacker(label)
    data = unpacker.unpack(body, most)
    if data is not body or not body.startswith((b"\x1f\x8b", b"x") if "deflate" in label.lower() else b"\x1f\x8b"):
        return _Unpacked(data, cut=not unpacker.ended and len(data) < most)
    way, found = zlib.decompressobj(47), bytearray()
    with contextlib.suppress(zlib.error):
        for place in range(min(len(body), _SALVAGED)):
            # Byte by byte, for what comes together with the error is lost.
            found += way.decompress(body[place : place + 1], most)
            if len(found) > most:
                break
    return _Unpacked(bytes(found), damaged=True)


#: Types of bodies that are no text for anybody.
_FILE: Final = re.compile(r"\s*(?:image/(?!svg)|video/|audio/|application/octet-stream)", re.IGNORECASE)


def answer_of(status: int, headers: Mapping[str, str], text: str, *secrets: str) -> ProviderResponse:
    """An answer as it may be used: cleaned, and without secrets in any value.

    :param secrets: what must not be left in it
    """
    parsed = read_json(text)
    body = clean(parsed, lambda one: mask(one, *secrets))
    if body != parsed:
        # What the parser undid (escapes, halves of pairs) must not stand in the text either.
        text = json.dumps(body, ensure_ascii=False)
    return ProviderResponse(
        status=status,
        headers={name.lower(): _header(name.lower(), value, *secrets) for name, value in headers.items()},
        json=body,
        text=cut(redact(clean_text(text[:65536]), *secrets)),
        rest=clean(read_cut(text) or read_xml(text), lambda one: mask(one, *secrets)) if body is None else None,
    )


@functools.lru_cache(maxsize=512)
def _header(name: str, value: str, *secrets: str) -> str:
    """The value of a header as it may be used; most are the same with every answer."""
    if name == "location":
        # It may name a job, also behind a question mark.
        return mask(clean_text(value)[:2000], *secrets)
    return redact(clean_text(value)[:2000], *secrets)


#: A job is polled at one address again and again.
_parsed = functools.lru_cache(maxsize=2048)(httpx.URL)


@contextlib.contextmanager
def _lost(url: str, key: Key | None) -> Iterator[None]:
    """Turn the absence of an answer into a RemoteError."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, anyio.ClosedResourceError) as error:
        # Without its cause: requests and frames further down hold the key.
        raise local_error(error, url, key) from None


def local_error(error: BaseException, url: str, key: Key | None = None) -> RemoteError:
    """What a local exception means for a request to ``url``."""
    code, delivery = _meaning(error)
    secret = key.secret.get_secret_value() if key else ""
    said = redact(clean_text(f"{type(error).__name__}: {error}"[:4000]), secret)
    return RemoteError(
        code,
        kind=ErrorKind.NETWORK,
        delivery=delivery,
        evidence=cut(said),
        host=_host(url),
        why=cut(said, SAID_CHARACTERS),
    )


def _host(url: str) -> str:
    found = re.match(r"[a-z]+://([^/?#@]*@)?([^/?#]*)", url)
    return found[2] if found else ""


def _meaning(error: BaseException) -> tuple[str, Delivery]:
    """The code of the case, and whether the request can have been acted on (https://www.python-httpx.org/exceptions)."""
    match error:
        case httpx.ConnectError():
            return _why_no_connection(error), Delivery.NOT_SENT
        case httpx.ConnectTimeout():
            return "connect_timeout", Delivery.NOT_SENT
        case httpx.PoolTimeout():
            return "connections_busy", Delivery.NOT_SENT
        case httpx.ProxyError():
            return "proxy_refused", Delivery.NOT_SENT
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return "address_invalid", Delivery.NOT_SENT
        case httpx.TimeoutException() | TimeoutError():
            return "answer_timeout", Delivery.UNKNOWN
        case _:
            return "connection_lost", Delivery.UNKNOWN


def _why_no_connection(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "dns_failed"
        if isinstance(cause, ssl.SSLError):
            return "tls_failed"
    return "connect_failed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
