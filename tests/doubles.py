"""What stands in for the world in tests, in one place."""

from __future__ import annotations

import asyncio
import itertools
import resource
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from math import prod
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from vidgen_core.db import Tx
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    Connection,
    Found,
    Key,
    Order,
    Prepared,
    Provider,
    RateLimit,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
)
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.services.system.worker_control import WorkerControl


def one_round(*axes: Sequence[object]) -> list[ParameterSet]:
    """All combinations of some values: each value of each axis comes up in ``make test``, the others in the whole suite."""
    longest = max(range(len(axes)), key=lambda number: len(axes[number]))
    others = [number for number in range(len(axes)) if number != longest]
    # As many values of the longest axis go by until the next value of another one has its turn.
    pace = {other: prod(len(axes[one]) for one in others[:place]) for place, other in enumerate(others)}
    return [
        pytest.param(
            *(axis[place] for axis, place in zip(axes, places, strict=True)),
            marks=()
            if all(places[other] == places[longest] // step % len(axes[other]) for other, step in pace.items())
            else pytest.mark.extended,
        )
        for places in itertools.product(*(range(len(axis)) for axis in axes))
    ]


def wait_until(condition: Callable[[], Any], timeout: float = 30.0) -> Any:
    """Ask until the answer is true and return it; AssertionError after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    gap = threading.Event()
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {timeout} s: {condition}"
        gap.wait(0.02)
    return answer


_START = WorkerControl.start_embedded


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes, as on a disk that is full or in a folder with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def queue_takes(tx: Tx, count: int = 1) -> list[Task]:
    """Tasks of one shot of Yunwu's, alike, in a project of their own."""
    project = tx.projects.ensure("ep01")
    [shot] = tx.shots.add(project.id, [NewShot(number="1.0", prompt="a")])
    task = NewTask(
        project_id=project.id,
        shot_id=shot.id,
        provider=ProviderId("yunwu"),
        model="grok-video-3",
        params=GenerationParams(prompt="a", aspect_ratio="9:16", size="720P"),
    )
    return tx.tasks.add([task] * count)


def embedded_worker(monkeypatch: pytest.MonkeyPatch, *, works: bool) -> None:
    """Whether servers of this process have a worker beside them."""
    monkeypatch.setattr(WorkerControl, "start_embedded", _START if works else lambda _: None)


RUNNING = RemoteState(status=RemoteStatus.RUNNING, progress=40)


def done(url: str = "https://cdn.invalid/v.mp4") -> RemoteState:
    return RemoteState(status=RemoteStatus.SUCCEEDED, progress=100, url=url)


class ScriptedProvider(Provider):
    """A paid remote API that does what the test says, and counts.

    ``submits``, ``polls``, ``fetches``, ``confirms`` are what happens on each call, in order; the last one happens ever after.
    Each is a value to return or an error to raise.
    """

    mode = ProviderId("yunwu")
    longest_job = 60.0
    at_once: int | None = None
    handed_back = False
    confirms_up_to: Decimal | None = None
    rate_limit: RateLimit | None = None

    def __init__(self, *args: Any, video: Path, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.video = video
        self.submits: list[Any] = [None]
        self.polls: list[Any] = [done()]
        self.fetches: list[Any] = [None]
        self.confirms: list[Any] = [True]
        self.problems: tuple[Problem, ...] = ()
        self.prepares: list[Any] = [None]
        self.links: list[Any] = [None]
        self.found: tuple[Found, ...] | None = None
        self.sent: list[Order] = []
        self.keys: list[str | None] = []
        self.poll_keys: list[str | None] = []
        self.cancelled: list[str] = []
        #: Remote ids of the jobs to whose price a yes was said; ``at_confirm`` is called and waited for with each.
        self.confirmed: list[str] = []
        self.at_confirm: Callable[[], Awaitable[None]] | None = None
        self.fetched: list[str] = []
        self.in_flight: set[str] = set()
        self.peak = 0
        self.submit_gate: asyncio.Event | None = None
        self._numbers = itertools.count(1)

    @property
    def base_url(self) -> str | None:
        return "http://127.0.0.1:9"

    def models(self) -> tuple[str, ...]:
        return ("scripted",)

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities(model=model, aspect_ratios=("9:16",), sizes=("720P",))

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        return self.problems

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        _act(self.prepares)
        return Prepared(payload={"prompt": order.params.prompt}, sent={"images": 0})

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        self.sent.append(order)
        self.keys.append(key.id if key else None)
        if self.submit_gate is not None:
            await self.submit_gate.wait()
        given = _act(self.submits)
        remote_id = given or f"remote-{next(self._numbers)}"
        self.in_flight.add(remote_id)
        self.peak = max(self.peak, len(self.in_flight))
        return Submission(remote_id=remote_id)

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        self.poll_keys.append(key.id if key else None)
        state: RemoteState = _act(self.polls)
        if state.status in (RemoteStatus.SUCCEEDED, RemoteStatus.FAILED, RemoteStatus.CANCELLED):
            self.in_flight.discard(job.remote_id)
        return state

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        self.fetched.append(url)
        given = _act(self.fetches)
        data = given if given is not None else self.video.read_bytes()
        part.append(data)
        return len(data)

    async def fresh_link(self, job: RemoteJob, url: str, key: Key | None) -> str | None:
        link: str | None = _act(self.links)
        return link

    async def cancel(self, job: RemoteJob, key: Key | None) -> bool:
        self.cancelled.append(job.remote_id)
        return False

    async def confirm(self, job: RemoteJob, key: Key | None) -> bool:
        self.confirmed.append(job.remote_id)
        if self.at_confirm is not None:
            await self.at_confirm()
        return bool(_act(self.confirms))

    async def find(self, order: Order, since: object, key: Key | None) -> tuple[Found, ...] | None:
        return self.found

    async def test(self, key: Key | None) -> Connection:
        return Connection(ok=True)


def _act(script: list[Any]) -> Any:
    action = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(action, Exception):
        raise action
    return action
