"""A backup is put in place whole or not at all, says what was bought since, and buys nothing by itself."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from doubles import queue_takes
from filelock import FileLock

from vidgen_core.config.paths import Locations
from vidgen_core.db import Journal
from vidgen_core.domain.errors import Refused, StoreError, VidgenError
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.providers.base import Prepared, Submission
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.system.restore import Restored, restore
from vidgen_core.worker import database_age
from vidgen_core.worker.context import ActiveTask
from vidgen_core.worker.steps import claim, submit

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def yes(_plan: Restored) -> None:
    """A person agrees."""


@pytest.fixture
def backup(locations: Locations, tmp_path: Path) -> Path:
    """Made while two tasks were queued, of which one was bought afterwards."""
    path = tmp_path / "备份 #1?.db"
    with Vidgen.open(locations) as app:
        journal = Journal(locations.journal)
        journal.begin(0)
        with app.store.write() as tx:
            tasks = queue_takes(tx, 2)
        app.cleanup.backup(path)
        held = ActiveTask(tasks[0])
        for change in (
            lambda tx: claim.claim(tx, held, None, None, app.settings(), NOW),
            lambda tx: submit.intend(tx, held, Prepared(payload={}, sent={}), NOW),
            database_age.next_generation,
            lambda tx: submit.accept(tx, held, Submission(remote_id="job-1"), NOW),
        ):
            with app.store.write() as tx:
                change(tx)
        journal.order(1, task=held.task.id)
    return path


def counts(locations: Locations) -> dict[TaskStatus, int]:
    with Vidgen.open(locations) as app, app.store.read() as tx:
        return {status: n for status, n in tx.tasks.counts(None).items() if n}


def test_the_queue_is_pending_and_what_was_bought_since_is_said(locations: Locations, backup: Path) -> None:
    done = restore(locations, backup, yes)

    assert (done.set_aside, done.orders) == (2, 1)
    assert [(one.remote_id, one.shot, one.take) for one in done.bought] == [("job-1", "1.0", 1)]
    assert counts(locations) == {TaskStatus.PENDING: 2}
    with Vidgen.open(locations) as app:
        assert app.worker.doubt() is None
    assert done.before is not None
    with contextlib.closing(sqlite3.connect(done.before)) as before:
        assert before.execute("SELECT remote_id FROM attempts").fetchall() == [("job-1",)]


def test_without_the_database_the_journal_says_it(locations: Locations, backup: Path) -> None:
    Journal(locations.journal).job(provider="yunwu", remote_id="job-1")
    for path in locations.home.glob("vidgen.db*"):
        path.unlink()
    done = restore(locations, backup, yes)

    assert (done.before, done.orders, [one.remote_id for one in done.bought]) == (None, 1, ["job-1"])


def test_copied_over_by_hand_it_is_doubted_until_a_person_goes_on(locations: Locations, backup: Path) -> None:
    for path in locations.home.glob("vidgen.db*"):
        path.unlink()
    locations.database.write_bytes(backup.read_bytes())
    with Vidgen.open(locations) as app:
        doubt = app.worker.doubt()
        assert doubt is not None
        assert (doubt.code, doubt.params) == ("pause_database_behind", {"orders": 1})
        assert "pause_database_behind" in {one.code for one in app.diagnostics.doctor() if not one.ok}
        assert app.worker.resume() == 2
        assert app.worker.doubt() is None
    assert counts(locations) == {TaskStatus.PENDING: 2}


def test_nothing_changes_when_a_person_says_no(locations: Locations, backup: Path) -> None:
    def no(plan: Restored) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(locations, backup, no)
    assert counts(locations) == {TaskStatus.QUEUED: 1, TaskStatus.PROCESSING: 1}
    assert not list(locations.home.glob("*restor*"))


def test_a_home_at_work_is_left_alone(locations: Locations, backup: Path) -> None:
    with FileLock(locations.runner_lock), pytest.raises(Refused, match="restore_while_running"):
        restore(locations, backup, yes)


def test_what_is_no_backup_is_refused(locations: Locations, backup: Path, tmp_path: Path) -> None:
    other, half, foreign = tmp_path / "text.db", tmp_path / "half.db", tmp_path / "foreign.db"
    other.write_text("a list of shots")
    half.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    with contextlib.closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE a (b)")
    before = counts(locations)
    for path in (other, half, foreign):
        with pytest.raises(StoreError, match="backup_"):
            restore(locations, path, yes)
    for path in (tmp_path / "none.db", locations.database, tmp_path):
        with pytest.raises(VidgenError, match="backup_"):
            restore(locations, path, yes)
    assert counts(locations) == before


def test_a_home_that_was_copied_before_it_bought_anything_knows_it(locations: Locations, tmp_path: Path) -> None:
    with Vidgen.open(locations) as app, app.store.write() as tx:
        queue_takes(tx)
    copy = Locations(Path(shutil.copytree(locations.home, tmp_path / "copy")))

    for home, code in ((locations, None), (copy, "pause_home_copied")):
        with Vidgen.open(home) as app:
            doubt = app.worker.doubt()
            assert (doubt and doubt.code) == code
