"""Projects and the sample that a fresh home begins with."""

from __future__ import annotations

import pytest
from PIL import Image

from vidgen_core.domain.errors import InputError
from vidgen_core.services.facade import Vidgen


def test_a_fresh_home_gets_a_sample_with_six_shots_and_drawn_pictures(app: Vidgen) -> None:
    project = app.projects.ensure_sample()

    assert project is not None
    assert project.name == "Sample short"
    views = app.shots.page(project.id).items
    assert [view.shot.number for view in views] == ["1.0", "1.1", "2.0", "2.1", "3.0", "3.1"]
    keys = [view.shot.image for view in views]
    assert len(set(keys)) == 6
    for view in views:
        assert view.shot.image is not None
        with Image.open(app.shots.image_path(view.shot.image)) as picture:
            assert picture.width * 16 == picture.height * 9
        assert view.shot.params.aspect_ratio == "9:16"
    assert len({view.shot.prompt for view in views}) == 6


def test_the_sample_speaks_the_readers_language(app: Vidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_LANGUAGE", "zh")

    project = app.projects.ensure_sample()

    assert project is not None
    assert project.name == "示例短剧"
    assert "镜头" in app.shots.page(project.id).items[0].shot.prompt


def test_a_home_with_a_project_gets_no_sample(app: Vidgen) -> None:
    app.projects.ensure("mine")

    assert app.projects.ensure_sample() is None
    assert [project.name for project in app.projects.all()] == ["mine"]


def test_making_the_sample_twice_adds_nothing(app: Vidgen) -> None:
    first = app.projects.make_sample("demo")

    again = app.projects.make_sample("demo")

    assert again == first
    assert app.shots.page(first.id).total == 6


def test_a_project_is_found_by_its_name_however_it_is_spaced(app: Vidgen) -> None:
    made = app.projects.ensure("  my   film ")

    assert made.name == "my film"
    assert app.projects.ensure("my film") == made


@pytest.mark.parametrize(("name", "code"), [("   ", "project_name_empty"), ("x" * 121, "project_name_too_long")])
def test_a_project_needs_a_usable_name(app: Vidgen, name: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        app.projects.ensure(name)

    assert caught.value.code == code
