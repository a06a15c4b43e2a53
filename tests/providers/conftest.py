"""Rehearsals and data homes for the tests of the providers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from provider_world import DAY, Clock, World

from vidgen_core.config.paths import Locations
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.sample_art import write_sample


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are no business of these tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _standing() -> Iterator[tuple[RehearsalServer, Clock]]:
    clock = Clock()
    options = RehearsalOptions(clock=clock, videos="shared", video_scale=0.1, refuse_authorization=True)
    with RehearsalServer(options) as server:
        yield server, clock


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "shot.png"
    write_sample(path, 7, 480, 640)
    return path


@pytest.fixture
def world(_standing: tuple[RehearsalServer, Clock], tmp_path: Path, picture: Path) -> World:
    """The standing rehearsal, as new, and an empty data home."""
    server, clock = _standing
    clock.now = DAY
    server.reset()
    return World(server, clock, Locations(tmp_path / "home").create(), picture)
