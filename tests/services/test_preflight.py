"""The gate for paid acts: what is counted, what asks, what is left out, and what goes without a key."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.services.app_doubles import failed
from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

AddShot = Callable[..., Shot]


@pytest.fixture
def paid(app: Vidgen, yunwu_key: None, monkeypatch: pytest.MonkeyPatch) -> Vidgen:
    """Takes of ¥0.40 each."""
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    app.settings_file.change({"runner.takes_per_shot": 1})
    return app


def made_of(app: Vidgen, project: Project) -> int:
    return sum(app.tasks.counts(project.id).values())


def test_an_order_asks_above_a_sum_or_a_number_of_tasks(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    paid.settings_file.change({"gate.ask_above": Decimal("0.8"), "gate.ask_above_tasks": 3})
    ids = [add_shot(str(n)).id for n in range(4)]

    assert not paid.tasks.estimate(project.id, ids[:2]).asks
    assert paid.tasks.estimate(project.id, ids[:3]).asks
    paid.settings_file.change({"gate.ask_above": Decimal(100)})
    assert not paid.tasks.estimate(project.id, ids[:3]).asks
    assert paid.tasks.estimate(project.id, ids).asks


def test_the_sum_is_worth_the_same_in_other_money(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot("1")
    paid.settings_file.change({"gate.ask_above": Decimal("0.05"), "gate.currency": "USD"})
    # 0.40 CNY are some 0.056 USD.
    assert paid.tasks.estimate(project.id, [shot.id]).asks
    paid.settings_file.change({"gate.ask_above": Decimal("0.06")})
    assert not paid.tasks.estimate(project.id, [shot.id]).asks


def test_an_unknown_price_asks_and_is_said_as_unknown(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot("1", params=ShotParams(model="nobody-knows-this"))

    estimate = paid.tasks.estimate(project.id, [shot.id])

    assert estimate.asks
    assert (estimate.money, estimate.worst) == (None, None)
    sheet = paid.tasks.preflight(project.id, [shot.id])
    assert (sheet.asks, sheet.low, sheet.high) == (True, None, None)


def test_free_work_never_asks(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    app.settings_file.change({"gate.ask_above": 0, "gate.ask_above_tasks": 0})
    ids = [add_shot(str(n)).id for n in range(30)]

    assert not app.tasks.estimate(project.id, ids, GenerateOptions(takes=5)).asks
    assert not app.tasks.preflight(project.id, ids, GenerateOptions(takes=5)).asks


def test_the_worst_case_counts_every_automatic_retry(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    paid.settings_file.change({"runner.max_retries": 2})
    shot = add_shot("1")

    assert paid.tasks.estimate(project.id, [shot.id]).worst == Money(amount=Decimal("1.2"), currency="CNY")
    paid.settings_file.change({"runner.retry_on_fail": False})
    assert paid.tasks.estimate(project.id, [shot.id]).worst == Money(amount=Decimal("0.4"), currency="CNY")


def test_only_shots_without_takes_are_made_unless_more_is_asked_for(
    paid: Vidgen, project: Project, add_shot: AddShot
) -> None:
    queued, kept, bare, lost = (add_shot(name) for name in ("queued", "kept", "bare", "lost"))
    paid.tasks.generate(project.id, [queued.id])
    paid.tasks.generate(project.id, [kept.id], release=False)
    failed(paid, lost, ErrorKind.MODERATION)
    ids = [queued.id, kept.id, bare.id, lost.id]

    estimate = paid.tasks.estimate(project.id, ids, again=False)
    sheet = paid.tasks.preflight(project.id, ids, again=False)
    made = paid.tasks.generate(project.id, ids, again=False)

    assert (estimate.tasks, estimate.having) == (2, 2)
    assert (sheet.tasks, sheet.having) == (2, ("queued", "kept"))
    assert [task.shot for task in made.tasks] == ["bare", "lost"]
    assert made.having == 2
    assert paid.tasks.generate(project.id, ids, again=False).tasks == ()
    assert len(paid.tasks.generate(project.id, ids).tasks) == 4


@pytest.mark.parametrize("own", [None, 1, 2, 5])
@pytest.mark.parametrize("asked", [1, 3])
def test_the_number_that_is_asked_for_is_the_number_made(
    paid: Vidgen, project: Project, add_shot: AddShot, own: int | None, asked: int
) -> None:
    shot = add_shot("1", params=ShotParams(takes=own))

    assert paid.tasks.estimate(project.id, [shot.id], GenerateOptions(takes=asked)).tasks == asked
    assert paid.tasks.estimate_for([shot], GenerateOptions(takes=asked)).tasks == asked
    assert paid.tasks.preflight(project.id, [shot.id], GenerateOptions(takes=asked)).tasks == asked
    assert len(paid.tasks.generate(project.id, [shot.id], GenerateOptions(takes=asked)).tasks) == asked


def test_nothing_is_queued_without_a_key(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    app.settings_file.change({"mode": "yunwu", "providers.images.drawn_by": "images"})
    shot = add_shot("1", picture_prompt="a lighthouse")

    assert app.tasks.estimate(project.id, [shot.id]).key_missing is ProviderId("yunwu")
    assert app.tasks.preflight(project.id, [shot.id]).key_missing is ProviderId("yunwu")
    assert app.pictures.estimate(project.id, [shot.id]).key_missing is ProviderId("images")
    for act in (app.tasks.generate, app.pictures.draw):
        with pytest.raises(Refused, match="key_needed"):
            act(project.id, [shot.id])
    assert made_of(app, project) == 0


def test_a_key_that_is_switched_off_is_none(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    off = {"name": "main", "secret": "sk-1", "enabled": False}
    app.settings_file.change({"mode": "yunwu", "providers.yunwu.keys": [off]})

    with pytest.raises(Refused, match="key_needed"):
        app.tasks.generate(project.id, [add_shot("1").id])


def test_what_has_a_key_goes_and_what_has_none_is_named(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    free = add_shot("free")
    paid = add_shot("paid", params=ShotParams(provider=ProviderId("kie")))

    made = app.tasks.generate(project.id, [free.id, paid.id], GenerateOptions(takes=1))

    assert [task.shot for task in made.tasks] == ["free"]
    assert [(one.shot.number, one.code) for one in made.refused] == [("paid", "key_needed")]


def test_kept_and_failed_tasks_need_a_key_too(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    kept = app.tasks.generate(
        project.id, [add_shot("1").id], GenerateOptions(takes=1, provider=ProviderId("yunwu")), release=False
    ).tasks[0]
    gone = failed(app, add_shot("2"), ErrorKind.TIMEOUT)

    with pytest.raises(Refused, match="key_needed"):
        app.tasks.start([kept.id])
    with pytest.raises(Refused, match="key_needed"):
        app.tasks.retry([gone.id])
    assert app.tasks.get(kept.id).status is TaskStatus.PENDING
    assert app.tasks.get(gone.id).status is TaskStatus.FAILED


def test_the_rest_of_a_batch_is_counted_before_it_goes(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    ids = [add_shot(str(n)).id for n in range(3)]
    batch = paid.tasks.generate(project.id, ids, canary=True).tasks[0].batch

    assert paid.tasks.estimate_batch(project.id, batch).tasks == 2
    assert paid.tasks.preflight_batch(project.id, batch).tasks == 2
    assert paid.tasks.go_on(project.id, batch) == 2
