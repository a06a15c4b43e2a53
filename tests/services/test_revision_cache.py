"""Answers that hold until something changes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from vidgen_core.db import Tx
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.money import Money
from vidgen_core.domain.scripts import LlmCallState
from vidgen_core.services.facade import Vidgen


class Question:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, tx: Tx) -> int:
        self.asked += 1
        return len(tx.projects.all())


def test_a_question_is_asked_once_until_something_changes(app: Vidgen) -> None:
    question = Question()
    before = [app.revision_cache.ask("projects", question) for _ in range(3)]

    app.projects.ensure("another")
    after = [app.revision_cache.ask("projects", question) for _ in range(3)]

    assert [number + 1 for number in before] == after
    assert question.asked == 2


def test_other_settings_ask_anew(app: Vidgen) -> None:
    question = Question()
    app.revision_cache.ask("projects", question)

    app.settings_file.change({"language": "zh"})
    app.revision_cache.ask("projects", question)

    assert question.asked == 2


def test_a_change_of_another_process_is_seen(app: Vidgen) -> None:
    question = Question()
    before = app.revision_cache.ask("projects", question)

    with Vidgen.open(app.locations) as other:
        other.projects.ensure("another")

    assert app.revision_cache.ask("projects", question) == before + 1


def test_questions_of_different_names_do_not_meet(app: Vidgen) -> None:
    assert app.revision_cache.ask("one", lambda _tx: 1) == 1
    assert app.revision_cache.ask("two", lambda _tx: 2) == 2
    assert app.revision_cache.ask("one", lambda _tx: 1) == 1


def test_the_header_tells_the_heart_of_the_runner_although_nothing_else_has_changed(app: Vidgen) -> None:
    before = app.worker.status(None)

    with app.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(pid=7, host="here", started_at=datetime.now(UTC), at=datetime.now(UTC)))

    assert (before.alive, app.worker.status(None).alive) == (False, True)


def test_what_a_question_to_a_language_model_costs_is_seen_at_once(app: Vidgen) -> None:
    project = app.projects.ensure("ep01")
    before = app.worker.status(project.id).spent

    with app.store.write() as tx:
        cost = Money(amount=Decimal("0.3"), currency="CNY")
        call = tx.llm_calls.begin(project.id, "prompt", "gpt", "main", "http://127.0.0.1", cost=cost)
    asked = app.worker.status(project.id).spent
    with app.store.write() as tx:
        tx.llm_calls.end(call, state=LlmCallState.ANSWERED, cost=Money(amount=Decimal("0.1"), currency="CNY"))

    assert before == {}
    assert asked["CNY"].amount == Decimal("0.3")
    assert app.worker.status(project.id).spent["CNY"].amount == Decimal("0.1")
