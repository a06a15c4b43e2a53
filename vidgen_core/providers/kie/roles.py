"""What each field of a request schema is for, by its name, its type and its description.

A field is recognised only where that is certain; a list of pictures that may be anything is said to be unsure, so that
an order with it asks first. Names and types are those of KIE's request schemas of 2026-08 to 2026-10.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field as Default

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.providers.kie.schema import Field, FieldType, Form, Value

Role = Literal[
    "prompt", "negative", "first", "last", "frames", "references", "first_or_references", "by_mode", "unsure_pictures",
    "mode", "sound", "seconds", "ratio", "size", "seed", "watermark", "translation", "task", "video", "factor",
]  # fmt: skip

#: Names that leave no doubt, with the types they must have.
_NAMES: Final[tuple[tuple[Role, str, tuple[FieldType, ...]], ...]] = (
    ("prompt", r"prompt", ("string",)),
    ("negative", r"negative_prompt|negativePrompt", ("string",)),
    ("first", r"(first|start)_(frame|image)(_image)?(_url)?", ("string",)),
    ("last", r"(last|end|tail)_(frame|image)(_image)?(_url)?", ("string",)),
    ("references", r"(reference|ref)_(image|images|image_urls|urls)|reference_image_list", ("string[]",)),
    ("sound", r"(generate|enable|with|native)_(audio|sound)(_switch)?|sound|audio", ("boolean",)),
    ("seconds", r"duration(_seconds)?|seconds|video_length|extend_times", ("string", "number", "integer")),
    ("ratio", r"aspect_ratio|aspectRatio|ratio", ("string",)),
    ("seed", r"seeds?", ("number", "integer")),
    ("watermark", r"watermark", ("string",)),
    ("translation", r"enable_translation|enableTranslation", ("boolean",)),
    ("task", r"task_id|taskId|parent_task_id", ("string",)),
    ("video", r"(input_)?video_url|video", ("string",)),
    ("factor", r"upscale_factor|scale_factor", ("string", "number", "integer")),
)
_PICTURES: Final = re.compile(
    r"(image|input|img)_(urls|input|images|list)|images|(image|input|img)_?urls?|image|input_image"
)
_SIZES: Final = re.compile(r"resolution|quality|(image|video)_(resolution|size)|size")
_SIZE: Final = re.compile(r"(\d{3,4}\s?p|[1-9](\.\d)?k|(?:360|480|540|720|768|1080|1440|2160))", re.IGNORECASE)
_ON_OFF: Final = {"on": True, "off": False, "true": True, "false": False, "yes": True, "no": False}
_RATIO: Final = re.compile(r"\d{1,2}:\d{1,2}")
_AUTOMATIC: Final = frozenset({"auto", "adaptive"})
_SPAN: Final = re.compile(
    r"\[\s*(\d{1,3})\s*[,，]\s*(\d{1,3})\s*\]|(\d{1,3})\s*(?:-|–|~|to|至|到)\s*(\d{1,3})\s*(?:s\b|sec|秒)",
    re.IGNORECASE,
)
_MODE_WORDS: Final = (
    (GenerationMode.REFERENCES, re.compile(r"ref|ingredient|component", re.IGNORECASE)),
    (GenerationMode.FIRST_LAST_FRAME, re.compile(r"last|end|tail", re.IGNORECASE)),
    (GenerationMode.FIRST_FRAME, re.compile(r"first|start|image", re.IGNORECASE)),
    (GenerationMode.TEXT, re.compile(r"text", re.IGNORECASE)),
)


class Roles(Frozen):
    """The fields of one form by what they are for."""

    by_role: dict[Role, str]
    #: The words of the field *mode*.
    modes: dict[GenerationMode, Value] = Default(default_factory=dict)
    #: Required fields that nobody can fill: not recognised, and without a default.
    unknown: tuple[str, ...] = ()
    #: Required fields that are filled as their schema says.
    fixed: dict[str, object] = Default(default_factory=dict)

    def name(self, *roles: Role) -> str | None:
        """The field of the first of some roles that there is."""
        return next((self.by_role[role] for role in roles if role in self.by_role), None)


def read_roles(
    form: Form, *, draws: bool, hints: Mapping[str, Role | None], fixed: Mapping[str, object] | None = None
) -> Roles:
    """What the fields of a form are for.

    :param draws: the model makes pictures, for which every picture it is given is a reference
    :param hints: what is known of single fields; None: it is for nothing of ours
    :param fixed: required fields that are always sent the same
    """
    found: dict[Role, str] = {}
    modes: dict[GenerationMode, Value] = {}
    for name, field in form.fields.items():
        if name not in hints and (words := _modes(field)):
            found["mode"], modes = name, words
    for name, field in form.fields.items():
        role = hints[name] if name in hints else _role(name, field, draws=draws, by_mode=bool(modes))
        if role is not None and role not in found:
            found[role] = name
    taken = set(found.values())
    always: dict[str, object] = {name: value for name, value in (fixed or {}).items() if name in form.fields}
    unknown = []
    for name, field in form.fields.items():
        if not field.required or name in taken or name in always:
            continue
        if field.default is not None or len(field.enum) == 1:
            always[name] = field.default if field.default is not None else field.enum[0]
        else:
            unknown.append(name)
    return Roles(by_role=found, modes=modes, unknown=tuple(unknown), fixed=always)


def _role(name: str, field: Field, *, draws: bool, by_mode: bool) -> Role | None:
    for role, pattern, types in _NAMES:
        if re.fullmatch(pattern, name):
            if role == "sound" and switch(field):
                return role
            # A ratio is only sent in words that are known.
            useless = (draws and role in ("first", "last")) or (role == "ratio" and not field.enum)
            return role if field.type in types and not useless else None
    if _PICTURES.fullmatch(name) and field.type in ("string", "string[]"):
        return _pictures(field, draws=draws, by_mode=by_mode)
    if _SIZES.fullmatch(name) and field.enum and all(size_name(str(one)) for one in field.enum):
        return "size"
    ratios = sum(bool(_RATIO.fullmatch(str(one))) for one in field.enum)
    if ratios >= 2 and all(ratio_name(str(one)) for one in field.enum):
        return "ratio"
    return None


def _pictures(field: Field, *, draws: bool, by_mode: bool) -> Role:
    """What a field of pictures without a telling name holds."""
    words = field.description.lower()
    first, last = _says(words, "first", "start", "首帧"), _says(words, "last", "end", "tail", "尾帧")
    reference = _says(words, "reference", "参考")
    if not field.is_list:
        return "references" if draws else "unsure_pictures" if last or reference else "first"
    if draws:
        return "references"
    if by_mode:
        return "by_mode"
    if first and last and field.longest in (None, 2):
        return "frames"
    if field.longest == 1 or (first and not last and not reference):
        return "first"
    return "references" if reference and not first and not last else "unsure_pictures"


def _says(text: str, *words: str) -> bool:
    return any(
        re.search(rf"\b{word}(?:ing)?(?:[ _-]?(?:frame|image|picture))?s?\b" if word.isascii() else word, text)
        for word in words
    )


def _modes(field: Field) -> dict[GenerationMode, Value]:
    """The words for what a video is made from, where a field has such words and no others."""
    if field.type != "string" or not 2 <= len(field.enum) <= 6:
        return {}
    found: dict[GenerationMode, Value] = {}
    for value in field.enum:
        mode = next((mode for mode, words in _MODE_WORDS if words.search(str(value))), None)
        if mode is None or mode in found:
            return {}
        found[mode] = value
    known = GenerationMode.TEXT in found or GenerationMode.REFERENCES in found
    return found if known else {}


def size_name(value: str) -> str | None:
    """Our name for a size: ``720P``, ``4K``; None where it is none."""
    name = re.sub(r"\s", "", value).upper() if _SIZE.fullmatch(value) else None
    return f"{name}P" if name and name.isdecimal() else name


def switch(field: Field) -> dict[bool, Value]:
    """The words for on and off, where a field has these two and no others."""
    words = {_ON_OFF.get(str(one).lower()): one for one in field.enum}
    return {on: word for on, word in words.items() if on is not None} if set(words) == {True, False} else {}


def ratio_name(value: str) -> str | None:
    """Our name for a ratio: ``16:9``, ``Auto``; None where it is none."""
    return value if _RATIO.fullmatch(value) else "Auto" if value.lower() in _AUTOMATIC else None


def seconds_in(field: Field) -> tuple[tuple[float, ...], tuple[float, float] | None]:
    """The lengths a field takes: single ones, or the first and last of a span; neither where it does not say."""
    values = [_seconds(one) for one in field.enum]
    if values and all(one is not None for one in values):
        return tuple(one for one in values if one is not None and one > 0), None
    if field.minimum is not None and field.maximum is not None and field.maximum > 0:
        least, step = max(field.minimum, 1.0), field.step or 1.0
        if 1 < step <= field.maximum:
            return tuple(
                step * n for n in range(math.ceil(least / step), min(int(field.maximum / step), 600) + 1)
            ), None
        return (), (least, field.maximum)
    spans = {tuple(float(end) for end in match.groups() if end) for match in _SPAN.finditer(field.description)}
    spans = {span for span in spans if span[0] < span[1]}
    if len(spans) == 1:
        least, most = spans.pop()
        return (), (least, most)
    return (), None


def _seconds(value: object) -> float | None:
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*s?", str(value))
    return float(match[1]) if match and not isinstance(value, bool) else None
