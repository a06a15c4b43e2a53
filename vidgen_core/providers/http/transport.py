"""The way of httpx's requests over aiohttp's connections: a tenth of the processor time of httpx's own, and no less careful.

``httpx`` stays the interface. What money-safety needs of a transport, and what decides against a ready-made one:

- *Left or not left.* Whatever goes wrong until there is a connection is ``httpx.ConnectError``, ``ConnectTimeout`` or
  ``UnsupportedProtocol``: nothing of the request has left. Everything later is another error, and may have arrived.
- Nothing is sent twice and no redirect is followed; a connection for paid requests is used once.
- Each piece of a body has its own time to leave, each piece of an answer its own time to come.
- For an address that somebody else named, every address of its name is checked, and one of these is connected to.
- A service may answer before it has read the request, and close: its answer is read, whatever could not leave.

No cookie is kept, no proxy of the environment asked: requests through a proxy take httpx's own transport.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import aiohttp
import httpx
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from vidgen_core.providers.http import addresses
from vidgen_core.providers.http.addresses import AddressRefused, Rules

#: Bytes that one header, or all headers together as far as a line, may have.
_LINE: Final = 65536
#: Bytes of an answer that may wait to be read.
_BUFFER: Final = 128 * 1024


class _Socket(socket.socket):
    """A connection whose writes never fail: what the other side no longer takes is dropped.

    The event loop forgets what has come unread as soon as a write fails, and with it the refusal of a service that
    did not read on. Here the reader meets the end of the connection, after whatever came before it.
    """

    def send(self, data: Any, *flags: int) -> int:
        try:
            return super().send(data, *flags)
        except (BrokenPipeError, ConnectionResetError):
            return len(data)

    def sendmsg(self, buffers: Any, *options: Any) -> int:
        pieces = list(buffers)
        try:
            return super().sendmsg(pieces, *options)
        except (BrokenPipeError, ConnectionResetError):
            return sum(map(len, pieces))


def _socket(info: AddrInfoType) -> socket.socket:
    return _Socket(family=info[0], type=info[1], proto=info[2])


class _NotConnected(Exception):
    """There is no connection; its cause says why."""


class _Connector(aiohttp.TCPConnector):
    """Tells errors before there is a connection from all others."""

    async def connect(self, *args: Any, **options: Any) -> aiohttp.connector.Connection:
        try:
            return await super().connect(*args, **options)
        except AddressRefused:
            raise
        except Exception as error:
            raise _NotConnected from error


class _Resolver(AbstractResolver):
    """Addresses of a name that were all checked."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await addresses.resolve_async(host, port)
        except UnicodeError as error:
            raise OSError(str(error)) from error
        await asyncio.to_thread(addresses.check, host, found, self._rules)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
            if family in (socket.AF_UNSPEC, socket.AF_INET if address.version == 4 else socket.AF_INET6)
        ]

    async def close(self) -> None:
        pass


class Transport(httpx.AsyncBaseTransport):
    """Connections of one client, made in the running loop when they are first needed.

    :param rules: given for addresses that somebody else named
    :param once: each connection is used once
    """

    def __init__(self, limits: httpx.Limits, rules: Rules | None = None, *, once: bool = False) -> None:
        self._limits = limits
        self._rules = rules
        self._once = once
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        connector = _Connector(
            limit=self._limits.max_connections or 0,
            ssl=addresses.trust(),
            resolver=aiohttp.ThreadedResolver() if self._rules is None else _Resolver(self._rules),
            use_dns_cache=self._rules is None,
            force_close=self._once,
            keepalive_timeout=None if self._once else self._limits.keepalive_expiry,
            socket_factory=_socket,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=_LINE,
            max_field_size=_LINE,
            read_bufsize=_BUFFER,
        )
        # aiohttp has no option for it: a GET on a connection that the other side has just closed would be sent again.
        session._retry_connection = False
        return session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address = addresses.literal(request.url.host) if self._rules is not None else None
        if address is not None and self._rules is not None:
            await asyncio.to_thread(addresses.check, request.url.host, [address], self._rules)
        self._session = self._session or self._open()
        patience = request.extensions.get("timeout", {})
        pool, connect = patience.get("pool"), patience.get("connect")
        headers = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name not in ("connection", "transfer-encoding")
        ]
        try:
            with _translated():
                async with asyncio.timeout(None) as sending:
                    answer = await self._session.request(
                        request.method,
                        # Another way of writing a signed link is another link.
                        URL(str(request.url), encoded=True),
                        headers=headers,
                        data=_body(request, sending, patience.get("write")),
                        allow_redirects=False,
                        timeout=aiohttp.ClientTimeout(
                            total=None,
                            connect=None if pool is None or connect is None else pool + connect,
                            sock_connect=connect,
                            sock_read=patience.get("read"),
                        ),
                    )
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error
        return httpx.Response(
            answer.status,
            headers=answer.raw_headers,
            stream=_Answer(answer),
            extensions={
                "http_version": b"HTTP/1.1",
                "reason_phrase": (answer.reason or "").encode("latin-1", "replace"),
            },
        )

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _NoCookies(httpx.Cookies):
    """Keeps none: no provider is told apart by them, and each would be read from its headers for every answer."""

    def extract_cookies(self, response: httpx.Response) -> None:
        pass


class AsyncClient(httpx.AsyncClient):
    """An HTTP client on this transport, which follows no redirects; where the environment names a proxy, on httpx's own.

    :param rules: given for addresses that somebody else named
    :param once: each connection is used once
    """

    def __init__(self, rules: Rules | None = None, *, once: bool = False, **options: Any) -> None:
        self._rules = rules
        self._once = once
        super().__init__(**{**options, "follow_redirects": False})
        self._cookies = _NoCookies()

    def _init_transport(self, *_: Any, **options: Any) -> httpx.AsyncBaseTransport:
        return options.get("transport") or Transport(options["limits"], self._rules, once=self._once)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if self._rules is not None and not isinstance(self._transport_for_url(request.url), Transport):
            await asyncio.to_thread(addresses.check_proxied, request.url.host, self._rules)
        return await super().send(request, **options)


def _body(
    request: httpx.Request, sending: asyncio.Timeout, seconds: float | None
) -> bytes | AsyncIterator[bytes] | None:
    """What is sent; each piece must have left before the next one's time is counted."""
    try:
        return request.content or None
    except httpx.RequestNotRead:
        return _pieces(request.stream, sending, seconds)  # type: ignore[arg-type]


async def _pieces(
    stream: httpx.AsyncByteStream, sending: asyncio.Timeout, seconds: float | None
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    async for piece in stream:
        # An answer may have come before all is sent.
        if seconds is not None and sending.when() is None and not sending.expired():
            with contextlib.suppress(RuntimeError):
                sending.reschedule(loop.time() + seconds)
        yield piece
        with contextlib.suppress(RuntimeError):
            sending.reschedule(None)


class _Answer(httpx.AsyncByteStream):
    """The body of an answer, still to come."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        with _translated():
            try:
                async for piece in content.iter_any():
                    yield piece
            except aiohttp.ClientError:
                # aiohttp tells that a connection broke before it hands out what had come, and then keeps that for itself.
                if rest := content._read_nowait(-1):
                    yield rest
                raise

    async def aclose(self) -> None:
        # What has not been read yet is not worth waiting for: the connection is closed then.
        self._answer.release() if self._answer.content.at_eof() else self._answer.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Errors of aiohttp as the errors of httpx that mean the same for a request."""
    try:
        yield
    except _NotConnected as error:
        raise _not_connected(error.__cause__) from error.__cause__
    except aiohttp.InvalidURL as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
    except aiohttp.ServerTimeoutError as error:
        raise httpx.ReadTimeout(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
            raise
        raise httpx.RemoteProtocolError(f"{type(error).__name__}: {error}") from error


def _not_connected(cause: BaseException | None) -> httpx.RequestError:
    if isinstance(cause, TimeoutError | aiohttp.ServerTimeoutError):
        return httpx.ConnectTimeout(str(cause))
    if isinstance(cause, aiohttp.InvalidURL):
        return httpx.UnsupportedProtocol(str(cause))
    return httpx.ConnectError(str(cause))
