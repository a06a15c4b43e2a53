"""The page on adding a provider is true: its code runs, keeps the contract, is short, and is all that is needed.

The folder of the page is registered as the program registers its own, and the settings page, the API, the command line, an
import, the worker and the reports are driven with it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from contract import ProviderContract
from plain_server import Request, Server, plain_server, reply
from provider_world import GOOD, World, make_key, send
from starlette.applications import Starlette

import vidgen_core.providers
from tests.dashboard.screens import open_screen
from tests.doubles import wait_until
from tests.web.server_client import HERE, TestClient
from vidgen_core.cli import session as cli_session
from vidgen_core.cli.program import run
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Providers, Settings
from vidgen_core.domain import providers
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.providers.base import Key, Provider, RemoteJob, RemoteStatus
from vidgen_core.providers.registry import open_provider, register_all
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import get_vidgen, serve
from vidgen_core.web.app_instance import close_vidgen

NAME = "openai_video"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-provider.md"


@pytest.fixture(scope="module")
def code() -> dict[str, str]:
    """The files of the page by name: each code block names its own in the first line."""
    blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert {name for name, _ in blocks} == {"spec.py", "adapter.py"}
    return dict(blocks)


@pytest.fixture(scope="module", autouse=True)
def registered(code: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderId]:
    """A folder as the page has it, found as the folders of the program are."""
    places = tmp_path_factory.mktemp("providers")
    folder = places / NAME
    folder.mkdir()
    for name, text in {"__init__.py": "", **code}.items():
        (folder / name).write_text(text, "utf-8")
    vidgen_core.providers.__path__.append(str(places))
    register_all()
    yield ProviderId(NAME)
    vidgen_core.providers.__path__.remove(str(places))
    _forget()


def _forget() -> None:
    """Let the tests that follow in this process know nothing of it."""
    for known in (providers._SPECS, providers._IDS, Providers.__pydantic_fields__):
        del known[NAME]  # type: ignore[attr-defined]
    Providers.model_rebuild(force=True)
    Settings.model_rebuild(force=True)
    for module in [name for name in sys.modules if name.startswith(f"vidgen_core.providers.{NAME}")]:
        del sys.modules[module]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    render(RenderSpec(image=None, prompt="x", width=64, height=64, seconds=0.5, fps=8), path)
    return path.read_bytes()


class Service:
    """A service in the OpenAI video format; each job is done at the third look."""

    def __init__(self, video: bytes) -> None:
        self._video = video
        self.looks = 0
        self.forms: list[bytes] = []

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        method, path, _ = request.line.split()
        if request.headers.get("authorization") != f"Bearer {GOOD}":
            refusal = {"error": {"message": "Incorrect API key", "type": "auth", "code": "invalid_api_key"}}
            return writer.write(reply(json.dumps(refusal).encode(), "401 Unauthorized"))
        if path.endswith("/content"):
            return writer.write(reply(self._video, Content_Type="video/mp4"))
        return writer.write(self._answer(method, path, request))

    def _answer(self, method: str, path: str, request: Request) -> bytes:
        if method == "POST":
            self.forms.append(request.body)
            if b"forbidden" in request.body:
                refusal = {"error": {"message": "no", "type": "x", "code": "moderation_blocked"}}
                return reply(json.dumps(refusal).encode(), "400 Bad Request")
            return reply(json.dumps({"id": "video_1", "status": "queued"}).encode())
        if path == "/v1/models":
            return reply(b'{"data": []}')
        self.looks += 1
        state = {"id": "video_1", "status": "completed" if self.looks >= 3 else "in_progress", "progress": 30}
        return reply(json.dumps(state).encode())


@pytest.fixture
def service(video: bytes) -> Service:
    return Service(video)


@pytest.fixture
async def server(service: Service) -> AsyncIterator[Server]:
    async with plain_server(service) as server:
        yield server


@pytest.fixture
async def provider(registered: ProviderId, server: Server, world: World) -> AsyncIterator[Provider]:
    settings = Settings.model_validate({"providers": {NAME: {"base_url": server.url}}})
    provider = open_provider(registered, lambda: settings, world.locations)
    yield provider
    await provider.close()


class TestOpenAiVideo(ProviderContract):
    @pytest.fixture
    def wait_for(self, provider: Provider, key: Key | None) -> Callable[[RemoteJob], Awaitable[str]]:
        async def ended(job: RemoteJob) -> str:
            for _ in range(5):
                state = await provider.poll(job, key)
                if state.status is RemoteStatus.SUCCEEDED:
                    assert state.url
                    return state.url
            raise AssertionError("it should have ended")

        return ended

    async def test_picture_and_options_travel_in_one_form(self, provider, key, world, service) -> None:
        await send(provider, world.order(provider, duration=8.0), key)
        (form,) = service.forms
        assert b'name="input_reference"; filename="first-frame.jpg"' in form
        assert b'name="seconds"\r\n\r\n8\r\n' in form
        assert b"\xff\xd8\xff" in form

    async def test_refused_content_is_told_by_its_code(self, provider, key, world) -> None:
        with pytest.raises(RemoteError) as caught:
            await send(provider, world.order(provider, "forbidden"), key)
        assert (caught.value.kind, caught.value.delivery) == (ErrorKind.MODERATION, Delivery.REFUSED)

    async def test_a_bad_key_fails_the_test(self, provider) -> None:
        connection = await provider.test(make_key("sk-wrong-1234567890"))
        assert connection.failure is not None
        assert connection.failure.kind is ErrorKind.AUTH


def test_the_adapter_is_shorter_than_two_hundred_lines(code) -> None:
    assert len(code["adapter.py"].splitlines()) < 200


@contextmanager
def running_server(service: Service) -> Iterator[Server]:
    started, found, ending = threading.Event(), [], asyncio.Event()

    async def stand() -> None:
        async with plain_server(service) as server:
            found.append((server, asyncio.get_running_loop()))
            started.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: asyncio.run(stand()))
    thread.start()
    assert started.wait(10)
    yield found[0][0]
    found[0][1].call_soon_threadsafe(ending.set)
    thread.join()


# --- the whole program with it: no file of it knows the name


@pytest.fixture
def standing(service: Service) -> Iterator[Server]:
    """The service in a thread of its own, as the program has its own loops."""
    with running_server(service) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, standing: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIDGEN_PROVIDERS__OPENAI_VIDEO__BASE_URL", standing.url)
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.05")
    monkeypatch.setenv("VIDGEN_LANGUAGE", "en")
    monkeypatch.setenv("LANG", "C.UTF-8")
    return tmp_path / "home"


def say(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """A command of the command line: its status and what it printed."""
    cli_session.text.cache_clear()
    status = run([*words])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    return status, out or err


def give_key(home: Path) -> None:
    with Vidgen.open(Locations(home)) as app:
        app.settings_file.change({f"providers.{NAME}.keys": [{"name": "main", "secret": GOOD}]})


@pytest.mark.parametrize("word", ["OpenAI", "sora", NAME])
def test_a_list_names_it_and_its_takes_arrive_and_are_counted(
    word: str, home: Path, tmp_path: Path, picture: Path, service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    give_key(home)
    rows = ["shot,image,prompt,provider,takes", f"1,{picture.name},a slow zoom,{word},1"]
    (tmp_path / picture.name).write_bytes(picture.read_bytes())
    (tmp_path / "list.csv").write_text("\n".join(rows), "utf-8")

    status, out = say(capfd, "import", str(tmp_path / "list.csv"), "--json")
    assert (status, len(json.loads(out)["added"])) == (0, 1)
    status, out = say(capfd, "generate", "--all", "--yes")
    assert status == 0, out
    status, out = say(capfd, "run", "--until-done", "--json")
    assert status == 0, out
    assert [(task["provider"], task["status"]) for task in json.loads(out)] == [(NAME, "completed")]

    assert b'name="remix"\r\n\r\nfalse' in service.forms[0]
    report = json.loads(say(capfd, "figures", "--provider", NAME, "--json")[1])
    assert (report["completed"], report["attempts"]) == (1, 1)
    say(capfd, "figures", "--csv", str(tmp_path / "figures.csv"))
    assert "OpenAI video" in (tmp_path / "figures.csv").read_text("utf-8-sig")
    spent = json.loads(say(capfd, "spend", "--json")[1])
    assert [(line["provider"], line["currency"]) for line in spent["spend"]] == [(NAME, "USD")]


def test_the_command_line_offers_it(home: Path, picture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    give_key(home)
    with Vidgen.open(Locations(home)) as app:
        app.shots.add(app.projects.ensure("ep01").id, prompt="rain", image=picture)
    status, out = say(
        capfd, "generate", "--all", "--provider", NAME, "--takes", "1", "--project", "ep01", "--dry-run", "--json"
    )
    assert status == 0, out
    assert json.loads(out)["costs"] == {NAME: [{"amount": 0.8, "currency": "USD"}]}
    assert NAME in say(capfd, "generate", "--all", "--provider", "nobody")[1]


def test_the_settings_page_has_a_tab_for_it_with_its_own_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        screen.open("settings")
        form, own = f"provider_{NAME}", f"providers.{NAME}"
        assert "OpenAI video" in str([tab.label for tab in screen.at.tabs])
        screen.at.toggle(key=f"{form}_0_{own}.remix").set_value(True)
        screen.at.text_input(key=f"{form}_0_{own}.base_url").set_value("http://127.0.0.1:1").run()
        screen.press(f"{form}_save")
        screen.check()
        section = screen.app.settings().providers.of(ProviderId(NAME))
        assert (section.remix, section.base_url) == (True, "http://127.0.0.1:1")  # type: ignore[attr-defined]
        screen.app.settings_file.change({"mode": NAME})
        assert screen.app.settings().mode is ProviderId(NAME)
        screen.open("shots")
        assert screen.header()["mode"] == NAME


def test_the_api_configures_tests_and_runs_it(
    home: Path, picture: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_key(home)
    with Vidgen.open(Locations(home)) as app:
        shot = app.shots.add(app.projects.ensure("ep01").id, prompt="rain", image=picture)
    serving = serve("127.0.0.1")
    program = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    try:
        with TestClient(program, base_url=HERE, raise_server_exceptions=False) as client:
            assert client.get(f"/api/{NAME}/config").json()["model"] == "video-1"
            assert client.post(f"/api/{NAME}/config", json={"remix": True}).json()["remix"] is True
            assert client.post(f"/api/{NAME}/test-connection").json()["ok"] is True
            made = client.post(
                "/api/tasks", json={"project": "ep01", "shot_ids": [str(shot.id)], "provider": NAME, "takes": 1}
            )
            assert made.status_code < 300, made.text
            assert NAME in client.get("/api/openapi.json").text
            wait_until(lambda: _completed(client), timeout=60)
            assert client.get("/api/figures", params={"provider": NAME}).json()["completed"] == 1
    finally:
        close_vidgen()


def _completed(client: TestClient) -> bool:
    return get_vidgen().reports.of(None, provider=ProviderId(NAME)).completed == 1
