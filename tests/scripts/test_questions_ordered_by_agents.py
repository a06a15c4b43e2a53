"""What an agent has a language model do, by a quote: each question is a paid request under its name, within its limits."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from test_model_judge import take_of

from vidgen_core.domain.agents import QuoteKind, QuoteState
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.scripts import ScriptState
from vidgen_core.domain.shots import NewShot, Project
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.quotes import Quoted
from vidgen_core.services.quality.model_judge import Nothing
from vidgen_core.services.scripts.prompts import Wanted
from vidgen_core.services.scripts.scripts import ScriptText

ONE_EACH = [{"provider": "writing", "model": "rehearsal", "amount": 1, "unit": "call"}]


@pytest.fixture
def shots(app: Vidgen, project: Project) -> list[int]:
    app.settings_file.change({"prices": ONE_EACH, "gate.ask_above": 100})
    new = [NewShot(number=str(n), script=f"Anna lights lamp {n}.") for n in (1, 2)]
    with app.store.write() as tx:
        return [shot.id for shot in tx.shots.add(project.id, new)]


def quoted(app: Vidgen, project: Project, shots: list[int]) -> Quoted:
    return app.quotes.make(project.id, shots, Wanted(), kind=QuoteKind.PROMPTS, agent="bot")


def asked(model: RehearsalServer) -> int:
    return sum(model.stats()["submits"].values())


def test_they_are_written_once_under_the_agents_name(
    app: Vidgen, project: Project, model: RehearsalServer, shots: list[int]
) -> None:
    app.agents.add("bot", per_day=Decimal(2), in_all=Decimal(10))
    found = quoted(app, project, shots)
    assert (found.quote.tasks, found.quote.price) == (2, Money(amount=Decimal(2), currency="CNY"))
    assert asked(model) == 0

    assert app.quotes.order(found.token, "bot").quote.state is QuoteState.ORDERED
    assert app.quotes.order(found.token, "bot").quote.state is QuoteState.ORDERED
    assert app.prompts.wait(project.id, 60)

    assert (asked(model), app.quotes.follow(found.token, "bot").left) == (2, 0)
    assert all(app.shots.get(shot).prompt for shot in shots)
    assert {line.agent for line in app.ledger.requests(project.id)} == {"bot"}
    assert app.ledger.verify().ok
    assert [status.left.amount for status in app.agents.statuses(app.agents.get("bot"))] == [0, 8]
    assert app.quotes.order(quoted(app, project, shots).token, "bot").quote.reason == "day"
    assert asked(model) == 2


def test_a_question_asks_the_limit_again_before_it_leaves(
    app: Vidgen, project: Project, model: RehearsalServer, shots: list[int]
) -> None:
    app.agents.add("bot", per_day=Decimal(2), in_all=Decimal(10))
    found = quoted(app, project, shots)
    # The first answer is cut off, so it is asked to be written again, which is paid as well.
    app.shots.edit(shots[0], script="Anna lights lamp 1. [[chat-cut-off]]")
    app.quotes.order(found.token, "bot")
    assert app.prompts.wait(project.id, 60)
    assert asked(model) == 2
    writing = app.prompts.writing(project.id)
    assert writing is not None
    assert writing.failure is not None
    assert writing.failure.code == "agent_limit_day"


def test_a_yes_lets_them_pass_and_a_quote_that_could_not_begin_can_be_ordered_again(
    app: Vidgen, project: Project, model: RehearsalServer, shots: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app.agents.add("bot")
    found = quoted(app, project, shots)
    assert app.quotes.order(found.token, "bot").quote.reason == "day"
    with monkeypatch.context() as patched:

        def elsewhere(*_: object) -> None:
            raise Refused("writing_elsewhere")

        patched.setattr(app.llm_queue, "start", elsewhere)
        with pytest.raises(Refused, match="writing_elsewhere"):
            app.quotes.approve(found.quote.id, found.quote.price)
    assert [quote.id for quote in app.quotes.waiting()] == [found.quote.id]

    app.quotes.approve(found.quote.id, found.quote.price)
    assert app.prompts.wait(project.id, 60)
    assert asked(model) == 2
    with pytest.raises(Refused, match="quote_decided"):
        app.quotes.approve(found.quote.id, found.quote.price)


SCRIPT = "\n\n".join(
    f"INT. HOUSE {n} - NIGHT\n\nAnna lights lamp {n} and looks out at the rain over the harbour for long." * 2
    for n in (1, 2, 3)
)


def test_a_script_is_split_once_under_the_agents_name(
    app: Vidgen, project: Project, model: RehearsalServer, shots: list[int]
) -> None:
    app.agents.add("bot", per_day=Decimal(10), in_all=Decimal(10))
    found = app.quotes.make(project.id, [], ScriptText(text=SCRIPT), kind=QuoteKind.SCRIPT, agent="bot")
    pieces = app.scripts.pieces(SCRIPT)
    assert (found.quote.tasks, found.quote.price, found.quote.worst) == (
        pieces,
        Money(amount=Decimal(pieces), currency="CNY"),
        Money(amount=Decimal(2 * pieces), currency="CNY"),
    )
    assert (pieces > 1, asked(model), app.scripts.all(project.id)) == (True, 0, [])

    for _ in range(2):
        assert app.quotes.order(found.token, "bot").quote.state is QuoteState.ORDERED
    [view] = app.scripts.all(project.id)
    assert app.scripts.wait(view.script.id, 60)

    assert app.scripts.get(view.script.id).script.state is ScriptState.READY
    assert (asked(model), app.quotes.follow(found.token, "bot").left) == (pieces, 0)
    assert {line.agent for line in app.ledger.requests(project.id)} == {"bot"}
    app.scripts.store(view.script.id)
    with pytest.raises(Refused, match="script_is_stored"):
        app.quotes.make(project.id, [], ScriptText(text=SCRIPT), kind=QuoteKind.SCRIPT, agent="bot")


def test_takes_are_looked_at_once_under_the_agents_name_and_wait_for_a_yes_above_a_limit(
    app: Vidgen,
    project: Project,
    model: RehearsalServer,
    shots: list[int],
    tmp_path: Path,
) -> None:
    take = take_of(app, project, tmp_path, "a dancer bad-hands")
    app.agents.add("bot")
    every = [*shots, take.shot_id]
    with pytest.raises(Refused, match="judge_off"):
        app.quotes.make(project.id, every, Nothing(), kind=QuoteKind.JUDGEMENTS, agent="bot")
    app.settings_file.change({"checks.ask_model": True, "writing.vision": True})
    found = app.quotes.make(project.id, every, Nothing(), kind=QuoteKind.JUDGEMENTS, agent="bot")
    one = Money(amount=Decimal(1), currency="CNY")
    assert (found.quote.tasks, found.quote.price, found.quote.worst) == (1, one, one)
    assert app.quotes.order(found.token, "bot").quote.reason == "day"
    assert asked(model) == 0

    app.quotes.approve(found.quote.id, one)
    assert app.model_judge.wait(project.id, 60)

    assert (asked(model), app.takes.get(take.id).warnings) == (1, ("model_hands",))
    assert {line.agent for line in app.ledger.requests(project.id)} == {"bot"}
    assert app.quotes.follow(found.token, "bot").left == 0
    with pytest.raises(Refused, match="quote_empty"):
        app.quotes.make(project.id, every, Nothing(), kind=QuoteKind.JUDGEMENTS, agent="bot")
