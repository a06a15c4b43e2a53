"""The rehearsal as a process of its own, as ``vidgen rehearse`` runs it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, serve

PROGRAM = """
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import serve
serve(RehearsalOptions(), lambda url: print(url, flush=True))
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_it_says_where_it_is_serves_and_ends_when_told_to(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    assert httpx.get(f"{url}/_rehearsal/stats", trust_env=False, timeout=20.0).json()["submits_total"] == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20.0) == -signal.SIGTERM


def test_a_caller_who_goes_in_the_middle_of_a_request_is_no_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    with RehearsalServer() as server:
        address = httpx.URL(server.url)
        with socket.create_connection((address.host, address.port)) as caller:
            caller.sendall(b"POST /v1/video/create HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-good\r\n")
            caller.sendall(b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
        # Answered after it, so the server has seen the caller go.
        assert httpx.get(f"{server.url}/_rehearsal/stats", trust_env=False, timeout=20.0).json()["submits_total"] == 0
    assert not [record for record in caplog.records if record.exc_info]


def test_a_port_that_is_taken_is_an_error() -> None:
    with RehearsalServer() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            serve(RehearsalOptions(port=port))
