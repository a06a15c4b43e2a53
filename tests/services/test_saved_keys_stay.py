"""What a changed address gets of saved keys: nothing, whoever asks and however."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from vidgen_core.domain.errors import Refused, VidgenError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.i18n import get_text
from vidgen_core.providers.base import Key
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.scripts.llm_queue import LlmQueue
from vidgen_core.worker.limits.key_pool import Empty, KeyPool

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


@pytest.mark.parametrize("mode", [ProviderId("yunwu"), ProviderId("kie"), ProviderId("images"), ProviderId("lovart")])
def test_no_test_of_a_connection_sends_a_saved_key_elsewhere(
    app: Vidgen, listening: tuple[str, list[str]], mode: ProviderId
) -> None:
    url, heard = listening
    secret = "access:secret-half" if mode is ProviderId("lovart") else SECRET
    app.settings_file.change({f"providers.{mode}.keys": [{"name": "main", "secret": secret}]})
    app.settings_file.change({f"providers.{mode}.base_url": url})
    with contextlib.suppress(VidgenError):
        app.diagnostics.test(mode)
    assert not any(part in said for said in heard for part in secret.split(":"))


def test_a_language_model_elsewhere_is_sent_no_saved_key(app: Vidgen, listening: tuple[str, list[str]]) -> None:
    url, heard = listening
    app.settings_file.change({"writing.keys": [{"name": "main", "secret": SECRET}], "writing.model": "m"})
    app.settings_file.change({"writing.base_url": url})
    desk: LlmQueue = app.llm_queue
    with pytest.raises(Refused, match="writing_key_address_changed"):
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

    pool = KeyPool(ProviderId("yunwu"), app.settings, lambda: datetime.now(UTC), Book())  # type: ignore[arg-type]
    assert pool.lease() == Empty(reason="all_elsewhere")
    assert pool.usable() == []
    (kept,) = app.settings().providers.yunwu.keys
    # A job that went to the old host is still asked after there.
    held = pool.by_id(kept.fingerprint)
    assert isinstance(held, Key)
    assert held.may_go_to("https://yunwu.ai/v1/video/query")
    assert not held.may_go_to(f"{url}/v1/video/query")
    answer = asyncio.run(app.context.fresh_provider(ProviderId("yunwu")).test(held))
    assert answer.failure is not None
    assert answer.failure.code == "key_elsewhere"
    assert heard == []


def _moved(app: Vidgen, mode: ProviderId) -> None:
    app.settings_file.change({f"providers.{mode}.keys": [{"name": "main", "secret": SECRET}]})
    app.settings_file.change({f"providers.{mode}.base_url": "https://another.example"})


@pytest.mark.parametrize("mode", [ProviderId("yunwu"), ProviderId("kie"), ProviderId("images")])
def test_a_test_says_that_the_address_changed_until_the_key_is_entered_again(app: Vidgen, mode: ProviderId) -> None:
    _moved(app, mode)

    failure = app.diagnostics.test(mode).failure
    assert failure is not None
    assert (failure.code, failure.params) == ("key_address_changed", {"provider": mode.value})
    assert "address" in get_text("en").failure(failure)
    assert "地址" in get_text("zh").failure(failure)
    app.settings_file.change({f"providers.{mode}.keys": [{"name": "off", "secret": SECRET, "enabled": False}]})
    failure = app.diagnostics.test(mode).failure
    assert failure is not None
    assert failure.code == "key_missing"


def test_an_order_is_refused_with_the_same_reason(app: Vidgen, project: Project, add_shot: Callable[..., Shot]) -> None:
    _moved(app, ProviderId("yunwu"))
    _moved(app, ProviderId("images"))
    app.settings_file.change({"mode": "yunwu", "providers.images.drawn_by": "images"})
    shot = add_shot("1", picture_prompt="a lighthouse")

    assert app.tasks.estimate(project.id, [shot.id]).key_missing is ProviderId("yunwu")
    sheet = app.tasks.preflight(project.id, [shot.id])
    assert "key_address_changed" in [problem.code for problem in sheet.problems]
    for act in (app.tasks.generate, app.pictures.draw):
        with pytest.raises(Refused, match="key_address_changed"):
            act(project.id, [shot.id])
    assert sum(app.tasks.counts(project.id).values()) == 0
    app.settings_file.change({"providers.yunwu.keys": [{"name": "main", "secret": SECRET}]})
    assert app.tasks.estimate(project.id, [shot.id]).key_missing is None


def test_a_kept_order_is_not_released_with_a_key_for_another_address(
    app: Vidgen, project: Project, add_shot: Callable[..., Shot]
) -> None:
    app.settings_file.change({"mode": "yunwu", "providers.yunwu.keys": [{"name": "main", "secret": SECRET}]})
    made = app.tasks.generate(project.id, [add_shot("1").id], release=False)
    app.settings_file.change({"providers.yunwu.base_url": "https://another.example"})

    with pytest.raises(Refused, match="key_address_changed"):
        app.tasks.start([task.id for task in made.tasks])
