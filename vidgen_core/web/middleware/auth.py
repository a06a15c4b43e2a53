"""Who is asking, and whether somebody who has not signed in may come in.

In front of everything, Streamlit's own addresses among it: with passwords nobody sees a page, a picture or an event
without having signed in. With OpenID Connect Streamlit itself does the signing in on a page of its own, so there its
addresses are open and the screens' shell keeps the door; our routes are closed in both cases.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vidgen_core.domain.errors import ErrorKind, Refused, VidgenError
from vidgen_core.domain.providers import specs
from vidgen_core.services.access.auth import Auth, is_at_home
from vidgen_core.services.access.permissions import AT_HOME, Role, Visitor
from vidgen_core.services.access.sessions import COOKIE
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import find_vidgen, opened_vidgen
from vidgen_core.web.error_responses import envelope
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.middleware.connections import POLICY, WatchedConnection, close_socket

#: Where people sign in.
SIGN_IN: Final = "/sign-in"
#: The name of programs in the log.
PROGRAM: Final = "API"
#: Answered to everybody: signing in, signs of life, the callback (which proves itself), and the program's own files.
OPEN: Final = (
    SIGN_IN,
    "/api/health",
    *(f"/api/{spec.name}/callback" for spec in specs() if spec.callback),
    "/_stcore/health",
    "/static/",
    "/favicon.png",
)
#: What is ours; the rest is Streamlit's.
OURS: Final = ("/api", "/app/static/media")
#: Addresses that no person looks at: they are answered with a status instead of the way to the sign-in.
_MACHINES: Final = (*OURS, "/_stcore", "/media", "/component", "/app/static")
_KEY: Final = "vidgen.visitor"


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Who is asking.

    :raises Refused: ``sign_in_needed``
    """
    visitor: Visitor | None = connection.scope.get(_KEY)
    if visitor is None:
        raise Refused("sign_in_needed", kind=ErrorKind.AUTH)
    return visitor


class AuthMiddleware:
    """Finds out who asks, and turns away who may not come in.

    :param address: what the server is bound to
    """

    def __init__(self, app: ASGIApp, address: str | None) -> None:
        self.app = app
        self.address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        path = scope["path"]
        if _is_open(path) and path != SIGN_IN:
            await self.app(scope, receive, send)
            return
        try:
            # Not in a thread: it takes less than the way there, and the settings are read again only when they change.
            visitor, known_way_in = self._look(await find_vidgen(), connection)
        except VidgenError as error:
            # Without settings nobody can be known; the screens say what is wrong to the person at this machine.
            visitor, known_way_in = self._without_settings(connection), False
            if visitor is None:
                await _answer(envelope(connection, error, 503), scope, receive, send)
                return
        scope[_KEY] = visitor
        if visitor is None and path != SIGN_IN and (path.startswith(OURS) or not known_way_in):
            await _turn_away(connection, scope, receive, send)
            return
        if scope["type"] == "websocket" or path.startswith("/api/"):
            if visitor is None:
                scope = _without_session(scope)
            watched = WatchedConnection(scope, receive, send, lambda: self._is_still(visitor, connection))
            await watched.run(self.app, scope)
            return
        await self.app(scope, receive, send)

    def _is_still(self, visitor: Visitor | None, connection: HTTPConnection) -> bool:
        """Whether the same person would be let in again as who they are."""
        vidgen = opened_vidgen()
        if vidgen is None:
            return True
        try:
            found, known_way_in = self._look(vidgen, connection)
        except VidgenError:
            # Nothing can be said, and nothing can be done either, as long as the data home cannot be read.
            return True
        return found == visitor and (visitor is not None or known_way_in)

    def _look(self, vidgen: Vidgen, connection: HTTPConnection) -> tuple[Visitor | None, bool]:
        """Who it is, and whether Streamlit's pages let people sign in by themselves."""
        sharing = Auth(vidgen.settings_file)
        way = sharing.settings.sign_in
        oidc = way == "oidc"
        given = connection.headers.get("authorization")
        if given is not None and connection.scope["path"].startswith(OURS):
            scheme, _, token = given.partition(" ")
            known = scheme.lower() == "bearer" and sharing.is_token(token.strip())
            is_local = is_at_home(connection.headers, self.address)
            return (Visitor(Role.OWNER, PROGRAM, is_local) if known else None), oidc
        return vidgen.sessions.visitor(connection.cookies.get(COOKIE, ""), connection.headers, self.address), oidc

    def _without_settings(self, connection: HTTPConnection) -> Visitor | None:
        return AT_HOME if is_at_home(connection.headers, self.address) else None


def _without_session(scope: Scope) -> Scope:
    """Whoever has not signed in begins a screen of their own, whatever tab they say they were.

    Streamlit takes up the screen whose id stands third in this header, with what it has kept, callbacks included.
    """
    name = b"sec-websocket-protocol"
    headers = [
        (key, b",".join(value.split(b",")[:2]) if key.lower() == name else value) for key, value in scope["headers"]
    ]
    return {**scope, "headers": headers}


def _is_open(path: str) -> bool:
    return any(path == name or (name.endswith("/") and path.startswith(name)) for name in OPEN)


async def _turn_away(connection: HTTPConnection, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await close_socket(receive, send, POLICY, "sign_in_needed")
        return
    await _answer(_refusal(connection), scope, receive, send)


def _refusal(connection: HTTPConnection) -> Response:
    path = connection.scope["path"]
    if not path.startswith(_MACHINES) and connection.scope["method"] in ("GET", "HEAD"):
        query = connection.scope["query_string"].decode("latin-1")
        wanted = f"{path}?{query}" if query else path
        return RedirectResponse(address(f"{SIGN_IN}?next={quote(wanted, safe='')}"), 303)
    wrong = connection.headers.get("authorization") is not None
    error = Refused("token_wrong" if wrong else "sign_in_needed", kind=ErrorKind.AUTH)
    answer: JSONResponse = envelope(connection, error, 401)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    await close_socket(receive, send, 1011, "")
