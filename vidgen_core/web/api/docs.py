"""The page that shows the API, and a client of it; script and style come with the program."""

from __future__ import annotations

from importlib import resources
from typing import Final

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse, Response

from vidgen_core.domain.errors import NotFound

router = APIRouter(include_in_schema=False)
_FILES: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
)


@router.get("/docs")
def page() -> HTMLResponse:
    """Every route, to be read and tried."""
    found = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Vidgen API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
    )
    found.headers["Content-Security-Policy"] = _POLICY
    return found


@router.get("/vidgen_client.py")
def client() -> Response:
    """A typed client in one file, to be put beside a program."""
    path = resources.files("vidgen_core.web").joinpath("vidgen_client.py")
    return FileResponse(str(path), media_type="text/x-python", filename="vidgen_client.py")


@router.get("/docs/{name}")
def file(name: str) -> Response:
    """What the page is made with."""
    if name not in _FILES:
        raise NotFound("file_gone")
    path = resources.files("fastapi_offline").joinpath("static", name)
    return FileResponse(str(path), media_type=_FILES[name], headers={"Cache-Control": "private, max-age=86400"})
