"""The FastAPI application: all routes, errors as ``{"error": {"kind", "message"}}``, and the OpenAPI document."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vidgen_core import __version__
from vidgen_core.config.error_messages import reason_of
from vidgen_core.domain.errors import ErrorKind, InputError, NotFound, VidgenError
from vidgen_core.domain.providers import ProviderId, specs
from vidgen_core.web.api.common import errors
from vidgen_core.web.api.idempotency import Idempotency, document
from vidgen_core.web.api.routers import money, providers, reports, reviews, scripts, shots, tasks, work
from vidgen_core.web.api.routers.callback import CALLBACKS, Callbacks, callback_routes
from vidgen_core.web.api.routers.providers import PROGRESS
from vidgen_core.web.error_responses import envelope, text_of
from vidgen_core.web.live.sse import Progress
from vidgen_core.web.middleware.base_path import address

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LOG = logging.getLogger(__name__)
_DESCRIPTION = """Shots, tasks and takes of this installation, for programs.

From this machine without a token; from anywhere else with `Authorization: Bearer …` and the token that the settings
screen shows. Errors are `{"error": {"kind", "message"}}`; the message speaks the language of `Accept-Language`.
"""
_DOCS: Final = APIRouter(include_in_schema=False)
_DOCS_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
_DOCS_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
)


def make_api(progress: Progress) -> ASGIApp:
    """Build what is mounted at ``/api`` of one server.

    :param progress: what streams are fed from
    """
    api, callbacks = _application(tuple((spec.id, spec.callback or "") for spec in specs())), Callbacks()

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        scope[PROGRESS], scope[CALLBACKS] = progress, callbacks
        await api(scope, receive, send)

    return with_state


@lru_cache(maxsize=1)
def _application(readers: tuple[tuple[ProviderId, str], ...]) -> FastAPI:
    """The routes of these providers with their description; finding out what each route takes costs most of a second."""
    api = FastAPI(
        title="Vidgen",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=errors(400, 401, 403, 404, 413, 422, 503),
        root_path_in_servers=False,
        separate_input_output_schemas=False,
    )
    # Routes with fixed names stand before those below ``/{provider}``.
    for router in (
        work.router,
        reports.router,
        reviews.router,
        shots.router,
        money.router,
        scripts.router,
        tasks.router,
        _DOCS,
        callback_routes(readers),
        providers.router,
    ):
        api.include_router(router)
    api.add_exception_handler(VidgenError, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unexpected)
    api.add_middleware(Idempotency)
    _document_headers(api)
    return api


def _document_headers(api: FastAPI) -> None:
    """Describe authentication and ``Idempotency-Key`` in the OpenAPI document."""
    made = api.openapi

    def with_token() -> dict[str, Any]:
        schema = made()
        scheme = HTTPBearer(description="The token that the settings screen shows; not needed from this machine.")
        schema.setdefault("components", {})["securitySchemes"] = {
            "token": scheme.model.model_dump(mode="json", by_alias=True, exclude_none=True)
        }
        schema["servers"] = [{"url": address("/api")}]
        schema["security"] = [{}, {"token": []}]
        document(schema)
        return schema

    # Assigned as FastAPI's guide "Extending OpenAPI" has it.
    api.openapi = with_token  # type: ignore[method-assign]


async def _refused(request: Request, error: Exception) -> JSONResponse:
    return envelope(request, error if isinstance(error, VidgenError) else VidgenError("unexpected"))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Name the first field that is wrong; its value is not repeated, it may be a secret."""
    details = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    if details.get("type") == "json_invalid":
        return envelope(request, InputError("body_malformed"))
    # Among the names of fields stand those of the types that a value may have.
    place = ".".join(str(part) for part in details.get("loc", ())[1:] if re.fullmatch(r"\w+", str(part)))[:120]
    return envelope(request, InputError("field_wrong", field=place or "body", why=_why(request, details)))


def _why(request: Request, details: dict[str, Any]) -> str:
    """What is wrong with a field, in the caller's language as far as the catalogues have a sentence for it."""
    reason = reason_of(cast("ErrorDetails", details))
    if reason["reason"] == "not_allowed" or details.get("type") == "string_pattern_mismatch":
        return str(details.get("msg", ""))[:200]
    return text_of(request)(f"reason.{reason['reason']}", **reason)


async def _http(request: Request, error: Exception) -> JSONResponse:
    """Refusals of the framework itself."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return envelope(request, NotFound("address_unknown"))
    if status == 405:
        answer = envelope(request, InputError("method_not_allowed", method=request.method))
        answer.headers.update((error.headers or {}) if isinstance(error, HTTPException) else {})
        return answer
    return envelope(request, InputError("body_malformed"), status)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("A request failed", exc_info=error)
    return envelope(request, VidgenError("unexpected", kind=ErrorKind.PROVIDER))


@_DOCS.get("/docs")
def docs_page() -> HTMLResponse:
    """Swagger UI; script and style come with the program."""
    found = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Vidgen API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
    )
    found.headers["Content-Security-Policy"] = _DOCS_POLICY
    return found


@_DOCS.get("/docs/{name}")
def docs_file(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in _DOCS_FILES:
        raise NotFound("file_gone")
    path = resources.files("fastapi_offline").joinpath("static", name)
    return FileResponse(str(path), media_type=_DOCS_FILES[name], headers={"Cache-Control": "private, max-age=86400"})
