"""Two machines that share a database ask a language model in turn, and no answer is lost between them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import Postgres, postgres, postgres_url, shared_studio  # noqa: F401 - fixtures

from vidgen_core.config.paths import Locations
from vidgen_core.db import Journal
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.scripts import LlmCallState, PieceState
from vidgen_core.domain.shots import NewShot, Shot
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.scripts.llm_jobs import LlmJob
from vidgen_core.services.scripts.prompts import Wanted

pytestmark = pytest.mark.timeout(300)
Machines = tuple[Vidgen, Vidgen]


@pytest.fixture
def machines(
    tmp_path: Path,
    model: RehearsalServer,
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machines]:
    for name, value in shared_studio(postgres_url, tmp_path).items():
        monkeypatch.setenv(name, value)
    homes = [Locations(tmp_path / name).create() for name in "ab"]
    with Vidgen.open(homes[0]) as a, Vidgen.open(homes[1]) as b:
        yield a, b


def a_shot(app: Vidgen) -> Shot:
    project = app.projects.ensure("ep01")
    with app.store.write() as tx:
        return tx.shots.add(project.id, [NewShot(script="小满：等等我！")])[0]


class Question:
    """A job that is under way until somebody lets it end."""

    def __init__(self, app: Vidgen) -> None:
        self._app = app
        self._end = threading.Event()
        app.llm_queue.start("question", self._work)

    async def _work(self, _job: LlmJob) -> None:
        await asyncio.to_thread(self._end.wait, 120)

    def end(self) -> None:
        self._end.set()
        assert self._app.llm_queue.wait("question", 60)


def test_what_one_machine_asks_no_other_one_asks_meanwhile(machines: Machines, model: RehearsalServer) -> None:
    a, b = machines
    shot, question = a_shot(a), Question(a)
    with a.store.write() as tx:
        call = tx.llm_calls.begin(shot.project_id, "prompt", "m", "", "http://127.0.0.1", shot_id=shot.id)

    with pytest.raises(Refused, match="writing_elsewhere"):
        b.prompts.write(shot.project_id, [shot.id], Wanted())

    with b.store.read() as tx:
        assert [one.id for one in tx.llm_calls.open()] == [call]
    assert (b.llm_queue.is_elsewhere, a.llm_queue.is_elsewhere) == (True, False)
    with a.store.write() as tx:
        tx.llm_calls.end(call, state=LlmCallState.REFUSED)
    question.end()
    assert not b.llm_queue.is_elsewhere
    b.prompts.write(shot.project_id, [shot.id], Wanted())
    assert b.prompts.wait(shot.project_id, 60)
    assert model.stats()["submits_total"] == 1


def test_who_lost_the_lock_with_the_server_takes_it_again_or_asks_nothing(
    machines: Machines,
    model: RehearsalServer,
    postgres: Postgres,  # noqa: F811
) -> None:
    a, b = machines
    shot, question = a_shot(a), Question(a)
    a.prompts.write(shot.project_id, [shot.id], Wanted())
    postgres.restart()
    another = Question(b)
    question.end()
    assert a.prompts.wait(shot.project_id, 60)
    assert model.stats()["submits_total"] == 0
    another.end()
    a.prompts.write(shot.project_id, [shot.id], Wanted())
    assert a.prompts.wait(shot.project_id, 60)
    assert model.stats()["submits_total"] == 1


def test_an_answer_that_another_machine_has_given_up_comes_in_from_the_journal(machines: Machines) -> None:
    a, b = machines
    shot = a_shot(a)
    with a.store.write() as tx:
        script = tx.scripts.add(shot.project_id, "s", "text", "m", 1, [(1, 1, "text")])
        [piece] = tx.scripts.pieces(script.id)
        tx.scripts.set_piece(piece.id, PieceState.ASKING)
        call = tx.llm_calls.begin(
            shot.project_id, "script", "m", "", "http://127.0.0.1", piece_id=piece.id, prompt_digest="d"
        )
    facts = {"state": "answered", "settled": False, "tokens_in": 1, "tokens_out": 1, "cost": None, "answer": "kept"}
    Journal(a.locations.journal).note("answer", call=call, question="d", **facts)

    def after(app: Vidgen) -> tuple[LlmCallState, PieceState, str | None]:
        Question(app).end()
        with app.store.read() as tx:
            [asked] = tx.llm_calls.of_project(shot.project_id)
            return asked.state, tx.scripts.pieces(script.id)[0].state, tx.llm_calls.last_answer(piece.id)

    assert after(b) == (LlmCallState.UNKNOWN, PieceState.UNKNOWN, None)
    assert after(a) == (LlmCallState.ANSWERED, PieceState.WAITING, "kept")
    assert Journal(a.locations.journal).read().notes == ()
