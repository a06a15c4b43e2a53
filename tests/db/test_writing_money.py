"""Questions to language models in the ledger's sums: what triggers keep is what a count of all calls would give."""

from __future__ import annotations

import random
import sqlite3
from decimal import Decimal
from pathlib import Path

from older_database import older
from store_contract import film, yuan

from vidgen_core.db import Store, Tx
from vidgen_core.db.repositories.reports import FigureFilter
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import WRITING
from vidgen_core.domain.scripts import LlmCallState
from vidgen_core.domain.tasks import Failure

LOST = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="answer_lost", charged=ChargeStatus.UNKNOWN)
TABLES = ("spend", "spend_quarters", "figures_attempts")


def ask(tx: Tx, project_id: int, state: LlmCallState, cost: str | None = "0.5") -> None:
    call = tx.llm_calls.begin(project_id, "prompt", "m1", "main ••aaaa", "http://here", cost=yuan("2"))
    if state is LlmCallState.ANSWERED:
        tx.llm_calls.end(call, state=state, cost=None if cost is None else yuan(cost))
    elif state is LlmCallState.REFUSED:
        tx.llm_calls.end(call, state=state, cost=None, failure=LOST)
    elif state is LlmCallState.UNKNOWN:
        tx.llm_calls.end(call, state=state, failure=LOST)


def sums(tx: Tx) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    for table in TABLES:
        rows = tx._connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        # What went to zero may stay as a row.
        found[table] = sorted(tuple(row) for row in rows if row.cost or getattr(row, "n", 0))
    return found


def test_each_state_of_a_question_has_its_charge(store: Store) -> None:
    with store.write() as tx:
        project = film(tx)[0].project_id
        for state in LlmCallState:
            ask(tx, project, state)
        ask(tx, project, LlmCallState.ANSWERED, cost=None)
        found = {(line.charge, line.money): line.n for line in tx.ledger.sums()}
        counted = {(one.state, one.charge, one.currency, one.cost) for one in tx.reports.attempts(FigureFilter())}
        owed = tx.ledger.committed(project)[WRITING]

    assert found == {
        (ChargeStatus.ESTIMATED, yuan("2.5")): 2,
        (ChargeStatus.ESTIMATED, None): 1,
        (ChargeStatus.UNKNOWN, yuan("2")): 1,
        (ChargeStatus.NONE, None): 1,
    }
    assert counted == {
        ("succeeded", "estimated", "CNY", Decimal("0.5")),
        ("succeeded", "estimated", "", Decimal(0)),
        ("unknown", "unknown", "CNY", Decimal(2)),
        ("refused", "none", "", Decimal(0)),
    }
    assert owed == [yuan("4.5")]


def test_a_database_of_before_gets_its_sums_when_it_is_opened(store: Store, tmp_path: Path) -> None:
    chance = random.Random(3)
    with store.write() as tx:
        shots = film(tx, 4)
        for _ in range(60):
            cost = chance.choice([None, "0.1", "0.25"])
            ask(tx, chance.choice(shots).project_id, chance.choice(list(LlmCallState)), cost)
        kept = sums(tx)
    assert all(kept.values())
    old = tmp_path / "old.db"
    older(store, old, "consent")
    with sqlite3.connect(old, isolation_level=None) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
    connection.close()

    again = Store.open(old)
    with again.read() as tx:
        assert sums(tx) == kept
    again.close()
