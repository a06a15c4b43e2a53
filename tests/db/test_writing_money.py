"""Questions to language models in the ledger's sums: what triggers keep is what a count of all calls would give."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from store_contract import film, yuan
from test_figures import scanned

from vidgen_core.db import Store, Tx
from vidgen_core.db.repositories.reports import FigureFilter
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import WRITING
from vidgen_core.domain.scripts import LlmCallState
from vidgen_core.domain.tasks import Failure

LOST = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="answer_lost", charged=ChargeStatus.UNKNOWN)


@pytest.fixture
def store(every_store: Store) -> Store:
    return every_store


def ask(tx: Tx, project_id: int, state: LlmCallState, cost: str | None = "0.5") -> None:
    call = tx.llm_calls.begin(project_id, "prompt", "m1", "main ••aaaa", "http://here", cost=yuan("2"))
    if state is LlmCallState.ANSWERED:
        tx.llm_calls.end(call, state=state, cost=None if cost is None else yuan(cost))
    elif state is LlmCallState.REFUSED:
        tx.llm_calls.end(call, state=state, cost=None, failure=LOST)
    elif state is LlmCallState.UNKNOWN:
        tx.llm_calls.end(call, state=state, failure=LOST)


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


def test_the_sums_are_those_of_a_count_of_all_calls(store: Store) -> None:
    chance = random.Random(3)
    with store.write() as tx:
        shots = film(tx, 4)
        for _ in range(60):
            cost = chance.choice([None, "0.1", "0.25"])
            ask(tx, chance.choice(shots).project_id, chance.choice(list(LlmCallState)), cost)
        kept = sorted(tuple(row) for row in tx._connection.exec_driver_sql("SELECT * FROM ledger_daily"))
        counted = scanned(tx, "ledger_daily")
    assert kept == counted
    assert len({row[5] for row in kept}) == len(LlmCallState)
