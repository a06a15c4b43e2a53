"""Serve below a path of another server, such as ``https://studio.example/vidgen/``.

Streamlit's addresses get the path from its own option ``server.baseUrlPath``; our routes and the middleware work without it.
Hence the outermost layer removes the path and the innermost adds it again: it makes no difference whether the proxy in front
passes the path on or not.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

#: The path of the request that is being answered, ``/vidgen`` or nothing.
_BASE: Final[ContextVar[str]] = ContextVar("vidgen_base", default="")


def address(path: str) -> str:
    """The address of ``path`` as a browser needs it."""
    return f"{_BASE.get()}{path}"


class StripPrefix:
    """Outermost: remove the base path.

    :param base: as ``sharing.base_of``
    """

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app = app
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if scope["path"] == self.base or scope["path"].startswith(f"{self.base}/"):
            scope = {**scope, "path": scope["path"][len(self.base) :] or "/"}
        before = _BASE.set(self.base)
        try:
            await self.app(scope, receive, send)
        finally:
            _BASE.reset(before)


class AddPrefix:
    """Innermost: add the base path again; our routes get it as their root path.

    :param base: as ``sharing.base_of``
    :param ours: beginnings of the addresses that are not Streamlit's
    """

    def __init__(self, app: ASGIApp, base: str, ours: tuple[str, ...]) -> None:
        self.app = app
        self.base = base
        self.ours = ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            root = self.base if scope["path"].startswith(self.ours) else ""
            scope = {**scope, "path": f"{self.base}{scope['path']}", "root_path": root}
        await self.app(scope, receive, send)
