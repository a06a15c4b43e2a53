"""What every request must be like before anybody asks whose it is.

Nothing of Streamlit's own protection covers our routes, so: the ``Host`` must be one we serve, a page from elsewhere is
refused, bodies have a largest size, and answers carry headers that keep browsers from guessing types or lending our
pictures to others.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidgen_core.app.sharing import LOOPBACK
from vidgen_core.errors import ErrorKind, NotFound, Refused, SettingsError
from vidgen_core.locations import find_locations
from vidgen_core.server.access import OURS as OUR_ROUTES
from vidgen_core.server.access import SIGN_IN, Access
from vidgen_core.server.callers import Callers
from vidgen_core.server.limits import BodyLimit
from vidgen_core.server.under import Above, Below
from vidgen_core.server.words import envelope
from vidgen_core.settings import SharingSettings, load_settings, names_in

#: Addresses that mean *all interfaces* and name none.
EVERY_ADDRESS: Final = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
#: More names, separated by commas, under which this server may be asked.
HOSTS: Final = "VIDGEN_ALLOWED_HOSTS"
#: What is ours to guard; the rest is Streamlit's.
OURS: Final = (*OUR_ROUTES, SIGN_IN)
#: Our way from the first page's name to the first page.
FIRST_PAGE: Final = "/shots"
_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}


def allowed_hosts(address: str | None) -> list[str]:
    """Loopback names, the address this server is bound to, and what the environment adds."""
    bound = [address] if address and address not in EVERY_ADDRESS else []
    return [*LOOPBACK, *bound, *names_in(os.environ.get(HOSTS, ""))]


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from one of our own pages, or from a program (which sends no ``Origin``).

    ``Sec-Fetch-Site`` covers requests for which browsers leave ``Origin`` out, such as pictures (Fetch Metadata).
    """
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


class Guard:
    """Refuses foreign pages on our routes and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ours = scope["path"].startswith(OURS)
        if ours and not same_origin(Headers(scope=scope)):
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
                if ours:
                    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            await send(message)

        await self.app(scope, receive, with_headers)


def sharing_settings() -> SharingSettings:
    """What the settings say of sharing; the defaults while they cannot be read."""
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
    """The guards, outermost first.

    :param address: what the server is bound to
    :param base: the path below which it lives, as ``sharing.base_of``
    """
    ours = own_addresses() if not address or address in EVERY_ADDRESS else []
    sharing = sharing_settings()
    hosts = [*allowed_hosts(address), *names_in(sharing.allowed_hosts), *ours]
    return [
        Middleware(Callers, proxies=names_in(sharing.trusted_proxies)),
        Middleware(Above, base=base),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(Guard),
        Middleware(BodyLimit),
        Middleware(Access, address=address),
        Middleware(Below, base=base, ours=(*OURS, FIRST_PAGE)),
    ]
