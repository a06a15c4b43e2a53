"""What can be said against an order before it is sent: the one validation of all providers, for screens, API, command line and agents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.capabilities import Capabilities, Problem

#: What stands against a mode: the field of its picture, and the code where a model does not take it or may ignore it.
_MODES: Final = {
    GenerationMode.TEXT: ("image", "image_needed", ""),
    GenerationMode.FIRST_FRAME: ("image", "image_not_taken", "image_perhaps_ignored"),
    GenerationMode.FIRST_LAST_FRAME: ("last_frame", "last_frame_not_taken", "last_frame_perhaps_ignored"),
    GenerationMode.REFERENCES: ("references", "references_not_taken", "references_perhaps_ignored"),
}


def validate_order(can: Capabilities, params: GenerationParams) -> tuple[Problem, ...]:
    """Everything in ``params`` that a model does not take; where it is unknown whether it does, only a warning."""
    settled = can.settle(params)
    parts = (_prompt, _shape, _seconds, _modes, _pictures, _sound, _extras)
    found = [problem for part in parts for problem in part(can, settled)]
    if params.mode is None and params.has_first_frame and not settled.has_first_frame:
        found.append(_problem(can, "image", "image_as_reference", fatal=False))
    return tuple(found)


def _prompt(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    limits, length = can.prompt, len(params.prompt.strip())
    if not length and limits.needed:
        yield _problem(can, "prompt", "prompt_missing")
    elif length and length < limits.least:
        yield _problem(can, "prompt", "prompt_under_limit", least=limits.least)
    elif limits.most is not None and length > limits.most:
        yield _problem(can, "prompt", "prompt_over_limit", most=limits.most, length=length)
    if params.negative_prompt and can.negative_prompt is not True:
        taken = can.negative_prompt
        unsure = "negative_prompt_perhaps_ignored" if can.sends_negative_prompt else "negative_prompt_left_out"
        code = "negative_prompt_not_taken" if taken is False else unsure
        yield _problem(can, "negative_prompt", code, fatal=taken is False)


def _shape(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    ratio, size = params.aspect_ratio, params.size
    if not can.sends_ratio(params.mode) and "aspect_ratio" in params.chosen and ratio.lower() != "auto":
        yield _problem(can, "aspect_ratio", "aspect_ratio_left_out", value=ratio, fatal=False)
    if not can.sizes and "size" in params.chosen and size.lower() != "auto":
        yield _problem(can, "size", "size_left_out", value=size, fatal=False)
    if can.aspect_ratios and ratio not in can.aspect_ratios:
        yield _not_taken(can, "aspect_ratio", ratio, can.aspect_ratios, "aspect_ratios")
    if can.sizes and size not in can.sizes:
        yield _not_taken(can, "size", size, can.sizes, "sizes")
    elif size not in can.sizes_by_ratio.get(ratio, (size,)):
        fatal = "sizes_by_ratio" not in can.unsure
        allowed = ", ".join(can.sizes_by_ratio[ratio])
        yield _problem(can, "size", "size_not_with_ratio", value=size, ratio=ratio, allowed=allowed, fatal=fatal)


def _seconds(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    seconds, span = params.duration, can.duration_range
    if seconds is None:
        if can.duration_needed:
            yield _problem(can, "duration", "duration_needed")
    elif can.whole_seconds and seconds != int(seconds):
        yield Problem(field="duration", code="duration_not_whole", params={"value": _plain(seconds)})
    elif not can.durations and span is None:
        code = "duration_perhaps_ignored" if "durations" in can.unsure else "duration_ignored"
        yield _problem(can, "duration", code, value=_plain(seconds), fatal=False)
    elif seconds not in can.durations and (span is None or seconds not in span):
        allowed: tuple[Any, ...] = can.durations
        if span is not None:
            allowed = (*allowed, f"{_plain(span.least)}–{_plain(span.most)}")
        yield _not_taken(can, "duration", seconds, allowed, "durations")


def _modes(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    """Whether the model works in the mode, and the mode has its pictures."""
    mode = params.mode or GenerationMode.TEXT
    field, refused, doubted = _MODES[mode]
    taken = can.mode_is_taken(mode)
    if taken is False:
        yield _problem(can, field, refused)
        return
    if taken is None and doubted:
        yield _problem(can, field, doubted, fatal=False)
    first, last = params.has_first_frame, params.has_last_frame
    if mode in (GenerationMode.FIRST_FRAME, GenerationMode.FIRST_LAST_FRAME) and not first:
        yield Problem(field="image", code="first_frame_missing")
    if mode is GenerationMode.FIRST_LAST_FRAME and not last:
        yield Problem(field="last_frame", code="last_frame_missing")
    if mode is GenerationMode.REFERENCES and not params.references:
        yield Problem(field="references", code="references_missing")
    if first and params.references and can.references_with_frame is not True:
        together = can.references_with_frame
        code = "references_with_frame" if together is False else "references_with_frame_unsure"
        yield _problem(can, "references", code, fatal=together is False)


def _pictures(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    most, given = can.max_references, len(params.references)
    if most is not None and given > most and can.mode_is_taken(GenerationMode.REFERENCES) is not False:
        fatal = "max_references" not in can.unsure
        yield _problem(can, "references", "references_too_many", most=most, given=given, fatal=fatal)
    odd = sorted({picture.role for picture in params.references} - can.roles)
    if odd:
        fatal = "roles" not in can.unsure
        yield _problem(can, "references", "reference_role_not_taken", role=odd[0].value, fatal=fatal)
    files = (
        ("image", params.image or params.link, params.image_url),
        ("last_frame", params.last_frame, params.last_frame_url),
        *(("references", one.image, one.image_url) for one in params.references),
    )
    if can.image_transport == "url" and (alone := [name for name, file, link in files if file and not link]):
        field = alone[0] if alone[0] == "references" else f"{alone[0]}_url"
        yield _problem(can, field, "image_link_needed")
    if can.image_transport == "file" and (alone := [name for name, file, link in files if link and not file]):
        yield _problem(can, alone[0], "picture_file_needed")


def _sound(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    if params.sound is True and can.sound == "no":
        yield _problem(can, "sound", "sound_not_taken")
    elif params.sound is False and can.sound == "always":
        yield _problem(can, "sound", "sound_always", fatal=False)
    elif params.sound is not None and can.sound is None:
        yield _problem(can, "sound", "sound_perhaps_ignored", fatal=False)


def _extras(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    seeds = can.seed_range
    if params.seed is not None and not can.takes_seed:
        yield _problem(can, "seed", "seed_not_taken", fatal=False)
    elif params.seed is not None and seeds and not seeds[0] <= params.seed <= seeds[1]:
        yield _problem(can, "seed", "seed_out_of_range", least=seeds[0], most=seeds[1])
    if params.watermark and not can.takes_watermark:
        yield _problem(can, "watermark", "watermark_not_taken", fatal=False)
    if params.callback_url and not can.takes_callback:
        yield _problem(can, "callback_url", "callback_not_taken", fatal=False)


def _problem(can: Capabilities, field: str, code: str, *, fatal: bool = True, **params: Any) -> Problem:
    return Problem(field=field, code=code, params={"model": can.model, **params}, fatal=fatal)


def _not_taken(can: Capabilities, field: str, value: Any, allowed: tuple[Any, ...], capability: str) -> Problem:
    names = ", ".join(_plain(one) for one in allowed)
    fatal = capability not in can.unsure
    return _problem(can, field, f"{field}_not_taken", value=_plain(value), allowed=names, fatal=fatal)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
