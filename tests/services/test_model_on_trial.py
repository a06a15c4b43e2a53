"""A model of which nobody knows whether it follows what is sent: a person is asked, and one take goes ahead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vidgen_core.domain.characters import References
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.worker import canary

AddShot = Callable[..., Shot]
QUEUED, PENDING, COMPLETED, FAILED = TaskStatus.QUEUED, TaskStatus.PENDING, TaskStatus.COMPLETED, TaskStatus.FAILED
#: It may ignore a picture; and one that nobody has heard of.
DOUBTED, UNKNOWN = "veo3-pro", "model-of-tomorrow"


@pytest.fixture
def paid(app: Vidgen, yunwu_key: None, monkeypatch: pytest.MonkeyPatch) -> Vidgen:
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    app.settings_file.change({"runner.takes_per_shot": 1, "gate.ask_above": 1000, "gate.ask_above_tasks": 1000})
    return app


@pytest.fixture
def shots(paid: Vidgen, project: Project, add_shot: AddShot, picture: Path) -> Callable[..., list[int]]:
    def add(model: str, count: int, pictured: bool = True) -> list[int]:
        shown = picture if pictured else None
        return [add_shot(None, image=shown, params=ShotParams(model=model)).id for _ in range(count)]

    return add


def statuses(app: Vidgen, tasks: tuple[Task, ...]) -> list[TaskStatus]:
    return [task.status for task in app.tasks.many([task.id for task in tasks])]


def ended(app: Vidgen, task: Task, ending: TaskStatus, shown: str | None = None) -> None:
    with app.store.write() as tx:
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, ending):
            tx.tasks.move(task.id, status)
        if shown:
            canary.prove(tx, shown)
        canary.go_on(tx, canary.ripe(tx))


def priced(app: Vidgen, model: str) -> None:
    app.settings_file.change({"prices": [{"provider": "yunwu", "model": model, "amount": 0.4, "currency": "CNY"}]})


@pytest.mark.parametrize(("model", "pictured", "asks"), [(DOUBTED, True, True), (DOUBTED, False, False), (UNKNOWN, True, True),
    (UNKNOWN, False, True), ("grok-video-3", True, False), ("veo3-pro-frames", True, False)])  # fmt: skip
def test_an_order_asks_where_it_is_not_known_what_the_model_does(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]], model: str, pictured: bool, asks: bool
) -> None:
    priced(paid, model)
    ids = shots(model, 1, pictured)
    assert paid.tasks.estimate(project.id, ids).asks is asks
    sheet = paid.tasks.preflight(project.id, ids)
    assert sheet.asks is asks
    assert ("canary_first" in {problem.code for problem in sheet.problems}) is asks


def test_one_goes_and_the_rest_of_that_model_waits(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    ids = [*shots(DOUBTED, 2), *shots("grok-video-3", 2), *shots(UNKNOWN, 2)]
    tasks = paid.tasks.generate(project.id, ids, GenerateOptions(takes=2)).tasks

    by_model = {
        model: sorted(task.status for task in tasks if task.model == model)
        for model in (DOUBTED, "grok-video-3", UNKNOWN)
    }
    assert by_model[DOUBTED] == by_model[UNKNOWN] == [PENDING] * 3 + [QUEUED]
    assert by_model["grok-video-3"] == [QUEUED] * 4
    assert {(one.model, one.waiting) for one in paid.worker.status(project.id).canaries} == {(DOUBTED, 3), (UNKNOWN, 3)}


def test_it_goes_on_by_itself_once_the_model_was_seen_to_follow(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    first, *rest = tasks = paid.tasks.generate(project.id, shots(DOUBTED, 3)).tasks
    ended(paid, first, COMPLETED, f"yunwu/{DOUBTED}/first_frame")
    assert statuses(paid, tuple(rest)) == [QUEUED, QUEUED]
    assert paid.worker.status(project.id).canaries == ()
    # From now on the model is known.
    more = shots(DOUBTED, 2)
    assert not any(p.code == "canary_first" for p in paid.tasks.preflight(project.id, more).problems)
    assert statuses(paid, paid.tasks.generate(project.id, more).tasks) == [QUEUED, QUEUED]
    assert len(tasks) == 3


@pytest.mark.parametrize("ending", [COMPLETED, FAILED])
def test_it_waits_for_a_person_where_nobody_saw_that(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]], ending: TaskStatus
) -> None:
    first, *rest = paid.tasks.generate(project.id, shots(DOUBTED, 3)).tasks
    ended(paid, first, ending)
    assert statuses(paid, tuple(rest)) == [PENDING, PENDING]
    [waiting] = paid.worker.status(project.id).canaries
    assert waiting.decided

    assert paid.tasks.estimate_batch(project.id, waiting.batch).tasks == 2
    assert paid.tasks.go_on(project.id, waiting.batch) == 2
    assert statuses(paid, tuple(rest)) == [QUEUED, QUEUED]
    assert statuses(paid, paid.tasks.generate(project.id, shots(DOUBTED, 2)).tasks) == [QUEUED, QUEUED]


def test_orders_one_after_the_other_are_one_trial(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    made = [paid.tasks.generate(project.id, shots(DOUBTED, 1)).tasks[0] for _ in range(4)]
    assert statuses(paid, tuple(made)) == [QUEUED, PENDING, PENDING, PENDING]

    ended(paid, made[0], COMPLETED, f"yunwu/{DOUBTED}/first_frame")
    assert statuses(paid, tuple(made[1:])) == [QUEUED] * 3


def test_a_trial_that_failed_makes_room_for_another(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    [first] = paid.tasks.generate(project.id, shots(DOUBTED, 1)).tasks
    ended(paid, first, FAILED)
    [second] = paid.tasks.generate(project.id, shots(DOUBTED, 1)).tasks
    assert second.status is QUEUED


def test_what_is_kept_and_started_later_is_tried_as_well(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    tasks = paid.tasks.generate(project.id, shots(DOUBTED, 3), release=False).tasks
    assert paid.tasks.estimate_tasks([task.id for task in tasks]).asks

    outcome = paid.tasks.start([task.id for task in tasks])
    assert (len(outcome.done), {one.code for one in outcome.refused}) == (1, {"canary_ahead"})
    assert statuses(paid, tasks) == [QUEUED, PENDING, PENDING]

    ended(paid, tasks[0], COMPLETED, f"yunwu/{DOUBTED}/first_frame")
    assert statuses(paid, tasks[1:]) == [QUEUED, QUEUED]


def test_what_is_sent_again_is_tried_as_well(paid: Vidgen, project: Project, shots: Callable[..., list[int]]) -> None:
    tasks = paid.tasks.generate(project.id, shots("veo3-pro-frames", 2)).tasks
    with paid.store.write() as tx:
        for task in tasks:
            tx.tasks.note(task.id, model=DOUBTED)
            tx.tasks.move(task.id, FAILED)
    outcome = paid.tasks.retry([task.id for task in tasks])
    assert (len(outcome.done), [one.code for one in outcome.refused]) == (1, ["canary_ahead"])
    assert statuses(paid, tasks) == [QUEUED, FAILED]


def test_a_person_who_starts_what_waits_goes_on_with_it(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    first, second, third = paid.tasks.generate(project.id, shots(DOUBTED, 3)).tasks
    ended(paid, first, COMPLETED)
    assert paid.tasks.start([second.id]).done == (second.id,)
    assert statuses(paid, (second, third)) == [QUEUED, PENDING]


def test_what_was_cancelled_meanwhile_stays_cancelled(
    paid: Vidgen, project: Project, shots: Callable[..., list[int]]
) -> None:
    first, second, third = paid.tasks.generate(project.id, shots(DOUBTED, 3)).tasks
    paid.tasks.cancel([second.id])
    ended(paid, first, COMPLETED, f"yunwu/{DOUBTED}/first_frame")
    assert statuses(paid, (second, third)) == [TaskStatus.CANCELLED, QUEUED]


@pytest.mark.parametrize(
    ("model", "drawn_from", "tried"),
    [("painter-of-tomorrow", True, True), ("painter-of-tomorrow", False, False), ("gpt-image-2", True, False)],
)
def test_one_picture_goes_ahead_where_nobody_knows_whether_it_is_drawn_from_what_is_sent(
    paid: Vidgen,
    project: Project,
    add_shot: AddShot,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    drawn_from: bool,
    tried: bool,
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    paid.settings_file.change({"providers.images.drawn_by": "images", "providers.images.model": model})
    if drawn_from:
        paid.pictures.set_references(project.id, References(style_images=(paid.shots.keep_image(picture),)))
    ids = [add_shot(None, picture_prompt="a street in the rain").id for _ in range(3)]

    assert ("canary_first" in {problem.code for problem in paid.pictures.preflight(project.id, ids).problems}) is tried
    first, *rest = paid.pictures.draw(project.id, ids, GenerateOptions(takes=1)).tasks
    assert (first.status, {task.status for task in rest}) == (QUEUED, {PENDING if tried else QUEUED})
    if tried:
        ended(paid, first, COMPLETED)
        assert statuses(paid, tuple(rest)) == [PENDING, PENDING], "a person looks at the picture first"
        assert paid.tasks.go_on(project.id, first.batch) == 2
        assert statuses(paid, paid.pictures.draw(project.id, ids, GenerateOptions(takes=1)).tasks) == [QUEUED] * 3
