"""Figures of a period: rates, money in one or more currencies, and what is said where something is not known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.takes import NewTake
from vidgen_core.domain.tasks import NewTask, Task, TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.reports.text import cost_each, spend_words, suggestion_words

EN = get_text("en", strict=True)
TODAY = datetime.now(UTC).astimezone().date()

Make = Callable[..., Task]


@pytest.fixture
def make(app: Vidgen, add_shot: Callable[..., Shot]) -> Make:
    """A take of a new shot that cost something and ended somehow."""

    def take(
        cost: str | None = "0.40",
        currency: str = "CNY",
        charge: ChargeStatus = ChargeStatus.CHARGED,
        status: TaskStatus = TaskStatus.COMPLETED,
        provider: ProviderId = ProviderId("yunwu"),
        shot: Shot | None = None,
        chosen: bool = False,
    ) -> Task:
        shot = shot or add_shot()
        params = app.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1), release=False).tasks[0].params
        with app.store.write() as tx:
            price = Money(amount=Decimal(cost), currency=currency) if cost else None
            task = tx.tasks.add(
                [
                    NewTask(
                        project_id=shot.project_id,
                        shot_id=shot.id,
                        provider=provider,
                        model="m",
                        params=params,
                        cost=price,
                    )
                ]
            )[0]
            tx.tasks.move(task.id, TaskStatus.PROCESSING)
            attempt = tx.attempts.begin(task.id, provider, "m", "k1", "main ••x4KR", None, price)
            state = AttemptState.SUCCEEDED if status is TaskStatus.COMPLETED else AttemptState.FAILED
            tx.attempts.update(attempt.id, state=state, charge=charge)
            tx.keys.touch(provider, "k1", "main ••x4KR", submitted=1)
            tx.tasks.move(task.id, TaskStatus.DOWNLOADING)
            tx.tasks.move(task.id, status)
            if status is TaskStatus.COMPLETED:
                video = {"folder": "/v", "file": "a.mp4", "poster": None, "seconds": 1, "width": 9, "height": 16}
                new = NewTake(
                    project_id=shot.project_id,
                    shot_id=shot.id,
                    task_id=task.id,
                    number=task.take,
                    **video,
                    bytes=1,
                    sha256="",
                    provider=provider,
                    model="m",
                )
                made = tx.takes.add(new)
                if chosen:
                    tx.shots.choose(shot.id, made.id)
        return task

    return take


def test_cost_per_chosen_take_carries_the_failures_and_the_takes_not_chosen(app: Vidgen, make: Make) -> None:
    make(chosen=True)
    make()
    make(status=TaskStatus.FAILED)
    make(status=TaskStatus.FAILED, charge=ChargeStatus.REFUNDED)
    figures = app.reports.of(None)
    assert figures.cost_per_chosen == Decimal("1.20")
    assert figures.spend.lines[0].refunded == Decimal("0.40")
    assert not figures.spend.estimated
    assert cost_each(EN, figures.spend, figures.cost_per_chosen) == "¥1.20"


def test_an_estimate_and_an_unknown_amount_are_said_to_be_so(app: Vidgen, make: Make) -> None:
    make(charge=ChargeStatus.ESTIMATED, chosen=True)
    make(cost=None, charge=ChargeStatus.NONE)
    figures = app.reports.of(None)
    assert figures.spend.unpriced == 1
    assert spend_words(EN, figures.spend) == "at least ≈¥0.40"


def test_currencies_are_added_by_their_rates_and_stand_beside_the_sum(app: Vidgen, make: Make) -> None:
    make(chosen=True)
    make("100", "credits", provider=ProviderId("kie"))
    app.settings_file.change({"budget.rates": [{"of": "kie", "worth": "0.05"}]})
    spend = app.reports.of(None).spend
    assert (spend.total, spend.currency, spend.converted) == (Decimal("5.40"), "CNY", True)
    assert {(line.currency, line.provider, line.owed) for line in spend.lines} == {
        ("CNY", None, Decimal("0.40")),
        ("credits", ProviderId("kie"), Decimal(100)),
    }
    assert spend_words(EN, spend) == "≈¥5.40"


def test_without_a_rate_there_is_no_sum_and_no_cost_per_take(app: Vidgen, make: Make) -> None:
    make(chosen=True)
    make("7", "credits", provider=ProviderId("lovart"), chosen=True)
    figures = app.reports.of(None)
    assert figures.spend.total is None
    assert spend_words(EN, figures.spend) == "¥0.40 + 7 credits (Lovart)"
    assert cost_each(EN, figures.spend, figures.cost_per_chosen) == "unknown"
    each = {share.provider: (share.cost_per_chosen, share.spend.currency) for share in figures.providers}
    assert each == {ProviderId("yunwu"): (Decimal("0.40"), "CNY"), ProviderId("lovart"): (Decimal(7), "credits")}


def test_a_period_and_a_provider_leave_only_what_is_theirs(app: Vidgen, project: Project, make: Make) -> None:
    make()
    make(provider=ProviderId("kie"))
    assert app.reports.of(project.id, provider=ProviderId("kie")).completed == 1
    assert app.reports.of(project.id, since=TODAY, until=TODAY).completed == 2
    assert app.reports.of(project.id, until=TODAY - timedelta(days=1)).empty
    assert app.reports.of(app.projects.ensure("other").id).empty
    with pytest.raises(InputError, match="period_backwards"):
        app.reports.of(None, since=date(2026, 2, 1), until=date(2026, 1, 1))


def test_takes_are_suggested_from_the_shots_that_have_a_choice(
    app: Vidgen, make: Make, add_shot: Callable[..., Shot]
) -> None:
    assert app.reports.of(None).suggestion is None
    for number in range(3):
        shot = add_shot()
        for take in range(3 if number else 1):
            make(shot=shot, chosen=take == 0)
    make()
    suggestion = app.reports.of(None).suggestion
    assert suggestion is not None
    assert (suggestion.takes, suggestion.shots, suggestion.finished, suggestion.waiting) == (3, 3, 7, 1)
    assert "3 takes per shot" in suggestion_words(EN, suggestion)


def test_a_deleted_failure_makes_nobody_more_successful(app: Vidgen, make: Make) -> None:
    make()
    failed = make(status=TaskStatus.FAILED)
    before = app.reports.of(None)
    app.tasks.delete([failed.id])
    after = app.reports.of(None)
    assert (after.success_rate, after.spend) == (before.success_rate, before.spend)
    assert after.success_rate == 0.5


def test_the_list_has_one_number_a_line_in_both_languages(app: Vidgen, make: Make) -> None:
    make(chosen=True)
    figures = app.reports.of(None)
    english, chinese = (
        app.reports.csv(figures, get_text(lang, strict=True)).decode("utf-8-sig") for lang in ("en", "zh")
    )
    assert "Whole period,,Cost per chosen take,0.4,CNY" in english
    assert "整段时间,,每条选定的成本,0.4,CNY" in chinese
    assert "Keys,Yunwu API · main ••x4KR,Attempts,1," in english
