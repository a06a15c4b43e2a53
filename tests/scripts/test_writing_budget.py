"""What questions to language models cost: in the ledger, in the figures, and never beyond the budget."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from tests.scripts.sample_scripts import LIGHTHOUSE
from vidgen_core import money
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import WRITING, ProviderId
from vidgen_core.domain.shots import NewShot, Project, Shot
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.i18n import get_text
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.scripts.scripts import ScriptView

FREE = [{"provider": "writing", "model": "*", "amount": 0, "unit": "call"}]
ONE_EACH = [{"provider": "writing", "model": "rehearsal", "amount": 1, "unit": "call"}]
BY_TOKENS = [
    {"provider": "writing", "model": "rehearsal", "amount": 20, "unit": "million_in"},
    {"provider": "writing", "model": "rehearsal", "amount": 80, "unit": "million_out"},
    {"provider": "writing", "model": "*", "amount": 99, "unit": "call"},
]


def yuan(amount: str | int) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


def settle_for(app: Vidgen, prices: list[dict[str, Any]], **budget: Any) -> None:
    app.settings_file.change({"prices": prices, **{f"budget.{name}": value for name, value in budget.items()}})


def read(app: Vidgen, project: Project, text: str = LIGHTHOUSE) -> ScriptView:
    script = app.scripts.start(project.id, text, "灯塔")
    assert app.scripts.wait(script.id, 60)
    return app.scripts.get(script.id)


def shots(app: Vidgen, project: Project, *new: NewShot) -> list[Shot]:
    with app.store.write() as tx:
        return tx.shots.add(project.id, new)


def asked(model: RehearsalServer) -> int:
    return sum(model.stats()["submits"].values())


def codes(view: ScriptView) -> list[str]:
    return [piece.failure.code for piece in view.pieces if piece.failure]


def spent(app: Vidgen) -> Decimal:
    with app.store.read() as tx:
        return sum((one.amount for one in tx.ledger.committed().get(WRITING, [])), Decimal(0))


def test_tokens_that_were_counted_are_in_the_ledger_the_figures_and_the_list(app: Vidgen, project: Project) -> None:
    settle_for(app, BY_TOKENS)
    read(app, project)

    with app.store.read() as tx:
        calls = tx.llm_calls.of_project(project.id)
    cost = sum(
        (Decimal(20) * (call.tokens_in or 0) + Decimal(80) * (call.tokens_out or 0)) / 1_000_000 for call in calls
    )
    assert cost > 0
    assert spent(app) == cost
    [line] = app.budget.spend(project.id)
    assert (line.provider, line.key, line.attempts, line.estimated) == (WRITING, "rehearsal ••rsal", 3, cost)

    figures = app.reports.of(project.id)
    assert (figures.questions, figures.attempts, figures.spend.total) == (3, 0, cost)
    assert [(share.provider, share.model, share.attempts) for share in figures.models] == [(WRITING, "rehearsal", 3)]
    assert [(key.key, key.succeeded, key.spend.total) for key in figures.keys] == [("rehearsal ••rsal", 3, cost)]
    assert [day.spend.total for day in figures.days] == [cost]
    t = get_text("en")
    rows = list(csv.reader(io.StringIO(app.reports.csv(figures, t).decode("utf-8-sig"))))
    assert ["Models", "Language model · rehearsal", "Total", f"{cost.normalize():f}", "CNY"] in rows


def test_without_a_price_the_total_is_said_to_be_the_least(app: Vidgen, project: Project) -> None:
    read(app, project)

    assert app.reports.of(project.id).spend.unpriced == 3
    assert app.budget.spend(project.id)[0].currency is None


@pytest.mark.parametrize("scope", ["limit", "per_day", "project"])
def test_at_the_limit_nothing_is_asked_and_one_word_goes_on_with_what_was_stopped(
    app: Vidgen, project: Project, model: RehearsalServer, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setenv("VIDGEN_WRITING__MAX_CONCURRENT", "8")
    settle_for(app, ONE_EACH, **({} if scope == "project" else {scope: 2}))
    if scope == "project":
        app.budget.limit_project(project.id, Decimal(2))

    stopped = read(app, project)

    told = {"limit": "writing_budget_all", "per_day": "writing_budget_day", "project": "writing_budget_project"}[scope]
    assert (asked(model), spent(app), codes(stopped)) == (2, 2, [told])
    for lang in ("en", "zh"):
        [failure] = [piece.failure for piece in stopped.pieces if piece.failure]
        assert "¥2.00" in get_text(lang, strict=True).failure(failure)
    # Asking again asks the budget again.
    app.scripts.resume(stopped.script.id)
    assert app.scripts.wait(stopped.script.id, 30)
    assert asked(model) == 2

    app.budget.go_on(project.id)
    app.scripts.resume(stopped.script.id)
    assert app.scripts.wait(stopped.script.id, 30)

    assert (asked(model), spent(app), codes(app.scripts.get(stopped.script.id))) == (3, 3, [])
    # What was let through is used up.
    assert codes(read(app, project, "第一场 内景 夜\n海浪拍打礁石。")) == [told]
    assert asked(model) == 3


def test_takes_and_questions_share_one_budget(app: Vidgen, project: Project, model: RehearsalServer) -> None:
    settle_for(app, ONE_EACH, limit=3)
    app.settings_file.change({"providers.yunwu.keys": [{"name": "main", "secret": "sk-good-video01"}]})
    [shot] = shots(app, project, NewShot(number=None, prompt="pan left"))
    [task] = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1, provider=ProviderId("yunwu"))).tasks
    with app.store.write() as tx:
        attempt = tx.attempts.begin(task.id, task.provider, task.model, "k", "k", None, yuan("1.5"))
        tx.attempts.update(attempt.id, charge=ChargeStatus.CHARGED)

    assert codes(read(app, project)) == ["writing_budget_all"] * 2
    assert (asked(model), spent(app)) == (1, 1)


def test_what_has_no_known_price_is_not_asked_under_a_limit_and_what_is_free_is(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    settle_for(app, [], limit=100)
    assert codes(read(app, project)) == ["writing_price_missing"] * 3
    assert asked(model) == 0

    settle_for(app, FREE, limit=100)
    assert codes(read(app, project)) == []
    assert (asked(model), spent(app)) == (3, 0)


def test_a_lost_answer_keeps_what_was_set_aside_and_a_refused_question_nothing(app: Vidgen, project: Project) -> None:
    settle_for(app, ONE_EACH)
    read(app, project, "第一场 内景 夜\n海浪拍打礁石。[[chat-lost]]")
    read(app, project, "第一场 内景 夜\n灯灭了。[[chat-content]]")

    with app.store.read() as tx:
        found = {(line.charge, line.money, line.n) for line in tx.ledger.sums() if line.provider == WRITING}
    assert found == {(ChargeStatus.UNKNOWN, yuan(1), 1), (ChargeStatus.NONE, None, 1)}
    assert spent(app) == 1


def test_what_a_killed_process_was_asking_stays_set_aside(app: Vidgen, project: Project) -> None:
    settle_for(app, ONE_EACH, limit=4)
    with app.store.write() as tx:
        # As a process leaves it that is killed between the intent and the answer.
        tx.llm_calls.begin(project.id, "prompt", "rehearsal", "", "http://127.0.0.1", cost=yuan(2))
    assert spent(app) == 2

    assert codes(read(app, project)) == ["writing_budget_all"]
    assert spent(app) == 4


def test_prompts_that_were_stopped_are_written_after_a_word(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    settle_for(app, ONE_EACH, limit=1)
    made = shots(app, project, *(NewShot(number=None, prompt="", script=f"海浪 {n}") for n in range(3)))
    app.prompts.write(project.id, [shot.id for shot in made])
    assert app.prompts.wait(project.id, 30)

    end = app.prompts.writing(project.id)
    assert end is not None
    assert (end.written, end.failed, end.stopped) == (1, 2, (made[1].id, made[2].id))
    app.budget.go_on(project.id)
    app.prompts.write(project.id, end.stopped, end.wanted)
    assert app.prompts.wait(project.id, 30)
    assert app.prompts.empty(project.id) == []
    assert (asked(model), spent(app)) == (3, 3)


def test_what_is_set_aside_is_never_less_than_the_answer_costs(
    app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_for(app, BY_TOKENS)
    found: list[Money] = []
    begin = money.LlmPrice.of

    def noted(self: money.LlmPrice, tokens_in: int, tokens_out: int) -> Money:
        found.append(begin(self, tokens_in, tokens_out))
        return found[-1]

    monkeypatch.setattr(money.LlmPrice, "of", noted)
    read(app, project)
    # Set aside and answered, three times.
    assert len(found) == 6
    assert all(aside.amount >= cost.amount for aside, cost in zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"provider": "writing", "unit": "take"}, "unit"),
        ({"provider": "writing"}, "unit"),
        ({"provider": "yunwu", "unit": "million_in"}, "unit"),
        ({"provider": "nobody"}, "provider"),
    ],
)
def test_a_price_has_a_unit_of_its_own_kind(app: Vidgen, row: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        app.budget.set_prices([{"model": "m", "amount": 1, **row}])
    assert str(caught.value.params["field"]).endswith(field)
    for lang in ("en", "zh"):
        get_text(lang, strict=True).error(caught.value.kind, caught.value.code, caught.value.params)


def test_a_model_priced_in_two_currencies_has_no_price(app: Vidgen) -> None:
    settle_for(app, [BY_TOKENS[0], {**BY_TOKENS[1], "currency": "USD"}])
    assert money.llm_price(app.settings()) is None


def test_the_settings_of_writing_price_whatever_model_is_set(app: Vidgen) -> None:
    app.settings_file.change({"writing.price_in": 3})
    price = money.llm_price(app.settings())
    assert price is not None
    assert price.of(2_000_000, 5) == yuan(6)
