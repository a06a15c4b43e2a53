"""The server's routes on a real port, without Streamlit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from doubles import wait_until
from starlette.applications import Starlette

from vidgen_core.web import serve


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
