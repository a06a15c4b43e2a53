"""Several workers on one PostgreSQL: one queue under one cap; whatever happens to them, nothing is bought twice or lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from doubles import wait_until
from postgres_server import Postgres, postgres, postgres_url  # noqa: F401 - fixtures

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

pytest.importorskip("pgqueuer", reason="needs the engine of the extra `scale`")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

YUNWU = ProviderId("yunwu")
PATIENCE = 120.0
SHOTS = 24
CAP = 6
TAKEOVER = 3


class Studio:
    """Machines with a data home each, one database, one save folder and one provider."""

    def __init__(self, folder: Path, url: str, server: RehearsalServer) -> None:
        self._folder = folder
        self.server = server
        self.url = url
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        with Vidgen.open(Locations(folder / "door").create()) as app:
            self.project = app.projects.ensure("film").id
            shots = [app.shots.add(self.project, prompt=f"shot number {n}").id for n in range(SHOTS)]
            app.tasks.generate(self.project, shots, GenerateOptions(provider=YUNWU, takes=1))

    def start(self, name: str, **environment: str) -> None:
        """``vidgen worker`` on a machine."""
        home = str(self._folder / name)
        with (self._folder / f"{name}.log").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "vidgen_core", "worker", "--name", name],
                stdout=log,
                stderr=log,
                env={**os.environ, "VIDGEN_HOME": home, **environment},
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        worker = self.workers.pop(name)
        worker.send_signal(number)
        worker.wait(PATIENCE)

    def close(self) -> None:
        for worker in self.workers.values():
            worker.send_signal(signal.SIGCONT)
            worker.kill()
        for worker in self.workers.values():
            worker.wait(PATIENCE)

    def submits(self) -> int:
        return int(self.server.stats()["submits_total"])

    def carried(self) -> Counter[str]:
        """Tasks under way by the name of their worker."""
        with closing(Store.open(self.url)) as store, store.read() as tx:
            attempts = [tx.attempts.get(task.attempt_id) for task in tx.tasks.active() if task.attempt_id]
        return Counter((one.worker or "").rpartition(":")[0] for one in attempts)

    def leader(self) -> str:
        with closing(Store.open(self.url)) as store, store.read() as tx:
            return next((beat.name.rpartition(":")[0] for beat in tx.heartbeat.all() if beat.leads), "")

    def check(self) -> None:
        """Wait for the end: everything came, once, and never more than the cap at once."""

        def ended() -> bool:
            with closing(Store.open(self.url)) as store, store.read() as tx:
                counts = tx.tasks.counts(self.project)
            return counts[TaskStatus.COMPLETED] + counts[TaskStatus.FAILED] == SHOTS

        wait_until(ended, PATIENCE)
        with closing(Store.open(self.url)) as store, store.read() as tx:
            failed = tx.tasks.many(tx.tasks.ids(self.project, TaskFilter(statuses=frozenset({TaskStatus.FAILED}))))
            assert tx.chain.double_submits() == 0
            assert list(tx.chain.strays()) == []
        # Whether a request had left that was never heard of again, a person is asked.
        assert {one.failure and one.failure.kind for one in failed} <= {ErrorKind.SUBMIT_UNKNOWN}
        prompts = Counter(job["prompt"] for job in self.server.jobs())
        assert set(prompts.values()) == {1}
        assert len(prompts) >= SHOTS - len(failed)
        assert self.server.stats()["peak_in_flight"]["yunwu"] <= CAP


@pytest.fixture
def studio(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:  # noqa: F811
    with RehearsalServer(RehearsalOptions(videos="shared", job_seconds=(0.5, 1.5))) as server:
        settings = {
            **settings_hint(server.url),
            "VIDGEN_SCALE__DATABASE": postgres_url,
            "VIDGEN_SCALE__TIMEZONE": "UTC",
            "VIDGEN_SCALE__TAKEOVER_SECONDS": str(TAKEOVER),
            "VIDGEN_SAVE_DIR": str(tmp_path / "shared"),
            "VIDGEN_RUNNER__POLL_INTERVAL": "0.2",
            "VIDGEN_RUNNER__MAX_CONCURRENT": str(CAP),
            "VIDGEN_LANGUAGE": "en",
            # Set by the first home that is opened; put back after the test.
            "TZ": "UTC",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        studio = Studio(tmp_path, postgres_url, server)
        try:
            yield studio
        finally:
            studio.close()


def test_two_workers_share_a_queue_and_one_goes_on_when_the_other_is_killed(studio: Studio) -> None:
    studio.start("a")
    studio.start("b")
    wait_until(lambda: studio.submits() > CAP and len(studio.carried()) == 2, PATIENCE)
    studio.kill("a")
    studio.check()
