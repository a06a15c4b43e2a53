"""Workers whose database server is in trouble for a while: a full disk, no connection left or let in, read-only, time-outs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from postgres_server import Postgres, own_server
from test_many_workers import Studio, studio_at

pytestmark = [pytest.mark.slow, pytest.mark.extended, pytest.mark.timeout(600)]

#: Long enough for each of the workers to meet the trouble several times.
TROUBLE = 10.0


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system with room for a server and little more."""
    folder = Path(tempfile.mkdtemp(prefix="vidgen-disk-"))
    folder.chmod(0o755)
    if os.geteuid() or subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", folder]).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "-l", folder], check=True)
        folder.rmdir()


@pytest.fixture
def server(disk: Path) -> Iterator[Postgres]:
    with own_server(disk, options={"max_wal_size": "32MB", "restart_after_crash": "on"}) as server:
        yield server


@pytest.fixture
def studio(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    with studio_at(server.new("vidgen_template"), tmp_path, monkeypatch) as studio:
        yield studio


def said_by(studio: Studio, tmp_path: Path) -> str:
    return "".join((tmp_path / f"{name}.log").read_text() for name in "ab")


def test_a_full_disk_of_the_server_is_waited_for(studio: Studio, server: Postgres, disk: Path, tmp_path: Path) -> None:
    studio.begin()
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    assert os.statvfs(disk).f_bavail * 4096 < 65536
    # Also the end of the jobs has to be written.
    studio.let_pass(30)
    url = studio.url
    with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        for _ in range(20):
            connection.execute("CREATE TABLE IF NOT EXISTS filler (t text)")
            connection.execute(
                "INSERT INTO filler SELECT repeat(md5(random()::text), 20) FROM generate_series(1, 20000)"
            )
    threading.Event().wait(TROUBLE)
    filler.unlink()
    if not server.answers():
        # It ended: its log had no room either.
        server.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS filler")
    studio.check()
    assert "Traceback" not in said_by(studio, tmp_path)


def test_no_connection_is_left(studio: Studio, server: Postgres, tmp_path: Path) -> None:
    studio.begin()
    held = []
    with suppress(psycopg.Error):
        while True:
            held.append(psycopg.connect(server.url("postgres")))
    end_sessions(held[0], studio)
    studio.let_pass(30)
    with suppress(psycopg.Error):
        while True:
            held.append(psycopg.connect(server.url("postgres")))
    threading.Event().wait(TROUBLE)
    for one in held:
        one.close()
    studio.check()
    assert "Traceback" not in said_by(studio, tmp_path)


def end_sessions(session: psycopg.Connection, studio: Studio) -> None:
    """End the sessions of the workers, so that they need new ones."""
    name = studio.url.rpartition("/")[2]
    session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    session.commit()


@pytest.mark.parametrize(
    ("trouble", "mended"),
    [
        ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"),
        ("SET statement_timeout = '1ms'", "RESET statement_timeout"),
        ("SET idle_session_timeout = '300ms'", "RESET idle_session_timeout"),
        ("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"),
    ],
)
def test_the_server_is_set_wrongly_for_a_while(
    studio: Studio, server: Postgres, tmp_path: Path, trouble: str, mended: str
) -> None:
    studio.begin()
    name = studio.url.rpartition("/")[2]
    server.run(f"ALTER DATABASE {name} {trouble}")
    with psycopg.connect(server.url("postgres")) as session:
        end_sessions(session, studio)
    studio.let_pass(30)
    threading.Event().wait(TROUBLE)
    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
        session.execute("SET default_transaction_read_only = off")
        session.execute(f"ALTER DATABASE {name} {mended}")
        end_sessions(session, studio)
    studio.check()
    assert "Traceback" not in said_by(studio, tmp_path)
