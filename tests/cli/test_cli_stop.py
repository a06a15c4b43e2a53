"""A service manager stops a process while pictures and answers that take minutes are being bought."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from doubles import free_port, wait_until
from PIL import Image

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.scripts import LlmCallState
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

pytestmark = pytest.mark.slow

#: A model that draws, as an aggregator may list it.
MODEL = "gpt-image-1"


class SlowServer(ThreadingHTTPServer):
    """Answers paid requests only when it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.heard: list[str] = []
        self.may_answer = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answering(BaseHTTPRequestHandler):
    server: SlowServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heard.append(self.path)
        self.server.may_answer.wait(60)
        self._answer(body)

    def _answer(self, _body: bytes) -> None:
        if self.path.endswith("/chat/completions"):
            said: object = {"choices": [{"finish_reason": "stop", "message": {"content": '{"shots": []}'}}]}
        else:
            out = io.BytesIO()
            Image.new("RGB", (64, 64), "teal").save(out, "PNG")
            said = {"created": 1, "data": [{"b64_json": base64.b64encode(out.getvalue()).decode()}]}
        answer = json.dumps(said).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowServer]:
    server = SlowServer()
    key = json.dumps([{"name": "a", "secret": "sk-aaaa1111"}])
    for name, value in {
        "PROVIDERS__IMAGES__BASE_URL": server.url,
        "PROVIDERS__IMAGES__MODEL": MODEL,
        "PROVIDERS__IMAGES__KEYS": key,
        "PROVIDERS__IMAGES__DRAWN_BY": "images",
        "WRITING__BASE_URL": server.url,
        "WRITING__MODEL": "slow-writer",
        "WRITING__KEYS": key,
    }.items():
        monkeypatch.setenv(f"VIDGEN_{name}", value)
    yield server
    server.may_answer.set()
    server.shutdown()
    server.server_close()


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts ``vidgen`` with some arguments; what has not ended with the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "vidgen_core", *arguments]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def pictures(home: Path) -> int:
    """Two pictures that wait to be drawn."""
    with Vidgen.open() as app:
        project = app.projects.ensure("ep01")
        for prompt in ("a lighthouse", "a storm"):
            app.shots.add(project.id, prompt=prompt)
        app.pictures.draw(project.id, app.shots.ids(project.id), GenerateOptions(takes=1))
        return project.id


def attempts() -> list[AttemptState]:
    with Vidgen.open() as app, app.store.read() as tx:
        tasks = tx.tasks.many(app.tasks.ids(None))
        return sorted(one.state for task in tasks for one in tx.attempts.of_task(task.id))


def hear(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says to people until these words come."""
    assert process.stderr is not None
    line = ""
    while words not in line:
        line = process.stderr.readline()
        assert line, f"it ended without saying {words!r}"


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.extended)])
def test_pictures_that_were_ordered_are_kept_by_a_stop(
    slow: SlowServer, pictures: int, number: signal.Signals, start: Start
) -> None:
    process = start("run")
    wait_until(lambda: len(slow.heard) == 2, 60)
    process.send_signal(number)
    hear(process, "Waiting for the answers to 2 paid requests")

    slow.may_answer.set()
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert attempts() == [AttemptState.ACCEPTED] * 2
    assert len(slow.heard) == 2


def test_a_second_signal_ends_it_at_once_and_the_outcome_is_unknown(
    slow: SlowServer, pictures: int, start: Start
) -> None:
    process = start("run")
    wait_until(lambda: len(slow.heard) == 2, 60)
    process.send_signal(signal.SIGTERM)
    hear(process, "Waiting for the answers to 2 paid requests")

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert attempts() == [AttemptState.UNKNOWN] * 2


@pytest.mark.parametrize("twice", [False, pytest.param(True, marks=pytest.mark.extended)])
def test_a_question_that_is_out_is_waited_for_too(
    slow: SlowServer, home: Path, tmp_path: Path, twice: bool, start: Start
) -> None:
    script = tmp_path / "script.txt"
    script.write_text("The lighthouse keeper climbs the stairs. The storm comes nearer.\n")
    process = start("script", str(script), "--yes")
    wait_until(lambda: slow.heard, 60)
    process.send_signal(signal.SIGTERM)
    hear(process, "Waiting for the answer to 1 paid request")

    if twice:
        process.send_signal(signal.SIGTERM)
    else:
        slow.may_answer.set()
    process.communicate(timeout=60)

    assert len(slow.heard) == 1
    with Vidgen.open() as app, app.store.read() as tx:
        states = [call.state for project in app.projects.all() for call in tx.llm_calls.of_project(project.id)]
    assert states == [LlmCallState.UNKNOWN if twice else LlmCallState.ANSWERED]


@pytest.mark.extended
def test_the_server_waits_for_pictures_that_were_ordered(slow: SlowServer, pictures: int, start: Start) -> None:
    process = start("serve", "--no-browser", "--port", str(free_port()))
    wait_until(lambda: len(slow.heard) == 2, 60)
    process.send_signal(signal.SIGTERM)
    hear(process, "Waiting for 2 paid requests")

    slow.may_answer.set()
    process.communicate(timeout=60)

    assert attempts() == [AttemptState.ACCEPTED] * 2


@pytest.mark.extended
def test_a_server_that_is_told_twice_ends_at_once(slow: SlowServer, pictures: int, start: Start) -> None:
    process = start("serve", "--no-browser", "--port", str(free_port()))
    wait_until(lambda: len(slow.heard) == 2, 60)
    process.send_signal(signal.SIGINT)
    hear(process, "Waiting for 2 paid requests")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert attempts() == [AttemptState.UNKNOWN] * 2
