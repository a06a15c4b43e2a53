"""The signal that something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from server_client import WS, TestClient
from starlette.websockets import WebSocketDisconnect, WebSocketState

from vidgen_core.domain.shots import Shot
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.live import websocket
from vidgen_core.web.live.websocket import MANY, Live


def test_a_page_hears_of_the_shot_that_changed_and_of_no_other(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    with client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}") as socket:
        hello = socket.receive_json()
        vidgen.shots.edit(shot.id, prompt="rain")
        told = socket.receive_json()
    assert hello["hello"] is True
    assert told["shots"] == [shot.id]
    assert told["rev"] > hello["rev"]


def test_new_tasks_are_news_of_their_shot(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    with client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}") as socket:
        socket.receive_json()
        vidgen.tasks.generate(shot.project_id, [shot.id])
        assert shot.id in socket.receive_json()["shots"]


def test_a_page_that_comes_back_hears_what_it_missed(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    with client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}") as socket:
        rev = socket.receive_json()["rev"]
    vidgen.shots.edit(shot.id, prompt="rain")
    with client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}&since={rev}") as socket:
        socket.receive_json()
        assert socket.receive_json()["shots"] == [shot.id]


def test_another_project_is_none_of_its_business(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    other = vidgen.projects.ensure("other")
    with client.websocket_connect(f"{WS}/api/ws?project={other.id}") as socket:
        socket.receive_json()
        vidgen.shots.edit(shot.id, prompt="rain")
        assert socket.receive_json()["shots"] == []


def test_very_many_changes_are_told_as_all(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    from vidgen_core.domain.shots import NewShot

    with client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}") as socket:
        socket.receive_json()
        with vidgen.store.write() as tx:
            tx.shots.add(shot.project_id, [NewShot(prompt="x") for _ in range(MANY + 1)])
        told = socket.receive_json()
    assert told["all"] is True
    assert "shots" not in told


@pytest.mark.parametrize("query", ["", "?project=x", "?project=1&since=x"])
def test_a_request_that_makes_no_sense_is_ended(client: TestClient, query: str) -> None:
    with client.websocket_connect(f"{WS}/api/ws{query}") as socket, pytest.raises(WebSocketDisconnect):
        socket.receive_json()


class Socket:
    """A page that says nothing and leaves when told to."""

    def __init__(self, project: int) -> None:
        self.headers: dict[str, str] = {}
        self.query_params = {"project": str(project)}
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.left = asyncio.Event()
        self.closed: int | None = None
        self.application_state = WebSocketState.CONNECTED

    async def accept(self) -> None:
        return

    async def send_json(self, message: dict[str, Any]) -> None:
        if self.left.is_set():
            raise WebSocketDisconnect(1001)
        await self.told.put(message)

    async def receive_text(self) -> str:
        await self.left.wait()
        raise WebSocketDisconnect(1001)

    async def close(self, code: int) -> None:
        self.closed = code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody by itself
            await asyncio.sleep(0.01)


async def test_many_pages_are_served_by_one_watcher_that_ends_with_the_last(vidgen: Vidgen, shot: Shot) -> None:
    live = Live(lambda: vidgen)
    sockets = [Socket(shot.project_id) for _ in range(20)]
    serving = [asyncio.create_task(live.serve(socket)) for socket in sockets]  # type: ignore[arg-type]
    await until(lambda: live.listeners == 20)
    watchers = [task for task in asyncio.all_tasks() if "Live._watch" in repr(task.get_coro())]
    await asyncio.to_thread(vidgen.shots.edit, shot.id, prompt="rain")
    for socket in sockets:
        assert (await asyncio.wait_for(socket.told.get(), 5))["hello"]
        assert (await asyncio.wait_for(socket.told.get(), 5))["shots"] == [shot.id]
    for socket in sockets:
        socket.left.set()
    await asyncio.gather(*serving)
    assert len(watchers) == 1
    await until(lambda: not live.watching)


async def test_one_page_that_breaks_off_keeps_nothing_from_the_others(vidgen: Vidgen, shot: Shot) -> None:
    live = Live(lambda: vidgen)
    broken, good = Socket(shot.project_id), Socket(shot.project_id)
    serving = [asyncio.create_task(live.serve(socket)) for socket in (broken, good)]  # type: ignore[arg-type]
    await until(lambda: live.listeners == 2)
    broken.left.set()
    await asyncio.to_thread(vidgen.shots.edit, shot.id, prompt="rain")
    await asyncio.wait_for(good.told.get(), 5)
    assert (await asyncio.wait_for(good.told.get(), 5))["shots"] == [shot.id]
    await live.close()
    await asyncio.gather(*serving)
    assert good.closed == 1001


async def test_nothing_is_looked_at_while_nobody_listens(vidgen: Vidgen) -> None:
    live = Live(lambda: vidgen)
    assert not live.watching
    await live.close()


async def test_changes_of_this_process_are_told_without_a_poll(
    vidgen: Vidgen, shot: Shot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "POLL_EVERY", 3_600)
    live, socket = Live(lambda: vidgen), Socket(shot.project_id)
    serving = asyncio.create_task(live.serve(socket))  # type: ignore[arg-type]
    assert (await asyncio.wait_for(socket.told.get(), 30))["hello"]
    for prompt in ("rain", "sun"):
        await asyncio.to_thread(vidgen.shots.edit, shot.id, prompt=prompt)
        assert (await asyncio.wait_for(socket.told.get(), 30))["shots"] == [shot.id]
    await live.close()
    await serving
