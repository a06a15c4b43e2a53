"""Progress as a stream: one reading for all listeners, nothing told twice, nothing missed."""

from __future__ import annotations

import asyncio
import json

import pytest
from server_client import TestClient
from sqlalchemy import event

from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.web.live.sse import News
from vidgen_core.web.live.websocket import Live


@pytest.fixture
def tasks(vidgen: Vidgen, shot: Shot) -> tuple[Task, ...]:
    """Three queued tasks."""
    return vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=3)).tasks


def note(vidgen: Vidgen, task: Task, percent: int) -> None:
    with vidgen.store.write() as tx:
        tx.tasks.note(task.id, progress=percent)


def end(vidgen: Vidgen, tasks: tuple[Task, ...]) -> None:
    assert len(vidgen.tasks.cancel([task.id for task in tasks]).done) == len(tasks)


async def listen(live: Live, ids: list[int], heard: list[News], since: int | None = None) -> None:
    async for news in live.progress.follow(ids, since):
        # One at a time, so that others see it as it comes.
        heard += [news]


async def until(heard: list[News], count: int) -> None:
    async with asyncio.timeout(30):
        while len(heard) < count:  # noqa: ASYNC110 - the stream tells nobody by itself
            await asyncio.sleep(0.01)


async def test_a_listener_hears_where_all_stand_and_each_change(vidgen: Vidgen, tasks: tuple[Task, ...]) -> None:
    live, heard = Live(lambda: vidgen), list[News]()
    ids = [task.id for task in tasks[:2]]
    listening = asyncio.create_task(listen(live, ids, heard))
    await until(heard, 1)
    assert [one.status for one in heard[0].standings.values()] == [TaskStatus.QUEUED] * 2
    await asyncio.to_thread(note, vidgen, tasks[0], 40)
    await until(heard, 2)
    assert heard[1].standings[ids[0]].progress == 40
    # What does not concern it is not told.
    await asyncio.to_thread(note, vidgen, tasks[2], 10)
    await asyncio.to_thread(end, vidgen, tasks)
    await asyncio.wait_for(listening, 30)
    assert heard[-1].done
    assert not live.progress.listeners
    await live.close()


async def test_who_comes_back_hears_only_what_is_new(vidgen: Vidgen, tasks: tuple[Task, ...]) -> None:
    live, heard, ids = Live(lambda: vidgen), list[News](), [tasks[0].id]
    first = asyncio.create_task(listen(live, ids, heard))
    await until(heard, 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert not live.progress.listeners
    again = asyncio.create_task(listen(live, ids, heard, heard[0].rev))
    await asyncio.sleep(0)
    await asyncio.to_thread(note, vidgen, tasks[0], 60)
    await until(heard, 2)
    assert heard[1].standings[ids[0]].progress == 60
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)
    await asyncio.to_thread(note, vidgen, tasks[0], 80)
    missed = asyncio.create_task(listen(live, ids, heard, heard[1].rev))
    await until(heard, 3)
    assert heard[2].standings[ids[0]].progress == 80
    await live.close()
    await asyncio.wait_for(missed, 30)


async def test_two_hundred_listeners_cost_what_one_does(vidgen: Vidgen, tasks: tuple[Task, ...]) -> None:
    async def statements(listeners: int) -> int:
        live = Live(lambda: vidgen)
        everybody = [list[News]() for _ in range(listeners)]
        listening = [asyncio.create_task(listen(live, [tasks[0].id], heard)) for heard in everybody]
        await asyncio.gather(*(until(heard, 1) for heard in everybody))
        ran: list[str] = []
        engine = vidgen.store._readers
        event.listen(engine, "before_cursor_execute", lambda *given: ran.append(given[2]))
        rev = await asyncio.to_thread(vidgen.store.revision)
        ran.clear()
        # One look of the watcher after one change.
        await asyncio.to_thread(note, vidgen, tasks[0], listeners % 97)
        await live.progress.read_changes(rev + 1)
        await asyncio.gather(*(until(heard, 2) for heard in everybody))
        await live.close()
        await asyncio.wait_for(asyncio.gather(*listening), 30)
        return len([sql for sql in ran if "tasks" in sql])

    one, many = await statements(1), await statements(200)
    # The watcher of Live may have looked by itself in between, once.
    assert many <= 2 * one
    assert one >= 1


async def test_the_end_of_the_server_ends_every_stream(vidgen: Vidgen, tasks: tuple[Task, ...]) -> None:
    live, heard = Live(lambda: vidgen), list[News]()
    listening = [asyncio.create_task(listen(live, [task.id], heard)) for task in tasks]
    await until(heard, len(tasks))
    live.close_soon()
    await asyncio.wait_for(asyncio.gather(*listening), 5)
    assert not any(news.done for news in heard)
    await live.close()


def test_what_has_ended_already_is_told_and_done(client: TestClient, vidgen: Vidgen, tasks: tuple[Task, ...]) -> None:
    end(vidgen, tasks)
    ids = ",".join(str(task.id) for task in tasks)
    answer = client.get(f"/api/local/progress?task_ids={ids}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    progress, done, *_ = answer.text.strip().split("\n\n")
    data = json.loads(next(line for line in progress.splitlines() if line.startswith("data: ")).removeprefix("data: "))
    assert [one["status"] for one in data] == ["cancelled"] * 3
    assert "event: done" in done
    assert "data: {}" in done


def test_tasks_of_another_provider_are_not_found_there(client: TestClient, tasks: tuple[Task, ...]) -> None:
    assert client.get(f"/api/yunwu/progress?task_ids={tasks[0].id}").status_code == 404
