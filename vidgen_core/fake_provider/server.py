"""Run the fake provider: in a thread for tests, or in this process until it is stopped."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import httpx
import uvicorn
from starlette.applications import Starlette

from vidgen_core.fake_provider import admin, chat, images
from vidgen_core.fake_provider.kie import api as kie
from vidgen_core.fake_provider.kie import catalogue as kie_catalogue
from vidgen_core.fake_provider.kie import files as kie_files
from vidgen_core.fake_provider.lovart import api as lovart
from vidgen_core.fake_provider.lovart import page
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.storage import files
from vidgen_core.fake_provider.submissions import Answered, answered
from vidgen_core.fake_provider.wire import AbruptProtocol
from vidgen_core.fake_provider.yunwu import account, families
from vidgen_core.fake_provider.yunwu import api as yunwu

_HOST: Final = "127.0.0.1"
#: Connections that may wait to be accepted.
_BACKLOG: Final = 2048
#: seconds
_GRACE: Final = 1


def create_app(options: RehearsalOptions) -> Starlette:
    """Build the fake provider; serve it with ``AbruptProtocol``, or faults of the connection cannot happen."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.rehearsal = Rehearsal(options)
        app.state.callbacks = set()
        yield
        for task in app.state.callbacks:
            task.cancel()
        app.state.rehearsal.close()

    modules = (yunwu, families, account, kie, kie_files, kie_catalogue, lovart, page, chat, images, files, admin)
    routes = [route for module in modules for route in module.ROUTES]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Answered: answered})


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer takes 40 ms longer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://{_HOST}:{listening.getsockname()[1]}"


def _server(app: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        # Its own, so that connections break off in the same way wherever another loop is installed, too.
        loop="asyncio",
        http=AbruptProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return uvicorn.Server(config)


def serve(options: RehearsalOptions, on_ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve until the process is told to stop; ``on_ready`` is called with the address before the first request.

    OSError when the port is taken.
    """
    with _listen(options.port) as listening:
        on_ready(_url(listening))
        _server(create_app(options)).run(sockets=[listening])


def settings_hint(url: str) -> dict[str, str]:
    """Environment variables that point Vidgen at a rehearsal."""
    keys = json.dumps([{"name": "rehearsal", "secret": "sk-rehearsal"}])
    pairs = json.dumps([{"name": "rehearsal", "secret": "ak_rehearsal:sk_rehearsal"}])
    return {
        "VIDGEN_PROVIDERS__YUNWU__BASE_URL": url,
        "VIDGEN_PROVIDERS__YUNWU__UPLOAD_URL": url,
        "VIDGEN_PROVIDERS__YUNWU__KEYS": keys,
        "VIDGEN_PROVIDERS__KIE__BASE_URL": url,
        "VIDGEN_PROVIDERS__KIE__UPLOAD_URL": url,
        "VIDGEN_PROVIDERS__KIE__KEYS": keys,
        "VIDGEN_PROVIDERS__LOVART__BASE_URL": url,
        "VIDGEN_PROVIDERS__LOVART__KEYS": pairs,
        "VIDGEN_PROVIDERS__IMAGES__BASE_URL": url,
        "VIDGEN_PROVIDERS__IMAGES__KEYS": keys,
        "VIDGEN_WRITING__BASE_URL": url,
        "VIDGEN_WRITING__MODEL": "rehearsal",
        "VIDGEN_WRITING__KEYS": keys,
        "VIDGEN_PROVIDERS__LOVART__BROWSER_URL": f"{url}/lovart/canvas",
    }


class RehearsalServer:
    """The fake provider in a thread, on a free port unless the options name one, inside of a ``with`` block."""

    def __init__(self, options: RehearsalOptions | None = None) -> None:
        self.options = options or RehearsalOptions()

    def __enter__(self) -> Self:
        self._listening = _listen(self.options.port)
        #: Its address, without a slash at the end.
        self.url = _url(self._listening)
        self._app = create_app(self.options)
        self._server = _server(self._app)
        # Loading certificates, which loopback needs not, takes longer than most requests.
        self._http = httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=30.0)  # noqa: S501
        self._thread = threading.Thread(target=self._run, name="rehearsal", daemon=True)
        self._thread.start()
        self.stats()
        return self

    def _run(self) -> None:
        self._server.run(sockets=[self._listening])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    @property
    def state(self) -> Rehearsal:
        """Its state; read only, and only while no request is under way."""
        found: Rehearsal = self._app.state.rehearsal
        return found

    def stats(self) -> dict[str, Any]:
        """The statistics, as ``GET /_rehearsal/stats`` has it."""
        found: dict[str, Any] = self._ask("GET", "/_rehearsal/stats").json()
        return found

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs still remembered, oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/_rehearsal/jobs").json()
        return found

    def set_faults(self, rates: dict[str, Any]) -> None:
        """Set the share of all jobs that faults affect from now on; 0 removes one."""
        self._ask("POST", "/_rehearsal/faults", json=rates)

    def change_catalogue(self, publish: dict[str, Any] | None = None, withdraw: tuple[str, ...] = ()) -> None:
        """Change what KIE's catalogue lists; an entry has ``input``, ``taskType``, ``price``, ``pricingDesc``."""
        self._ask("POST", "/_rehearsal/catalogue", json={"publish": publish or {}, "withdraw": withdraw})

    def reset(self) -> None:
        """Forget everything that happened."""
        self._ask("POST", "/_rehearsal/reset")

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._http.request(method, path, **more).raise_for_status()
