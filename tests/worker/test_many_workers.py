"""Several workers on one PostgreSQL: one queue under one cap; whatever happens to them, nothing is bought twice or lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

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
#: Of each failure; chance decides what is under way when it happens.
ROUNDS = int(os.environ.get("VIDGEN_TEST_ROUNDS", "5"))


class Network:
    """A way to the server that can be cut: then nothing comes through in either direction, and no end is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_open = threading.Event()
        self.is_open.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [here, there]
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while received := source.recv(65536):
                self.is_open.wait()
                target.sendall(received)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.is_open.set()
        for end in (self._listening, *self._ends):
            end.close()


#: A worker whose machine has another time.
FAST_CLOCK = """
import datetime, vidgen_core.db.repository as repository, vidgen_core.worker.clock as clock
ahead = lambda: datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
repository.now = clock.utc_now = ahead
from vidgen_core.cli import main
main()
"""


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

    def start(self, name: str, program: tuple[str, ...] = ("-m", "vidgen_core"), **environment: str) -> None:
        """``vidgen worker`` on a machine."""
        home = str(self._folder / name)
        with (self._folder / f"{name}.log").open("ab") as log:
            self.workers[name] = subprocess.Popen(
                [sys.executable, *program, "worker", "--name", name],
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


def begin(studio: Studio, **how: Any) -> None:
    """Two workers, both in the middle of it; ``how`` says how the first one is started."""
    studio.start("a", **how)
    studio.start("b")
    wait_until(lambda: studio.submits() > CAP and len(studio.carried()) == 2, PATIENCE)


def test_two_workers_share_a_queue_and_one_goes_on_when_the_other_is_killed(studio: Studio) -> None:
    begin(studio)
    studio.kill("a")
    studio.check()


@pytest.mark.extended
@pytest.mark.parametrize("again", range(ROUNDS))
class TestFailures:
    def test_another_leads_when_the_leader_is_killed(self, studio: Studio, again: int) -> None:
        begin(studio)
        studio.kill(studio.leader())
        studio.check()

    def test_one_that_stood_still_finds_its_tasks_with_another(self, studio: Studio, again: int) -> None:
        begin(studio)
        studio.workers["a"].send_signal(signal.SIGSTOP)
        wait_until(lambda: set(studio.carried()) <= {"b"}, PATIENCE)
        studio.workers["a"].send_signal(signal.SIGCONT)
        studio.check()

    def test_one_that_is_starved_does_no_harm(self, studio: Studio, again: int) -> None:
        begin(studio)
        for _ in range(5):
            studio.workers["a"].send_signal(signal.SIGSTOP)
            threading.Event().wait(TAKEOVER)
            studio.workers["a"].send_signal(signal.SIGCONT)
            threading.Event().wait(0.3)
        studio.check()

    def test_a_restart_of_the_server_is_waited_for(self, studio: Studio, postgres: Postgres, again: int) -> None:  # noqa: F811
        begin(studio)
        postgres.restart()
        studio.check()

    def test_one_that_is_cut_off_from_the_server(self, studio: Studio, postgres: Postgres, again: int) -> None:  # noqa: F811
        with closing(Network(postgres.port)) as network:
            begin(studio, VIDGEN_SCALE__DATABASE=studio.url.replace(f":{postgres.port}/", f":{network.port}/"))
            network.is_open.clear()
            wait_until(lambda: set(studio.carried()) <= {"b"}, PATIENCE)
            network.is_open.set()
            studio.check()

    def test_one_whose_clock_is_wrong(self, studio: Studio, again: int) -> None:
        begin(studio, program=("-c", FAST_CLOCK))
        studio.kill("b")
        studio.start("b")
        studio.check()
