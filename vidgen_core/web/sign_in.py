"""The page where people sign in and out; no script, no file from elsewhere."""

from __future__ import annotations

import asyncio
import html
from typing import Any, Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from throttled import MemoryStore, Throttled, rate_limiter

from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.i18n import Text
from vidgen_core.services.access.auth import LOGOUT, Auth, clean_name, is_loopback
from vidgen_core.services.access.permissions import AT_HOME, Visitor
from vidgen_core.services.access.sessions import COOKIE, SESSION_SECONDS
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import find_vidgen
from vidgen_core.web.error_responses import text_of
from vidgen_core.web.middleware.auth import SIGN_IN
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.middleware.proxy_headers import caller_of

#: Attempts a minute: of one address, and of all unknown addresses together.
TRIES: Final = 5
TRIES_OF_ALL: Final = 60
_PAGE: Final = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>
:root {{ --ground: #f5f6fa; --paper: #fff; --ink: #171923; --quiet: #555e70; --line: #c4cad6; --sign: #4f46e5; --no: #b42318 }}
@media (prefers-color-scheme: dark) {{
:root {{ --ground: #0e1016; --paper: #191c25; --ink: #eceef4; --quiet: #a3acbd; --line: #454c5e; --sign: #6d66f6;
--no: #ff9b90 }} }}
* {{ box-sizing: border-box }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink);
font: 16px/1.5 Inter, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans SC", sans-serif }}
main {{ width: min(24rem, calc(100vw - 2rem)); background: var(--paper); border: 1px solid var(--line);
border-radius: 12px; padding: 2rem }}
h1 {{ font-size: 1.4rem; margin: 0 0 .25rem }} p {{ margin: 0 0 1rem; color: var(--quiet) }}
label {{ display: block; margin: 1rem 0 .25rem; font-weight: 600 }}
input {{ width: 100%; font: inherit; padding: .6rem .75rem; color: inherit; background: transparent;
border: 1px solid var(--line); border-radius: 8px }}
button {{ width: 100%; margin-top: 1.5rem; font: inherit; font-weight: 600; padding: .7rem; color: #fff;
background: var(--sign); border: 0; border-radius: 8px; cursor: pointer }}
button.quiet {{ background: transparent; color: inherit; border: 1px solid var(--line); margin-top: .75rem }}
input:focus-visible, button:focus-visible, a:focus-visible {{ outline: 3px solid var(--sign); outline-offset: 2px }}
.no {{ color: var(--no); font-weight: 600 }} a {{ color: inherit }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


class SignIn:
    """The routes of the sign-in, with its rate limits."""

    def __init__(self) -> None:
        self._of_one = _throttle(TRIES)
        self._of_all = _throttle(TRIES_OF_ALL)

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(SIGN_IN, self.page, methods=["GET"]),
            Route(SIGN_IN, self.enter, methods=["POST"]),
            Route(f"{SIGN_IN}/ticket", self.exchange, methods=["POST"]),
            Route(f"{SIGN_IN}/out", self.leave, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The form; for those who are signed in, their name and a sign-out button."""
        visitor = request.scope.get("vidgen.visitor")
        where = _safe(request.query_params.get("next"))
        if visitor == AT_HOME:
            return _forget(request, RedirectResponse(address(where), 303))
        if visitor is not None:
            # Signing out at an identity provider leads to an address of its own.
            return _page(text_of(request), _signed_in(text_of(request), visitor), forms="*")
        vidgen = await find_vidgen()
        if vidgen.settings().sharing.sign_in == "oidc":
            return RedirectResponse(address(where), 303)
        return _page(text_of(request), _form(text_of(request), where))

    async def enter(self, request: Request) -> Response:
        """Check a password and set the session cookie."""
        form = await request.form()
        t, where, name = text_of(request), _safe(field_of(form, "next")), clean_name(field_of(form, "name"))
        vidgen = await find_vidgen()
        if await self._is_too_often(request, vidgen):
            return _page(t, _form(t, where, Refused("too_many_tries", kind=ErrorKind.RATE_LIMIT), name), 429)
        password = field_of(form, "password")
        visitor = await asyncio.to_thread(_check, vidgen, name, password)
        if visitor is None:
            return _page(t, _form(t, where, Refused("password_wrong", kind=ErrorKind.AUTH), name), 401)
        await asyncio.to_thread(vidgen.sessions.remember, caller_of(request))
        return await _remember(request, RedirectResponse(address(where), 303), vidgen, visitor)

    async def exchange(self, request: Request) -> Response:
        """Change the ticket that the shell gave to somebody whom the identity provider knows for a cookie."""
        form = await request.form()
        vidgen = await find_vidgen()
        found = await asyncio.to_thread(vidgen.sessions.redeem, field_of(form, "ticket"))
        if found is None or vidgen.settings().sharing.sign_in != "oidc":
            t = text_of(request)
            return _page(t, _form(t, "/", Refused("password_wrong", kind=ErrorKind.AUTH)), 401)
        visitor, login = found
        answer = RedirectResponse(address(_safe(field_of(form, "next"))), 303)
        try:
            await _remember(request, answer, vidgen, visitor, login)
        except Refused:
            # Signed out since the ticket was given; the page behind asks for a sign-in.
            return answer
        await asyncio.to_thread(vidgen.sessions.log_sign_in, visitor.name or "–", visitor.role)
        return answer

    async def leave(self, request: Request) -> Response:
        """End the session, wherever its cookie was copied to, and have the identity provider forget it as well."""
        vidgen = await find_vidgen()
        await asyncio.to_thread(vidgen.sessions.sign_out, request.cookies.get(COOKIE, ""))
        oidc = vidgen.settings().sharing.sign_in == "oidc"
        return _forget(request, RedirectResponse(address(LOGOUT if oidc else SIGN_IN), 303))

    async def _is_too_often(self, request: Request, vidgen: Vidgen) -> bool:
        """Whether an attempt exceeds the limits. Guesses from many addresses lock out only unknown addresses."""
        caller = caller_of(request)
        if self._of_one.limit(caller).limited:
            return True
        if is_loopback(caller) or await asyncio.to_thread(vidgen.sessions.is_known, caller):
            return False
        return bool(self._of_all.limit("all").limited)


def _throttle(tries: int) -> Any:
    return Throttled(using="gcra", quota=rate_limiter.per_min(tries, burst=tries), store=MemoryStore())


def _check(vidgen: Vidgen, name: str, password: str) -> Visitor | None:
    role = Auth(vidgen.settings_file).check_password(password)
    vidgen.sessions.log_sign_in(name, role)
    return Visitor(role, name) if role else None


async def _remember(
    request: Request, response: Response, vidgen: Vidgen, visitor: Visitor, login: str = ""
) -> Response:
    """Begin a session in place of the one that the browser had.

    :raises Refused: ``sign_in_needed``, the login has been signed out of
    """
    sessions = vidgen.sessions
    if before := request.cookies.get(COOKIE):
        await asyncio.to_thread(sessions.end, before)
    text = await asyncio.to_thread(sessions.begin, visitor, login=login)
    response.set_cookie(COOKIE, text, max_age=SESSION_SECONDS, **_kept(request))
    return response


def _forget(request: Request, response: Response) -> Response:
    response.delete_cookie(COOKIE, **_kept(request))
    return response


def _kept(request: Request) -> Any:
    """Attributes of the cookie: no access for scripts, other sites, and other applications of this host."""
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
    return {"path": address("") or "/", "httponly": True, "samesite": "lax", "secure": secure}


def _safe(wanted: str | None) -> str:
    """A path on this server, whatever was asked for."""
    parts = urlsplit(wanted or "/")
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or parts.path.startswith(("//", "/\\", SIGN_IN)):
        return "/"
    path = quote(parts.path, safe="/%")
    return f"{path}?{quote(parts.query, safe='=&%+,:')}" if parts.query else path


def field_of(form: FormData, name: str) -> str:
    """What was filled in; empty for a file or nothing."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _page(t: Text, body: str, status: int = 200, forms: str = "'self'") -> Response:
    return html_page(t, t("share.title"), body, status, forms)


def html_page(t: Text, title: str, body: str, status: int = 200, forms: str = "'self'") -> Response:
    """A page of ours without scripts, for any window.

    :param forms: where a form of it may end up, redirects included
    """
    content = _PAGE.format(lang="zh-CN" if t.lang == "zh" else "en", title=html.escape(title), body=body)
    policy = f"{_POLICY}; form-action {forms}"
    return HTMLResponse(content, status, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def _form(t: Text, where: str, error: Refused | None = None, name: str = "") -> str:
    complaint = (
        f'<p class="no" role="alert">{html.escape(t.error(error.kind, error.code, error.params))}</p>' if error else ""
    )
    shown = "" if name == "–" else html.escape(name, quote=True)
    return f"""<p>{html.escape(t("share.intro"))}</p>{complaint}<form method="post" action="{address(SIGN_IN)}">
<input type="hidden" name="next" value="{html.escape(where, quote=True)}">
<label for="name">{html.escape(t("share.name"))}</label>
<input id="name" name="name" maxlength="60" autocomplete="username" value="{shown}">
<label for="password">{html.escape(t("share.password"))}</label>
<input id="password" name="password" type="password" required autofocus autocomplete="current-password">
<button>{html.escape(t("share.enter"))}</button></form>"""


def _signed_in(t: Text, visitor: Visitor) -> str:
    who = html.escape(t("share.signed_in", name=visitor.name, role=t(f"role.{visitor.role.word}")))
    return f"""<p>{who}</p><p><a href="{address("/")}">{html.escape(t("share.back"))}</a></p>
<form method="post" action="{address(SIGN_IN)}/out"><button>{html.escape(t("share.leave"))}</button></form>"""
