"""Authenticate every request, and refuse those that need a sign-in.

It covers Streamlit's own addresses too: with passwords no page, picture or event is served without a session. With OpenID
Connect Streamlit itself signs people in on a page of its own, so its addresses are open and the dashboard's shell checks the
sign-in; our routes are closed in both cases.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vidgen_core.domain.errors import ErrorKind, Refused, VidgenError
from vidgen_core.domain.providers import specs
from vidgen_core.services.access import agents
from vidgen_core.services.access.auth import Auth, is_at_home
from vidgen_core.services.access.permissions import AT_HOME, Role, Visitor
from vidgen_core.services.access.sessions import COOKIE
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.answers import PATH as ANSWER
from vidgen_core.web.app_instance import find_vidgen, opened_vidgen
from vidgen_core.web.error_responses import envelope
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.middleware.connections import POLICY, WatchedConnection, close_socket

#: The sign-in page.
SIGN_IN: Final = "/sign-in"
#: What monitoring systems read.
METRICS: Final = "/metrics"
#: Links for reviewers, each of which lets in by itself.
REVIEW: Final = "/review"
#: The name of programs in the log.
PROGRAM: Final = "API"
#: Open to everybody: sign-in, health, callbacks, questions and review links (which are signed), and static files. An open
#: tab that was signed out may still have to load a module, which then sends it to the sign-in page.
OPEN: Final = (
    SIGN_IN,
    ANSWER,
    "/api/health",
    *(f"/api/{spec.name}/callback" for spec in specs() if spec.callback),
    f"{REVIEW}/",
    "/_stcore/health",
    "/static/",
    "/app/static/media/part/",
    "/favicon.png",
)
#: Where agents call tools; a token is always needed.
MCP: Final = "/mcp"
#: What is ours; the rest is Streamlit's.
OURS: Final = ("/api", "/app/static/media", METRICS, MCP)
#: Addresses for programs: they are answered with a status instead of a redirect to the sign-in.
_MACHINES: Final = (*OURS, "/_stcore", "/media", "/component", "/app/static")
_KEY: Final = "vidgen.visitor"


def visitor_of(connection: HTTPConnection) -> Visitor:
    """The authenticated visitor of a request.

    :raises Refused: ``sign_in_needed``
    """
    visitor: Visitor | None = connection.scope.get(_KEY)
    if visitor is None:
        raise Refused("sign_in_needed", kind=ErrorKind.AUTH)
    return visitor


class AuthMiddleware:
    """Authenticate requests and refuse visitors that are not signed in.

    :param address: the address that the server is bound to
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
            # Not in a thread: it takes less time than a switch to one, and the settings are read again only when they change.
            visitor, signs_in_elsewhere = self._authenticate(await find_vidgen(), connection)
        except VidgenError as error:
            # Without settings nobody can be authenticated; the dashboard tells the person at this machine what is wrong.
            visitor, signs_in_elsewhere = self._without_settings(connection), False
            if visitor is None:
                await _answer(envelope(connection, error, 503), scope, receive, send)
                return
        scope[_KEY] = visitor
        if visitor is None and path != SIGN_IN and (path.startswith(OURS) or not signs_in_elsewhere):
            await _refuse(connection, scope, receive, send)
            return
        if scope["type"] == "websocket" or path.startswith(("/api/", MCP)):
            if visitor is None:
                scope = _without_session(scope)
            watched = WatchedConnection(scope, receive, send, lambda: self._is_still(visitor, connection))
            await watched.run(self.app, scope)
            return
        await self.app(scope, receive, send)

    def _is_still(self, visitor: Visitor | None, connection: HTTPConnection) -> bool:
        """Whether the connection still authenticates as the same visitor."""
        vidgen = opened_vidgen()
        if vidgen is None:
            return True
        try:
            found, signs_in_elsewhere = self._authenticate(vidgen, connection)
        except VidgenError:
            # Unknown as long as the data home cannot be read; nothing can be done in that time either.
            return True
        return found == visitor and (visitor is not None or signs_in_elsewhere)

    def _authenticate(self, vidgen: Vidgen, connection: HTTPConnection) -> tuple[Visitor | None, bool]:
        """The visitor, and whether Streamlit's own pages sign people in."""
        sharing = Auth(vidgen.settings_file)
        oidc = sharing.settings.sign_in == "oidc"
        given, is_mcp = connection.headers.get("authorization"), connection.scope["path"].startswith(MCP)
        if is_mcp or (given is not None and connection.scope["path"].startswith(OURS)):
            scheme, _, token = (given or "").partition(" ")
            token = token.strip() if scheme.lower() == "bearer" else ""
            if sharing.is_token(token):
                return Visitor(Role.OWNER, PROGRAM, is_at_home(connection.headers, self.address)), oidc
            agent = vidgen.agents.find(token) if is_mcp else None
            return (agents.visitor_of(agent) if agent else None), oidc
        return vidgen.sessions.visitor(connection.cookies.get(COOKIE, ""), connection.headers, self.address), oidc

    def _without_settings(self, connection: HTTPConnection) -> Visitor | None:
        is_mcp = connection.scope["path"].startswith(MCP)
        return AT_HOME if is_at_home(connection.headers, self.address) and not is_mcp else None


def _without_session(scope: Scope) -> Scope:
    """Remove the id of an earlier Streamlit session from a request without sign-in.

    Streamlit resumes the session whose id is third in this header, with its state and callbacks.
    """
    name = b"sec-websocket-protocol"
    headers = [
        (key, b",".join(value.split(b",")[:2]) if key.lower() == name else value) for key, value in scope["headers"]
    ]
    return {**scope, "headers": headers}


def _is_open(path: str) -> bool:
    return any(path == name or (name.endswith("/") and path.startswith(name)) for name in OPEN)


async def _refuse(connection: HTTPConnection, scope: Scope, receive: Receive, send: Send) -> None:
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
    code = "agent_token_needed" if path.startswith(MCP) else "token_wrong" if wrong else "sign_in_needed"
    error = Refused(code, kind=ErrorKind.AUTH)
    answer: JSONResponse = envelope(connection, error, 401)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    await close_socket(receive, send, 1011, "")
