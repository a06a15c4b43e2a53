"""A façade over a real data home, with small and quick videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.config.paths import Locations
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.services.facade import Vidgen


@pytest.fixture
def small_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__SIZE", "128x72")
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__ASPECT_RATIO", "16:9")
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__DURATION", "0.5")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.fixture
def app(locations: Locations, small_renders: None) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as opened:
        yield opened


@pytest.fixture
def yunwu_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')


@pytest.fixture
def project(app: Vidgen) -> Project:
    return app.projects.ensure("ep01")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "still.png"
    Image.linear_gradient("L").resize((160, 90)).convert("RGB").save(path)
    return path


@pytest.fixture
def add_shot(app: Vidgen, project: Project) -> Callable[..., Shot]:
    def add(number: str | None = None, prompt: str = "pan left", **more: object) -> Shot:
        return app.shots.add(project.id, number, prompt, **more)  # type: ignore[arg-type]

    return add
