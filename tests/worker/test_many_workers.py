"""Several workers on one PostgreSQL: one queue under one cap; whatever happens to them, nothing is bought twice or lost."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from doubles import wait_until
from postgres_server import Network, Postgres, postgres, postgres_url, shared_studio  # noqa: F401 - fixtures
from s3_server import S3, s3  # noqa: F401 - a fixture

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store, Tx
from vidgen_core.domain.errors import ErrorKind, StoreError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter, TaskFilter
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

pytest.importorskip("pgqueuer", reason="needs the engine of the extra `scale`")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

T = TypeVar("T")
UNKNOWN = ErrorKind.SUBMIT_UNKNOWN
YUNWU = ProviderId("yunwu")
PATIENCE = 300.0
SHOTS = 24
CAP = 6
TAKEOVER = 3
#: Of each failure; chance decides what is under way when it happens.
ROUNDS = int(os.environ.get("VIDGEN_TEST_ROUNDS", "5"))
#: A worker whose machine has another time.
FAST_CLOCK = """
import datetime, vidgen_core.worker.clock as clock
ahead = lambda: datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
clock.utc_now = ahead
from vidgen_core.cli import main
main()
"""
#: A worker that stands still as soon as its third intent is on disk, before anything of it is sent.
STANDS_STILL = """
import os, signal, vidgen_core.worker.steps.submit as submit
write, intents = submit.write_order, []
async def written(active, ctx, generation):
    await write(active, ctx, generation)
    intents.append(active.task.id)
    if len(intents) == 3:
        os.kill(os.getpid(), signal.SIGSTOP)
submit.write_order = written
from vidgen_core.cli import main
main()
"""


class Studio:
    """Machines with a data home each, one database, one save folder and one provider."""

    def __init__(self, folder: Path, url: str, server: RehearsalServer, clock: list[float]) -> None:
        self._folder = folder
        self._clock = clock
        self.server = server
        self.url = url
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.project = 0
        self._store = Store.open(url)

    def read(self, question: Callable[[Tx], T]) -> T:
        """The database's answer, as soon as its server gives one."""

        def answered() -> list[T]:
            with suppress(StoreError), self._store.read() as tx:
                return [question(tx)]
            return []

        [answer] = wait_until(answered, PATIENCE)
        return answer

    def order(self) -> None:
        """Queue a take of each shot."""
        with Vidgen.open(Locations(self._folder / "own").create()) as app:
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

    def is_stopped(self, name: str) -> bool:
        """Whether a worker stands still."""
        return psutil.Process(self.workers[name].pid).status() == psutil.STATUS_STOPPED

    def takes(self) -> list[Take]:
        return self.read(
            lambda tx: [
                take for takes in tx.takes.of_shots(tx.shots.ids(self.project, ShotFilter())).values() for take in takes
            ]
        )

    def close(self) -> None:
        self._store.close()
        for worker in self.workers.values():
            worker.send_signal(signal.SIGCONT)
            worker.kill()
        for worker in self.workers.values():
            worker.wait(PATIENCE)

    def let_pass(self, seconds: float) -> None:
        """Let time go on at the provider, where jobs take some seconds."""
        self._clock[0] += seconds

    def carried(self) -> Counter[str]:
        """Tasks whose jobs run by the name of their worker."""
        attempts = self.read(lambda tx: tx.attempts.open(YUNWU))
        return Counter((one.worker or "").rpartition(":")[0] for one in attempts if one.remote_id)

    def holders(self) -> set[str]:
        """Workers that have a task under way, sent or not."""
        attempts = self.read(lambda tx: tx.attempts.open(YUNWU))
        return {(one.worker or "").rpartition(":")[0] for one in attempts}

    def leads(self, name: str) -> bool:
        beats = self.read(lambda tx: tx.heartbeat.all())
        return any(beat.leads and beat.name.startswith(f"{name}:") for beat in beats)

    def alive(self) -> set[str]:
        """Workers that have been heard of."""
        return {beat.name.rpartition(":")[0] for beat in self.read(lambda tx: tx.heartbeat.all())}

    def begin(self, **how: Any) -> None:
        """Worker *a* leads and has as many jobs under way as may be, which last until ``check``; *b* stands beside it.

        :param how: how the first one is started
        """
        self.order()
        self.start("a", **how)
        wait_until(lambda: self.carried()["a"] == CAP, PATIENCE)
        self.start("b")
        wait_until(lambda: "b" in self.alive(), PATIENCE)

    def check(self) -> None:
        """Let jobs end, and wait: everything came, once, and never more than the cap at once."""
        self.let_pass(60)

        def ended() -> bool:
            counts = self.read(lambda tx: tx.tasks.counts(self.project))
            # Those that began since then.
            self.let_pass(1)
            return counts[TaskStatus.COMPLETED] + counts[TaskStatus.FAILED] == SHOTS

        wait_until(ended, PATIENCE)
        with self._store.read() as tx:
            failed = tx.tasks.many(tx.tasks.ids(self.project, TaskFilter(statuses=frozenset({TaskStatus.FAILED}))))
            assert tx.chain.double_submits() == 0
            assert list(tx.chain.strays()) == []
        # Whether a request had left that was never heard of again, a person is asked.
        assert [one.failure for one in failed if one.failure is None or one.failure.kind is not UNKNOWN] == []
        prompts = Counter(job["prompt"] for job in self.server.jobs())
        assert {prompt: n for prompt, n in prompts.items() if n > 1} == {}
        assert len(prompts) >= SHOTS - len(failed)
        assert self.server.stats()["peak_in_flight"]["yunwu"] <= CAP


@pytest.fixture
def studio(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:  # noqa: F811
    with studio_at(postgres_url, tmp_path, monkeypatch) as studio:
        yield studio


@contextmanager
def studio_at(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """A studio without workers, whose machines are what the variables of this process say."""
    clock = [1_800_000_000.0]
    with RehearsalServer(RehearsalOptions(videos="shared", clock=lambda: clock[0])) as server:
        settings = {
            **settings_hint(server.url),
            **shared_studio(url, folder),
            "VIDGEN_SCALE__TAKEOVER_SECONDS": str(TAKEOVER),
            "VIDGEN_RUNNER__POLL_INTERVAL": "0.2",
            "VIDGEN_RUNNER__MAX_CONCURRENT": str(CAP),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        studio = Studio(folder, url, server, clock)
        try:
            yield studio
        finally:
            studio.close()


def test_two_workers_share_a_queue_and_one_goes_on_when_the_other_is_killed(studio: Studio) -> None:
    studio.begin()
    studio.kill("a")
    studio.check()


@pytest.mark.extended
@pytest.mark.parametrize("again", range(ROUNDS))
class TestFailures:
    def test_the_last_goes_on_when_one_after_the_other_is_killed(self, studio: Studio, again: int) -> None:
        studio.begin()
        studio.kill("a")
        studio.start("c")
        # They share what it had, as chance has it.
        wait_until(lambda: "c" in studio.alive() and "a" not in studio.carried(), PATIENCE)
        studio.kill("b")
        studio.check()

    def test_one_that_stood_still_finds_its_tasks_with_another(self, studio: Studio, again: int) -> None:
        studio.begin()
        studio.workers["a"].send_signal(signal.SIGSTOP)
        wait_until(lambda: studio.holders() <= {"b"} and studio.leads("b"), PATIENCE)
        studio.workers["a"].send_signal(signal.SIGCONT)
        studio.check()

    def test_one_that_is_starved_does_no_harm(self, studio: Studio, again: int) -> None:
        studio.begin()
        for _ in range(5):
            studio.let_pass(2)
            studio.workers["a"].send_signal(signal.SIGSTOP)
            threading.Event().wait(TAKEOVER)
            studio.workers["a"].send_signal(signal.SIGCONT)
            threading.Event().wait(0.3)
        studio.check()

    def test_a_restart_of_the_server_is_waited_for(self, studio: Studio, postgres: Postgres, again: int) -> None:  # noqa: F811
        studio.begin()
        postgres.restart()
        studio.check()

    def test_a_server_that_stands_still_is_away_until_it_goes_on(
        self,
        studio: Studio,
        postgres: Postgres,  # noqa: F811
        tmp_path: Path,
        again: int,
    ) -> None:
        studio.begin()
        with postgres.standing_still():
            # Room for more orders.
            studio.let_pass(60)
            for name in studio.workers:
                wait_until(lambda log=tmp_path / f"{name}.log": "does not answer" in log.read_text(), PATIENCE)
            assert studio.server.stats()["submits_total"] == CAP
        studio.check()
        assert all((tmp_path / f"{name}.log").read_text().count("does not answer") == 1 for name in studio.workers)

    def test_one_that_is_cut_off_from_the_server(self, studio: Studio, postgres: Postgres, again: int) -> None:  # noqa: F811
        with closing(Network(postgres.port)) as network:
            studio.begin(VIDGEN_SCALE__DATABASE=network.way_to(studio.url))
            network.is_open.clear()
            wait_until(lambda: set(studio.carried()) <= {"b"}, PATIENCE)
            network.is_open.set()
            studio.check()

    def test_one_that_is_stopped_gives_its_tasks_back(self, studio: Studio, again: int) -> None:
        studio.begin()
        studio.kill("a", signal.SIGTERM)
        studio.check()

    def test_one_whose_clock_is_wrong(self, studio: Studio, again: int) -> None:
        studio.begin(program=("-c", FAST_CLOCK))
        studio.kill("b")
        studio.start("b")
        studio.check()

    def test_one_that_stands_still_between_its_intent_and_its_order(self, studio: Studio, again: int) -> None:
        studio.order()
        studio.start("a", program=("-c", STANDS_STILL))
        wait_until(lambda: studio.is_stopped("a"), PATIENCE)
        studio.start("b")
        wait_until(lambda: studio.holders() == {"b"}, PATIENCE)
        studio.workers["a"].send_signal(signal.SIGCONT)
        studio.check()

    def test_two_whose_settings_differ_keep_to_the_higher_cap(self, studio: Studio, again: int) -> None:
        studio.order()
        studio.start("a", VIDGEN_RUNNER__MAX_CONCURRENT=str(CAP // 2))
        studio.start("b", VIDGEN_RUNNER__POLL_INTERVAL="0.5")
        # Who leads asks for as many to be carried as it allows itself, and either may be quicker to take them.
        wait_until(studio.carried, PATIENCE)
        wait_until(lambda: {"a", "b"} <= studio.alive(), PATIENCE)
        studio.check()

    @pytest.mark.parametrize("fault", [503, 0], ids=["refusing", "broken"])
    def test_a_bucket_that_fails_for_a_while_is_waited_for(
        self,
        s3: S3,  # noqa: F811
        studio: Studio,
        fault: int,
        again: int,
    ) -> None:
        studio.begin()
        s3.fails = fault
        studio.let_pass(60)
        wait_until(lambda: s3.failed >= CAP, PATIENCE)
        # Through whatever the drivers try again by themselves.
        threading.Event().wait(8)
        s3.fails = None
        studio.check()
        check_bucket(s3, studio)

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
    def test_a_video_that_is_put_twice_is_one_take(
        self,
        s3: S3,  # noqa: F811
        studio: Studio,
        number: signal.Signals,
        again: int,
    ) -> None:
        # Orders that were out when it ended count as jobs for so long.
        wait = {"VIDGEN_RUNNER__MAX_WAIT": "150"}
        studio.order()
        studio.start("a", **wait)
        wait_until(lambda: studio.carried()["a"] == CAP, PATIENCE)
        stored = threading.Event()

        def interrupt(path: str) -> None:
            """The worker that has put the first video does not hear of it."""
            if "/videos/" in path and not stored.is_set():
                stored.set()
                studio.workers["a"].send_signal(number)

        s3.on_stored = interrupt
        studio.let_pass(60)
        wait_until(stored.is_set, PATIENCE)
        studio.start("c", **wait)
        wait_until(lambda: "a" not in studio.carried(), PATIENCE)
        studio.workers["a"].send_signal(signal.SIGCONT)
        studio.check()
        check_bucket(s3, studio)


def check_bucket(s3: S3, studio: Studio) -> None:  # noqa: F811
    """Each take has one video of its own in the bucket, whole."""
    kept = {f"s3://{s3.bucket}/{key}" for key in s3.listed() if key.startswith("film/videos/")}
    takes = studio.takes()
    assert sorted(take.place for take in takes) == sorted(kept)
    for take in takes:
        data = (
            s3.client().get_object(Bucket=s3.bucket, Key=take.place.removeprefix(f"s3://{s3.bucket}/"))["Body"].read()
        )
        assert hashlib.sha256(data).hexdigest() == take.sha256
