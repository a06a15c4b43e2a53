"""Checks of every request before authentication, and the list of all middleware.

Streamlit's own protection covers neither our routes nor other ports of this machine, so: the ``Host`` must be one we
serve, a page from elsewhere is refused, bodies have a largest size, and answers carry headers that keep browsers from
guessing types or lending our pictures to others.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidgen_core.config.loader import load_settings
from vidgen_core.config.paths import find_locations
from vidgen_core.config.schema import SharingSettings
from vidgen_core.domain.errors import ErrorKind, NotFound, Refused, SettingsError, VidgenError
from vidgen_core.domain.setting_values import names_in
from vidgen_core.services.access.auth import LOOPBACK, is_loopback
from vidgen_core.services.generation.answers import PATH as ANSWER
from vidgen_core.web.error_responses import envelope
from vidgen_core.web.middleware.auth import OURS as OUR_ROUTES
from vidgen_core.web.middleware.auth import REVIEW, SIGN_IN, AuthMiddleware
from vidgen_core.web.middleware.base_path import AddPrefix, StripPrefix
from vidgen_core.web.middleware.connections import POLICY, close_socket
from vidgen_core.web.middleware.proxy_headers import ProxyHeaders

#: Addresses that mean *all interfaces* and name none.
EVERY_ADDRESS: Final = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
#: More names, separated by commas, under which this server may be asked.
HOSTS: Final = "VIDGEN_ALLOWED_HOSTS"
#: The addresses that this middleware checks; the rest is Streamlit's.
OURS: Final = (*OUR_ROUTES, SIGN_IN)
#: Redirects to the first page.
FIRST_PAGE: Final = "/shots"
_PORTS: Final = {"http": 80, "https": 443}
_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    # Nothing that somebody typed makes a browser fetch from elsewhere; pages of ours that say more say it themselves.
    "Content-Security-Policy": "img-src 'self' data: blob:; media-src 'self' data: blob:; object-src 'none'",
}
#: Bytes of a call of a tool, with the files that are imported by it.
MCP_LIMIT: Final = 50_000_000
#: Bytes of a body; the first pattern that fits counts.
LIMITS: Final = (
    (re.compile(r"/api/import"), 200_000_000),
    (re.compile(r"/api/incoming/.+"), 210_000_000),
    (re.compile(r"/api/shots/\d+/image"), 50_000_000),
    (re.compile(r"/api/\w+/callback"), 100_000),
    (re.compile(r"/(sign-in|review|answer)(/.*)?"), 10_000),
    (re.compile(r"/mcp(/.*)?"), MCP_LIMIT),
    (re.compile(r"/(api|app/static/media)(/.*)?"), 1_000_000),
)


def allowed_hosts(address: str | None) -> list[str]:
    """Loopback names, the address this server is bound to, and what the environment adds."""
    bound = [address] if address and address not in EVERY_ADDRESS else []
    return [*LOOPBACK, *bound, *names_in(os.environ.get(HOSTS, ""))]


def same_origin(scope: Scope) -> bool:
    """Whether a request comes from one of our own pages, or from a program (which sends no ``Origin``).

    An origin is scheme, host and port (RFC 6454): another port of this machine is somebody else. Browsers name it with
    every WebSocket, so one without comes from a program or from nobody who may come in.
    """
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is not None:
        return _is_own(origin, scope, headers.get("host", ""))
    is_browser = (
        any(name.startswith("sec-fetch-") for name in headers) or "mozilla" in headers.get("user-agent", "").lower()
    )
    return scope["type"] != "websocket" or not is_browser or "authorization" in headers


def _is_own(origin: str, scope: Scope, host: str) -> bool:
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    theirs, ours = _origin_of(origin), _origin_of(f"{scheme}://{host}")
    if theirs is None or ours is None:
        return False
    if theirs == ours:
        return True
    # A proxy that ends TLS and does not say so. No page of https can reach http elsewhere than on its own machine, which
    # browsers hold to be safe (Mixed Content, 5.3), so nobody but our own page can have sent it.
    told = origin.partition("://")[2].lower() == host.lower()
    return told and (theirs[0], scheme) == ("https", "http") and not is_loopback(theirs[1])


def _origin_of(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an origin; None for what is none, such as ``null``."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if port is None or not parts.hostname or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port


def _is_fetched_elsewhere(scope: Scope) -> bool:
    """Whether a page of another origin asks, also where browsers leave ``Origin`` out, as for pictures (Fetch Metadata).

    Links to our pages, not to their parts, may stand anywhere.
    """
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    return scope["path"].startswith(OURS) or headers.get("sec-fetch-mode") != "navigate"


class RequestGuard:
    """Refuse cross-origin requests, by HTTP and by WebSocket, and add the security headers to every response.

    It runs before Streamlit's own check of ``Origin``, which compares host names only and asks the internet for this
    machine's address.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        is_foreign = not same_origin(scope) or _is_fetched_elsewhere(scope)
        if scope["type"] == "websocket":
            if is_foreign:
                await close_socket(receive, send, POLICY, "foreign_origin")
                return
            await self.app(scope, receive, send)
            return
        ours = scope["path"].startswith(OURS)
        if is_foreign:
            refusal = envelope(HTTPConnection(scope), Refused("foreign_origin", kind=ErrorKind.AUTH))
            refusal.headers.update(_SECURITY)
            await refusal(scope, receive, send)
            return
        if ours and not scope["path"].isprintable():
            # No address of ours has a line break in it, and patterns of routes stop at one.
            await envelope(HTTPConnection(scope), NotFound("address_unknown"))(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            await send(message)

        await self.app(scope, receive, with_headers)


class BodyTooLarge(VidgenError):
    """The body is longer than this address accepts."""

    kind = ErrorKind.PARAMETER
    default_code = "body_too_large"


def limit_of(path: str) -> int | None:
    """The limit of a body in bytes; None for addresses of Streamlit."""
    return next((limit for pattern, limit in LIMITS if pattern.fullmatch(path)), None)


class BodyLimit:
    """Refuse bodies that are too large, by their announced and by their real length."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = limit_of(scope["path"]) if scope["type"] == "http" else None
        if limit is None:
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        error = BodyTooLarge(limit=limit)
        if announced.isdecimal() and int(announced) > limit:
            await envelope(HTTPConnection(scope), error)(scope, receive, send)
            return
        counting = _CountingBody(receive, send, limit)
        try:
            await self.app(scope, counting.receive, counting.send)
        except Exception:
            if not counting.over or counting.answered:
                raise
        if counting.over and not counting.answered:
            # Whatever the application answered to the broken body, the client learns the reason.
            await envelope(HTTPConnection(scope), error)(scope, receive, send)


class _CountingBody:
    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._limit = limit
        self.answered = False

    @property
    def over(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.over:
            raise BodyTooLarge(limit=self._limit)
        return message

    async def send(self, message: Message) -> None:
        if self.over and not self.answered:
            return
        self.answered = True
        await self._send(message)


def sharing_settings() -> SharingSettings:
    """The sharing settings; the defaults while they cannot be read."""
    try:
        return load_settings(find_locations()).sharing
    except SettingsError:
        return SharingSettings()


def own_addresses() -> list[str]:
    """The names and addresses under which the network knows this machine, as far as it can tell."""
    name = socket.gethostname()
    found = {name.lower(), f"{name.lower()}.local"}
    with suppress(OSError):
        found.update(str(info[4][0]) for info in socket.getaddrinfo(name, None))
    # Which address would be used towards the network; nothing is sent.
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found.add(probe.getsockname()[0])
    return sorted(found)


def middleware(address: str | None, base: str = "") -> list[Middleware]:
    """Every middleware, outermost first.

    :param address: what the server is bound to
    :param base: the path below which it lives, as ``sharing.base_of``
    """
    own = own_addresses() if not address or address in EVERY_ADDRESS else []
    sharing = sharing_settings()
    hosts = [*allowed_hosts(address), *names_in(sharing.allowed_hosts), *own]
    return [
        Middleware(ProxyHeaders, proxies=names_in(sharing.trusted_proxies)),
        Middleware(StripPrefix, base=base),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(RequestGuard),
        Middleware(BodyLimit),
        Middleware(AuthMiddleware, address=address),
        Middleware(AddPrefix, base=base, ours=(*OURS, FIRST_PAGE, f"{REVIEW}/", ANSWER)),
    ]
