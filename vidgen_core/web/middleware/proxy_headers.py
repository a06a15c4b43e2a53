"""The client address of a request, read from the headers of trusted proxies only."""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

#: Proxies on this machine.
ON_THIS_MACHINE: Final = ("127.0.0.0/8", "::1")
#: Bits of an IPv6 address that identify one visitor, who chooses the rest (RFC 6177).
_OWN_BITS: Final = 64


class ProxyHeaders:
    """Outermost: replace a trusted proxy by the client that it names.

    Of ``X-Forwarded-For`` only the right-most address that no trusted proxy has counts: what stands left of it was
    written by the client. uvicorn by itself does the same for proxies at 127.0.0.1; this continues where uvicorn has
    ended.

    :param proxies: addresses and networks beside those of this machine
    """

    def __init__(self, app: ASGIApp, proxies: tuple[str, ...]) -> None:
        # uvicorn's types of ASGI are its own.
        self._app = ProxyHeadersMiddleware(app, [*ON_THIS_MACHINE, *proxies])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("client"):
            host, port = scope["client"]
            scope = {**scope, "client": (_plain(host), port)}
        await self._app(scope, receive, send)  # type: ignore[arg-type]


def caller_of(connection: HTTPConnection) -> str:
    """The key of one visitor for rate limits: an address, or the network of an IPv6 address."""
    host = connection.client.host if connection.client else "?"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, _OWN_BITS), strict=False)) if address.version == 6 else str(address)


def _plain(host: str) -> str:
    """Unwrap an IPv4 address that a dual-stack socket has mapped: ``::ffff:192.0.2.1``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(getattr(address, "ipv4_mapped", None) or address)
