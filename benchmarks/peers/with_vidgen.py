"""Vidgen's own worker over the same provider, with the statements and commits of its store counted."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from peers.measured import Work, tell, the_work
from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import (
    Connection,
    Key,
    Order,
    Prepared,
    Provider,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
)
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.providers.http.client import Http, Verb
from vidgen_core.providers.http.download import download
from vidgen_core.worker.scheduler import Scheduler
from vidgen_core.worker.worker import Worker

KEYS = '[{"name":"a","secret":"sk-a-1111"}]'
YUNWU = ProviderId("yunwu")
#: Jobs before the first that counts.
FIRST = 3


class Timed(Provider):
    """The provider of ``peers.provider``, asked through the client of all adapters."""

    mode = YUNWU

    def __init__(self, *args: Any, url: str, **more: Any) -> None:
        super().__init__(*args, **more)
        #: Seconds of the longest poll.
        self.longest = 0.0
        self._url = url
        self._http = Http()

    @property
    def base_url(self) -> str | None:
        return self._url

    def models(self) -> tuple[str, ...]:
        return ("timed",)

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities(model=model, aspect_ratios=("9:16",), sizes=("720P",))

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        return ()

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        return Prepared(payload={"prompt": "x"})

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        answer = await self._http.call(Verb.SUBMIT, "POST", f"{self._url}/jobs", key=key, json=prepared.payload)
        return Submission(remote_id=answer.json["id"])

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        begun = time.monotonic()
        answer = await self._http.call(Verb.POLL, "GET", f"{self._url}/jobs/{job.remote_id}", key=key)
        self.longest = max(self.longest, time.monotonic() - begun)
        if answer.json["state"] == "done":
            return RemoteState(status=RemoteStatus.SUCCEEDED, url=answer.json["url"])
        return RemoteState(status=RemoteStatus.RUNNING)

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        return await download(self._http, url, part, key=key, home=self._url)

    async def test(self, key: Key | None) -> Connection:
        return Connection(ok=True)

    async def close(self) -> None:
        await self._http.close()


class Counted:
    """Statements and commits of every connection that is opened from now on, and statements inside triggers."""

    def __init__(self) -> None:
        self.statements = self.commits = self.all = 0
        event.listen(Engine, "connect", lambda connection, _record: connection.set_trace_callback(self._trace))
        event.listen(Engine, "before_cursor_execute", self._count)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements += not statement.startswith(_FRAMES)

    def _trace(self, statement: str) -> None:
        # The driver tells a statement again for each one that its triggers run.
        self.all += not statement.startswith(_FRAMES)
        self.commits += statement.startswith("COMMIT")

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.statements, self.commits, self.all - self.statements


class Lateness:
    """The most seconds that a step began after its time."""

    def __init__(self) -> None:
        self.most, plain = 0.0, Scheduler._start_due

        def start_due(scheduler: Scheduler) -> None:
            if scheduler._due:
                self.most = max(self.most, scheduler._ctx.clock.monotonic() - scheduler._due[0][0])
            plain(scheduler)

        Scheduler._start_due = start_due  # type: ignore[method-assign]


_FRAMES = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")


def _run(work: Work) -> None:
    os.environ["VIDGEN_RUNNER__MAX_CONCURRENT"] = str(work.cap)
    os.environ["VIDGEN_RUNNER__POLL_INTERVAL"] = str(work.poll)
    os.environ["VIDGEN_PROVIDERS__YUNWU__KEYS"] = KEYS
    locations = Locations(Path(work.folder) / "home").create()
    settings = SettingsFile(locations)
    counted, late = Counted(), Lateness()
    store, own = Store.open(locations.database), Store.open(locations.database, checkpoints=True)
    provider = Timed(settings.recent, locations, url=work.url)
    worker = Worker(own, settings.recent, locations, lambda _: {YUNWU: provider}).start()
    # What is loaded with the first request and the first file belongs to the start.
    queue(store, FIRST)
    _wait(store, FIRST)
    urllib.request.urlopen(f"{work.url}/forget").close()  # noqa: S310 — loopback
    before, cpu = counted.counts, time.process_time()
    queue(store, work.jobs)
    worker.wake()
    _wait(store, FIRST + work.jobs)
    cpu = time.process_time() - cpu
    counts = counted.counts
    worker.stop()
    per_task = [(now - then) / work.jobs for now, then in zip(counts, before, strict=True)]
    found = dict(zip(("statements", "commits", "triggers"), per_task, strict=True))
    tell(work, cpu, **found, **{"late s": late.most, "longest s": provider.longest})


def queue(store: Store, tasks: int) -> None:
    params = GenerationParams(aspect_ratio="9:16", size="720P")
    with store.write() as tx:
        project = tx.projects.ensure("bench")
        [shot] = tx.shots.add(project.id, [NewShot(number="1.0", prompt="x")])
        tx.tasks.add(
            [NewTask(project_id=project.id, shot_id=shot.id, provider=YUNWU, model="timed", params=params)] * tasks
        )


def _wait(store: Store, tasks: int) -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        with store.read() as tx:
            counts = tx.tasks.counts(None)
        if counts[TaskStatus.COMPLETED] == tasks:
            return
        if counts[TaskStatus.FAILED]:
            sys.exit("a task has failed")
        time.sleep(0.5)
    raise TimeoutError


if __name__ == "__main__":
    _run(the_work())
