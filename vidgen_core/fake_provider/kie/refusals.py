"""How KIE says no: a code and a message in an envelope that mostly travels as HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import JSONResponse, Response


@dataclass(frozen=True)
class Refusal:
    """``code`` and ``message`` of the envelope; ``status`` is HTTP's."""

    code: int
    message: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> Response:
        body = {"code": self.code, "msg": self.message, "data": None}
        return JSONResponse(body, status_code=self.status, headers=dict(self.headers))


_NO_ACCESS: Final = Refusal(401, "You do not have access permissions")

REFUSALS: Final[Mapping[str, Refusal]] = {
    "key-invalid": _NO_ACCESS,
    "key-missing": _NO_ACCESS,
    "key-expired": _NO_ACCESS,
    "ip-forbidden": Refusal(401, "Your IP address is not in the whitelist"),
    "balance-empty": Refusal(402, "The current credits are insufficient. Please top up."),
    "subkey-cap": Refusal(433, "The usage limit of this key has been reached"),
    "parameter": Refusal(422, "aspect_ratio is not within the range of allowed options"),
    "parameter-as-500": Refusal(500, "duration is not within the range of allowed options"),
    "english-only": Refusal(400, "Only English prompts are supported at this time"),
    "feature-disabled": Refusal(505, "This feature is currently disabled"),
    "paused": Refusal(500, "This interface is temporarily paused"),
    "maintenance": Refusal(455, "The service is under maintenance, please try again later"),
    "rate-limit": Refusal(429, "Your call frequency is too high. Please try again later."),
    "rate-limit-retry-after": Refusal(429, "Too many requests", status=429, headers={"Retry-After": "1"}),
    "moderated-input": Refusal(400, "Your prompt was flagged by Website as violating content policies"),
    "flow-rejected": Refusal(422, "Your request was rejected by Flow(PUBLIC_ERROR_PROMINENT_PEOPLE_FILTER_FAILED)"),
    "unsafe-image": Refusal(400, "Public error: unsafe image upload"),
    "image-unfetchable": Refusal(
        451, "Failed to fetch the image. Kindly verify any access limits set by you or your service provider."
    ),
    "server-error": Refusal(500, "Server exception, please try again later"),
    "task-unknown": Refusal(422, "recordInfo is null"),
    "task-foreign": _NO_ACCESS,
    "json-invalid": Refusal(400, "The request body is not valid JSON"),
    "hd-processing": Refusal(400, "1080P is processing. It should be ready in 1-2 minutes."),
}


def validation(message: str, code: int = 500) -> Refusal:
    """What createTask says about a wrong value; KIE mostly calls that 500."""
    return Refusal(code, message)
