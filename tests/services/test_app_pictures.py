"""Pictures: drawn as tasks, kept as candidates, one of them the reference image of its shot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from doubles import wait_until
from PIL import Image

from vidgen_core.domain.characters import Character, References
from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter, TaskFilter
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import LIVE, TaskKind, TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.library.references import plan_picture

AddShot = Callable[..., Shot]
KEY = '[{"name":"main","secret":"sk-pictures-0001"}]'


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.services.library.references._FRAME_SIZE", "96x160")


@pytest.fixture
def with_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__KEYS", KEY)


def drawn(app: Vidgen, project: Project, shots: list[Shot], count: int = 1) -> list[Shot]:
    """Draw with the Local renderer, wait for the end, and look at the shots again."""
    app.worker.start()
    made = app.pictures.draw(project.id, [shot.id for shot in shots], GenerateOptions(takes=count))
    ids = [task.id for task in made.tasks]
    wait_until(lambda: not any(task.status in LIVE for task in app.tasks.many(ids)), 30)
    assert {task.status for task in app.tasks.many(ids)} == {TaskStatus.COMPLETED}
    return [app.shots.get(shot.id) for shot in shots]


def own_picture(app: Vidgen, tmp_path: Path, colour: str = "red") -> str:
    path = tmp_path / f"{colour}.png"
    Image.new("RGB", (80, 80), colour).save(path)
    return app.shots.keep_image(path)


# --- the whole way without a key


def test_a_shot_without_a_picture_gets_one_drawn_here(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    [shot] = drawn(app, project, [add_shot("1.0", prompt="", picture_prompt="雨夜的街，霓虹")])

    assert shot.image is not None
    with Image.open(app.shots.image_path(shot.image)) as picture:
        assert picture.size == (96, 160)
    [candidate] = app.pictures.of_shot(shot.id)
    assert (candidate.number, candidate.image, candidate.chosen, candidate.model) == (1, shot.image, True, "storyboard")
    assert candidate.prompt == "雨夜的街，霓虹"
    assert (candidate.width, candidate.height) == (96, 160)


@pytest.mark.parametrize(
    ("shots_own", "pictures", "videos", "ratio"),
    [
        ("Auto", "16:9", "9:16", "16:9"),
        ("Auto", "Auto", "4:3", "4:3"),
        (None, "Auto", "Auto", "9:16"),
        ("auto", "Auto", "Auto", "9:16"),
        ("21:9", "16:9", "Auto", "21:9"),
    ],
)
@pytest.mark.parametrize("provider", ["images", "local"])
def test_a_picture_has_a_ratio_where_that_of_the_video_is_the_pictures(
    app: Vidgen,
    project: Project,
    add_shot: AddShot,
    with_key: None,
    monkeypatch: pytest.MonkeyPatch,
    shots_own: str | None,
    pictures: str,
    videos: str,
    ratio: str,
    provider: str,
) -> None:
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__ASPECT_RATIO", pictures)
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__ASPECT_RATIO", videos)
    shot = add_shot("1.0", picture_prompt="a pier", params=ShotParams(aspect_ratio=shots_own))

    made = app.pictures.draw(project.id, [shot.id], GenerateOptions(provider=ProviderId(provider)))

    assert not made.refused
    assert [task.params.aspect_ratio for task in made.tasks] == [ratio]


def test_a_shot_with_pictures_alone_has_no_takes(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    [shot] = drawn(app, project, [add_shot("1.0")], count=2)

    assert (shot.live_count, shot.completed_count, shot.failed_count, shot.drawing_count) == (0, 0, 0, 0)
    assert app.shots.ids(project.id, ShotFilter("without_takes")) == [shot.id]
    view = app.shots.view(shot.id)
    assert (view.tasks, view.takes, view.counts) == ((), (), {})
    assert [task.label for task in view.drawings] == ["1.0-p1", "1.0-p2"]
    assert app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1)).tasks[0].take == 1


def test_the_first_picture_is_taken_and_later_ones_wait_to_be_chosen(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    [shot] = drawn(app, project, [add_shot("1.0")], count=3)
    numbers = [candidate.number for candidate in app.pictures.of_shot(shot.id)]
    assert numbers == [1, 2, 3]
    assert sum(candidate.chosen for candidate in app.pictures.of_shot(shot.id)) == 1
    assert len({candidate.image for candidate in app.pictures.of_shot(shot.id)}) == 3

    chosen = app.pictures.choose_number(shot.id, 3)

    assert app.shots.get(shot.id).image == chosen.image
    assert [candidate.chosen for candidate in app.pictures.of_shot(shot.id)] == [False, False, True]


def test_the_picture_a_person_gave_stays_choosable(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None, tmp_path: Path
) -> None:
    mine = own_picture(app, tmp_path)
    shot = add_shot("1.0", image=app.shots.image_path(mine))

    [shot] = drawn(app, project, [shot])
    assert shot.image == mine, "nothing takes the place of a person's picture by itself"

    app.pictures.choose_number(shot.id, 1)
    drawing, own = app.pictures.of_shot(shot.id)
    assert (drawing.chosen, own.chosen, own.image, own.task_id) == (True, False, mine, None)

    app.pictures.choose(shot.id, own.id)
    assert app.shots.get(shot.id).image == mine
    assert [candidate.number for candidate in app.pictures.of_shot(shot.id)] == [1, 2], "it is kept once"


def test_pictures_given_one_after_the_other_are_all_kept(
    app: Vidgen, project: Project, add_shot: AddShot, tmp_path: Path
) -> None:
    red, blue = own_picture(app, tmp_path), own_picture(app, tmp_path, "blue")
    shot = add_shot("1.0", image=app.shots.image_path(red))
    app.shots.set_image(shot.id, app.shots.image_path(blue))

    [kept] = app.pictures.of_shot(shot.id)
    assert (kept.image, kept.chosen) == (red, False)

    app.pictures.choose(shot.id, kept.id)
    assert {candidate.image for candidate in app.pictures.of_shot(shot.id)} == {red, blue}


def test_videos_that_wait_start_from_the_picture_that_has_come(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    shot = add_shot("1.0")
    [waiting] = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1), release=False).tasks

    [shot] = drawn(app, project, [shot])

    assert app.tasks.get(waiting.id).params.image == shot.image


def test_a_choice_reaches_videos_that_wait(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    [shot] = drawn(app, project, [add_shot("1.0")], count=2)
    [waiting] = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1), release=False).tasks

    chosen = app.pictures.choose_number(shot.id, 2)

    assert app.tasks.get(waiting.id).params.image == chosen.image


def test_a_deleted_drawing_hides_its_candidate_and_the_shot_keeps_its_picture(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    [shot] = drawn(app, project, [add_shot("1.0")])
    [task] = app.shots.view(shot.id).drawings

    app.tasks.delete([task.id])
    assert app.pictures.of_shot(shot.id) == []
    assert app.shots.get(shot.id).image is not None

    app.tasks.restore([task.id])
    assert len(app.pictures.of_shot(shot.id)) == 1


# --- what is asked for


def test_only_shots_without_a_picture_are_missing_one(
    app: Vidgen, project: Project, add_shot: AddShot, picture: Path
) -> None:
    add_shot("1.0", image=picture)
    bare, waiting = add_shot("2.0"), add_shot("3.0")
    app.pictures.draw(project.id, [waiting.id])

    assert app.pictures.missing(project.id) == [bare.id]


def test_pictures_and_takes_are_told_apart_in_the_list_of_tasks(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot("1.0")
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=2))
    app.pictures.draw(project.id, [shot.id], GenerateOptions(takes=3))

    assert app.tasks.page(project.id, TaskFilter(output=TaskKind.IMAGE)).total == 3
    assert app.tasks.page(project.id, TaskFilter(output=TaskKind.VIDEO)).total == 2
    assert app.tasks.page(project.id, TaskFilter(output=TaskKind.IMAGE, text="1.0")).total == 3
    assert app.shots.get(shot.id).drawing_count == 3


def test_a_key_makes_the_image_provider_draw_and_names_its_price(
    app: Vidgen, project: Project, add_shot: AddShot, with_key: None
) -> None:
    shot = add_shot("1.0")

    estimate = app.pictures.estimate(project.id, [shot.id], GenerateOptions(takes=2))
    [task, _] = app.pictures.draw(project.id, [shot.id], GenerateOptions(takes=2)).tasks

    assert (task.provider, task.model, task.output) == (ProviderId("images"), "gpt-image-2", TaskKind.IMAGE)
    assert (estimate.tasks, estimate.free, estimate.assumed) == (2, False, True)
    assert task.cost is not None
    assert estimate.money is not None
    assert estimate.money.amount == 2 * task.cost.amount


def test_the_words_are_the_picture_prompt_else_the_script_else_the_prompt(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot("1.0", prompt="push in")
    assert app.pictures.wording(shot).text == "push in"
    shot = app.shots.edit(shot.id, script="他走了。")
    assert app.pictures.wording(shot).text == "他走了。"
    shot = app.shots.edit(shot.id, picture_prompt="空荡的站台")
    assert app.pictures.wording(shot).text == "空荡的站台"


def test_a_shot_with_nothing_to_draw_is_refused_and_the_others_are_drawn(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    empty, good = add_shot("1.0", prompt=" "), add_shot("2.0")

    made = app.pictures.draw(project.id, [empty.id, good.id])

    assert [task.shot for task in made.tasks] == ["2.0"]
    assert [(refusal.shot.number, refusal.code) for refusal in made.refused] == [("1.0", "nothing_to_draw")]


@pytest.mark.parametrize("count", [0, 5])
def test_counts_out_of_range_are_refused(app: Vidgen, project: Project, add_shot: AddShot, count: int) -> None:
    with pytest.raises(InputError, match="pictures_out_of_range"):
        app.pictures.draw(project.id, [add_shot().id], GenerateOptions(takes=count))


def test_providers_of_videos_draw_nothing_and_those_of_pictures_make_no_videos(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot()
    with pytest.raises(InputError, match="provider_draws_nothing"):
        app.pictures.draw(project.id, [shot.id], GenerateOptions(provider=ProviderId("yunwu")))
    with pytest.raises(InputError, match="provider_makes_no_videos"):
        app.tasks.generate(project.id, [shot.id], GenerateOptions(provider=ProviderId("images")))
    assert ProviderId("images") not in app.modes


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ({"drawn_by": "kie"}, "nano-banana-2-1"),
        ({"drawn_by": "kie", "drawn_by_model": "seedream/5-lite-text-to-image"}, "seedream/5-lite-text-to-image"),
        ({"drawn_by": "local", "drawn_by_model": "seedream/5-lite-text-to-image"}, "storyboard"),
        ({"drawn_by": "images", "drawn_by_model": "seedream/5-lite-text-to-image"}, "gpt-image-2"),
    ],
)
def test_the_model_of_a_video_provider_that_draws_can_be_chosen(
    app: Vidgen, add_shot: AddShot, settings: dict[str, str], model: str
) -> None:
    app.settings_file.change({f"providers.images.{name}": value for name, value in settings.items()})

    assert plan_picture(add_shot(), References(), GenerateOptions(), app.settings()).model == model


def test_a_candidate_of_another_shot_cannot_be_chosen(
    app: Vidgen, project: Project, add_shot: AddShot, small_frames: None
) -> None:
    [first, second] = drawn(app, project, [add_shot("1.0"), add_shot("2.0")])
    [other] = app.pictures.of_shot(second.id)

    with pytest.raises(NotFound, match="candidate_not_of_shot"):
        app.pictures.choose(first.id, other.id)
    with pytest.raises(InputError, match="candidate_unknown"):
        app.pictures.choose_number(first.id, 9)


# --- style and characters


def test_named_characters_go_along_with_their_pictures_and_the_style_with_every_shot(
    app: Vidgen, project: Project, add_shot: AddShot, with_key: None, tmp_path: Path
) -> None:
    ming, style = own_picture(app, tmp_path), own_picture(app, tmp_path, "blue")
    app.pictures.set_references(
        project.id,
        References(
            style="水墨，留白",
            style_images=(style,),
            characters=(
                Character(name="小明", description="十岁，红围巾", images=(ming,)),
                Character(name="Ann", description="grey coat"),
            ),
        ),
    )
    shot = add_shot("1.0", picture_prompt="小明站在桥上, an annual fair behind him")

    [task] = app.pictures.draw(project.id, [shot.id]).tasks

    assert [(one.image, one.role) for one in task.params.references] == [(ming, "character"), (style, "style")]
    assert task.params.prompt.splitlines() == [
        "小明站在桥上, an annual fair behind him",
        "小明: 十岁，红围巾",
        "水墨，留白",
        "[image 1] = 小明",
        "[image 2] = style",
    ]
    shown = app.pictures.wording(shot)
    assert [one.character for one in shown.along] == ["小明", None]


def test_pictures_that_wait_follow_the_shot_and_those_that_are_drawn_here_need_no_references(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot("1.0", picture_prompt="before")
    [task] = app.pictures.draw(project.id, [shot.id]).tasks

    app.shots.edit(shot.id, picture_prompt="after")

    assert app.tasks.get(task.id).params.prompt == "after"
    app.pictures.set_references(project.id, References(style="ink wash"))
    assert app.tasks.get(task.id).params.prompt == "after\nink wash"
    assert app.tasks.get(task.id).params.references == ()
    assert app.tasks.page(project.id, TaskFilter(text="after")).total == 1


def test_references_that_cannot_be_are_refused(app: Vidgen, project: Project) -> None:
    twins = References(characters=(Character(name="Ann"), Character(name=" ann ")))
    with pytest.raises(InputError, match="character_twice"):
        app.pictures.set_references(project.id, twins)
    with pytest.raises(InputError, match="reference_image_unknown"):
        app.pictures.set_references(project.id, References(style_images=("../settings.toml",)))
    assert app.pictures.references(project.id) == References()
