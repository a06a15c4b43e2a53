"""The whole runner with the real adapter against a gateway that answers as gateways do: paid once, told in its own words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from doubles import wait_until
from runner_bench import Bench

from vidgen_core.db import Store
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import GenerationParams, Task, TaskStatus
from vidgen_core.media.sample_art import write_sample
from vidgen_core.providers.yunwu.adapter import Yunwu
from vidgen_core.worker.steps.submit import OVERLOADED_TRIES
from vidgen_core.worker.worker import Worker

Answered = tuple[int, Any]
SECRET = "sk-bbbb2222"


class Gateway:
    """Answers creates and queries with what it is told, and counts what was ordered."""

    def __init__(self) -> None:
        self.create: Callable[[int], Answered] = lambda n: (200, {"id": f"job-{n}"})
        self.query: Callable[[str], Answered] = lambda _: (200, {"status": "processing"})
        self.upload: Callable[[int], Answered] = lambda n: (200, {"url": f"https://cdn.example.com/{n}.jpg"})
        self.ordered = 0
        self.uploaded = 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, answer: Answered) -> None:
                data = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/api/upload":
                    gateway.uploaded += 1
                    self._answer(gateway.upload(gateway.uploaded))
                    return
                gateway.ordered += 1
                self._answer(gateway.create(gateway.ordered))

            def do_GET(self) -> None:
                name = self.path.partition("?id=")[2]
                self._answer(gateway.query(name) if "video/query" in self.path else (404, {"error": "no"}))

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def run(bench: Bench, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Starts a runner with the real adapter."""
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__BASE_URL", gateway.url)
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", json.dumps([{"name": "a", "secret": SECRET}]))
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 0.2)
    started: list[tuple[Worker, Store]] = []

    def start() -> None:
        store = Store.open(bench.locations.database, checkpoints=True)
        made = Worker(
            store,
            bench.settings_file.current,
            bench.locations,
            lambda _: {ProviderId("yunwu"): Yunwu(bench.settings_file.current, bench.locations)},
        )
        started.append((made.start(), store))

    yield start
    for runner, store in started:
        runner.stop()
        store.close()


def ended(bench: Bench, task: Task) -> Task:
    return bench.wait(task, TaskStatus.FAILED, TaskStatus.COMPLETED)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "heavy traffic; your clip joined the queue", "hint": "rate limit 4/min"},
        {"status": "processing", "message": "审核中"},
        b'{"id": NaN, "message": "accepted \\ud83d"}',
    ],
    ids=["queue", "review", "nan"],
)
def test_words_without_an_id_are_ordered_once(
    bench: Bench, gateway: Gateway, run: Callable[[], None], body: Any
) -> None:
    gateway.create = lambda _: (200, body)
    [task] = bench.queue()
    run()

    failed = ended(bench, task)

    assert failed.failure is not None
    assert failed.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    assert gateway.ordered == 1


@pytest.fixture
def pictured(bench: Bench, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> GenerationParams:
    """A task whose picture is uploaded first."""
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__UPLOAD_URL", gateway.url)
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__IMAGES", "upload")
    write_sample(bench.locations.images / "a.png", 7, 48, 64)
    return GenerationParams(prompt="pan left", aspect_ratio="9:16", size="720P", image="a.png")


@pytest.mark.parametrize(
    ("answer", "code", "uploads"),
    [
        ((413, {"message": "file too large"}), "upload_refused", 1),
        ((200, {"success": False, "message": "sensitive content"}), "image_refused", 1),
        ((200, {"created": 1}), "upload_without_link", OVERLOADED_TRIES + 1),
        ((200, {"url": "error"}), "upload_without_link", OVERLOADED_TRIES + 1),
    ],
)
def test_a_refused_upload_ends_its_task_alone_and_nothing_is_ordered(
    bench: Bench,
    gateway: Gateway,
    run: Callable[[], None],
    pictured: GenerationParams,
    answer: Answered,
    code: str,
    uploads: int,
) -> None:
    gateway.upload = lambda _: answer
    gateway.query = lambda _: (200, {"status": "failed", "fail_reason": "no"})
    [task] = bench.queue(model="veo3.1", params=pictured)
    run()

    failed = ended(bench, task)

    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.charged) == (code, ChargeStatus.NONE)
    assert (gateway.uploaded, gateway.ordered) == (uploads, 0)
    [other] = bench.queue()
    ended(bench, other)
    assert gateway.ordered == 1


def test_a_page_in_place_of_an_answer_to_an_upload_is_waited_out(
    bench: Bench, gateway: Gateway, run: Callable[[], None], pictured: GenerationParams
) -> None:
    page = b"<!doctype html><html>Sign in to the network</html>"
    gateway.upload = lambda n: (403, page) if n < 3 else (200, {"url": "/a.jpg"})
    gateway.query = lambda _: (200, {"status": "failed", "fail_reason": "no"})
    [task] = bench.queue(model="veo3.1", params=pictured)
    run()

    ended(bench, task)

    assert (gateway.uploaded, gateway.ordered) == (3, 1)


def test_what_the_provider_says_of_what_was_sent_is_bought_once_and_told(
    bench: Bench, gateway: Gateway, run: Callable[[], None]
) -> None:
    said = f"The dancer wears the wrong hat for key {SECRET} \ud83d"
    gateway.query = lambda _: (200, {"status": "failed", "fail_reason": said})
    [task] = bench.queue()
    run()

    failed = ended(bench, task)

    assert failed.failure is not None
    assert failed.failure.provider_message == "The dancer wears the wrong hat for key **** \ufffd"
    assert gateway.ordered == 1
    everything = b"".join(path.read_bytes() for path in bench.locations.database.parent.glob("*.db*"))
    assert everything
    assert SECRET.encode() not in everything


def test_an_error_of_the_providers_own_is_tried_again(bench: Bench, gateway: Gateway, run: Callable[[], None]) -> None:
    gateway.query = lambda _: (200, {"status": "failed", "fail_reason": "internal render error, code 77"})
    [task] = bench.queue()
    run()

    ended(bench, task)

    assert gateway.ordered == 3


def test_a_batch_that_fails_for_one_unknown_reason_stops_by_itself(
    bench: Bench, gateway: Gateway, run: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    gateway.query = lambda name: (200, {"status": "failed", "fail_reason": f"{name} was not to our taste"})
    tasks = bench.queue(5)
    run()

    wait_until(bench.hold)
    for task in tasks[:2]:
        ended(bench, task)

    hold = bench.hold()
    assert hold is not None
    assert hold["code"] == "pause_same_words"
    assert gateway.ordered == 2


def test_a_request_that_is_never_granted_is_asked_for_once_whatever_the_status(
    bench: Bench, gateway: Gateway, run: Callable[[], None]
) -> None:
    inner = json.dumps({"error": {"message": "your account films at most 6 seconds of length"}})
    gateway.create = lambda _: (429, {"code": "fail_to_fetch_task", "message": f"upstream: {inner}"})
    [task] = bench.queue()
    run()

    failed = ended(bench, task)

    assert failed.failure is not None
    assert failed.failure.kind is ErrorKind.PARAMETER
    assert gateway.ordered == 1
