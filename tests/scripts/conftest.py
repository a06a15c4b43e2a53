"""A façade whose language model is the rehearsal's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.shots import Project
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen


@pytest.fixture(scope="module")
def running_model() -> Iterator[RehearsalServer]:
    with RehearsalServer() as server:
        yield server


@pytest.fixture
def model(running_model: RehearsalServer, monkeypatch: pytest.MonkeyPatch) -> RehearsalServer:
    """Forgetful, and set as the model to be asked."""
    running_model.reset()
    for name, value in settings_hint(running_model.url).items():
        if name.startswith("VIDGEN_WRITING"):
            monkeypatch.setenv(name, value)
    # Small pieces, one after the other: what is asked when is known.
    monkeypatch.setenv("VIDGEN_WRITING__PIECE_SIZE", "200")
    monkeypatch.setenv("VIDGEN_WRITING__MAX_CONCURRENT", "1")
    return running_model


@pytest.fixture
def app(locations: Locations, model: RehearsalServer) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as opened:
        opened.llm_queue.rest = 0.01
        yield opened


@pytest.fixture
def project(app: Vidgen) -> Project:
    return app.projects.ensure("ep01")
