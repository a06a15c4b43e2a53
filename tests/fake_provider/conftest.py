"""Rehearsals for the tests: one that most of them share, and others with options of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from rehearsal_wire import DAY, Clock, Wire, client

from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer


@contextmanager
def running(**options: Any) -> Iterator[Wire]:
    clock = Clock()
    chosen = {"clock": clock, "videos": "shared", "video_scale": 0.1, **options}
    with (
        RehearsalServer(RehearsalOptions(**chosen)) as server,
        client(server.url, headers={"Authorization": "Bearer sk-good"}) as http,
        client(server.url) as bare,
    ):
        yield Wire(server, clock, http, bare)


@pytest.fixture
def start() -> Iterator[Callable[..., Wire]]:
    """Start a rehearsal with options of the test's choice."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(**options))


@pytest.fixture(scope="session")
def standing() -> Iterator[Wire]:
    with running() as wire:
        yield wire


@pytest.fixture
def wire(standing: Wire) -> Wire:
    """The standing rehearsal, as new."""
    standing.clock.now = DAY
    standing.http.timeout = standing.bare.timeout = 20.0
    standing.server.reset()
    return standing
