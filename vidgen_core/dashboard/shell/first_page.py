"""The HTML that a browser loads first: Streamlit's own, with the style of all screens.

A style that a page brings along comes when everything stands already, and moves all of it. Streamlit's dialogs about a lost
connection, in English alone, would lie over the page: the header line says that in the visitor's language, and leaves the page to be read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Where Streamlit's scripts draw; pages of ours have none.
_ROOT: Final = b'<div id="root"'
#: Streamlit's font, which no look of ours uses.
_PRELOADED_FONT: Final = re.compile(rb'<link\s[^>]*as="font"[^>]*>')
#: What would bring the page packed, or not at all.
_LEFT_OUT: Final = frozenset({b"accept-encoding", b"if-none-match", b"if-modified-since"})


_NO_DIALOGS: Final = b"<script>window.__streamlit = { HOST_CONFIG: { blockErrorDialogs: true } }</script>"


class FirstPage:
    """Put a style at the end of Streamlit's page, behind those that its scripts add to the head.

    :param style: a file
    """

    def __init__(self, app: ASGIApp, style: Path) -> None:
        self.app = app
        self.style = b"%s<style>\n%s</style></body>" % (_NO_DIALOGS, style.read_bytes())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET"
        if not is_page or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        scope = {**scope, "headers": [one for one in scope["headers"] if one[0] not in _LEFT_OUT]}
        begin: Message | None = None
        body = bytearray()

        async def hold(message: Message) -> None:
            nonlocal begin
            if message["type"] == "http.response.start" and _is_html(message):
                begin = message
                return
            if begin is None:
                # A download that somebody follows a link to.
                await send(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = bytes(body)
            if _ROOT in page:
                page = _PRELOADED_FONT.sub(b"", page).replace(b"</body>", self.style, 1)
                headers = MutableHeaders(scope=begin)
                headers["content-length"] = str(len(page))
                for name in ("etag", "last-modified"):
                    del headers[name]
            await send(begin)
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, hold)


def _is_html(begin: Message) -> bool:
    return Headers(raw=begin["headers"]).get("content-type", "").startswith("text/html")
