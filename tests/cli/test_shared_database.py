"""Machines that share a PostgreSQL database: one works, others take over; a restart of the server costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from doubles import free_port, wait_until
from postgres_server import Postgres, postgres, postgres_url, shared_studio  # noqa: F401 - fixtures

from tests.cli.cli_doubles import Vidgen as Command
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 90.0
TAKES = 4


class Studio:
    """Two machines with a data home each, one database, one save folder, and a provider that ends jobs when told."""

    def __init__(self, folder: Path, server: RehearsalServer, clock: list[float]) -> None:
        self._folder = folder
        self._clock = clock
        self.server = server

    def home(self, name: str) -> Locations:
        return Locations(self._folder / name)

    @contextmanager
    def working(self, name: str) -> Iterator[subprocess.Popen[str]]:
        """``vidgen run`` on a machine."""
        process = subprocess.Popen(
            [sys.executable, "-m", "vidgen_core", "run", "--until-done", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "VIDGEN_HOME": str(self.home(name).home)},
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def order(self) -> int:
        """Queue takes of one shot; returns their project."""
        with Vidgen.open(self.home("a").create()) as app:
            project = app.projects.ensure("film")
            shot = app.shots.add(project.id, prompt="pan left")
            app.tasks.generate(project.id, [shot.id], GenerateOptions(provider=ProviderId("yunwu"), takes=TAKES))
        return project.id

    def end_jobs(self) -> None:
        self._clock[0] += 60

    def check(self, project: int) -> None:
        """Everything came, once."""
        assert self.server.stats()["submits_total"] == TAKES
        with Vidgen.open(self.home("a")) as app:
            assert app.tasks.counts(project)[TaskStatus.COMPLETED] == TAKES
            assert len(list(app.settings().save_folder(app.locations).rglob("*.mp4"))) == TAKES
            with app.store.read() as tx:
                assert list(tx.chain.strays()) == []
                assert tx.chain.double_submits() == 0


@pytest.fixture
def studio(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:  # noqa: F811
    clock = [1_800_000_000.0]
    with RehearsalServer(RehearsalOptions(videos="shared", clock=lambda: clock[0])) as server:
        settings = {
            **settings_hint(server.url),
            **shared_studio(postgres_url, tmp_path),
            "VIDGEN_RUNNER__POLL_INTERVAL": "0.1",
            "VIDGEN_RUNNER__MAX_CONCURRENT": str(TAKES),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield Studio(tmp_path, server, clock)


def wait_until_accepted(url: str) -> None:
    """Wait until the ids of all jobs are in the database."""

    def accepted() -> int:
        with store.read() as tx:
            return sum(one.state is AttemptState.ACCEPTED for one in tx.attempts.open(ProviderId("yunwu")))

    with closing(Store.open(url)) as store:
        wait_until(lambda: accepted() == TAKES, PATIENCE)


def test_another_machine_goes_on_when_one_is_killed(studio: Studio, postgres_url: str) -> None:  # noqa: F811
    project = studio.order()
    with studio.working("a") as first, studio.working("b") as second:
        wait_until_accepted(postgres_url)
        # Whichever has the lock: the other one ends the batch.
        first.kill()
        first.communicate()
        studio.end_jobs()
        _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, err
    assert "Traceback" not in err
    studio.check(project)


@pytest.mark.extended
def test_a_restart_of_the_server_is_waited_for(studio: Studio, postgres: Postgres, postgres_url: str) -> None:  # noqa: F811
    project = studio.order()
    with studio.working("a") as worker:
        wait_until_accepted(postgres_url)
        postgres.restart()
        studio.end_jobs()
        _, err = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, err
    assert "Traceback" not in err
    studio.check(project)


def beats(url: str) -> list[Heartbeat]:
    with closing(Store.open(url)) as store, store.read() as tx:
        return tx.heartbeat.all()


def test_a_worker_says_why_it_cannot_go_on_and_does_when_that_is_mended(
    postgres: Postgres,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = postgres.new("vidgen_template")
    for name, value in shared_studio(url.replace("vidgen@", "newcomer:secret@"), tmp_path).items():
        monkeypatch.setenv(name, value)
    role = "newcomer"
    postgres.run(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    port = free_port()
    command = [sys.executable, "-m", "vidgen_core", "worker", "--name", "w", "--metrics-port", str(port)]
    environment = {**os.environ, "VIDGEN_HOME": str(tmp_path / "w"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as worker:
        try:
            assert worker.stdout is not None
            assert "takes no more connections" in worker.stdout.readline()
            postgres.run(f"ALTER ROLE {role} SUPERUSER CONNECTION LIMIT -1")
            said = worker.stdout.readline()
            assert said.startswith("This worker takes its tasks from")
            assert "vidgen_submit_seconds" in httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).text
            assert "secret" not in said
            name = url.rpartition("/")[2]
            postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres.end_sessions(url)
            assert any("takes no more connections" in line for line in iter(worker.stdout.readline, ""))
            postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            before = beats(url)
            wait_until(lambda: beats(url) != before, PATIENCE)
        finally:
            worker.terminate()
            worker.communicate(timeout=PATIENCE)
            postgres.drop(url)
            postgres.run(f"DROP ROLE {role}")


def test_a_home_moves_to_a_server_by_one_command(
    home: Path,
    vidgen: Command,
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Vidgen.open() as app:
        project = app.projects.ensure("film")
        app.shots.add(project.id, prompt="pan left")
    said = vidgen("store", "copy", "--to", postgres_url, "--json")
    assert said.status == 0, said.err
    assert said.json["rows"]["shots"] == 1
    assert vidgen("store", "copy", "--to", postgres_url).status == 2

    monkeypatch.setenv("VIDGEN_SCALE__DATABASE", postgres_url)
    assert "time" in vidgen("doctor").err
    monkeypatch.setenv("VIDGEN_SCALE__TIMEZONE", "UTC")
    monkeypatch.setenv("TZ", "UTC")
    with Vidgen.open() as app:
        assert len(app.shots.ids(project.id)) == 1
    found = {one["code"]: one for one in vidgen("doctor", "--json").json}
    assert found["postgresql"]["level"] == found["store"]["level"] == "ok"
    shared = {one["code"]: one["level"] for one in vidgen("scale", "check", "--json").json}
    assert (shared["postgresql"], shared["store"], shared["workers_none"]) == ("ok", "ok", "warning")
    assert vidgen("restore", str(home / "vidgen.db")).status == 2
    assert vidgen("backup", str(home / "copy.db")).status == 0
    assert (home / "copy.db").stat().st_size > 0
