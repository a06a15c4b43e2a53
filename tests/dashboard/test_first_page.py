"""The first page of Streamlit gets the style of all screens; nothing else is touched or held back."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import file_util

from vidgen_core.dashboard.shell.first_page import FirstPage
from vidgen_core.dashboard.shell.shell import LOOK

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
INDEX = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")


async def index(_request: Request) -> Response:
    return HTMLResponse(INDEX, headers={"ETag": "streamlit"})


async def own(_request: Request) -> Response:
    return HTMLResponse("<body>a page of ours</body>", headers={"ETag": "ours"})


async def film(_request: Request) -> Response:
    return Response(b"<body></body>", media_type="video/mp4", headers={"ETag": "film"})


@pytest.fixture
def client() -> TestClient:
    """A browser before pages that are packed, as Streamlit packs its own."""
    app = Starlette(
        routes=[Route("/", index), Route("/own", own), Route("/film", film)],
        middleware=[Middleware(FirstPage, style=LOOK), Middleware(GZipMiddleware, minimum_size=10)],
    )
    return TestClient(app)


def test_the_page_ends_with_the_style_and_asks_for_no_font(client: TestClient) -> None:
    answer = client.get("/", headers=BROWSER | {"If-None-Match": "streamlit"})

    assert answer.status_code == 200
    assert answer.text.rstrip().endswith(f"<style>\n{LOOK.read_text(encoding='utf-8')}</style></body>\n</html>")
    assert "blockErrorDialogs: true" in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "etag" not in answer.headers
    assert 'as="font"' in INDEX
    assert 'as="font"' not in answer.text


@pytest.mark.parametrize("path", ["/own", "/film"])
def test_other_pages_and_files_stay_as_they_are(client: TestClient, path: str) -> None:
    plain, browsed = client.get(path), client.get(path, headers=BROWSER)

    assert browsed.content == plain.content
    assert browsed.headers["etag"] == path[1:].replace("own", "ours")


def test_a_program_gets_the_page_untouched(client: TestClient) -> None:
    assert client.get("/", headers={"Accept": "*/*"}).text == INDEX
