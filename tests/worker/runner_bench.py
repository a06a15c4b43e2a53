"""A runner over a real store with a scripted provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from doubles import ScriptedProvider, wait_until

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.log import LogLine
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import LogFilter
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.worker.clock import Clock
from vidgen_core.worker.worker import Worker

QUICK = {
    "VIDGEN_RUNNER__POLL_INTERVAL": "0.05",
    "VIDGEN_RUNNER__BACKOFF_BASE": "0.02",
    "VIDGEN_RUNNER__BACKOFF_MAX": "0.05",
    "VIDGEN_PROVIDERS__YUNWU__KEYS": '[{"name":"a","secret":"sk-aaaa1111"},{"name":"b","secret":"sk-bbbb2222"}]',
}


class Bench:
    """A data home, a scripted provider and a runner that can be stopped and started again."""

    def __init__(self, locations: Locations, video: Path, database: str = "") -> None:
        self.locations = locations
        self.settings_file = SettingsFile(locations)
        self.store = Store.open(database or locations.database)
        self.provider = ScriptedProvider(self.settings_file.current, locations, video=video)
        self.clock: Clock | None = None
        self._runners: list[tuple[Worker, Store]] = []
        with self.store.write() as tx:
            self.project = tx.projects.ensure("ep01")
            self.shot = tx.shots.add(self.project.id, [NewShot(number="1.0", prompt="pan left")])[0]

    def start(self) -> Worker:
        store = Store.open(self.locations.database, checkpoints=True)
        providers = {ProviderId("yunwu"): self.provider}
        runner = Worker(store, self.settings_file.current, self.locations, lambda _: providers, self.clock)
        self._runners.append((runner.start(), store))
        return runner

    def stop(self, *, at_once: bool = False) -> None:
        while self._runners:
            runner, store = self._runners.pop()
            if at_once:
                runner.stop_at_once()
            runner.stop()
            assert not runner.thread.is_alive()
            store.close()

    def queue(self, count: int = 1, **changes: Any) -> list[Task]:
        known: dict[str, Any] = {
            "project_id": self.project.id,
            "shot_id": self.shot.id,
            "provider": ProviderId("yunwu"),
            "model": "scripted",
            "params": GenerationParams(prompt="pan left", aspect_ratio="9:16", size="720P"),
            "cost": Money(amount="0.4", currency="CNY"),
        }
        new = NewTask(**known | changes)
        with self.store.write() as tx:
            return tx.tasks.add([new] * count)

    def task(self, task: Task) -> Task:
        with self.store.read() as tx:
            return tx.tasks.get(task.id)

    def task_counts(self) -> dict[TaskStatus, int]:
        with self.store.read() as tx:
            return tx.tasks.counts(None)

    def attempts(self, task: Task) -> list[Attempt]:
        with self.store.read() as tx:
            return tx.attempts.of_task(task.id)

    def log(self) -> list[LogLine]:
        with self.store.read() as tx:
            return tx.log.page(None, LogFilter(), 500)

    def hold(self) -> dict[str, Any] | None:
        with self.store.read() as tx:
            found: dict[str, Any] | None = tx.state.get("provider_pause.yunwu")
            return found

    def wait(self, task: Task, *statuses: TaskStatus) -> Task:
        wait_until(lambda: self.task(task).status in statuses)
        return self.task(task)
