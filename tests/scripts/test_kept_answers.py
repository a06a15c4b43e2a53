"""What a language model has answered is paid for: it is kept when the database cannot take it, and used by the next run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from vidgen_core.db import Journal
from vidgen_core.db.repositories.scripts import LlmCallRepository
from vidgen_core.domain.errors import StoreError
from vidgen_core.domain.scripts import LlmCallState
from vidgen_core.domain.shots import NewShot, Project, Shot
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.scripts import llm_queue
from vidgen_core.services.scripts.prompts import Wanted, Writing


@pytest.fixture
def shot(app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch) -> Shot:
    monkeypatch.setattr(llm_queue, "STORE_WAIT", 0.01)
    Journal(app.locations.journal).begin(0)
    with app.store.write() as tx:
        return tx.shots.add(project.id, [NewShot(script="小满：等等我！")])[0]


def write(app: Vidgen, shot: Shot) -> Writing:
    app.prompts.write(shot.project_id, [shot.id], Wanted())
    assert app.prompts.wait(shot.project_id, 60)
    found = app.prompts.writing(shot.project_id)
    assert found is not None
    return found


def break_off(*_: object) -> str:
    raise StoreError("store_locked", path="-")


@pytest.fixture
def locked(app: Vidgen) -> Iterator[list[int]]:
    """Commits that fail once a question has been answered."""
    left: list[int] = [0]

    def refuse(_connection: Connection) -> None:
        if left[0]:
            left[0] -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY  # type: ignore[misc]
            raise error

    event.listen(Engine, "commit", refuse)
    yield left
    event.remove(Engine, "commit", refuse)


def test_an_answer_waits_for_the_database(
    app: Vidgen, shot: Shot, model: RehearsalServer, locked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = type(app.llm_queue)._keep

    async def lock_then_end(self: object, *given: object, **named: object) -> None:
        locked[0] = 3
        await end(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(app.llm_queue), "_keep", lock_then_end)

    assert write(app, shot).written == 1
    assert locked == [0]
    assert model.stats()["submits_total"] == 1
    assert Journal(app.locations.journal).read().notes == ()


def test_an_answer_that_was_not_used_is_used_by_the_next_run(
    app: Vidgen, shot: Shot, model: RehearsalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(app.prompts, "_put", break_off)
        assert write(app, shot).failed == 1

    assert write(app, shot).written == 1
    assert app.shots.get(shot.id).prompt
    assert model.stats()["submits_total"] == 1

    # Asking again when it is there is a new request, and so is another question.
    write(app, shot)
    assert model.stats()["submits_total"] == 2


def test_an_unused_answer_to_another_question_is_not_taken(
    app: Vidgen, shot: Shot, model: RehearsalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(app.prompts, "_put", break_off)
        write(app, shot)
    app.shots.edit(shot.id, script="灯灭了。")

    assert write(app, shot).written == 1
    assert model.stats()["submits_total"] == 2


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_before_the_answer_is_in_the_database_does_not_lose_it(
    app: Vidgen, shot: Shot, model: RehearsalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(LlmCallRepository, "end", die)
        app.prompts.write(shot.project_id, [shot.id], Wanted())
        assert app.prompts.wait(shot.project_id, 60)
    with app.store.read() as tx:
        assert [call.state for call in tx.llm_calls.open()] == [LlmCallState.SENDING]

    with Vidgen.open(app.locations) as restarted:
        assert write(restarted, shot).written == 1
        assert restarted.shots.get(shot.id).prompt
    assert model.stats()["submits_total"] == 1
    assert Journal(app.locations.journal).read().notes == ()


def test_a_question_that_is_stopped_before_it_leaves_is_taken_back(
    app: Vidgen, shot: Shot, model: RehearsalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = LlmCallRepository.begin

    def begin_and_stop(self: LlmCallRepository, *given: Any, **named: Any) -> int:
        app.llm_queue.stop_soon()
        return begin(self, *given, **named)

    monkeypatch.setattr(LlmCallRepository, "begin", begin_and_stop)
    app.prompts.write(shot.project_id, [shot.id], Wanted())
    assert app.prompts.wait(shot.project_id, 60)

    with app.store.read() as tx:
        assert [(call.state, call.cost) for call in tx.llm_calls.of_project(shot.project_id)] == [
            (LlmCallState.REFUSED, None)
        ]
    assert model.stats()["submits_total"] == 0


def test_a_note_about_another_question_of_that_id_is_not_taken_in(
    app: Vidgen, shot: Shot, model: RehearsalServer
) -> None:
    with app.store.write() as tx:
        call = tx.llm_calls.begin(
            shot.project_id, "prompt", "m", "", "http://127.0.0.1", shot_id=shot.id, prompt_digest="mine"
        )
    facts = {"state": "answered", "settled": False, "tokens_in": 1, "tokens_out": 1, "cost": None, "answer": "no"}
    Journal(app.locations.journal).note("answer", call=call, question="another", **facts)
    write(app, shot)

    with app.store.read() as tx:
        [mine] = [one for one in tx.llm_calls.of_project(shot.project_id) if one.id == call]
    assert (mine.state, mine.answer) == (LlmCallState.UNKNOWN, None)


def test_an_answer_in_the_journal_is_taken_in_by_the_next_process(
    app: Vidgen, shot: Shot, model: RehearsalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(app.prompts, "_put", break_off)
        write(app, shot)
    with app.store.write() as tx:  # as it was before the answer came, which only the journal knows
        [call] = tx.llm_calls.of_project(shot.project_id)
        tx.llm_calls.end(call.id, state=LlmCallState.SENDING, answer=None)
    facts = {
        "state": "answered",
        "settled": False,
        "tokens_in": 1,
        "tokens_out": 1,
        "cost": None,
        "answer": call.answer,
    }
    Journal(app.locations.journal).note("answer", call=call.id, **facts)

    assert write(app, shot).written == 1
    assert model.stats()["submits_total"] == 1
    assert Journal(app.locations.journal).read().notes == ()
