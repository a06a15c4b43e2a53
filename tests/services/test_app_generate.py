"""From shots to queued takes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

AddShot = Callable[..., Shot]


def test_takes_are_queued_and_numbered_on(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot("1.0")

    first = app.tasks.generate(project.id, [shot.id])
    second = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1))

    assert [(task.shot, task.take, task.status) for task in (*first.tasks, *second.tasks)] == [
        ("1.0", take, TaskStatus.QUEUED) for take in (1, 2, 3, 4)
    ]


def test_a_shots_own_request_wins_over_the_click_and_the_click_over_the_settings(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot(params=ShotParams(aspect_ratio="1:1", takes=2, seed=7))

    made = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=5, aspect_ratio="16:9", size="96x96"))

    # How many are made is the click's to say.
    assert len(made.tasks) == 5
    params = made.tasks[0].params
    assert (params.aspect_ratio, params.size, params.seed) == ("1:1", "96x96", 7)
    assert params.duration == 0.5
    assert params.options == {"fps": 24}


def test_a_shot_without_image_and_prompt_is_refused_and_the_others_are_made(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    empty, good = add_shot("1.0", prompt="  "), add_shot("2.0")

    made = app.tasks.generate(project.id, [empty.id, good.id], GenerateOptions(takes=1))

    assert [task.shot for task in made.tasks] == ["2.0"]
    assert [(refusal.shot.number, refusal.code) for refusal in made.refused] == [
        ("1.0", "shot_without_image_and_prompt")
    ]


def test_what_the_model_does_not_take_is_said_before_and_never_changed(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot()

    estimate = app.tasks.estimate(project.id, [shot.id], GenerateOptions(size="enormous"))
    made = app.tasks.generate(project.id, [shot.id], GenerateOptions(size="enormous"))

    assert estimate.tasks == 0
    assert [problem.problem.code for problem in estimate.problems] == ["size_unknown"]
    assert made.tasks == ()
    assert [refusal.code for refusal in made.refused] == ["size_unknown"]
    assert app.tasks.page(project.id).total == 0


def test_local_work_is_free(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    estimate = app.tasks.estimate(project.id, [add_shot().id, add_shot().id])

    assert (estimate.tasks, estimate.free, estimate.assumed) == (6, True, False)
    assert estimate.money is not None
    assert estimate.money.amount == 0


def test_paid_work_is_estimated_and_says_when_the_price_is_assumed(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot()

    estimate = app.tasks.estimate(
        project.id,
        [shot.id],
        GenerateOptions(takes=3, provider=ProviderId("yunwu"), model="grok-video-3", aspect_ratio="9:16", size="720P"),
    )

    assert estimate.money is not None
    assert (estimate.money.amount, estimate.money.currency) == (Decimal("1.2"), "CNY")
    assert estimate.assumed
    assert not estimate.free


@pytest.mark.parametrize("takes", [0, 6, -1])
def test_takes_are_one_to_five(app: Vidgen, project: Project, add_shot: AddShot, takes: int) -> None:
    with pytest.raises(InputError, match="takes_out_of_range"):
        app.tasks.generate(project.id, [add_shot().id], GenerateOptions(takes=takes))


def test_kept_tasks_wait_until_they_are_started(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    task = app.tasks.generate(project.id, [add_shot().id], GenerateOptions(takes=1), release=False).tasks[0]
    assert task.status is TaskStatus.PENDING

    started = app.tasks.start([task.id])
    again = app.tasks.start([task.id])

    assert started.done == (task.id,)
    assert app.tasks.get(task.id).status is TaskStatus.QUEUED
    assert [refusal.code for refusal in again.refused] == ["task_not_pending"]


def test_shots_of_another_project_are_left_alone(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    other = app.projects.ensure("ep02")

    made = app.tasks.generate(other.id, [add_shot().id])

    assert made.tasks == made.refused == ()


def test_many_clicks_lose_no_click(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shots = [add_shot() for _ in range(10)]

    for shot in shots:
        app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=3))

    assert app.tasks.counts(project.id)[TaskStatus.QUEUED] == 30
