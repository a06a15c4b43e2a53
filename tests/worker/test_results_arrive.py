"""A real runner over a real gateway: what is done and paid for becomes a take, wherever the answer has it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from runner_bench import Bench

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.providers.yunwu.adapter import Yunwu
from vidgen_core.services.facade import Vidgen

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED


class Gateway:
    """Accepts every order, answers every poll the same way, and serves one file."""

    def __init__(self, video: bytes) -> None:
        self.poll: dict[str, Any] = {}
        self.video = video
        self.packed = False
        self.needs_key = False
        self.orders = 0
        #: Path and key of every question for a file.
        self.files: list[tuple[str, str | None]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Nothing on the terminal."""

            def do_POST(self) -> None:
                size = self.headers["Content-Length"]
                if size is None:
                    while self.rfile.readline().strip() != b"0":
                        pass
                    self.rfile.readline()
                else:
                    self.rfile.read(int(size))
                gateway.orders += 1
                self._send(200, json.dumps({"id": f"job-{gateway.orders}", "status": "pending"}).encode())

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                if self.path.startswith("/v1/video/query"):
                    return self._send(200, json.dumps(gateway.poll, ensure_ascii=False).encode())
                key = self.headers["Authorization"]
                gateway.files.append((self.path, key))
                if gateway.needs_key and not key:
                    return self._send(401, b"{}")
                packed = {"Content-Encoding": "gzip"} if gateway.packed else {}
                body = gzip.compress(gateway.video) if gateway.packed else gateway.video
                return self._send(200, body, **{"Content-Type": "video/mp4"} | packed)

            def _send(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def gateway(small_video: Path) -> Iterator[Gateway]:
    gateway = Gateway(small_video.read_bytes())
    yield gateway
    gateway.close()


@pytest.fixture
def relay(bench: Bench, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The bench with the real Yunwu provider behind it."""
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__BASE_URL", gateway.url)
    bench.provider = Yunwu(bench.settings_file.current, bench.locations)  # type: ignore[assignment]
    return bench


@pytest.mark.parametrize(
    "shape",
    [
        {"status": "done", "result": {"film": [{"location": "/v1/files/9/content"}]}},
        {"done": True, "response": {"clips": [{"uri": "//HOST/clip.mp4"}]}},
        {"data": {"task_status": "Succeed", "outputs": ["\n HTTP://HOST/d/7 "]}},
        {"output": json.dumps({"state": "FINISH", "play": "http://HOST/play.mp4?a=1&amp;b=2"})},
        {"id": "job-1", "object": "video", "status": "completed", "progress": 100},
    ],
)
def test_a_paid_video_becomes_a_take(relay: Bench, gateway: Gateway, shape: dict[str, Any]) -> None:
    gateway.poll = json.loads(json.dumps(shape).replace("HOST", gateway.url.partition("//")[2]))
    gateway.needs_key = True
    [task] = relay.queue()
    relay.start()

    assert relay.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert gateway.orders == 1
    assert [path for path, key in gateway.files if not (key or "").startswith("Bearer sk-")] == []


def test_a_packed_video_becomes_a_take(relay: Bench, gateway: Gateway) -> None:
    gateway.poll, gateway.packed = {"status": "completed", "video_url": "/v.mp4"}, True
    [task] = relay.queue()
    relay.start()

    done = relay.wait(task, COMPLETED, FAILED)

    assert done.status is COMPLETED
    assert Path(done.file).read_bytes() == gateway.video


@pytest.mark.parametrize(
    "poll",
    [
        {"done": True, "response": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["Rephrase it."]}},
        {"status": "completed", "result": {"blockReason": "SAFETY"}},
    ],
)
def test_what_a_filter_kept_back_is_bought_once_and_named_so(relay: Bench, gateway: Gateway, poll: Any) -> None:
    gateway.poll = poll
    [task] = relay.queue()
    relay.start()

    ended = relay.wait(task, COMPLETED, FAILED)

    assert (ended.failure.kind, gateway.orders) == (ErrorKind.MODERATION, 1)


def test_a_link_that_is_not_understood_is_entered_and_costs_nothing_more(relay: Bench, gateway: Gateway) -> None:
    gateway.poll = {"status": "completed", "asset": {"key": "bucket-7", "sum": "9f"}}
    [task] = relay.queue()
    relay.start()
    ended = relay.wait(task, FAILED)
    [attempt] = relay.attempts(task)
    assert (ended.failure.code, attempt.state, attempt.charge) == (
        "link_not_understood",
        AttemptState.ABANDONED,
        ChargeStatus.ASSUMED,
    )
    assert "bucket-7" in (attempt.evidence or "")

    with Vidgen.open(relay.locations) as app:
        app.tasks.enter_link(task.id, f"{gateway.url}/bucket-7/v.mp4")

    assert relay.wait(task, COMPLETED).cost == ended.cost
    assert gateway.orders == 1
