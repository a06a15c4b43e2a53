"""Who may ask: our own pages and programs on this machine.

Nothing of Streamlit's own protection covers our routes, so: the ``Host`` must be one we serve, a page from elsewhere is
refused, and answers carry headers that keep browsers from guessing types or lending our pictures to others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidgen_core.errors import ErrorKind

#: Names of this machine as seen from itself.
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1", "[::1]")
#: Addresses that mean *all interfaces* and name none.
EVERY_ADDRESS: Final = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
#: More names, separated by commas, under which this server may be asked.
HOSTS: Final = "VIDGEN_ALLOWED_HOSTS"
#: What is ours to guard; the rest is Streamlit's.
OURS: Final = ("/api", "/app/static/media")
_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}


def allowed_hosts(address: str | None) -> list[str]:
    """Loopback names, the address this server is bound to, and what the environment adds."""
    extra = [name.strip() for name in os.environ.get(HOSTS, "").split(",") if name.strip()]
    bound = [address] if address and address not in EVERY_ADDRESS else []
    return [*LOOPBACK, *bound, *extra]


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
            refusal = JSONResponse(
                {"error": {"kind": ErrorKind.AUTH, "message": "foreign_origin"}}, 403, headers=_SECURITY
            )
            await refusal(scope, receive, send)
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


def middleware(address: str | None) -> list[Middleware]:
    """The guards, outermost first.

    :param address: what the server is bound to
    """
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(address), www_redirect=False),
        Middleware(Guard),
    ]
