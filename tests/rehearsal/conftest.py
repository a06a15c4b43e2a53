"""A rehearsal for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from rehearsal_wire import Clock, Wire

from vidgen_core.rehearsal.options import RehearsalOptions
from vidgen_core.rehearsal.server import RehearsalServer


@pytest.fixture
def start() -> Iterator[Callable[..., Wire]]:
    """Start a rehearsal with options of the test's choice."""
    with ExitStack() as stack:

        def started(**options: Any) -> Wire:
            clock = Clock()
            chosen = {"clock": clock, "videos": "shared", "video_scale": 0.1, **options}
            server = stack.enter_context(RehearsalServer(RehearsalOptions(**chosen)))
            headers = {"Authorization": "Bearer sk-good"}
            client = httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=20.0)
            return Wire(server, clock, stack.enter_context(client))

        yield started


@pytest.fixture
def wire(start: Callable[..., Wire]) -> Wire:
    return start()
