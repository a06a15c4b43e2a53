"""Options of a take: whoever gives them, they are checked, spelled, priced and told alike, and nothing is lost without a word."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, PictureSlot, Project, Shot, ShotParams, ShotReference
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

AddShot = Callable[..., Shot]
YUNWU, KIE = ProviderId("yunwu"), ProviderId("kie")

#: What no model can mean, and the code of its sentence.
SENSELESS: list[tuple[dict[str, Any], str]] = [
    ({"aspect_ratio": "banana"}, "ratio_invalid"),
    ({"aspect_ratio": "0:9"}, "ratio_invalid"),
    ({"aspect_ratio": "16:9; drop"}, "ratio_invalid"),
    ({"duration": math.nan}, "duration_invalid"),
    ({"duration": math.inf}, "duration_invalid"),
    ({"duration": -4.0}, "duration_invalid"),
    ({"duration": 0.0}, "duration_invalid"),
    ({"duration": 601.0}, "duration_invalid"),
    ({"size": "1080P\n"}, "value_too_long"),
    ({"model": "m" * 201}, "value_too_long"),
    ({"negative_prompt": "rain" * 2000}, "value_too_long"),
]
#: What only a shot can ask for.
OF_SHOTS: list[tuple[dict[str, Any], str]] = [
    ({"seed": -1}, "seed_invalid"),
    ({"seed": 2**32}, "seed_invalid"),
    ({"watermark": "w" * 201}, "value_too_long"),
    ({"callback_url": "javascript:alert(1)"}, "callback_invalid"),
    ({"callback_url": "https:///nowhere"}, "callback_invalid"),
]


@pytest.mark.parametrize(("asked_for", "code"), SENSELESS, ids=lambda one: str(one)[:40])
def test_senseless_options_of_a_click_are_refused_in_one_sentence(
    app: Vidgen, project: Project, add_shot: AddShot, asked_for: dict[str, Any], code: str
) -> None:
    ids, options = [add_shot().id], GenerateOptions(**asked_for)
    for act in (app.tasks.estimate, app.tasks.preflight, app.tasks.generate):
        with pytest.raises(InputError, match=code):
            act(project.id, ids, options)
    assert not any(app.tasks.counts(project.id).values())


@pytest.mark.parametrize(("asked_for", "code"), [*SENSELESS, *OF_SHOTS], ids=lambda one: str(one)[:40])
def test_senseless_options_of_a_shot_are_refused_and_change_nothing(
    app: Vidgen, project: Project, add_shot: AddShot, asked_for: dict[str, Any], code: str
) -> None:
    shot = add_shot()
    with pytest.raises(InputError, match=code):
        app.shots.edit(shot.id, prompt="another", params=ShotParams(**asked_for))
    with pytest.raises(InputError, match=code):
        app.shots.add(project.id, "9.9", params=ShotParams(**asked_for))
    assert [(one.number, one.prompt, one.params) for one in app.shots.page(project.id).items for one in [one.shot]] == [
        (shot.number, "pan left", ShotParams())
    ]


def test_a_shot_with_a_picture_that_is_not_there_is_not_begun(app: Vidgen, project: Project) -> None:
    gone = ShotReference(image="0" * 64 + ".png")
    with pytest.raises(InputError, match="reference_image_unknown"):
        app.shots.add(project.id, "1.0", references=(gone,))
    assert app.shots.by_number(project.id, "1.0") is None


@pytest.mark.parametrize(("size", "ratio"), [("1080p", "9:16"), ("1080", "9:16"), (" 1080P", "9:16"), ("720p", "auto")])
@pytest.mark.parametrize("by", ["shot", "click"])
def test_sizes_and_ratios_are_spelled_as_the_model_has_them(
    app: Vidgen, project: Project, add_shot: AddShot, monkeypatch: pytest.MonkeyPatch, size: str, ratio: str, by: str
) -> None:
    keys = '[{"name": "main", "secret": "sk-test-x4KR"}]'
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__KEYS", keys)
    asked_for: dict[str, Any] = {"provider": KIE, "model": "veo3_fast", "size": size, "aspect_ratio": ratio}
    shot = add_shot(params=ShotParams(**asked_for) if by == "shot" else None)
    options = GenerateOptions(takes=1, **(asked_for if by == "click" else {}))

    estimate = app.tasks.estimate(project.id, [shot.id], options)
    [task] = app.tasks.generate(project.id, [shot.id], options).tasks

    spelled = "1080P" if "1080" in size else "720P"
    assert (task.params.size, task.params.aspect_ratio) == (spelled, "Auto" if ratio == "auto" else ratio)
    assert task.cost == estimate.money == Money(amount=Decimal(65 if spelled == "1080P" else 60), currency="credits")


def test_the_model_of_a_click_is_not_asked_of_another_provider(
    app: Vidgen, project: Project, add_shot: AddShot, yunwu_key: None
) -> None:
    own, free = add_shot("1", params=ShotParams(provider=ProviderId("local"))), add_shot("2")
    made = app.tasks.generate(
        project.id, [own.id, free.id], GenerateOptions(provider=YUNWU, model="kling-v2-6", takes=1)
    )
    assert {task.shot: (task.provider, task.model) for task in made.tasks} == {
        "1": ("local", "ken-burns"),
        "2": ("yunwu", "kling-v2-6"),
    }


def codes(app: Vidgen, project: Project, shot: Shot, **options: Any) -> dict[str, bool]:
    """What is said before the click, and whether it stops it, the same on every way to it."""
    asked = GenerateOptions(takes=1, **options)
    shown = {one.problem.code: one.problem.fatal for one in app.tasks.estimate(project.id, [shot.id], asked).problems}
    sheet = {one.code: one.fatal for one in app.tasks.preflight(project.id, [shot.id], asked).problems}
    card = {one.problem.code: one.problem.fatal for one in app.tasks.estimate_for([shot], asked).problems}
    assert card == shown
    assert shown.items() <= sheet.items()
    return shown


@pytest.fixture
def material(app: Vidgen, add_shot: AddShot, tmp_path: Path) -> Shot:
    """A shot with a first frame, a last frame and a reference."""
    shot = add_shot("1")
    for slot, colour in zip(PictureSlot, ("red", "green", "blue"), strict=True):
        Image.new("RGB", (90, 160), colour).save(tmp_path / f"{colour}.png")
        shot = app.shots.put_picture(shot.id, slot, tmp_path / f"{colour}.png")
    return shot


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (GenerationMode.TEXT, {"image_left_out", "last_frame_left_out", "references_left_out"}),
        (GenerationMode.FIRST_FRAME, {"last_frame_left_out", "references_left_out"}),
        (GenerationMode.FIRST_LAST_FRAME, {"references_left_out"}),
        (GenerationMode.REFERENCES, {"last_frame_left_out"}),
    ],
)
def test_what_a_chosen_mode_leaves_out_is_said(
    app: Vidgen, project: Project, material: Shot, yunwu_key: None, mode: GenerationMode, said: set[str]
) -> None:
    found = codes(app, project, material, provider=YUNWU, model="doubao-seedance-2-0-260128", mode=mode)
    assert found == dict.fromkeys(said, False)


@pytest.mark.parametrize(
    ("provider", "model", "asked_for", "code"),
    [
        ("yunwu", "MiniMax-Hailuo-02", {"aspect_ratio": "1:1"}, "aspect_ratio_left_out"),
        ("yunwu", "kling-v2-6", {"aspect_ratio": "1:1"}, "aspect_ratio_left_out"),
        ("yunwu", "viduq2-pro", {"aspect_ratio": "16:9"}, "aspect_ratio_left_out"),
        ("kie", "hailuo/2-3-image-to-video-pro", {"aspect_ratio": "16:9"}, "aspect_ratio_left_out"),
        ("kie", "kling/v2-5-turbo-image-to-video-pro", {"size": "1080P"}, "size_left_out"),
        ("yunwu", "veo3.1", {"callback_url": "https://example.com/done"}, "callback_not_taken"),
        ("yunwu", "kling-v2-6", {"sound": True, "size": "720P"}, "sound_not_with_size"),
        ("yunwu", "veo3.1", {"negative_prompt": "rain"}, "negative_prompt_left_out"),
        ("yunwu", "model-of-tomorrow", {"negative_prompt": "rain"}, "negative_prompt_left_out"),
    ],
)
def test_a_request_that_is_not_sent_is_said_where_somebody_has_it(
    app: Vidgen,
    project: Project,
    picture: Path,
    add_shot: AddShot,
    provider: str,
    model: str,
    asked_for: dict[str, Any],
    code: str,
) -> None:
    chosen = {"provider": ProviderId(provider), "model": model}
    shot = add_shot("1", image=picture, params=ShotParams(**chosen, **asked_for))
    assert codes(app, project, shot).get(code) is False
    # What only the settings say is no option of anybody's.
    other = add_shot("2", image=picture, params=ShotParams(**chosen))
    assert code not in codes(app, project, other)


@pytest.mark.parametrize(
    ("model", "asked_for", "code"),
    [
        ("vidu2.0", {"duration": 8.0, "size": "1080P"}, "duration_not_with_size"),
        ("viduq2-pro", {"duration": 11.0}, "duration_not_taken"),
        ("MiniMax-Hailuo-02", {"duration": 10.0, "size": "1080P"}, "duration_not_with_size"),
        ("doubao-seedance-2-0-fast-260128", {"duration": 16.0}, "duration_not_taken"),
        ("kling-3.0-turbo", {"duration": 2.0}, "duration_not_taken"),
        ("viduq3-pro", {"negative_prompt": "rain"}, "negative_prompt_not_taken"),
    ],
)
def test_what_the_documents_refuse_is_refused_before_money(
    app: Vidgen,
    project: Project,
    picture: Path,
    add_shot: AddShot,
    yunwu_key: None,
    model: str,
    asked_for: dict[str, Any],
    code: str,
) -> None:
    shot = add_shot("1", image=picture, params=ShotParams(provider=YUNWU, model=model, **asked_for))
    assert codes(app, project, shot).get(code) is True
    made = app.tasks.generate(project.id, [shot.id])
    assert (made.tasks, [one.code for one in made.refused]) == ((), [code])


def test_an_edit_of_a_shot_that_waits_changes_its_price(
    app: Vidgen, project: Project, add_shot: AddShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    own = ShotParams(provider=KIE, model="bytedance/seedance-2", size="720p", duration=5.0)
    shot = add_shot("1", params=own)
    [task] = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1)).tasks
    assert task.cost == Money(amount=Decimal(205), currency="credits")

    app.shots.edit(shot.id, params=own.model_copy(update={"duration": 10.0, "size": "480p"}))
    assert app.tasks.get(task.id).cost == Money(amount=Decimal(190), currency="credits")
    app.shots.edit(shot.id, prompt="another wording")
    assert app.tasks.get(task.id).cost == Money(amount=Decimal(190), currency="credits")


# --- pictures


@pytest.fixture
def picture_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMAGES", "KIE"):
        monkeypatch.setenv(f"VIDGEN_PROVIDERS__{name}__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')


def drawn(app: Vidgen, project: Project, shot: Shot, **options: Any) -> dict[str, bool]:
    """As ``codes``, of a picture."""
    asked = GenerateOptions(takes=1, **options)
    shown = {
        one.problem.code: one.problem.fatal for one in app.pictures.estimate(project.id, [shot.id], asked).problems
    }
    assert (
        shown.items()
        <= {one.code: one.fatal for one in app.pictures.preflight(project.id, [shot.id], asked).problems}.items()
    )
    made = app.pictures.draw(project.id, [shot.id], asked)
    assert bool(made.tasks) is not any(shown.values())
    return shown


@pytest.mark.parametrize("model", ["veo3_fast", "wan/3-0-video", "bytedance/seedance-2"])
def test_a_model_of_videos_is_never_paid_for_a_picture(
    app: Vidgen, project: Project, add_shot: AddShot, picture_keys: None, model: str
) -> None:
    found = drawn(app, project, add_shot(picture_prompt="a lake"), provider=KIE, model=model)
    assert found == {"model_draws_nothing": True}


def test_a_model_of_pictures_is_never_paid_for_a_video(
    app: Vidgen, project: Project, add_shot: AddShot, picture_keys: None
) -> None:
    shot = add_shot("1", params=ShotParams(provider=KIE, model="nano-banana-2-1"))
    assert codes(app, project, shot) == {"model_makes_no_videos": True}
    assert app.tasks.generate(project.id, [shot.id]).tasks == ()


@pytest.mark.parametrize(
    ("mode", "model", "own", "asked_for", "code"),
    [
        ("images", "gpt-image-2", {}, {"aspect_ratio": "9:16"}, "aspect_ratio_drawn_as"),
        ("images", "gpt-image-2", {"aspect_ratio": "21:9"}, {}, "aspect_ratio_drawn_as"),
        ("images", "gpt-image-2", {"size": "4K"}, {}, "size_not_taken"),
        ("images", "gemini-3-pro-image", {}, {"seed": 7}, "seed_not_taken"),
        ("kie", "nano-banana-2-1", {}, {"seed": 7}, "seed_not_taken"),
    ],
)
def test_a_request_that_a_picture_does_not_follow_is_said(
    app: Vidgen,
    project: Project,
    add_shot: AddShot,
    picture_keys: None,
    mode: str,
    model: str,
    own: dict[str, str],
    asked_for: dict[str, Any],
    code: str,
) -> None:
    chosen = {"provider": ProviderId(mode), "model": model}
    assert code not in drawn(app, project, add_shot("1", picture_prompt="a lake"), **chosen)
    app.settings_file.change({f"providers.images.{name}": value for name, value in own.items()})
    shot = add_shot("2", picture_prompt="a lake", params=ShotParams(**asked_for))
    assert drawn(app, project, shot, **chosen).get(code) is False


@pytest.mark.parametrize("model", ["m" * 201, "gpt-image-2\n"])
def test_a_senseless_model_of_pictures_is_refused(app: Vidgen, project: Project, add_shot: AddShot, model: str) -> None:
    with pytest.raises(InputError, match="value_too_long"):
        app.pictures.draw(project.id, [add_shot(picture_prompt="a lake").id], GenerateOptions(model=model))
