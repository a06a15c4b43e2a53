"""How Lovart says no: a code and a message, with an HTTP status to match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import JSONResponse, Response


@dataclass(frozen=True)
class Refusal:
    """``code`` and ``message`` of the envelope under an HTTP ``status``."""

    status: int
    code: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> Response:
        body = {"code": self.code, "message": self.message, "data": None}
        return JSONResponse(body, status_code=self.status, headers=dict(self.headers))


_KEY: Final = Refusal(401, 401, "invalid access key")

REFUSALS: Final[Mapping[str, Refusal]] = {
    "key-invalid": _KEY,
    "key-missing": _KEY,
    "key-expired": _KEY,
    "signature-wrong": Refusal(401, 401, "signature mismatch"),
    "signature-stale": Refusal(401, 401, "timestamp is too far from the server's time"),
    "ip-forbidden": Refusal(403, 403, "this IP is not allowed for the access key"),
    "balance-empty": Refusal(402, 2012, "quota exceeded or billing required"),
    "parameter": Refusal(400, 400, "invalid value: tool_config.prefer_tool_categories"),
    "json-invalid": Refusal(400, 400, "invalid value: the body is not a JSON object"),
    "prompt-missing": Refusal(400, 400, "invalid value: prompt must not be empty"),
    "picture-missing": Refusal(400, 400, "failed to fetch the image of an attachment"),
    "file-missing": Refusal(400, 400, "failed to decode the image"),
    "project-gone": Refusal(404, 404, "Project 0 does not exist"),
    "rate-limit": Refusal(429, 1429, "rate limit exceeded"),
    "rate-limit-retry-after": Refusal(429, 1429, "rate limit exceeded", {"Retry-After": "1"}),
    "moderated-input": Refusal(400, 400, "the prompt violates the content policy"),
    "thread-busy": Refusal(409, 2011, "thread already has a running task"),
    "server-error": Refusal(500, 500, "internal error"),
    "task-unknown": Refusal(404, 404, "thread not found"),
    "task-foreign": Refusal(404, 404, "thread not found"),
    "nothing-to-confirm": Refusal(400, 400, "invalid value: nothing waits for confirmation"),
}
