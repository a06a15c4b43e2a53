"""The server's routes on a real port, without Streamlit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from doubles import free_port, wait_until
from starlette.applications import Starlette

from vidgen_core.config.paths import Locations
from vidgen_core.web import serve

ROOT = Path(__file__).parents[2]


@contextmanager
def on_a_port(address: str = "127.0.0.1") -> Iterator[str]:
    """The address of a running server; ``address`` is what its guards take it to be bound to."""
    serving = serve(address)
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, 60)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


class Served:
    """``vidgen serve``, a process of its own."""

    def __init__(self, locations: Locations) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vidgen_core", "serve", "--port", str(self.port), "--no-browser"],
            cwd=ROOT,
            env={**os.environ, "VIDGEN_HOME": str(locations.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.answers, 90)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/health", trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
