"""A shot's material: last frame, references, sound, negative prompt and mode, from the shot to the order."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.services.app_doubles import add_take
from tests.services.test_app_shots import AddShot
from vidgen_core.domain.errors import InputError, NotFound, Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import (
    Author,
    GenerationMode,
    PictureSlot,
    Project,
    ReferenceRole,
    ShotParams,
    ShotReference,
)
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.providers.capabilities import Capabilities
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import NO_OPTIONS, GenerateOptions, plan

YUNWU = ShotParams(provider=ProviderId("yunwu"))
LOUD = ShotParams(provider=ProviderId("yunwu"), sound=True)


def picture_of(folder: Path, color: str) -> Path:
    path = folder / f"{color}.png"
    Image.new("RGB", (320, 180), color).save(path)
    return path


def test_pictures_are_kept_with_their_place_and_role(app: Vidgen, add_shot: AddShot, tmp_path: Path) -> None:
    shot = add_shot()
    app.shots.put_picture(shot.id, PictureSlot.LAST_FRAME, picture_of(tmp_path, "red"))
    app.shots.put_picture(shot.id, PictureSlot.REFERENCE, picture_of(tmp_path, "blue").read_bytes())
    kept = app.shots.put_picture(shot.id, PictureSlot.REFERENCE, picture_of(tmp_path, "green"), ReferenceRole.STYLE)

    assert kept.last_frame is not None
    assert [app.shots.image_path(one.image or "").is_file() for one in kept.references] == [True, True]
    assert [one.role for one in kept.references] == ["character", "style"]

    left = app.shots.remove_picture(shot.id, PictureSlot.REFERENCE, 0)
    assert left.references == kept.references[1:]
    assert app.shots.remove_picture(shot.id, PictureSlot.LAST_FRAME).last_frame is None
    with pytest.raises(NotFound, match="shot_reference_gone"):
        app.shots.remove_picture(shot.id, PictureSlot.REFERENCE, 1)


@pytest.mark.parametrize("key", ["../vidgen.toml", "0" * 64 + ".png"])
def test_a_picture_that_is_not_in_the_store_is_refused(app: Vidgen, add_shot: AddShot, key: str) -> None:
    shot = add_shot()
    for changes in (
        {"last_frame": key},
        {"references": (ShotReference(image=key),)},
        {"references": (ShotReference(),)},
    ):
        with pytest.raises(InputError, match="reference_image_unknown"):
            app.shots.edit(shot.id, **changes)


def test_a_shot_takes_no_end_of_references(app: Vidgen, add_shot: AddShot) -> None:
    many = (ShotReference(image_url="https://example.com/a.png"),) * 31
    with pytest.raises(InputError, match="references_over_limit"):
        app.shots.edit(add_shot().id, references=many)


def test_two_who_add_references_at_the_same_time_lose_none(app: Vidgen, add_shot: AddShot, tmp_path: Path) -> None:
    shot = add_shot()
    app.shots.put_picture(shot.id, PictureSlot.REFERENCE, picture_of(tmp_path, "red"))
    with pytest.raises(Refused, match="edited_elsewhere"):
        app.shots.put_picture(shot.id, PictureSlot.REFERENCE, picture_of(tmp_path, "blue"), rev=shot.rev)
    assert len(app.shots.get(shot.id).references) == 1


def test_the_last_frame_of_a_take_begins_the_next_shot(
    app: Vidgen, project: Project, add_shot: AddShot, tmp_path: Path
) -> None:
    first, second = add_shot("1.0"), add_shot("2.0")
    take = add_take(app, project, first, tmp_path)
    video = tmp_path / take.file
    render(RenderSpec(image=picture_of(tmp_path, "red"), prompt="x", width=96, height=64, seconds=0.5, fps=8), video)

    begun = app.shots.use_take(second.id, PictureSlot.IMAGE, take.id)

    assert begun.image is not None
    with Image.open(app.shots.image_path(begun.image)) as frame:
        assert frame.size == (96, 64)
        assert frame.convert("RGB").getpixel((48, 32))[0] > 200
    elsewhere = app.projects.ensure("elsewhere")
    other = app.shots.add(elsewhere.id, "1.0", "x")
    with pytest.raises(NotFound, match="take_not_of_project"):
        app.shots.use_take(other.id, PictureSlot.IMAGE, take.id)


def test_all_of_it_is_ordered_and_follows_edits_until_it_is_sent(
    app: Vidgen, project: Project, add_shot: AddShot, tmp_path: Path
) -> None:
    shot = add_shot(params=ShotParams(sound=True, negative_prompt="rain"))
    app.shots.put_picture(shot.id, PictureSlot.IMAGE, picture_of(tmp_path, "red"))
    shot = app.shots.put_picture(shot.id, PictureSlot.LAST_FRAME, picture_of(tmp_path, "blue"))
    [task] = app.tasks.generate(
        project.id, [shot.id], GenerateOptions(takes=1, sound=False, mode=GenerationMode.FIRST_LAST_FRAME)
    ).tasks
    # What the shot asks for goes before what the click asks for.
    assert (task.params.sound, task.params.negative_prompt) == (True, "rain")
    assert (task.params.mode, task.params.last_frame) == (GenerationMode.FIRST_LAST_FRAME, shot.last_frame)

    app.shots.remove_picture(shot.id, PictureSlot.LAST_FRAME)
    app.shots.edit(shot.id, params=ShotParams(sound=False, mode=GenerationMode.TEXT))
    kept = app.tasks.get(task.id).params
    assert (kept.last_frame, kept.sound, kept.negative_prompt, kept.mode) == (None, False, "", GenerationMode.TEXT)


def test_what_the_settings_ask_for_is_left_out_where_a_model_does_not_take_it(
    app: Vidgen, project: Project, add_shot: AddShot, yunwu_key: None
) -> None:
    app.settings_file.change({"providers.yunwu.sound": "on", "providers.yunwu.negative_prompt": "rain"})
    planned = [plan(add_shot(params=own), NO_OPTIONS, app.settings()).params for own in (YUNWU, LOUD)]
    able, silent = (
        Capabilities(model="m", aspect_ratios=(), sizes=(), sound=sound, negative_prompt=sound == "optional")
        for sound in ("optional", "no")
    )

    assert (planned[0].sound, planned[0].negative_prompt) == (True, "rain")
    assert (able.settle(planned[0]).sound, able.settle(planned[0]).negative_prompt) == (True, "rain")
    assert (silent.settle(planned[0]).sound, silent.settle(planned[0]).negative_prompt) == (None, "")
    assert [problem.code for problem in validate_order(silent, planned[0])] == []
    # What the shot itself asks for is never left out without a word.
    assert [problem.code for problem in validate_order(silent, planned[1])] == ["sound_not_taken"]


def test_a_wording_that_is_put_back_brings_its_negative_prompt(app: Vidgen, add_shot: AddShot) -> None:
    shot = add_shot(prompt="a street", params=ShotParams(takes=2))
    app.shots.edit(shot.id, params=ShotParams(takes=2, negative_prompt="rain"))
    app.shots.edit(shot.id, prompt="a beach", params=ShotParams(takes=2, negative_prompt="people"))
    kept = [(view.version.text, view.version.negative_prompt) for view in app.prompts.versions(shot.id)]
    assert kept == [("a beach", "people"), ("a street", "rain"), ("a street", None)]

    rainless = app.prompts.versions(shot.id)[1].version
    back = app.prompts.put_back(shot.id, rainless.id)

    assert (back.prompt, back.params.negative_prompt, back.params.takes) == ("a street", "rain", 2)


def test_a_negative_prompt_leaves_a_models_wording_the_models(app: Vidgen, add_shot: AddShot) -> None:
    shot = add_shot()
    app.shots.edit(shot.id, prompt="a street", author=Author.MODEL, writer="m")
    app.shots.edit(shot.id, params=ShotParams(negative_prompt="rain"))
    newest = app.prompts.versions(shot.id)[0].version
    assert (newest.author, newest.writer, newest.negative_prompt) == (Author.MODEL, "m", "rain")
