"""A private PostgreSQL server on a free port, in a folder of its own; without one on this machine its tests are skipped."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest
from doubles import free_port, wait_until

from vidgen_core.db import Store

_PROGRAMS: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
#: Speed instead of safety: what these tests see is what a kill of processes leaves, not of the machine.
_OPTIONS: Final = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    # What Vidgen has committed must be there all the same.
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres:
    """The server, and new databases on it.

    :param data: an empty folder that its user may write
    :param options: of the server, before those of tests
    :param environment: of its processes, besides ours
    """

    def __init__(
        self,
        data: Path,
        user: str | None,
        options: Mapping[str, str] = {},
        environment: Mapping[str, str] = {},
    ) -> None:
        self._data = data
        self._user = user
        self._options = {**_OPTIONS, **options}
        self._environment = {**os.environ, **environment}
        self._server: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self.port = free_port()
        made = self._run("initdb", "-U", "vidgen", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        assert made.wait() == 0

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(_PROGRAMS[-1] / program), "-D", str(self._data), *arguments]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # The server refuses to run as root.
        as_user = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        return subprocess.Popen(command, cwd=self._data, env=self._environment, **quiet, **as_user)  # type: ignore[call-overload,no-any-return]

    def start(self) -> None:
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        self._server = self._run("postgres", "-p", str(self.port), "-k", str(self._data), *options)
        wait_until(self.answers, 60)

    def answers(self) -> bool:
        """Whether it takes connections."""
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it as a crash does: no session is asked."""
        assert self._server is not None
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(60)

    def restart(self) -> None:
        self.stop()
        self.start()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """None of its processes goes on meanwhile; all connections stay."""
        assert self._server is not None
        server = psutil.Process(self._server.pid)
        server.suspend()
        processes = [server, *server.children()]
        try:
            for process in processes:
                process.suspend()
            yield
        finally:
            for process in processes:
                process.resume()

    def url(self, database: str) -> str:
        return f"postgresql://vidgen@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """Run a statement outside of any database of a test."""
        import psycopg

        with contextlib.closing(psycopg.connect(self.url("postgres"), autocommit=True)) as connection:
            connection.execute(statement)

    def ask_password_of(self, role: str) -> None:
        """Let a role in by its password only."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {role} all scram-sha-256\n{rules.read_text()}")
        self.run("SELECT pg_reload_conf()")

    @contextmanager
    def with_rule(self, rule: str) -> Iterator[None]:
        """A line of ``pg_hba.conf`` before all others, with TLS as the server has it then.

        :param rule: what comes in by ``hostnossl`` needs no certificate
        """
        rules = self._data / "pg_hba.conf"
        before = rules.read_text()
        key = ("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost")
        for made in ("server.key", "server.crt"):
            (self._data / made).unlink(missing_ok=True)
        subprocess.run(
            [*key, "-keyout", "server.key", "-out", "server.crt"], cwd=self._data, check=True, capture_output=True
        )
        if self._user:
            shutil.chown(self._data / "server.key", self._user)
        try:
            rules.write_text(f"{rule}\n{before}")
            self.run("ALTER SYSTEM SET ssl = on")
            self.run("SELECT pg_reload_conf()")
            yield
        finally:
            rules.write_text(before)
            self.run("ALTER SYSTEM RESET ssl")
            self.run("SELECT pg_reload_conf()")

    def new(self, template: str = "template0", options: str = "") -> str:
        """The URL of a new database."""
        name = f"test{next(self._names)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        return self.url(name)

    def end_sessions(self, url: str) -> None:
        """End all sessions of a database."""
        name = url.rpartition("/")[2]
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")


class Network:
    """A way to the server that can be cut: then nothing comes through in either direction, and no end is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_open, self.lets_answers_through = threading.Event(), threading.Event()
        self.is_open.set()
        self.lets_answers_through.set()
        #: At the next commit of a writer its connection ends; whether the server still hears of it.
        self.commit_is_heard: bool | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                self._ends.append(here)
                there = socket.create_connection(("127.0.0.1", self._port))
                self._ends.append(there)
                for source, target, way in (
                    (here, there, self.is_open),
                    (there, here, self.lets_answers_through),
                ):
                    threading.Thread(target=self._pass_on, args=(source, target, way), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, way: threading.Event) -> None:
        writes = False
        with contextlib.suppress(OSError):
            while received := source.recv(65536):
                self.is_open.wait()
                way.wait()
                writes = writes or b"pg_advisory_xact_lock" in received
                ends = writes and b"COMMIT" in received and self.commit_is_heard is not None
                if ends:
                    # Before it is answered.
                    source.shutdown(socket.SHUT_RDWR)
                if not ends or self.commit_is_heard:
                    target.sendall(received)
                if ends:
                    self.commit_is_heard = None
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def way_to(self, url: str) -> str:
        """The address of a database through it; a new connection is given up after the least that the driver waits."""
        before, _, name = url.rpartition(":")
        return f"{before}:{self.port}/{name.partition('/')[2]}?connect_timeout=2"

    def close(self) -> None:
        self.is_open.set()
        self.lets_answers_through.set()
        # Closed alone, it would be waited on for ever.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(60)
        for end in (self._listening, *self._ends):
            end.close()


@contextmanager
def own_server(
    folder: Path | None = None, options: Mapping[str, str] = {}, environment: Mapping[str, str] = {}
) -> Iterator[Postgres]:
    """A server with a database ``vidgen_template`` that has the schema.

    :param folder: where its files are; None: in memory, where that can be had
    """
    if not _PROGRAMS:
        pytest.skip("needs PostgreSQL in /usr/lib/postgresql (apt install postgresql)")
    pytest.importorskip("psycopg", reason="needs psycopg, the driver of PostgreSQL")
    memory = Path("/dev/shm")
    # Not below pytest's own folder, which only its user may enter.
    data = Path(tempfile.mkdtemp(prefix="vidgen-postgres-", dir=folder or (memory if memory.is_dir() else None)))
    user = "postgres" if os.geteuid() == 0 else None
    server = None
    try:
        if user:
            shutil.chown(data, user, user)
        server = Postgres(data, user, options, environment)
        server.start()
        server.run("CREATE DATABASE vidgen_template TEMPLATE template0")
        Store.open(server.url("vidgen_template")).close()
        yield server
    finally:
        if server is not None:
            with contextlib.suppress(AssertionError):
                server.stop()
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with own_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A new database with the schema."""
    url = postgres.new("vidgen_template")
    yield url
    postgres.drop(url)


def shared_studio(url: str, folder: Path) -> dict[str, str]:
    """Variables of each machine of a studio that shares this database and a save folder."""
    return {
        "VIDGEN_SCALE__DATABASE": url,
        "VIDGEN_SCALE__TIMEZONE": "UTC",
        "VIDGEN_SAVE_DIR": str(folder / "shared"),
        "VIDGEN_LANGUAGE": "en",
        # Set by the first home that is opened; put back after the test.
        "TZ": "UTC",
    }
