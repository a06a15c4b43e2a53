"""One validation everywhere: what a model does not take is refused, and what nobody knows is warned about."""

from __future__ import annotations

from typing import Any

import pytest

from vidgen_core.domain.shots import GenerationMode, ReferenceRole, ShotReference
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.capabilities import Capabilities, PromptLimits, SecondsRange
from vidgen_core.providers.common.model_check import validate_order

TEXT, FIRST, BOTH, REFERENCES = GenerationMode
FACE = ShotReference(image="face.png")
SKY = ShotReference(image_url="https://example.com/sky.png", role=ReferenceRole.STYLE)
#: A model that takes everything, and says so.
ABLE: dict[str, Any] = {
    "model": "m",
    "aspect_ratios": ("9:16", "16:9"),
    "sizes": ("720P", "1080P"),
    "durations": (4.0, 8.0),
    "modes": frozenset(GenerationMode),
    "max_references": 2,
    "references_with_frame": True,
    "sound": "optional",
    "negative_prompt": True,
    "takes_seed": True,
    "takes_watermark": True,
    "image_transport": "upload",
}


def params(**wanted: Any) -> GenerationParams:
    return GenerationParams(**{"prompt": "a street", "aspect_ratio": "9:16", "size": "720P", "image": "a.png"} | wanted)


def said(can: dict[str, Any], **wanted: Any) -> dict[str, bool]:
    return {problem.code: problem.fatal for problem in validate_order(Capabilities(**ABLE | can), params(**wanted))}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"image": None},
        {"last_frame": "b.png"},
        {"references": (FACE, SKY)},
        {"image": None, "references": (FACE,)},
        {"mode": TEXT},
        {"mode": REFERENCES},
        {"sound": True, "negative_prompt": "rain", "duration": 8.0, "seed": 5, "watermark": "me"},
    ],
)
def test_what_a_model_takes_meets_nothing(wanted: dict[str, Any]) -> None:
    assert said({}, **wanted) == {}


@pytest.mark.parametrize(
    ("can", "wanted", "code"),
    [
        ({}, {"aspect_ratio": "1:1"}, "aspect_ratio_not_taken"),
        ({}, {"size": "4K"}, "size_not_taken"),
        ({"sizes_by_ratio": {"9:16": ("1080P",)}}, {"size": "720P"}, "size_not_with_ratio"),
        ({}, {"duration": 6.0}, "duration_not_taken"),
        ({"durations": (), "duration_range": SecondsRange(least=3, most=15)}, {"duration": 45.0}, "duration_not_taken"),
        ({"durations": (), "duration_range": SecondsRange(least=3, most=15)}, {"duration": 4.5}, "duration_not_taken"),
        ({"durations": (), "duration_range": SecondsRange(least=3, most=15)}, {"duration": 2.0}, "duration_not_taken"),
        ({"whole_seconds": True}, {"duration": 4.5}, "duration_not_whole"),
        ({"duration_needed": True}, {}, "duration_needed"),
        ({"modes": {FIRST}}, {"image": None}, "image_needed"),
        ({"modes": {TEXT}}, {}, "image_not_taken"),
        ({"modes": {TEXT, FIRST}}, {"last_frame": "b.png"}, "last_frame_not_taken"),
        ({"modes": {TEXT, FIRST}}, {"last_frame_url": "https://example.com/b.png"}, "last_frame_not_taken"),
        ({"modes": {TEXT, FIRST}}, {"references": (FACE,)}, "references_not_taken"),
        ({}, {"references": (FACE, SKY, FACE)}, "references_too_many"),
        ({"roles": {ReferenceRole.CHARACTER}}, {"references": (SKY,)}, "reference_role_not_taken"),
        ({"references_with_frame": False}, {"references": (FACE,)}, "references_with_frame"),
        ({"references_with_frame": False}, {"references": (FACE,), "last_frame": "b.png"}, "references_with_frame"),
        ({"sound": "no"}, {"sound": True}, "sound_not_taken"),
        ({"negative_prompt": False}, {"negative_prompt": "rain"}, "negative_prompt_not_taken"),
        ({"prompt": PromptLimits(needed=True)}, {"prompt": "  "}, "prompt_missing"),
        ({"prompt": PromptLimits(least=3)}, {"prompt": "x"}, "prompt_under_limit"),
        ({"prompt": PromptLimits(most=5)}, {"prompt": "x" * 6}, "prompt_over_limit"),
        ({"seed_range": (10, 20)}, {"seed": 9}, "seed_out_of_range"),
        ({"image_transport": "url"}, {}, "image_link_needed"),
        ({"image_transport": "file"}, {"image": None, "image_url": "https://example.com/a.png"}, "picture_file_needed"),
        ({"image_transport": "file"}, {"last_frame_url": "https://example.com/b.png"}, "picture_file_needed"),
        ({"image_transport": "file"}, {"image": None, "references": (SKY,)}, "picture_file_needed"),
        ({"image_transport": "url"}, {"image": None, "references": (FACE,)}, "image_link_needed"),
        ({}, {"image": None, "last_frame": "b.png"}, "first_frame_missing"),
        ({}, {"mode": FIRST, "image": None}, "first_frame_missing"),
        ({}, {"mode": BOTH}, "last_frame_missing"),
        ({}, {"mode": REFERENCES, "image": None}, "references_missing"),
    ],
)
def test_what_a_model_does_not_take_is_refused(can: dict[str, Any], wanted: dict[str, Any], code: str) -> None:
    assert said(can, **wanted).get(code) is True


@pytest.mark.parametrize(
    ("can", "wanted", "code"),
    [
        ({"unsure": {"aspect_ratios"}}, {"aspect_ratio": "1:1"}, "aspect_ratio_not_taken"),
        ({"unsure": {"durations"}}, {"duration": 6.0}, "duration_not_taken"),
        ({"unsure": {"durations"}, "durations": ()}, {"duration": 45.0}, "duration_perhaps_ignored"),
        ({"durations": ()}, {"duration": 45.0}, "duration_ignored"),
        ({"unsure": {"max_references"}}, {"references": (FACE, SKY, FACE)}, "references_too_many"),
        ({"modes": {TEXT}, "unsure_modes": {FIRST}}, {}, "image_perhaps_ignored"),
        ({"modes": {FIRST}, "unsure_modes": {BOTH}}, {"last_frame": "b.png"}, "last_frame_perhaps_ignored"),
        ({"modes": {FIRST}, "unsure_modes": {REFERENCES}}, {"references": (FACE,)}, "references_perhaps_ignored"),
        ({"references_with_frame": None}, {"references": (FACE,)}, "references_with_frame_unsure"),
        ({"sound": None}, {"sound": True}, "sound_perhaps_ignored"),
        ({"sound": "always"}, {"sound": False}, "sound_always"),
        ({"negative_prompt": None}, {"negative_prompt": "rain"}, "negative_prompt_perhaps_ignored"),
        ({"durations": ()}, {"duration": 6.0}, "duration_ignored"),
        ({"takes_seed": False}, {"seed": 5}, "seed_not_taken"),
    ],
)
def test_what_is_not_known_is_a_warning(can: dict[str, Any], wanted: dict[str, Any], code: str) -> None:
    assert said(can, **wanted) == {code: False}


def test_a_chosen_mode_leaves_out_the_pictures_of_the_others() -> None:
    can = Capabilities(**ABLE)
    all_of_it = params(last_frame="b.png", references=(FACE,))
    text, first, both, references = (can.settle(all_of_it.model_copy(update={"mode": mode})) for mode in GenerationMode)
    assert (text.image, text.last_frame, text.references) == (None, None, ())
    assert (first.image, first.last_frame, first.references) == ("a.png", None, ())
    assert (both.image, both.last_frame, both.references) == ("a.png", "b.png", ())
    assert (references.image, references.last_frame) == (None, None)
    assert [one.image for one in references.references] == ["a.png", "face.png"]


def test_a_lone_picture_is_a_reference_to_a_model_that_takes_no_first_frame() -> None:
    can = Capabilities(**ABLE | {"modes": {REFERENCES}})
    settled = can.settle(params())
    assert (settled.mode, settled.image, [one.image for one in settled.references]) == (REFERENCES, None, ["a.png"])


@pytest.mark.parametrize(
    ("span", "lengths"),
    [
        (SecondsRange(least=4, most=6), (4.0, 5.0, 6.0)),
        (SecondsRange(least=0, most=600, step=None), (9.0,)),
        (None, (9.0,)),
    ],
)
def test_the_lengths_of_a_range_can_be_chosen_from(span: SecondsRange | None, lengths: tuple[float, ...]) -> None:
    listed = () if lengths[0] == 4.0 else (9.0,)
    assert Capabilities(**ABLE | {"durations": listed, "duration_range": span}).lengths == lengths
