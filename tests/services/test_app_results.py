"""Takes and which of them is chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services.app_doubles import add_take
from vidgen_core.domain.errors import InputError, NotFound, Refused
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.services.facade import Vidgen

AddShot = Callable[..., Shot]


def test_one_take_of_a_shot_is_chosen_and_unchosen(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    first, second = add_take(app, project, shot), add_take(app, project, shot)

    app.takes.choose(shot.id, first.id)
    assert app.takes.choose_number(shot.id, 2).id == second.id
    assert [take.id for take in app.takes.chosen(project.id)] == [second.id]

    assert app.takes.choose(shot.id, None).chosen_take_id is None
    assert app.takes.chosen(project.id) == []


def test_a_take_of_another_shot_cannot_be_chosen(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    mine, other = add_shot(), add_shot()
    take = add_take(app, project, other)

    with pytest.raises(NotFound, match="take_not_of_shot"):
        app.takes.choose(mine.id, take.id)
    with pytest.raises(InputError, match="take_unknown"):
        app.takes.choose_number(mine.id, 1)


def test_a_take_is_rejected_with_a_reason_and_taken_back(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    take = add_take(app, project, add_shot())

    app.takes.reject(take.id, "blurred")
    assert app.takes.get(take.id).rejected == "blurred"

    app.takes.reject(take.id, None)
    assert app.takes.get(take.id).rejected is None


def test_a_take_is_either_chosen_or_rejected(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    take = add_take(app, project, shot)
    app.takes.reject(take.id, "blurred")
    app.takes.choose(shot.id, take.id)
    assert app.takes.get(take.id).rejected is None

    app.takes.reject(take.id, "blurred")
    assert app.shots.get(shot.id).chosen_take_id is None
    app.takes.choose(shot.id, take.id)
    app.takes.reject(take.id, None)
    assert app.shots.get(shot.id).chosen_take_id == take.id


def test_a_choice_that_was_changed_since_stays(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    first, second = add_take(app, project, shot), add_take(app, project, shot)
    app.takes.choose(shot.id, second.id)

    for wanted, instead in ((None, first.id), (first.id, None)):
        with pytest.raises(Refused, match="chosen_elsewhere"):
            app.takes.choose(shot.id, wanted, instead=instead)
    assert app.takes.choose(shot.id, first.id, instead=second.id).chosen_take_id == first.id
    # What is wanted is there already.
    assert app.takes.choose(shot.id, first.id, instead=second.id).chosen_take_id == first.id
