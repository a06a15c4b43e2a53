"""Takes and which of them is chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.app.app_doubles import add_take
from vidgen_core.app import Vidgen
from vidgen_core.errors import InputError, NotFound
from vidgen_core.models import Project, Shot

AddShot = Callable[..., Shot]


def test_one_take_of_a_shot_is_chosen_and_unchosen(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    first, second = add_take(app, project, shot), add_take(app, project, shot)

    app.results.choose(shot.id, first.id)
    assert app.results.choose_number(shot.id, 2).id == second.id
    assert [take.id for take in app.results.chosen(project.id)] == [second.id]

    assert app.results.choose(shot.id, None).chosen_take_id is None
    assert app.results.chosen(project.id) == []


def test_a_take_of_another_shot_cannot_be_chosen(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    mine, other = add_shot(), add_shot()
    take = add_take(app, project, other)

    with pytest.raises(NotFound, match="take_not_of_shot"):
        app.results.choose(mine.id, take.id)
    with pytest.raises(InputError, match="take_unknown"):
        app.results.choose_number(mine.id, 1)


def test_a_take_is_rejected_with_a_reason_and_taken_back(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    take = add_take(app, project, add_shot())

    app.results.reject(take.id, "blurred")
    assert app.results.get(take.id).rejected == "blurred"

    app.results.reject(take.id, None)
    assert app.results.get(take.id).rejected is None
