"""Chains as people make them: linking, what is refused, what an order of them is, and lists that name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_doubles import add_take

from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

ONE = GenerateOptions(takes=1)
AddShot = Callable[..., Shot]


@pytest.fixture
def shots(app: Vidgen, add_shot: AddShot, picture: Path) -> list[Shot]:
    return [add_shot(f"1.{n}", image=picture if n == 0 else None) for n in range(4)]


def names(app: Vidgen, project: Project) -> dict[str, list[str]]:
    return {view.name: [one.shot.number for one in view.shots] for view in app.chains.of_project(project.id)}


def test_a_linked_shot_follows_the_one_before_it_and_undo_takes_that_back(
    app: Vidgen, project: Project, shots: list[Shot]
) -> None:
    app.chains.link(shots[1].id)
    before = app.chains.link(shots[3].id, shots[1].id)

    assert names(app, project) == {"1.0": ["1.0", "1.1", "1.3"]}
    assert app.shots.get(shots[3].id).follows == shots[1].id
    app.chains.restore(before)
    assert names(app, project) == {"1.0": ["1.0", "1.1"]}
    assert app.shots.get(shots[3].id).follows is None


def test_unlinking_in_the_middle_begins_a_chain_of_its_own(app: Vidgen, project: Project, shots: list[Shot]) -> None:
    for shot in shots[1:]:
        app.chains.link(shot.id)
    app.chains.unlink(shots[2].id)

    assert names(app, project) == {"1.0": ["1.0", "1.1"], "1.2": ["1.2", "1.3"]}


def test_the_order_of_the_storyboard_is_the_order_of_a_chain(app: Vidgen, project: Project, shots: list[Shot]) -> None:
    for shot in shots[1:]:
        app.chains.link(shot.id)
    app.shots.move(shots[3].id, shots[1].id)
    assert app.shots.get(shots[1].id).follows == shots[3].id
    app.shots.delete([shots[3].id])
    assert app.shots.get(shots[1].id).follows == shots[0].id
    app.shots.restore([shots[3].id])
    assert app.shots.get(shots[1].id).follows == shots[3].id


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda app, shots: app.chains.link(shots[1].id, shots[1].id), "chain_self"),
        (lambda app, shots: app.chains.link(shots[0].id), "chain_first"),
        (lambda app, shots: app.chains.link(shots[1].id, shots[2].id), "chain_backwards"),
        (lambda app, shots: app.chains.unlink(shots[1].id), "chain_not_linked"),
        (lambda app, shots: app.chains.meet(shots[3].id), "chain_last"),
        (lambda app, shots: app.chains.meet(shots[1].id), "chain_next_open"),
        (lambda app, shots: app.chains.refresh(shots[1].id), "chain_no_references"),
    ],
)
def test_what_makes_no_chain_is_refused_with_a_sentence(
    app: Vidgen, shots: list[Shot], act: Callable[[Vidgen, list[Shot]], Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        act(app, shots)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["yes", "是", "✓", "x" * 65])
def test_a_word_that_lists_use_otherwise_names_no_chain(app: Vidgen, shots: list[Shot], name: str) -> None:
    with pytest.raises(InputError) as wrong:
        app.shots.edit(shots[0].id, chain=name)
    assert wrong.value.code == "chain_name_unusable"


def test_an_order_counts_the_whole_chain_and_none_that_would_wait_for_ever(
    app: Vidgen, project: Project, shots: list[Shot]
) -> None:
    for shot in shots[1:]:
        app.chains.link(shot.id)
    everything = [shot.id for shot in shots]

    assert app.tasks.estimate(project.id, everything, ONE).tasks == 4
    alone = app.tasks.generate(project.id, [shots[2].id], ONE)
    assert ([task.shot for task in alone.tasks], [one.code for one in alone.refused]) == (
        [],
        ["chain_previous_missing"],
    )
    made = app.tasks.generate(project.id, [*reversed(everything)], ONE).tasks
    assert {task.shot: task.awaits for task in made} == {"1.0": None, "1.1": "1.0", "1.2": "1.1", "1.3": "1.2"}
    assert all(task.params.image is None for task in made if task.awaits)
    assert app.shots.counts(project.id)["without_picture"] == 0


def test_a_shot_is_made_between_two_frames(app: Vidgen, project: Project, shots: list[Shot], picture: Path) -> None:
    for shot in shots[1:]:
        app.chains.link(shot.id)
    app.shots.set_image(shots[2].id, picture)

    met = app.chains.meet(shots[1].id)

    assert (met.last_frame, met.follows) == (app.shots.get(shots[2].id).image, shots[0].id)
    assert names(app, project) == {"1.0": ["1.0", "1.1"], "1.2": ["1.2", "1.3"]}


def test_a_take_of_its_own_no_longer_fits_once_its_shot_is_linked(
    app: Vidgen, project: Project, shots: list[Shot]
) -> None:
    add_take(app, project, shots[1])
    assert app.chains.stale(project.id) == {}
    app.chains.link(shots[1].id)
    assert {stale.code for stale in app.chains.stale(project.id).values()} == {"linked"}
    app.chains.unlink(shots[1].id)
    assert app.chains.stale(project.id) == {}


def test_a_list_names_chains_and_says_what_goes_on(app: Vidgen, project: Project, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    rows = ["1,walk,A", "2,run,A", "3,sit,", "4,stand,是", "5,lie,↑", "6,jump,否", "7,fly,B"]
    path.write_text("shot,prompt,连镜\n" + "\n".join(rows), encoding="utf-8")
    app.imports.apply(project.id, app.imports.plan([path]))

    assert names(app, project) == {"A": ["1", "2"], "3": ["3", "4", "5"], "B": ["7"]}
