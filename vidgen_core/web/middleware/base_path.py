"""A server that lives below a path of another, such as ``https://studio.example/vidgen/``.

Streamlit's addresses get the path from its own option ``server.baseUrlPath``; ours stand at the top, and so do those that
the guards look at. Hence the outermost layer takes the path off and the innermost puts it on again: it makes no
difference whether the proxy in front passes the path on or not.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

#: The path of the request that is being answered, ``/vidgen`` or nothing.
_BASE: Final[ContextVar[str]] = ContextVar("vidgen_base", default="")


def address(path: str) -> str:
    """The address under which a browser finds what we know as ``path``."""
    return f"{_BASE.get()}{path}"


class StripPrefix:
    """Outermost: everything further in sees its paths as if it stood at the top.

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
    """Innermost: routes find the full path, and ours know which part of it is not theirs.

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
