"""The server's own routes over a real data home, without Streamlit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import embedded_worker
from PIL import Image
from server_client import HERE, TestClient
from starlette.applications import Starlette

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import NewTake, Take
from vidgen_core.media import video
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.web import get_vidgen, serve
from vidgen_core.web.app_instance import close_vidgen


@pytest.fixture
def home(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Locations]:
    """The data home of this process, without a runner."""
    monkeypatch.setenv("VIDGEN_HOME", str(locations.home))
    embedded_worker(monkeypatch, works=False)
    yield locations
    close_vidgen()


@pytest.fixture
def vidgen(home: Locations, picture: bytes) -> Vidgen:
    """The façade of this process, with a project of two shots."""
    with Vidgen.open(home) as before:
        project = before.projects.ensure("ep01")
        before.shots.add(project.id, prompt="rain", image=picture)
        before.shots.add(project.id, prompt="sun")
    return get_vidgen()


@pytest.fixture
def picture() -> bytes:
    """A small upright JPEG."""
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((360, 640)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """No search for listening sockets among the many objects of the tests, at each start of a server."""
    monkeypatch.setattr("vidgen_core.web.server.disable_nagle", lambda: 0)


@pytest.fixture
def client(vidgen: Vidgen) -> Iterator[TestClient]:
    """A client of the running routes, guards included."""
    serving = serve("127.0.0.1")
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def shot(vidgen: Vidgen) -> Shot:
    """The first shot; it has a picture."""
    project = vidgen.projects.all()[0]
    return vidgen.shots.page(project.id).items[0].shot


@pytest.fixture
def take(vidgen: Vidgen, shot: Shot, small_video: Path) -> Take:
    """A finished take of it, in a file with a Chinese name."""
    task = vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    folder = vidgen.locations.videos
    file = folder / "镜头 1.0" / "1.0-v1 雨夜.mp4"
    file.parent.mkdir(parents=True)
    file.write_bytes(small_video.read_bytes())
    facts = video.probe(file)
    sha256 = video.sha256_file(file)
    video.poster(file, vidgen.locations.posters / f"{sha256}.jpg")
    new = NewTake(
        project_id=shot.project_id,
        shot_id=shot.id,
        task_id=task.id,
        number=1,
        folder=str(folder),
        file="镜头 1.0/1.0-v1 雨夜.mp4",
        poster=f"{sha256}.jpg",
        seconds=facts.seconds,
        width=facts.width,
        height=facts.height,
        bytes=file.stat().st_size,
        sha256=sha256,
        provider=ProviderId("local"),
        model="ken-burns",
    )
    with vidgen.store.write() as tx:
        return tx.takes.add(new)
