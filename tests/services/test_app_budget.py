"""Prices, the sheet before a batch, one shot first, limits and the ledger's sums, as interfaces ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import LogFilter
from vidgen_core.domain.shots import NewShot, Shot, ShotParams
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.i18n import get_text
from vidgen_core.media.images import keep_image
from vidgen_core.media.sample_art import write_sample
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.preflight import facts_of, problem_line
from vidgen_core.worker import canary

pytestmark = pytest.mark.usefixtures("yunwu_key")

COMPLETED, PENDING, QUEUED = TaskStatus.COMPLETED, TaskStatus.PENDING, TaskStatus.QUEUED


@pytest.fixture
def app(locations: Locations) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as opened:
        opened.settings_file.change({"mode": "yunwu", "runner.takes_per_shot": 1})
        yield opened


def yuan(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


def shots(app: Vidgen, *new: NewShot) -> list[Shot]:
    project = app.projects.ensure("ep01")
    with app.store.write() as tx:
        return tx.shots.add(project.id, list(new))


def picture(app: Vidgen, seed: int = 1) -> str:
    drawn = app.locations.home / f"{seed}.png"
    write_sample(drawn, seed, 360, 640)
    return keep_image(drawn, app.locations.images)


def plain(app: Vidgen, count: int) -> list[Shot]:
    kept = picture(app)
    return shots(app, *(NewShot(number=f"{n}.0", prompt=f"pan {n}", image=kept) for n in range(1, count + 1)))


def ids(found: list[Shot]) -> list[int]:
    return [shot.id for shot in found]


def pay(app: Vidgen, task: Task, charge: ChargeStatus, cost: Money, key: str = "k1") -> None:
    """As the runner leaves an attempt of a task."""
    with app.store.write() as tx:
        attempt = tx.attempts.begin(task.id, task.provider, task.model, key, f"{key} ••aaaa", None, cost)
        tx.attempts.update(attempt.id, charge=charge, state=AttemptState.SUCCEEDED, intent_at=datetime.now(UTC))


def test_own_prices_are_what_every_estimate_says(app: Vidgen) -> None:
    made = plain(app, 2)
    app.budget.set_prices([{"provider": "yunwu", "model": "grok-video-3", "amount": "0.55"}])

    estimate = app.tasks.estimate(made[0].project_id, ids(made), GenerateOptions(takes=3))
    queued = app.tasks.generate(made[0].project_id, ids(made), GenerateOptions(takes=3))

    assert (estimate.money, estimate.assumed) == (yuan("3.30"), False)
    assert {task.cost for task in queued.tasks} == {yuan("0.55")}
    assert app.budget.prices()[0].source == "own"


def test_an_estimate_in_credits_has_its_worth_beside_it(app: Vidgen) -> None:
    made = plain(app, 1)

    estimate = app.tasks.estimate(made[0].project_id, ids(made), GenerateOptions(provider=ProviderId("kie")))

    assert estimate.money == Money(amount=Decimal(65), currency="credits")
    assert estimate.worth == yuan("2.34")


def test_the_sheet_names_every_planted_problem(app: Vidgen) -> None:
    good, gone, bad = picture(app, 1), picture(app, 2), picture(app, 3)
    made = shots(
        app,
        NewShot(number="1.0", prompt="pan left", image=good),
        NewShot(number="2.0", prompt="Pan  left", image=good),
        NewShot(number="3.0", prompt="tilt", image=gone),
        NewShot(number="4.0", prompt="zoom", image=bad),
        NewShot(number="5.0", prompt=" ", image=good),
        NewShot(number="6.0", prompt="ratio", image=good, params=ShotParams(aspect_ratio="21:9")),
        NewShot(number="7.0", prompt="size", image=good, params=ShotParams(size="9000P")),
        NewShot(number="8.0", prompt="long", image=good, params=ShotParams(duration=599.0)),
        NewShot(number="9.0", prompt="", image=None),
        NewShot(number="10.0", prompt="dear", image=good, params=ShotParams(model="sora-9")),
    )
    (app.locations.images / gone).unlink()
    with (app.locations.images / bad).open("r+b") as file:
        file.truncate(200)
    app.settings_file.change({"budget.limit": 1, "budget.per_day": 1})
    app.budget.limit_project(made[0].project_id, Decimal("0.5"))
    with app.store.write() as tx:
        tx.ledger.keep_balance(ProviderId("yunwu"), "k1", "main ••aaaa", yuan("0.9"), "check", datetime.now(UTC))

    sheet = app.tasks.preflight(made[0].project_id, ids(made))

    named = {(problem.code, problem.shots) for problem in sheet.problems}
    assert named >= {
        ("preflight_prompt_twice", ("1.0", "2.0")),
        ("preflight_picture_missing", ("3.0",)),
        ("preflight_picture_broken", ("4.0",)),
        ("preflight_prompt_empty", ("5.0", "9.0")),
        ("aspect_ratio_not_taken", ("6.0",)),
        ("size_not_taken", ("7.0",)),
        ("duration_not_taken", ("8.0",)),
        ("shot_without_image_and_prompt", ("9.0",)),
        ("preflight_price_unknown", ("10.0",)),
        ("preflight_budget_all", ()),
        ("preflight_budget_day", ()),
        ("preflight_budget_project", ()),
        ("preflight_balance_short", ()),
    }
    assert sheet.low is None
    assert sheet.problems[0].fatal
    for lang in ("en", "zh"):
        t = get_text(lang, strict=True)
        assert all(problem_line(t, problem) for problem in sheet.problems)
        assert len(facts_of(t, sheet)) >= 6


def test_the_sheet_says_price_range_balance_and_time(app: Vidgen) -> None:
    made = plain(app, 25)
    done = app.tasks.generate(made[0].project_id, ids(made)[:1]).tasks[0]
    with app.store.write() as tx:
        attempt = tx.attempts.begin(done.id, done.provider, done.model, "k1", "k1", None, None)
        then = datetime.now(UTC)
        tx.attempts.update(
            attempt.id, state=AttemptState.SUCCEEDED, accepted_at=then, ended_at=then + timedelta(seconds=60)
        )
        tx.ledger.keep_balance(ProviderId("yunwu"), "k1", "main ••aaaa", yuan("100"), "check", then)

    sheet = app.tasks.preflight(made[0].project_id, ids(made))

    assert (sheet.tasks, sheet.shots, sheet.asks, sheet.problems) == (25, 25, True, ())
    assert (sheet.low, sheet.high) == (yuan("10.0"), yuan("30.0"))
    assert sheet.balances[0].after == yuan("90.0")
    # 25 jobs of a minute over 3 slots
    assert sheet.seconds == pytest.approx(500)


def test_one_shot_goes_first_and_a_person_lets_the_rest_go(app: Vidgen) -> None:
    made = plain(app, 30)
    project = made[0].project_id
    tasks = app.tasks.generate(project, ids(made), GenerateOptions(takes=2), canary=True).tasks

    assert [task.status for task in tasks] == [QUEUED] * 2 + [PENDING] * 58
    [waiting] = app.worker.status(project).canaries
    assert (waiting.first, waiting.done, waiting.waiting, waiting.decided) == (2, 0, 58, False)

    assert app.tasks.go_on(project, waiting.batch) == 58
    assert {task.status for task in app.tasks.many([task.id for task in tasks])} == {QUEUED}
    assert app.worker.status(project).canaries == ()


@pytest.mark.parametrize("ending", [COMPLETED, TaskStatus.FAILED])
def test_the_rest_goes_by_itself_only_after_success(app: Vidgen, ending: TaskStatus) -> None:
    app.settings_file.change({"budget.canary": "auto", "gate.ask_above_tasks": 3})
    made = plain(app, 5)
    tasks = app.tasks.generate(made[0].project_id, ids(made)).tasks
    assert [task.status for task in tasks] == [QUEUED] + [PENDING] * 4
    with app.store.write() as tx:
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, ending):
            tx.tasks.move(tasks[0].id, status)
        ripe = canary.ripe(tx)
        canary.go_on(tx, ripe)

    expected = QUEUED if ending is COMPLETED else PENDING
    assert {task.status for task in app.tasks.many([task.id for task in tasks[1:]])} == {expected}


def test_small_batches_have_no_canary_unless_asked_for(app: Vidgen) -> None:
    app.settings_file.change({"budget.canary": "ask"})
    made = plain(app, 3)

    assert {task.status for task in app.tasks.generate(made[0].project_id, ids(made)).tasks} == {QUEUED}


def test_limits_stand_with_what_is_spent(app: Vidgen) -> None:
    [shot] = plain(app, 1)
    [task] = app.tasks.generate(shot.project_id, [shot.id]).tasks
    app.settings_file.change({"budget.limit": 10, "budget.per_day": 5})
    app.budget.limit_project(shot.project_id, Decimal(4))
    pay(app, task, ChargeStatus.CHARGED, yuan("2"))
    pay(app, task, ChargeStatus.REFUNDED, yuan("3"))
    pay(app, task, ChargeStatus.UNKNOWN, yuan("1.5"))

    view = app.budget.standing(shot.project_id)

    assert [(one.scope, one.spent, one.percent) for one in view.standings] == [
        ("all", yuan("3.5"), 35),
        ("day", yuan("3.5"), 70),
        ("project", yuan("3.5"), 87),
    ]
    assert view.nearest is not None
    assert view.nearest.warns
    assert not view.nearest.reached
    with pytest.raises(Refused):
        app.budget.limit_project(shot.project_id, Decimal(-1))


def test_the_ledger_is_summed_by_day_project_provider_and_key(app: Vidgen) -> None:
    [shot] = plain(app, 1)
    tasks = app.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=2)).tasks
    pay(app, tasks[0], ChargeStatus.CHARGED, yuan("2.92"))
    pay(app, tasks[0], ChargeStatus.ESTIMATED, yuan("0.4"), key="k2")
    pay(app, tasks[1], ChargeStatus.REFUNDED, yuan("2.92"))
    pay(app, tasks[1], ChargeStatus.ASSUMED, Money(amount=Decimal(60), currency="credits"))

    lines = app.budget.spend(shot.project_id)
    found = {(line.key, line.currency): line for line in lines}

    today = datetime.now(UTC).astimezone().date()
    assert {line.day for line in lines} == {today}
    first = found["k1", "CNY"]
    assert (first.charged, first.refunded, first.estimated, first.unknown) == (
        Decimal("2.92"),
        Decimal("2.92"),
        Decimal(0),
        Decimal(0),
    )
    assert first.owed == first.worth == yuan("2.92")
    assert found["k2", "CNY"].estimated == Decimal("0.4")
    assert found["k1", "credits"].unknown == Decimal(60)
    assert found["k1", "credits"].worth is None, "nobody knows what credits of Yunwu are worth"
    [whole] = [line for line in app.budget.spend(by=("provider",)) if line.currency == "CNY"]
    assert whole.owed == yuan("3.32")
    assert app.budget.spend(since=today + timedelta(days=1)) == ()


def test_keys_of_one_account_are_compared_with_the_ledger_together(app: Vidgen) -> None:
    [shot] = plain(app, 1)
    then = datetime.now(UTC) - timedelta(minutes=1)
    with app.store.write() as tx:
        for key in ("k1", "k2"):
            tx.ledger.keep_balance(ProviderId("yunwu"), key, key, yuan("100"), "before", then)
    [task] = app.tasks.generate(shot.project_id, [shot.id]).tasks
    pay(app, task, ChargeStatus.CHARGED, yuan("3"))
    pay(app, task, ChargeStatus.CHARGED, yuan("4"), key="k2")
    with app.store.write() as tx:
        for key in ("k1", "k2"):
            tx.ledger.keep_balance(ProviderId("yunwu"), key, key, yuan("92.5"), "after", datetime.now(UTC))

    [one] = app.budget.differences()

    assert (one.keys, one.gone, one.ledger, one.difference) == (("k1", "k2"), yuan("7.5"), yuan("7"), yuan("0.5"))


def test_a_list_is_fetched_without_a_click_waiting_and_counts_before_the_built_in_table(
    app: Vidgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    dearer = {"yunwu": 0.55, "kie": 60.0, "lovart": 25.0, "images": 0.3}
    with RehearsalServer(RehearsalOptions(videos="shared", price=dearer)) as server:
        # The keys stand in the environment, and so must their address.
        monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__BASE_URL", server.url)
        app.settings_file.change({"language": "en"})
        app.budget.refresh_soon(ProviderId("yunwu")).join(30)
        server.set_faults({"prices-html": 1})
        app.budget.refresh_soon(ProviderId("yunwu")).join(30)

    [shot] = plain(app, 1)
    assert app.tasks.estimate(shot.project_id, [shot.id]).money == yuan("0.55")
    with app.store.read() as tx:
        newest, first = [line for line in tx.log.page(None, LogFilter(), 10) if line.params.get("provider") == "yunwu"]
    assert (first.code, first.params["prices"]) == ("prices_fetched", 16)
    assert newest.level is LogLevel.WARNING
