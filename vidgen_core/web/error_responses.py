"""Errors as responses: the HTTP status, and a sentence in the language of ``Accept-Language``."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from vidgen_core.domain.errors import ErrorKind, NotFound, Refused, RemoteError, RunnerBusy, StoreError, VidgenError
from vidgen_core.i18n import Text, choose_language, get_text

#: Codes whose status is not that of their class.
_STATUS: Final = {
    "sign_in_needed": 401,
    "token_wrong": 401,
    "agent_token_needed": 401,
    "callback_forged": 401,
    "callback_late": 401,
    "foreign_origin": 403,
    "body_malformed": 400,
    "body_too_large": 413,
    "address_unknown": 404,
    "method_not_allowed": 405,
    "too_many_tries": 429,
    "file_gone": 404,
    "disk_full": 507,
    "review_password_needed": 401,
    "review_full": 429,
    "key_needed": 409,
    "key_address_changed": 409,
    "unexpected": 500,
}


def text_of(connection: HTTPConnection) -> Text:
    """The catalogue of the first known language in ``Accept-Language``, else English."""
    return get_text(choose_language("auto", connection.headers.get("accept-language")))


def status_of(error: VidgenError) -> int:
    """The HTTP status that fits an error."""
    known = _STATUS.get(error.code)
    if known is not None:
        return known
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, Refused):
        return 403 if error.kind is ErrorKind.AUTH else 409
    if isinstance(error, StoreError | RunnerBusy):
        return 503
    return 502 if isinstance(error, RemoteError) else 422


def envelope(connection: HTTPConnection, error: VidgenError, status: int | None = None) -> JSONResponse:
    """``{"error": {"kind", "message"}}``."""
    text = text_of(connection)
    message = text.with_words(text.ended(error.kind, error.code, error.params), error.params)
    content = {"error": {"kind": error.kind.value, "message": message}}
    return JSONResponse(content, status or status_of(error), headers={"Cache-Control": "no-store"})
