"""The ledger is a chain: whatever is changed, moved or removed in it is found and named."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
from doubles import wait_until
from rehearsed import rehearsed_home

from vidgen_core.cli import session
from vidgen_core.cli.program import run
from vidgen_core.config.paths import Locations
from vidgen_core.db import Journal, Store
from vidgen_core.db.ledger_chain import line_hash
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import StoreError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId, local_provider
from vidgen_core.domain.scripts import LlmCallState
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask
from vidgen_core.i18n import get_text
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.reports.ledger import LedgerCheck, check
from vidgen_core.services.system.restore import restore
from vidgen_core.worker.background import billing_sync

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PRICE = Money(amount=Decimal("0.4"), currency="CNY")


def buy(store: Store, n: int = 1, mode: str = "yunwu") -> list[int]:
    """Orders that were sent, accepted and charged, each change in a transaction of its own; ids of their attempts."""
    params = GenerationParams(prompt="a", aspect_ratio="9:16", size="720P")
    with store.write() as tx:
        project = tx.projects.ensure("ep01")
        [shot] = tx.shots.add(project.id, [NewShot(number=None, prompt="a")])
        tasks = tx.tasks.add(
            [
                NewTask(
                    project_id=project.id,
                    shot_id=shot.id,
                    provider=ProviderId(mode),
                    model="grok-video-3",
                    params=params,
                )
            ]
            * n
        )
        kept = [
            tx.attempts.begin(task.id, ProviderId(mode), "m", "k", "main ••4KR", None, PRICE, ChargeStatus.ESTIMATED)
            for task in tasks
        ]
    for attempt in kept:
        for change in (
            {"state": AttemptState.SENDING, "intent_at": NOW},
            {"state": AttemptState.ACCEPTED, "remote_id": f"job-{attempt.id}", "accepted_at": NOW},
            {"charge": ChargeStatus.CHARGED, "cost": Money(amount=Decimal("0.5"), currency="CNY")},
        ):
            with store.write() as tx:
                tx.attempts.update(attempt.id, **change)
    return [attempt.id for attempt in kept]


@pytest.fixture
def app(locations: Locations) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as opened:
        yield opened


def after(app: Vidgen, change: str, *more: str) -> LedgerCheck:
    """What is found once somebody has put a hand to the database file."""
    with contextlib.closing(sqlite3.connect(app.locations.database)) as hand, hand:
        for trigger in hand.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            hand.execute(f"DROP TRIGGER {trigger[0]}")
        for statement in (change, *more):
            hand.execute(statement)
    return app.ledger.verify()


def test_every_change_of_a_paid_request_is_a_line_that_carries_the_hash_of_the_one_before(app: Vidgen) -> None:
    [attempt] = buy(app.store)
    with app.store.read() as tx:
        lines = list(tx.chain.lines())
    assert [json.loads(line.body)["state"] for line in lines] == ["sending", "accepted", "accepted"]
    assert [json.loads(line.body)["cost"] for line in lines] == [400_000, 400_000, 500_000]
    assert {(line.kind, line.row_id) for line in lines} == {("attempt", attempt)}
    assert [line.previous for line in lines] == ["", *(line.hash for line in lines[:-1])]
    assert all(
        line.body == json.dumps(json.loads(line.body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        for line in lines
    )
    found = app.ledger.verify()
    assert (found.ok, found.lines, found.head) == (True, 3, lines[-1].hash)


def test_what_costs_nothing_and_what_was_never_sent_has_no_line(app: Vidgen) -> None:
    buy(app.store, mode=local_provider())
    with app.store.write() as tx:
        [task] = tx.tasks.many([1])
        attempt = tx.attempts.begin(task.id, ProviderId("yunwu"), "m", None, None, None, PRICE, ChargeStatus.ESTIMATED)
        tx.attempts.update(attempt.id, state=AttemptState.REFUSED, charge=ChargeStatus.NONE)
    assert (app.ledger.verify().ok, app.ledger.verify().lines) == (True, 0)


def test_questions_to_language_models_are_lines_of_the_same_chain(app: Vidgen) -> None:
    buy(app.store)
    with app.store.write() as tx:
        call = tx.llm_calls.begin(1, "prompt", "gpt", "main", "https://llm.example", cost=PRICE)
    with app.store.write() as tx:
        tx.llm_calls.end(call, state=LlmCallState.ANSWERED, tokens_in=10, tokens_out=5, answer="secret words")
        # Whether it was used is no matter of money.
        tx.llm_calls.settle([call])
    with app.store.read() as tx:
        lines = [line for line in tx.chain.lines() if line.kind == "question"]
    assert [json.loads(line.body)["state"] for line in lines] == ["sending", "answered"]
    assert "secret words" not in lines[-1].body
    assert app.ledger.verify().ok
    assert [one.kind for one in app.ledger.requests()] == ["question", "attempt"]


def test_the_command_line_names_the_first_broken_line_and_writes_lists(
    app: Vidgen, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("VIDGEN_HOME", str(app.locations.home))
    monkeypatch.setenv("VIDGEN_LANGUAGE", "en")
    session.text.cache_clear()
    buy(app.store, 2)
    assert run(["ledger", "verify"]) == 0
    assert "The ledger is whole: 6 lines" in " ".join(capfd.readouterr().out.split())
    assert run(["ledger", "export", "--to", str(tmp_path / "ledger.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "ledger.csv").read_text("utf-8-sig"))))
    assert {(row["Our price"], row["Provider's number"], row["Remote id"]) for row in rows} == {
        ("0.4", "0.5", "job-1"),
        ("0.4", "0.5", "job-2"),
    }
    assert run(["ledger", "export", "--to", str(tmp_path / "ledger.doc")]) == 2
    after(app, "UPDATE ledger_lines SET body = replace(body, '500000', '400000') WHERE n = 3")
    capfd.readouterr()
    assert run(["ledger", "verify", "--json"]) == 1
    told = json.loads(capfd.readouterr().out)
    assert (told["ok"], told["broken"]["line"], told["broken"]["code"]) == (False, 3, "line_changed")


def test_what_is_rolled_back_leaves_no_line(app: Vidgen) -> None:
    [attempt] = buy(app.store)
    with app.store.write() as tx:
        tx.attempts.update(attempt, evidence="nothing that a line says")
    with contextlib.suppress(ZeroDivisionError), app.store.write() as tx:
        tx.attempts.update(attempt, charge=ChargeStatus.REFUNDED)
        1 / 0  # noqa: B018
    found = app.ledger.verify()
    assert (found.ok, found.lines) == (True, 3)


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        ("UPDATE ledger_lines SET body = replace(body, '500000', '400000') WHERE n = 3", "line_changed", 3),
        ("UPDATE ledger_lines SET body = replace(body, 'job-', 'jobs') WHERE n = 2", "line_changed", 2),
        ("UPDATE ledger_lines SET at = at + 1 WHERE n = 4", "line_changed", 4),
        ("UPDATE ledger_lines SET row_id = 2 WHERE n = 1", "line_changed", 1),
        ("UPDATE ledger_lines SET hash = 'x' || substr(hash, 2) WHERE n = 6", "line_changed", 6),
        ("DELETE FROM ledger_lines WHERE n = 2", "line_missing", 2),
        ("DELETE FROM ledger_lines WHERE n = 1", "line_missing", 1),
        ("DELETE FROM ledger_lines WHERE n = 6", "end_missing", 6),
        ("DELETE FROM ledger_lines WHERE n > 3", "end_missing", 4),
        ("DELETE FROM ledger_lines", "end_missing", 1),
    ],
)
def test_one_changed_or_removed_line_is_named(app: Vidgen, change: str, code: str, line: int) -> None:
    buy(app.store, 2)
    assert app.ledger.verify().ok
    found = after(app, change)
    assert found.broken is not None
    assert (found.ok, found.broken.code, found.broken.line) == (False, code, line)
    assert str(line) in found.broken.sentence(get_text("en", strict=True))
    assert str(line) in found.broken.sentence(get_text("zh", strict=True))


@pytest.mark.parametrize("column", ["at", "kind", "row_id", "body", "previous", "hash"])
def test_whatever_a_column_holds_it_is_found_and_breaks_nothing(app: Vidgen, column: str) -> None:
    buy(app.store)
    for value in ("x'ff00'", "''", "'['", "9223372036854775807", "1.5"):
        found = after(app, f"UPDATE ledger_lines SET {column} = {value} WHERE n = 2")  # noqa: S608
        assert found.broken is not None
        assert found.broken.line == 2
        assert found.broken.sentence(get_text("en", strict=True))
    for format_ in ("csv", "jsonl"):
        with contextlib.suppress(StoreError):
            app.ledger.export(format_, get_text("en"))


@pytest.mark.parametrize(
    "body",
    ["{}", "x", "[]", '{"by":"nobody","n":1,"hash":"a"}', '{"by":"person","n":"z","hash":5}', '{"by":["person"]}'],
)
def test_a_line_of_a_strangers_making_is_named_though_its_hash_is_right(app: Vidgen, body: str) -> None:
    buy(app.store)
    with app.store.read() as tx:
        last = list(tx.chain.lines())[-1]
    for at in (last.at, 10**18):
        line = (last.n + 1, at, "gap", 1, body, last.hash)
        values = ", ".join(repr(value) for value in (*line, line_hash(*line)))
        found = after(
            app,
            "DELETE FROM ledger_lines WHERE n > 3",
            f"INSERT INTO ledger_lines VALUES ({values})",  # noqa: S608
        )
        assert found.broken is not None
        assert (found.ok, found.broken.code, found.broken.line) == (False, "line_changed", last.n + 1)


def test_lines_that_changed_places_are_named(app: Vidgen) -> None:
    buy(app.store, 2)
    swap = "UPDATE ledger_lines SET n = {0} WHERE n = {1}"
    found = after(app, swap.format(99, 2), swap.format(2, 3), swap.format(3, 99))
    assert found.broken is not None
    assert (found.broken.code, found.broken.line) == ("line_changed", 2)


def test_a_chain_that_was_reckoned_anew_is_known_by_the_journal(app: Vidgen) -> None:
    buy(app.store)
    with app.store.read() as tx:
        lines = list(tx.chain.lines())
    previous, statements = "", ["UPDATE attempts SET cost = 1"]
    for line in lines:
        body = line.body.replace("500000", "1")
        digest = line_hash(line.n, line.at, line.kind, line.row_id, body, previous)
        statements.append(
            f"UPDATE ledger_lines SET body = '{body}', previous = '{previous}', hash = '{digest}' "  # noqa: S608
            f"WHERE n = {line.n}"
        )
        previous = digest
    found = after(app, *statements)
    assert found.broken is not None
    assert (found.broken.code, found.broken.line) == ("end_replaced", 3)
    # Nor did whoever did it think of the sums.
    assert [one.code for one in found.strays] == ["sum_differs"]


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        ("UPDATE attempts SET cost = 1 WHERE id = 2", "row_differs", 6),
        ("UPDATE attempts SET remote_id = 'other' WHERE id = 1", "row_differs", 3),
        ("DELETE FROM attempts WHERE id = 2", "row_gone", 6),
        # One bit of a record makes bytes of a text.
        ("UPDATE attempts SET model = CAST(model AS BLOB) WHERE id = 1", "row_differs", 3),
        ("UPDATE attempts SET failure = '{\"kind' WHERE id = 2", "row_differs", 6),
    ],
)
def test_a_request_that_was_changed_behind_the_ledger_is_named(app: Vidgen, change: str, code: str, line: int) -> None:
    buy(app.store, 2)
    found = after(app, change)
    assert (found.ok, found.broken, found.stray_count) == (False, None, 1)
    assert [(one.code, one.line) for one in found.strays] == [(code, line)]


@pytest.mark.parametrize("change", ["cost = cost - 1", "n = n + 1", "charge = 'refunded'"])
def test_a_sum_that_is_not_that_of_its_requests_is_named(app: Vidgen, change: str) -> None:
    buy(app.store, 2)
    found = after(app, f"UPDATE ledger_daily SET {change}")  # noqa: S608
    assert (found.ok, {one.code for one in found.strays}) == (False, {"sum_differs"})
    assert "yunwu" in found.strays[0].sentence(get_text("en"))


def test_a_request_that_was_slipped_in_is_named(app: Vidgen) -> None:
    buy(app.store)
    found = after(
        app,
        "INSERT INTO attempts (project_id, task_id, number, state, provider, model, intent_at, charge, rev, created_at)"
        " VALUES (1, 9, 1, 'accepted', 'yunwu', 'm', 1.0, 'charged', 1, 1.0)",
    )
    assert [(one.code, one.line) for one in found.strays] == [("row_unwritten", None)]


def test_a_backup_that_a_person_puts_in_place_is_said_and_no_fault(locations: Locations, tmp_path: Path) -> None:
    with Vidgen.open(locations) as app:
        buy(app.store)
        app.cleanup.backup(tmp_path / "copy.db")
        [later] = buy(app.store)
        with app.store.read() as tx:
            lost = tx.chain.head()
    restore(locations, tmp_path / "copy.db", lambda _plan: None)
    with Vidgen.open(locations) as app:
        found = app.ledger.verify()
        assert (found.ok, found.broken, [gap.code for gap in found.gaps]) == (True, None, ["gap_person"])
        assert lost is not None
        assert (found.gaps[0].params["until"], found.gaps[0].params["hash"]) == (6, lost.hash[:12])
        buy(app.store)
        assert app.ledger.verify().ok
        assert after(app, "DELETE FROM ledger_lines WHERE n = (SELECT max(n) FROM ledger_lines)").broken is not None
    assert later == 2


def test_an_older_database_put_in_place_by_hand_is_found(locations: Locations, tmp_path: Path) -> None:
    with Vidgen.open(locations) as app:
        [attempt] = buy(app.store)
        app.cleanup.backup(tmp_path / "copy.db")
        with app.store.write() as tx:
            tx.attempts.update(attempt, charge=ChargeStatus.REFUNDED)
    for ending in ("-wal", "-shm"):
        locations.database.with_name(locations.database.name + ending).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", locations.database)
    with Vidgen.open(locations) as app:
        found = app.ledger.verify()
        assert found.broken is not None
        assert (found.ok, found.broken.code, found.broken.line) == (False, "end_missing", 4)
        app.worker.start()
        assert app.worker.wait_until_working(30)
        # The line comes first, the journal right after it.
        wait_until(lambda: app.ledger.verify().broken is None)
        found = app.ledger.verify()
        # From now on the chain itself says it, whatever is added.
        assert (found.ok, [gap.code for gap in found.gaps]) == (False, ["gap_start"])


def test_the_journal_keeps_the_end_of_the_ledger_when_it_is_compacted(app: Vidgen) -> None:
    buy(app.store)
    journal = Journal(app.locations.journal)
    told = journal.read().ledger
    journal.begin(0)
    assert told is not None
    assert (told.n, journal.read().ledger) == (3, told)


def test_a_batch_shows_our_numbers_beside_the_providers_own(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing_sync, "EVERY", 0.3)
    monkeypatch.setattr(billing_sync, "REST", 0.3)
    monkeypatch.setattr(billing_sync, "GIVEN_BACK_WITHIN", billing_sync.timedelta(0))
    monkeypatch.setenv("VIDGEN_RUNNER__RETRY_ON_FAIL", "false")
    prompts = ["pan left", "tilt up", "fall [[failed-parameter]]", "burn [[failed-no-refund]]"]
    with rehearsed_home(locations, monkeypatch, {"keys": ["sk-good-aaaa1111"]}) as (home, _server):
        tasks = home.queue(ProviderId("yunwu"), prompts)
        with home.running():
            home.finish(tasks)

            def settled() -> bool:
                with home.store.read() as tx:
                    return {line.charge for line in tx.ledger.sums()} == {ChargeStatus.CHARGED, ChargeStatus.REFUNDED}

            wait_until(settled)
        with home.store.read() as tx:
            assert check(tx, Journal(locations.journal).read().ledger).ok
        with Vidgen.open(locations) as app:
            found, [day] = app.ledger.requests(), app.ledger.days()
            sheet = openpyxl.load_workbook(io.BytesIO(app.ledger.export("xlsx", get_text("en", strict=True))))
            chain = app.ledger.export("jsonl", get_text("en")).decode().splitlines()
        assert len(found) == 4
        assert all(one.ours and one.theirs and one.remote_id and one.line for one in found)
        [back] = [one for one in found if one.charge is ChargeStatus.REFUNDED]
        assert back.theirs is not None
        assert back.theirs.amount == 0
        taken = sum(one.theirs.amount for one in found if one.theirs)
        assert (day.requests, day.settled, day.theirs, day.unsettled) == (4, 4, taken, 0)
        assert day.difference == taken - sum(one.ours.amount for one in found if one.ours)
        assert [len(list(sheet[name].rows)) for name in sheet.sheetnames] == [5, 2]
        assert all(json.loads(line)["hash"] for line in chain)
