"""What a changed address gets of saved keys: nothing, whoever asks and however."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from vidgen_core.app import Vidgen
from vidgen_core.app.desk import Desk
from vidgen_core.errors import VidgenError
from vidgen_core.keys import KeyPool
from vidgen_core.locations import Locations
from vidgen_core.models import Mode
from vidgen_core.providers.base import Key

SECRET = "sk-good-aaaa1111"


@pytest.fixture
def listening() -> Iterator[tuple[str, list[str]]]:
    """A host that keeps every header and body it is sent."""
    heard: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            heard.append(f"{self.path} {self.headers} {self.rfile.read(length)!r}")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 - the name is the server's

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def app(locations: Locations) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as app:
        yield app


@pytest.mark.parametrize("mode", [Mode.YUNWU, Mode.KIE, Mode.IMAGES, Mode.LOVART])
def test_no_test_of_a_connection_sends_a_saved_key_elsewhere(
    app: Vidgen, listening: tuple[str, list[str]], mode: Mode
) -> None:
    url, heard = listening
    secret = "access:secret-half" if mode is Mode.LOVART else SECRET
    app.settings_file.change({f"providers.{mode}.keys": [{"name": "main", "secret": secret}]})
    app.settings_file.change({f"providers.{mode}.base_url": url})
    with contextlib.suppress(VidgenError):
        app.checks.test(mode)
    assert not any(part in said for said in heard for part in secret.split(":"))


def test_a_language_model_elsewhere_is_sent_no_saved_key(app: Vidgen, listening: tuple[str, list[str]]) -> None:
    url, heard = listening
    app.settings_file.change({"writing.keys": [{"name": "main", "secret": SECRET}], "writing.model": "m"})
    app.settings_file.change({"writing.base_url": url})
    desk: Desk = app.desk
    with contextlib.suppress(VidgenError):
        desk.test()
    assert not any(SECRET in said for said in heard)


def test_a_key_for_other_hosts_is_neither_leased_nor_sent_by_whoever_holds_it(
    app: Vidgen, listening: tuple[str, list[str]]
) -> None:
    url, heard = listening
    app.settings_file.change({"providers.yunwu.keys": [{"name": "main", "secret": SECRET}]})
    app.settings_file.change({"providers.yunwu.base_url": url})

    class Book:
        def load(self) -> dict[str, object]:
            return {}

        def save(self, *_: object) -> None:
            pass

    pool = KeyPool(Mode.YUNWU, app.settings, lambda: datetime.now(UTC), Book())  # type: ignore[arg-type]
    assert not hasattr(pool.lease(), "key")
    assert pool.usable() == []
    (kept,) = app.settings().providers.yunwu.keys
    # A job that went to the old host is still asked after there.
    held = pool.by_id(kept.fingerprint)
    assert isinstance(held, Key)
    assert held.may_go_to("https://yunwu.ai/v1/video/query")
    assert not held.may_go_to(f"{url}/v1/video/query")
    answer = asyncio.run(app.fresh_provider(Mode.YUNWU).test(held))
    assert answer.failure is not None
    assert answer.failure.code == "key_elsewhere"
    assert heard == []
