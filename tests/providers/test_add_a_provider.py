"""The page on adding a provider is true: its code runs, keeps the contract and is short."""

from __future__ import annotations

import asyncio
import json
import re
import types
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from contract import ProviderContract
from plain_server import Request, Server, plain_server, reply
from provider_world import GOOD, World, make_key, make_settings, send

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.providers.base import Key, Provider, RemoteJob, RemoteStatus

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-provider.md"


@pytest.fixture(scope="module")
def code() -> str:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


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
async def provider(code: str, server: Server, world: World) -> AsyncIterator[Provider]:
    module = types.ModuleType("openai_video")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - the page is ours
    provider: Provider = module.OpenAiVideo(lambda: make_settings(server.url), world.locations)
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

    async def test_picture_and_wishes_travel_in_one_form(self, provider, key, world, service) -> None:
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
    assert len(code.splitlines()) < 200
