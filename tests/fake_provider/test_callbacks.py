"""KIE's callbacks, received by a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from rehearsal_wire import JPEG, client

from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer

Call = tuple[dict[str, str], dict[str, Any]]


class Receiver:
    """Takes callbacks; ``url`` is where."""

    def __init__(self, status: int = 200) -> None:
        calls: queue.Queue[Call] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.end_headers()
                calls.put((dict(self.headers), body))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base's
                pass

        self.calls = calls
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback"

    def next(self) -> Call:
        return self.calls.get(timeout=20.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


@pytest.fixture
def server() -> Iterator[RehearsalServer]:
    options = RehearsalOptions(job_seconds=(0.1, 0.2), videos="shared", webhook_key="secret")
    with RehearsalServer(options) as server:
        yield server


def order(server: RehearsalServer, path: str, body: dict[str, Any]) -> str:
    with client(server.url, headers={"Authorization": "Bearer sk-good"}) as http:
        return str(http.post(path, json=body).json()["data"]["taskId"])


def test_a_finished_veo_job_calls_back_signed(server: RehearsalServer, receiver: Receiver) -> None:
    job_id = order(server, "/api/v1/veo/generate", {"prompt": "a", "callBackUrl": receiver.url})
    headers, body = receiver.next()
    assert (body["code"], body["data"]["taskId"]) == (200, job_id)
    assert body["data"]["info"]["resultUrls"][0].startswith(f"{server.url}/kie-files/")
    message = f"{job_id}.{headers['X-Webhook-Timestamp']}".encode()
    expected = base64.b64encode(hmac.new(b"secret", message, hashlib.sha256).digest()).decode()
    assert headers["X-Webhook-Signature"] == expected


def test_a_failed_job_calls_back_with_its_reason(server: RehearsalServer, receiver: Receiver) -> None:
    order(server, "/api/v1/veo/generate", {"prompt": "[[moderated-output]]", "callBackUrl": receiver.url})
    body = receiver.next()[1]
    assert (body["code"], "flagged" in body["msg"]) == (400, True)


@pytest.mark.parametrize(("prompt", "code", "state"), [("a", 200, "success"), ("[[failed]]", 501, "fail")])
def test_a_task_calls_back_with_its_record(
    server: RehearsalServer, receiver: Receiver, prompt: str, code: int, state: str
) -> None:
    given = {"prompt": prompt, "image_urls": [JPEG]}
    body = {"model": "grok-imagine/image-to-video", "input": given, "callBackUrl": receiver.url}
    job_id = order(server, "/api/v1/jobs/createTask", body)
    sent = receiver.next()[1]
    assert (sent["code"], sent["data"]["state"], sent["data"]["taskId"]) == (code, state, job_id)


def test_nobody_else_is_ever_called(server: RehearsalServer, receiver: Receiver) -> None:
    for address in ("http://example.com/hook", "not a link", "http://192.0.2.1/hook"):
        order(server, "/api/v1/veo/generate", {"prompt": "a", "callBackUrl": address})
    order(server, "/api/v1/veo/generate", {"prompt": "b", "callBackUrl": receiver.url})
    receiver.next()
    stats = server.stats()
    assert stats["callbacks_failed"] == 0
    assert receiver.calls.empty()
