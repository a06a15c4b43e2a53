"""Draw until one passes: one take after another, never more than asked for and never above the ceiling."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from vidgen_core import money
from vidgen_core.config.paths import Locations
from vidgen_core.db import Tx
from vidgen_core.domain.errors import ErrorKind, FileError, InputError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.takes import CheckResult, NewTake, Severity, Take, Verdict
from vidgen_core.domain.tasks import Draw, DrawState, Failure, Task, TaskStatus, UntilPass
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import drawing
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.quality.checks import _Checker as Checker
from vidgen_core.worker import chain

#: What a take of the model costs.
PRICE = Decimal("0.4")


@pytest.fixture
def app(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vidgen]:
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "true")
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "a", "secret": "sk-a"}]')
    with Vidgen.open(locations) as opened:
        yield opened


def shots_of(app: Vidgen, count: int) -> list[int]:
    project = app.projects.ensure("film")
    with app.store.write() as tx:
        new = [NewShot(number=str(n + 1), prompt=f"a ship in the fog {n}") for n in range(count)]
        return [shot.id for shot in tx.shots.add(project.id, new)]


def order(app: Vidgen, shot_ids: list[int], **until: object) -> list[Task]:
    options = GenerateOptions(until=UntilPass.model_validate(until))
    return list(app.tasks.generate(app.projects.ensure("film").id, shot_ids, options).tasks)


def pay(tx: Tx, task: Task, charge: str) -> None:
    """The task is sent."""
    tx.tasks.move(task.id, TaskStatus.PROCESSING)
    attempt = tx.attempts.begin(
        task.id, provider=task.provider, model=task.model, key_id="a", key_label="a", base_url=None,
        cost=task.cost, charge=charge,
    )  # fmt: skip
    assert attempt.cost is not None


def come_home(app: Vidgen, task: Task) -> Take:
    """The task is paid and comes home; its take is not checked yet."""
    with app.store.write() as tx:
        pay(tx, task, "estimated")
        tx.tasks.move(task.id, TaskStatus.DOWNLOADING)
        tx.tasks.move(task.id, TaskStatus.COMPLETED)
        return tx.takes.add(
            NewTake(
                project_id=task.project_id, shot_id=task.shot_id, task_id=task.id, number=task.take, folder="/v",
                file=f"{task.id}.mp4", poster=None, seconds=5, width=9, height=16, bytes=1, sha256=f"{task.id}",
                provider=task.provider, model=task.model,
            )
        )  # fmt: skip


def finish(app: Vidgen, task: Task, verdict: Verdict) -> None:
    """The task is paid, comes home, and is judged."""
    take = come_home(app, task)
    with app.store.write() as tx:
        severity = {Verdict.PASS: Severity.PASS, Verdict.DOUBT: Severity.DOUBT, Verdict.FAIL: Severity.FAIL}[verdict]
        tx.takes.judge(take, verdict, [CheckResult(code="frozen", severity=severity, value=0.9, limit=0.5)])


def lose(app: Vidgen, task: Task) -> None:
    """The program ended between the order and its answer, and the provider's log does not tell."""
    lost = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="submit_unknown", charged=ChargeStatus.UNKNOWN)
    with app.store.write() as tx:
        pay(tx, task, "unknown")
        tx.tasks.move(task.id, TaskStatus.FAILED, failure=lost)


def tasks_of(app: Vidgen) -> list[Task]:
    return app.tasks.many(sorted(app.tasks.ids(None)))


def step(app: Vidgen) -> list[Task]:
    """Go on, twice, as after a crash in between; returns what waits to be sent."""
    drawing.go_on(app.context, None)
    drawing.go_on(app.context, None)
    return [task for task in tasks_of(app) if task.status is TaskStatus.QUEUED]


def standing(app: Vidgen, shot_id: int) -> Draw:
    with app.store.read() as tx:
        return tx.draws.of_shots([shot_id])[shot_id]


def test_a_draw_knows_what_was_said_of_the_first_one_and_no_more(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its provider leaves out since then is asked about before it is sent."""
    [first] = order(app, shots_of(app, 1), most=3)
    known = {**app.context.provider(first.provider).losses(first.model, first.params), "seed_not_taken": None}
    monkeypatch.setattr("vidgen_core.providers.base.Provider.losses", lambda *_: known)
    finish(app, first, Verdict.FAIL)

    [second] = step(app)

    assert first.params.warned is not None
    assert "seed_not_taken" not in first.params.warned
    assert second.params.warned == first.params.warned


def test_another_take_is_drawn_on_a_fail_only_and_one_at_a_time(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=4)
    assert step(app) == [first]
    finish(app, first, Verdict.FAIL)
    (second,) = step(app)
    finish(app, second, Verdict.DOUBT)
    assert step(app) == []
    assert standing(app, shot).state is DrawState.PASSED
    assert [task.draw for task in tasks_of(app)] == [1, 1]


def test_a_doubt_is_drawn_again_when_that_was_asked_for(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=2, again_on="doubt")
    finish(app, first, Verdict.DOUBT)
    (second,) = step(app)
    finish(app, second, Verdict.DOUBT)
    assert step(app) == []
    assert (standing(app, shot).state, standing(app, shot).reason) == (DrawState.STOPPED, "most")


def test_the_ceiling_is_that_of_the_whole_order(app: Vidgen) -> None:
    shots = shots_of(app, 4)
    until = GenerateOptions(until=UntilPass(most=5, ceiling=3 * PRICE))
    made = app.tasks.generate(app.projects.ensure("film").id, shots, until)
    queued = list(made.tasks)
    assert [(one.shot.id, one.code) for one in made.refused] == [(shots[3], "draw_ceiling")]
    assert [task.shot_id for task in queued] == shots[:3]
    assert (standing(app, shots[3]).state, standing(app, shots[3]).reason) == (DrawState.STOPPED, "ceiling")
    for task in queued:
        finish(app, task, Verdict.FAIL)
    assert step(app) == []
    assert {standing(app, shot).reason for shot in shots} == {"ceiling"}
    with app.store.read() as tx:
        spent, _ = money.in_currency(tx.draws.committed(1), app.settings())
    assert spent.amount <= 3 * PRICE


def test_a_submit_above_the_ceiling_is_held_where_its_money_is_set_aside(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=5, ceiling=PRICE)
    settings = app.settings()
    with app.store.write() as tx:
        assert money.check_draw(tx, settings, first, first.cost) is None
    finish(app, first, Verdict.FAIL)
    with app.store.read() as tx:
        # An automatic retry of the same task would be the second payment.
        held = money.check_draw(tx, settings, first, first.cost)
    assert held is not None
    assert held.code == "draw_ceiling"


def test_a_lost_answer_is_a_draw_that_was_paid_and_a_second_one_is_for_a_person(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=5, ceiling=3 * PRICE)
    lose(app, first)
    (second,) = step(app)
    assert second.id != first.id
    with app.store.read() as tx:
        # One may be paid and counts as such: two more fit below the ceiling, and not three.
        assert money.fits_draw(tx, app.settings(), 1, second.provider, Money(amount=2 * PRICE, currency="CNY"))
        assert not money.fits_draw(tx, app.settings(), 1, second.provider, Money(amount=3 * PRICE, currency="CNY"))
    lose(app, second)
    assert step(app) == []
    assert (standing(app, shot).state, standing(app, shot).reason) == (DrawState.STOPPED, "failed")


def test_lost_answers_count_among_the_most_that_were_asked_for(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=1)
    lose(app, first)
    assert step(app) == []
    assert standing(app, shot).reason == "most"


def test_a_cancelled_draw_ends_the_drawing(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=5)
    app.tasks.cancel([first.id])
    assert step(app) == []
    assert standing(app, shot).reason == "cancelled"


def fail(app: Vidgen, task: Task) -> None:
    """The provider refuses it, or its job fails, and the worker has tried what it may."""
    with app.store.write() as tx:
        pay(tx, task, "estimated")
        failure = Failure(kind=ErrorKind.MODERATION, code="content_refused", charged=ChargeStatus.UNKNOWN)
        tx.tasks.move(task.id, TaskStatus.FAILED, failure=failure)


def test_a_failed_draw_that_is_submitted_again_goes_on_with_its_drawing(app: Vidgen) -> None:
    shot, other = shots_of(app, 2)
    first, beside = order(app, [shot, other], most=3)
    for task in (first, beside):
        fail(app, task)
    assert step(app) == []
    assert (standing(app, shot).state, standing(app, shot).reason) == (DrawState.STOPPED, "failed")

    app.tasks.retry([first.id])
    assert [task.id for task in step(app)] == [first.id]
    assert (standing(app, shot).state, standing(app, other).state) == (DrawState.DRAWING, DrawState.STOPPED)
    finish(app, first, Verdict.FAIL)
    (second,) = step(app)
    assert (second.shot_id, second.draw) == (shot, first.draw)
    finish(app, second, Verdict.PASS)
    assert step(app) == []
    assert (standing(app, shot).state, standing(app, shot).reason) == (DrawState.PASSED, "")


def test_a_draw_that_is_looked_at_again_for_nothing_goes_on_with_its_drawing_too(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=1)
    lose(app, first)
    lost = standing(app, shot)
    with app.store.write() as tx:
        tx.draws.set_state(lost, DrawState.STOPPED, "failed")
    assert app.tasks.look_again([first.id]).done == (first.id,)
    assert standing(app, shot).state is DrawState.DRAWING
    with app.store.write() as tx:
        tx.draws.set_state(lost, DrawState.STOPPED, "ceiling")
    app.tasks.cancel([first.id], give_up=True)
    app.tasks.look_again([first.id])
    assert (standing(app, shot).state, standing(app, shot).reason) == (DrawState.STOPPED, "ceiling")


def test_several_that_draw_at_once_never_pass_one_ceiling(app: Vidgen, locations: Locations) -> None:
    shots, most = shots_of(app, 6), 9
    order(app, shots, most=4, ceiling=most * PRICE)
    with Vidgen.open(locations) as second:
        while queued := [task for task in tasks_of(app) if task.status is TaskStatus.QUEUED]:
            for task in queued:
                finish(app, task, Verdict.FAIL)
            gate = threading.Barrier(4)

            def draw(one: Vidgen, gate: threading.Barrier = gate) -> None:
                gate.wait(30)
                drawing.go_on(one.context, None)

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(draw, (app, second, app, second)))
            with app.store.read() as tx:
                open_ = [task for task in tasks_of(app) if task.status is TaskStatus.QUEUED]
                spent, _ = money.in_currency(tx.draws.committed(1), app.settings())
                owed, _ = money.in_currency(tx.draws.unsent(1), app.settings())
            assert spent.amount + owed.amount <= most * PRICE
            assert len({task.shot_id for task in open_}) == len(open_)
    assert len(tasks_of(app)) == most
    assert {standing(app, shot).reason for shot in shots} == {"ceiling"}


def test_a_chain_waits_between_two_draws_and_for_a_person_after_the_last(app: Vidgen) -> None:
    first, second = shots_of(app, 2)
    app.chains.link(second)
    head, follower = order(app, [first, second], most=2)
    rules = chain.ChainRules(app.settings(), app.locations.images)
    finish(app, head, Verdict.FAIL)
    with app.store.read() as tx:
        assert chain.changes(tx, rules) == []

    (again,) = [task for task in step(app) if task.id != follower.id]
    finish(app, again, Verdict.FAIL)
    step(app)

    with app.store.read() as tx:
        ((waiting, waits),) = chain.changes(tx, rules)
    assert waits is not None
    assert (waiting, waits.code) == (follower.id, "chain_none_passed")


def test_a_draw_that_a_person_chooses_is_the_last(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (first,) = order(app, [shot], most=5)
    finish(app, first, Verdict.FAIL)
    take = app.takes.of_task(first.id)
    assert take is not None
    app.takes.choose(shot, take.id)
    assert step(app) == []
    assert (standing(app, shot).state, standing(app, shot).reason) == (DrawState.STOPPED, "chosen")


def test_a_choice_from_before_ends_no_drawing(app: Vidgen) -> None:
    (shot,) = shots_of(app, 1)
    (before,) = order(app, [shot], most=1)
    finish(app, before, Verdict.FAIL)
    step(app)
    take = app.takes.of_task(before.id)
    assert take is not None
    app.takes.choose(shot, take.id)
    (first,) = order(app, [shot], most=2)
    finish(app, first, Verdict.FAIL)
    assert len(step(app)) == 1


def test_the_estimate_follows_what_has_passed(app: Vidgen) -> None:
    shots = shots_of(app, 6)
    project = app.projects.ensure("film").id
    options = GenerateOptions(until=UntilPass(most=4))
    before = app.tasks.estimate(project, shots[:1], options)
    for task in order(app, shots, most=1):
        finish(app, task, Verdict.FAIL)
    after = app.tasks.estimate(project, shots[:1], options)
    assert before.draws is not None
    assert after.draws is not None
    assert 1 < before.draws < after.draws <= 4
    assert after.money is not None
    assert before.money is not None
    assert after.money.amount > before.money.amount


def test_without_checks_nothing_can_pass(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    (shot,) = shots_of(app, 1)
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "false")
    with Vidgen.open(app.locations) as other, pytest.raises(InputError) as refused:
        order(other, [shot], most=2)
    assert refused.value.code == "checks_off"


def test_a_drawing_ends_when_the_checks_are_switched_off_and_says_so(
    app: Vidgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, sent = shots_of(app, 2)
    first, other = order(app, [drawn, sent], most=3)
    come_home(app, first)
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "false")

    with Vidgen.open(app.locations) as without:
        assert step(without) == [other]
    assert (standing(app, drawn).state, standing(app, drawn).reason) == (DrawState.STOPPED, "checks_off")
    assert standing(app, sent).state is DrawState.DRAWING


def test_a_take_that_cannot_be_checked_now_keeps_no_other_one_waiting(
    app: Vidgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = order(app, shots_of(app, 3), most=1)
    away, broken, gone = (come_home(app, task) for task in (first, second, third))

    def file_of(take: Take) -> Path:
        if take.id == away.id:
            raise FileError("store_away")
        return app.locations.settings_file if take.id == broken.id else Path("/v/gone.mp4")

    monkeypatch.setattr(app.context.media, "video", file_of)
    monkeypatch.setattr("vidgen_core.services.quality.checks._request_of", lambda *_: {}["provider"])
    app.locations.settings_file.touch()

    with pytest.raises(FileError):
        Checker(app.context)._look()

    judged = {task.id: task.verdict for task in tasks_of(app)}
    assert judged == {first.id: None, second.id: Verdict.DOUBT, third.id: Verdict.FAIL}
    assert gone.id != away.id
