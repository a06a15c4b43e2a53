"""The page of a review link: takes of one project for people without an account, made for a phone.

It stands beside the dashboard and shares nothing with it: no session, no cookie but the one that remembers the password of this
link, no address outside of the link's own but the page's script and style.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from throttled import MemoryStore, Throttled, rate_limiter

from vidgen_core import web_components
from vidgen_core.domain.errors import ErrorKind, InputError, NotFound, Refused, VidgenError
from vidgen_core.domain.takes import ReviewLink, Take, TakeReview
from vidgen_core.i18n import Text
from vidgen_core.media.video import media_type
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.library.reviews import LONGEST_COMMENT, Reviewed
from vidgen_core.web.app_instance import find_vidgen
from vidgen_core.web.error_responses import envelope, status_of, text_of
from vidgen_core.web.middleware.auth import REVIEW
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.middleware.proxy_headers import caller_of
from vidgen_core.web.stored_response import StoredFileResponse, existing

#: Remembers that a browser knows the password of one link; sent to the addresses of that link alone.
COOKIE: Final = "vidgen_review"
#: Requests a minute of one address: looking (a video is fetched in many ranges), saying something, and wrong links or tries
#: of a password.
LOOKS, SAYS, WRONG = 1_200, 120, 15
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The address is the key: it is not told to other servers, and search engines are asked to leave it alone. With `no-referrer`
#: browsers would send the form of the password without its origin (Fetch, "append a request `Origin` header").
_PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow"}
_WORDS: Final = (
    "who", "who_help", "who_save", "up", "down", "favourite", "comment_at", "send", "remove", "previous", "next", "take",
    "nothing", "saved", "offline", "you",
)  # fmt: skip
_PAGE: Final = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex"><title>{title}</title>
<link rel="stylesheet" href="{style}"></head><body>{body}</body></html>"""

Answer = Callable[[Request, Vidgen, ReviewLink], Awaitable[Response]]


class ReviewPages:
    """The routes of review links, with their rate limits."""

    def __init__(self) -> None:
        self._looks, self._says, self._wrong = map(_throttle, (LOOKS, SAYS, WRONG))

    @property
    def routes(self) -> list[BaseRoute]:
        base = f"{REVIEW}/{{token}}"
        return [
            Route(base, self._page, methods=["GET"]),
            Route(f"{base}/enter", self._enter, methods=["POST"]),
            Route(f"{base}/data", self._guarded(_data), methods=["GET"]),
            Route(f"{base}/vote", self._guarded(_vote, says=True), methods=["POST"]),
            Route(f"{base}/comment", self._guarded(_comment, says=True), methods=["POST"]),
            Route(f"{base}/comment/{{id:int}}", self._guarded(_uncomment, says=True), methods=["DELETE"]),
            Route(f"{base}/take/{{id:int}}.mp4", self._guarded(_video), methods=["GET"]),
            Route(f"{base}/poster/{{id:int}}.jpg", self._guarded(_poster), methods=["GET"]),
        ]

    async def _open(self, request: Request) -> tuple[Vidgen, ReviewLink]:
        """:raises NotFound: ``review_link_gone``

        :raises Refused: ``too_many_tries``
        """
        self._count(self._looks, request)
        vidgen = await find_vidgen()
        try:
            return vidgen, await asyncio.to_thread(vidgen.reviews.open, request.path_params["token"])
        except NotFound:
            self._count(self._wrong, request)
            raise

    def _count(self, limit: Any, request: Request) -> None:
        if limit.limit(caller_of(request)).limited:
            raise Refused("too_many_tries", kind=ErrorKind.RATE_LIMIT)

    def _guarded(self, answer: Answer, says: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """An address for those whose link works and who know its password; errors are JSON."""

        async def guarded(request: Request) -> Response:
            try:
                if says:
                    self._count(self._says, request)
                vidgen, link = await self._open(request)
                if not vidgen.reviews.is_granted(link, request.cookies.get(COOKIE, "")):
                    raise Refused("review_password_needed", kind=ErrorKind.AUTH)
                found = await answer(request, vidgen, link)
            except VidgenError as error:
                found = envelope(request, error)
            found.headers.update(_PRIVATE)
            return found

        return guarded

    async def _page(self, request: Request) -> Response:
        t = text_of(request)
        try:
            vidgen, link = await self._open(request)
        except VidgenError as error:
            return _message(t, error)
        if not vidgen.reviews.is_granted(link, request.cookies.get(COOKIE, "")):
            return _html(t, _form(t, request.path_params["token"]))
        return _html(t, _shell(t, request.path_params["token"]))

    async def _enter(self, request: Request) -> Response:
        """Check the password of a link, and let the browser remember that it was right."""
        t, token = text_of(request), request.path_params["token"]
        try:
            vidgen, link = await self._open(request)
            # Before it is looked at, or guessing on would still find the right one.
            self._count(self._wrong, request)
            form = await request.form()
            given = form.get("password")
            grant = await asyncio.to_thread(vidgen.reviews.grant, link, given if isinstance(given, str) else "")
            if grant is None:
                return _html(t, _form(t, token, Refused("password_wrong", kind=ErrorKind.AUTH)), 401)
        except VidgenError as error:
            return _message(t, error)
        where = address(f"{REVIEW}/{token}")
        answer = RedirectResponse(where, 303, headers=_PRIVATE)
        secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
        answer.set_cookie(COOKIE, grant, path=where, httponly=True, samesite="lax", secure=secure)
        return answer


def _throttle(a_minute: int) -> Any:
    return Throttled(using="gcra", quota=rate_limiter.per_min(a_minute, burst=a_minute), store=MemoryStore())


# --- what is answered


async def _data(request: Request, vidgen: Vidgen, link: ReviewLink) -> Response:
    """Everything the page shows."""

    def look() -> dict[str, Any]:
        base = address(f"{REVIEW}/{request.path_params['token']}")
        project = vidgen.projects.get(link.project_id)
        reviewer = request.headers.get("x-reviewer", "")
        shots = [_shot(one, base, reviewer) for one in vidgen.reviews.of_project(link.project_id)]
        return {"project": project.name, "shots": shots}

    return JSONResponse(await asyncio.to_thread(look))


def _shot(one: Reviewed, base: str, reviewer: str) -> dict[str, Any]:
    return {
        "id": one.shot.id,
        "number": one.shot.number,
        "takes": [_take(take, one.said.get(take.id, TakeReview()), base, reviewer) for take in one.takes],
    }


def _take(take: Take, said: TakeReview, base: str, reviewer: str) -> dict[str, Any]:
    # Who has a reviewer's id can speak for them: nobody else's is told.
    version = take.sha256[:12]
    return {
        "id": take.id,
        "number": take.number,
        "seconds": take.seconds,
        "video": f"{base}/take/{take.id}.mp4?v={version}",
        "poster": f"{base}/poster/{take.id}.jpg?v={version}" if take.poster else None,
        "votes": [
            {"name": one.name, "vote": one.vote, "favourite": one.favourite, "mine": one.reviewer == reviewer}
            for one in said.votes
        ],
        "comments": [
            {"id": one.id, "name": one.name, "at": one.at, "text": one.text, "mine": one.reviewer == reviewer}
            for one in said.comments
        ],
    }


async def _vote(request: Request, vidgen: Vidgen, link: ReviewLink) -> Response:
    """``{"reviewer", "name", "take", "vote": 1}`` or ``"favourite": true``."""
    body = await _body(request, reviewer=str, name=str, take=int)
    vote, favourite = body.get("vote"), body.get("favourite")
    if type(vote) not in (int, type(None)) or type(favourite) not in (bool, type(None)):
        raise InputError("review_unreadable")
    await asyncio.to_thread(
        vidgen.reviews.vote, link, body["reviewer"], body["name"], body["take"], vote=vote, favourite=favourite
    )
    return JSONResponse({})


async def _comment(request: Request, vidgen: Vidgen, link: ReviewLink) -> Response:
    """``{"reviewer", "name", "take", "at": seconds, "text"}``."""
    body = await _body(request, reviewer=str, name=str, take=int, at=(int, float), text=str)
    said = (body["reviewer"], body["name"], body["take"], float(body["at"]), body["text"])
    return JSONResponse({"id": await asyncio.to_thread(vidgen.reviews.comment, link, *said)})


async def _uncomment(request: Request, vidgen: Vidgen, link: ReviewLink) -> Response:
    """``{"reviewer"}``: takes one's own comment back."""
    body = await _body(request, reviewer=str)
    gone = await asyncio.to_thread(vidgen.reviews.remove_comment, link, body["reviewer"], request.path_params["id"])
    if not gone:
        raise NotFound("review_comment_gone")
    return JSONResponse({})


async def _body(request: Request, **fields: Any) -> dict[str, Any]:
    """A JSON object with these fields of these types, whole numbers of a size that the database has.

    :raises InputError: ``body_malformed``, ``review_unreadable``
    """
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise InputError("body_malformed") from None
    if not isinstance(body, dict):
        raise InputError("body_malformed")
    for name, kind in fields.items():
        value = body.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and abs(value) >= 2**53):
            raise InputError("review_unreadable")
    return body


async def _video(request: Request, vidgen: Vidgen, link: ReviewLink) -> Response:
    """The video of a take, in ranges."""

    def look() -> Response:
        take = vidgen.reviews.take(link, request.path_params["id"])
        file = existing(vidgen.takes.stored(take))
        return StoredFileResponse(file, media_type=media_type(PurePath(take.file)))

    return await asyncio.to_thread(look)


async def _poster(request: Request, vidgen: Vidgen, link: ReviewLink) -> Response:
    """The first picture of a take, small."""

    def look() -> Response:
        path = vidgen.takes.poster(vidgen.reviews.take(link, request.path_params["id"]))
        return StoredFileResponse(existing(path), media_type="image/jpeg")

    return await asyncio.to_thread(look)


# --- the page


def _html(t: Text, body: str, status: int = 200) -> Response:
    content = _PAGE.format(
        lang="zh-CN" if t.lang == "zh" else "en",
        title=html.escape(t("review.title")),
        style=_part("review_link.css"),
        body=body,
    )
    return HTMLResponse(content, status, headers={"Content-Security-Policy": _POLICY, **_PRIVATE})


def _part(name: str) -> str:
    return address(f"/app/static/media/part/{name}?v={web_components.version(name)}")


def _shell(t: Text, token: str) -> str:
    """What the script fills."""
    words = {name: t(f"review.{name}") for name in _WORDS}
    facts = {"base": address(f"{REVIEW}/{token}"), "longest": str(LONGEST_COMMENT), "words": json.dumps(words)}
    data = " ".join(f'data-{name}="{html.escape(value, quote=True)}"' for name, value in facts.items())
    return f'<main id="review" {data}></main><script type="module" src="{_part("review_link.js")}"></script>'


def _form(t: Text, token: str, error: Refused | None = None) -> str:
    told = (
        f'<p class="no" role="alert">{html.escape(t.error(error.kind, error.code, error.params))}</p>' if error else ""
    )
    return f"""<main class="sign-in"><h1>{html.escape(t("review.title"))}</h1><p>{html.escape(t("review.password_help"))}</p>{told}
<form method="post" action="{address(f"{REVIEW}/{token}/enter")}"><label for="password">{html.escape(t("share.password"))}</label>
<input id="password" name="password" type="password" required autofocus autocomplete="current-password">
<button class="primary">{html.escape(t("share.enter"))}</button></form></main>"""


def _message(t: Text, error: VidgenError) -> Response:
    sentence = html.escape(t.error(error.kind, error.code, error.params))
    body = f'<main class="sign-in"><h1>{html.escape(t("review.title"))}</h1><p role="alert">{sentence}</p></main>'
    return _html(t, body, status_of(error))
