"""The database as a file: opened, shared between processes, damaged, full, copied."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from store_contract import PROCESSING, film, new_task

from vidgen_core.db import Store
from vidgen_core.db.backends.sqlite import has_wal_reset_bug
from vidgen_core.db.migrations import HEAD
from vidgen_core.domain.errors import FileError, StoreError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter


def pragma(path: Path, words: str) -> object:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(f"PRAGMA {words}").fetchone()
    finally:
        connection.close()


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_store_opens_by_path_and_by_url(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "vidgen.db")
    with first.write() as tx:
        made = tx.projects.ensure("film")
    second = Store.open(f"sqlite:///{tmp_path / 'vidgen.db'}")
    with second.read() as tx:
        assert tx.projects.find("film") == made
    first.close()
    first.close()
    second.close()


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(StoreError, match="store_unsupported"):
        Store.open("mysql://127.0.0.1/vidgen")


def test_a_folder_that_does_not_exist_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="store_unreachable"):
        Store.open(tmp_path / "nowhere" / "vidgen.db")


@pytest.mark.parametrize("times", [200, 1])
def test_a_file_that_is_no_database_is_damaged_and_left_as_it_is(tmp_path: Path, times: int) -> None:
    path = tmp_path / "vidgen.db"
    path.write_bytes(b"these are not the bytes of a database" * times)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="store_damaged"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_database_with_broken_pages_is_damaged(database: Path) -> None:
    filled = Store.open(database, checkpoints=True)
    with filled.write() as tx:
        film(tx, 500)
    filled.close()
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 2))
    with pytest.raises(StoreError, match="store_damaged"):
        read_everything(database)


def read_everything(database: Path) -> None:
    store = Store.open(database)
    try:
        with store.read() as tx:
            tx.shots.page(1, ShotFilter(), 1_000)
            tx.log.count()
    finally:
        store.close()


def test_a_schema_of_a_later_release_is_too_new_and_left_as_it_is(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError) as caught:
        Store.open(database)
    assert caught.value.code == "store_too_new"
    assert caught.value.params["found"] == "9999"


def test_a_database_that_may_not_be_written_is_said_so(store: Store) -> None:
    def write_as_a_reader() -> None:
        with store.read() as tx:
            tx.projects.ensure("film")

    with pytest.raises(StoreError, match="store_read_only"):
        write_as_a_reader()


def test_a_database_held_by_another_program_is_locked(store: Store) -> None:
    with store.write() as tx:
        tx._connection.exec_driver_sql("PRAGMA busy_timeout=50")
    other = sqlite3.connect(store.place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="store_locked"), store.write():
        pass
    other.close()
    with store.write() as tx:
        assert tx.projects.ensure("film").name == "film"


def test_a_full_disk_undoes_the_change_and_the_store_goes_on_when_there_is_room(store: Store) -> None:
    with store.write() as tx:
        pages = tx._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx._connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(FileError, match="disk_full"), store.write() as tx:
        film(tx, 2_000)
    with store.write() as tx:
        tx._connection.exec_driver_sql("PRAGMA max_page_count=100000")
    with store.write() as tx:
        assert len(film(tx, 2_000)) == 2_000


def test_only_the_store_that_may_moves_the_log_into_the_database(database: Path) -> None:
    careful, runner = Store.open(database), Store.open(database, checkpoints=True)
    for store, wanted in ((careful, 0), (runner, 1000)):
        with store.write() as tx:
            assert tx._connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one() == wanted
            assert tx._connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
            assert tx._connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10_000
    with careful.write() as tx:
        film(tx, 200)
    assert careful.info()["wal_bytes"] > 0
    runner.checkpoint()
    assert pragma(database, "integrity_check") == ("ok",)
    careful.close()
    runner.close()


def test_facts_about_the_database_are_told(store: Store) -> None:
    facts = store.info()
    assert (facts["version"], facts["journal_mode"]) == (sqlite3.sqlite_version, "wal")
    assert facts["path"] == store.place
    assert facts["bytes"] == Path(store.place).stat().st_size


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 6, 23), False),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_releases_with_the_wal_reset_race_are_known(version: tuple[int, int, int], bug: bool) -> None:
    assert has_wal_reset_bug(version) is bug


def test_a_copy_made_while_others_write_is_whole(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()
    ready = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with store.write() as tx:
                film(tx, 20)
            ready.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert ready.wait(30)
    copies = [tmp_path / f"copy{n}.db" for n in range(3)]
    for copy in copies:
        store.backup(copy)
    stop.set()
    writer.join()
    for path in copies:
        assert pragma(path, "integrity_check") == ("ok",)
        copied = Store.open(path)
        with copied.read() as tx:
            assert tx.shots.page(1, ShotFilter(), 1).total % 20 == 0
        copied.close()
    assert not list(tmp_path.glob("*.part"))


OPEN = "import sys; from pathlib import Path; from vidgen_core.db import Store; "


def test_two_processes_that_open_a_new_database_at_once_both_get_it(tmp_path: Path) -> None:
    path = tmp_path / "vidgen.db"
    code = OPEN + "print(Store.open(Path(sys.argv[1])).info()['schema'])"
    both = [run(code, path) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [HEAD, HEAD]


CLAIM = OPEN + (
    "from vidgen_core.domain.tasks import TaskStatus\n"
    "store = Store.open(Path(sys.argv[1]))\n"
    "input()\n"
    "for task in range(1, 41):\n"
    "    with store.write() as tx:\n"
    "        if tx.tasks.move(task, TaskStatus.PROCESSING): print(task)\n"
)


def test_of_two_processes_that_claim_the_same_tasks_each_task_has_one_winner(store: Store) -> None:
    with store.write() as tx:
        added = tx.tasks.add([new_task(film(tx)[0])] * 40)
    command = [sys.executable, "-c", CLAIM, store.place]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [int(line) for process in both for line in process.communicate(timeout=60)[0].split()]
    assert sorted(won) == [task.id for task in added]
    with store.read() as tx:
        assert tx.tasks.counts(1)[PROCESSING] == 40
        assert {task.provider for task in tx.tasks.active()} == {ProviderId("local")}
