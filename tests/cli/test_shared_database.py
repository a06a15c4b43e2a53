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

ROOT = Path(__file__).parents[2]
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


class Guest:
    """A role that owns a database and is no superuser, so that what is forbidden to it is."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        server.run("CREATE ROLE guest LOGIN PASSWORD 'secret'")
        server.ask_password_of("guest")
        self.url = server.new(options="OWNER guest")
        self.name = self.url.rpartition("/")[2]
        self.own_url = self.url.replace("vidgen@", "guest:secret@")

    def run(self, statement: str) -> None:
        if statement:
            self.server.run(statement.format(name=self.name))

    def drop(self) -> None:
        self.server.drop(self.url)
        self.server.run("DROP ROLE guest")


@pytest.fixture
def guest(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:  # noqa: F811
    guest = Guest(postgres)
    try:
        Store.open(guest.own_url).close()
        for name, value in shared_studio(guest.own_url, tmp_path).items():
            monkeypatch.setenv(name, value)
        yield guest
    finally:
        guest.drop()


class Said:
    """A process of a machine, and what it says in its lines."""

    def __init__(self, home: Path, *arguments: str) -> None:
        environment = {**os.environ, "VIDGEN_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "vidgen_core", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> list[str]:
        """What else it says until it has ended."""
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=PATIENCE)
        return str(rest).splitlines()


#: Of a role or its database: how it is kept out, how it is let in again, and what is said of it.
KEPT_OUT = [
    ("ALTER ROLE guest PASSWORD 'another'", "ALTER ROLE guest PASSWORD 'secret'", "refuses the user name"),
    ("ALTER ROLE guest NOLOGIN", "ALTER ROLE guest LOGIN", "refuses the user name"),
    ("ALTER ROLE guest CONNECTION LIMIT 0", "ALTER ROLE guest CONNECTION LIMIT -1", "takes no more connections"),
    (
        "ALTER DATABASE {name} CONNECTION LIMIT 0",
        "ALTER DATABASE {name} CONNECTION LIMIT -1",
        "takes no more connections",
    ),
    (
        "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC, guest",
        "GRANT CONNECT ON DATABASE {name} TO guest",
        "cannot be written",
    ),
    # From here on nobody else could look in, either.
    (
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        "ALTER DATABASE {name} ALLOW_CONNECTIONS true",
        "takes no more connections",
    ),
    ("ALTER DATABASE {name} RENAME TO away", "ALTER DATABASE away RENAME TO {name}", "There is no database"),
]
SOME = [KEPT_OUT[0]]
REST = [pytest.param(*one, marks=pytest.mark.extended) for one in KEPT_OUT if one not in SOME]


@pytest.mark.parametrize(("trouble", "mended", "words"), [*SOME, *REST])
def test_a_worker_that_is_kept_out_says_one_sentence_and_begins_when_it_is_let_in(
    guest: Guest, tmp_path: Path, trouble: str, mended: str, words: str
) -> None:
    guest.run(trouble)
    worker = Said(tmp_path / "w", "worker", "--name", "w")
    try:
        assert words in worker.line()
        guest.run(mended)
        assert worker.line().startswith("This worker takes its tasks from")
        wait_until(lambda: beats(guest.url), PATIENCE)
    finally:
        rest = worker.end()
    assert len(rest) == 1, rest


@pytest.mark.parametrize(("trouble", "mended", "words"), [*SOME, *REST[:-2]])
def test_workers_that_are_kept_out_while_they_work_say_it_and_go_on(
    guest: Guest, tmp_path: Path, trouble: str, mended: str, words: str
) -> None:
    names = ("a", "b")
    workers = [Said(tmp_path / name, "worker", "--name", name) for name in names]
    try:
        assert all("takes its tasks" in worker.line() for worker in workers)
        wait_until(lambda: len(beats(guest.url)) == len(names), PATIENCE)
        wait_until(lambda: any(beat.leads for beat in beats(guest.url)), PATIENCE)
        guest.run(trouble)
        before = {beat.name: beat.at for beat in beats(guest.url)}
        # What is connected goes on, and so does the one that cannot become the leader now.
        wait_until(lambda: all(beat.at > before[beat.name] for beat in beats(guest.url)), PATIENCE)
        guest.server.end_sessions(guest.url)
        for worker in workers:
            assert any(words in line for line in iter(worker.line, ""))
        guest.run(mended)
        before = {beat.name: beat.at for beat in beats(guest.url)}
        wait_until(lambda: all(beat.at > before[beat.name] for beat in beats(guest.url)), PATIENCE)
        wait_until(lambda: any(beat.leads for beat in beats(guest.url)), PATIENCE)
    finally:
        rest = [line for worker in workers for line in worker.end()]
    # Every line is a sentence for people; none is repeated while it lasts.
    assert [line for line in rest if "[" in line or "Traceback" in line] == []
    assert sum(words in line for line in rest) == 0


def test_a_server_that_is_kept_out_says_one_sentence_and_opens_when_it_is_let_in(guest: Guest, tmp_path: Path) -> None:
    trouble, mended, words = KEPT_OUT[0]
    full, emptied, full_words = KEPT_OUT[2]
    guest.run(trouble)
    port = free_port()
    served = Said(tmp_path / "served", "serve", "--no-browser", "--port", str(port))

    def health() -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/api/projects", timeout=PATIENCE, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    try:
        assert served.line().startswith("Vidgen is at")
        assert words in served.line()
        assert health() not in (0, 200)
        guest.run(mended)
        wait_until(lambda: health() == 200, PATIENCE)
        # Of another kind: the same one would be said again only if its end was seen meanwhile.
        guest.run(full)
        guest.server.end_sessions(guest.url)
        assert any(full_words in line for line in iter(served.line, ""))
        guest.run(emptied)
        wait_until(lambda: health() == 200, PATIENCE)
    finally:
        rest = served.end()
    assert [line for line in rest if full_words in line or "[" in line] == []


def test_a_database_is_not_copied_into_itself(
    vidgen: Command,
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Vidgen.open() as app:
        own = app.store.place
    assert "is not empty" in vidgen("store", "copy", "--to", own).err
    for name, value in {"DATABASE": postgres_url, "TIMEZONE": "UTC"}.items():
        monkeypatch.setenv(f"VIDGEN_SCALE__{name}", value)
    monkeypatch.setenv("TZ", "UTC")
    assert "is not empty" in vidgen("store", "copy", "--to", postgres_url.replace("127.0.0.1", "localhost")).err


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
