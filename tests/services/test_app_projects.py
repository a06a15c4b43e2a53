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


def sample_in(app: Vidgen) -> tuple[str, list[str]]:
    (project,) = app.projects.all()
    return project.name, [view.shot.prompt for view in app.shots.page(project.id).items]


def test_the_first_visitors_language_decides_what_the_sample_says(app: Vidgen) -> None:
    project = app.projects.ensure_sample()
    assert project is not None
    drawn = [view.shot.image for view in app.shots.page(project.id).items]

    assert app.projects.welcome("zh")

    name, prompts = sample_in(app)
    assert name == "示例短剧"
    assert prompts[0] == "夕阳下的群山，镜头缓缓推进"
    items = app.shots.page(project.id).items
    assert [view.shot.image for view in items] == drawn
    assert [view.shot.number for view in items] == ["1.0", "1.1", "2.0", "2.1", "3.0", "3.1"]
    assert len(app.prompts.versions(items[0].shot.id)) == 1, "no version of words that nobody wrote"
    assert not app.projects.welcome("en"), "only the first one is asked"
    assert sample_in(app) == (name, prompts)


@pytest.mark.parametrize("touch", ["prompt", "name", "task", "another"])
def test_a_sample_that_somebody_has_begun_with_keeps_its_words(app: Vidgen, touch: str) -> None:
    project = app.projects.ensure_sample()
    assert project is not None
    [first, *_] = app.shots.ids(project.id)
    if touch == "prompt":
        app.shots.edit(first, prompt="Fog")
    elif touch == "name":
        app.projects.rename(project.id, "mine")
    elif touch == "task":
        app.tasks.generate(project.id, [first])
    else:
        app.projects.ensure("mine")
    before = [view.shot.prompt for view in app.shots.page(project.id).items]

    assert not app.projects.welcome("zh")
    assert [view.shot.prompt for view in app.shots.page(project.id).items] == before


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
