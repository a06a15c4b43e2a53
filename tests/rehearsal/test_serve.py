"""The rehearsal as a process of its own, as ``vidgen rehearse`` runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from vidgen_core.rehearsal.options import RehearsalOptions
from vidgen_core.rehearsal.server import RehearsalServer, serve

PROGRAM = """
from vidgen_core.rehearsal.options import RehearsalOptions
from vidgen_core.rehearsal.server import serve
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


def test_a_port_that_is_taken_is_an_error() -> None:
    with RehearsalServer() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            serve(RehearsalOptions(port=port))
