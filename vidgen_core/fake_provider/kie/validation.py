"""What KIE checks in a request, from its own picture of the documented models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from vidgen_core.fake_provider.refusals import Refusal, kie_refusal

_VEO_MODELS: Final = ("veo3", "veo3_fast", "veo3_lite")
_VEO_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "prompt": {"type": "string", "required": True},
    "model": {"type": "string", "enum": _VEO_MODELS},
    "imageUrls": {"type": "string[]", "maxItems": 3},
    "generationType": {
        "type": "string",
        "enum": ("TEXT_2_VIDEO", "FIRST_AND_LAST_FRAMES_2_VIDEO", "REFERENCE_2_VIDEO"),
    },
    "aspect_ratio": {"type": "string", "enum": ("16:9", "9:16", "Auto")},
    "aspectRatio": {"type": "string", "enum": ("16:9", "9:16", "Auto")},
    "resolution": {"type": "string", "enum": ("720p", "1080p", "4k")},
    "duration": {"type": "integer", "enum": (4, 6, 8)},
    "enableTranslation": {"type": "boolean"},
    "enableFallback": {"type": "boolean"},
    "watermark": {"type": "string"},
    "seeds": {"type": "integer", "minimum": 10000, "maximum": 99999},
    "callBackUrl": {"type": "string"},
}


@cache
def models() -> Mapping[str, Any]:
    """Model → documented fields of its input."""
    text = resources.files(__package__).joinpath("video_models.json").read_text("utf-8")
    found: Mapping[str, Any] = json.loads(text)["models"]
    return found


def check_veo(body: Mapping[str, Any]) -> Refusal | None:
    """What the Veo interface finds wrong with a request."""
    wrong = _check(_VEO_FIELDS, body, code=422)
    pictures = len(body.get("imageUrls") or [])
    if wrong is None and body.get("generationType") == "REFERENCE_2_VIDEO":
        fits = pictures > 0 and body.get("model", "veo3_fast") != "veo3" and body.get("duration", 8) == 8
        return None if fits else kie_refusal("REFERENCE_2_VIDEO needs 1-3 images, veo3_fast or veo3_lite, 8 s", 422)
    return wrong


def fields_of(entry: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The documented fields of a model's input."""
    found: Mapping[str, Mapping[str, Any]] = entry["input"]
    return found


def check_task(body: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> Refusal | None:
    """What createTask finds wrong with a request; fields that a model does not know pass in silence."""
    known = models() if known is None else known
    model, given = body.get("model"), body.get("input")
    if not model:
        return kie_refusal("This field is required: model")
    if model not in known:
        return kie_refusal("The model name you specified is not supported. Please verify the model name.", 422)
    if not isinstance(given, dict):
        return kie_refusal("input cannot be null")
    fields = fields_of(known[model])
    choices = known[model].get("oneOf", ())
    if choices and sum(bool(given.get(name)) for name in choices) != 1:
        return kie_refusal(f"Exactly one of {', '.join(choices)} is required", 422)
    return _check(fields, given) or _check_frames(fields, given)


def _check_frames(fields: Mapping[str, Any], given: Mapping[str, Any]) -> Refusal | None:
    """Frames and references are scenarios of their own; a last frame needs a first one (docs.kie.ai, Seedance and Wan 3)."""
    names = ("first_frame_url", "first_frame_image_url", "start_image_url", "image_url")
    first = any(given.get(name) for name in names)
    last = any(
        given.get(name) for name in ("last_frame_url", "last_frame_image_url", "end_image_url", "tail_image_url")
    )
    references = any(value for name, value in given.items() if name.startswith("reference_") and name in fields)
    if first and references and "first_frame_url" in fields:
        return kie_refusal("First frame and reference inputs cannot be provided together", 422)
    if last and not first:
        return kie_refusal("last_frame_url requires first_frame_url", 422)
    return None


def price_of(entry: Mapping[str, Any], given: Mapping[str, Any], seconds: float) -> float | None:
    """Credits for a job: the first row of the model's prices whose conditions hold; None where it has none."""
    fields = fields_of(entry)
    meant = {name: given.get(name, field.get("default")) for name, field in fields.items()}
    for row in entry.get("price", ()):
        when = row.get("when") or {}
        # A switch that is left alone and has no default is off.
        if all(meant.get(name) == value or (value is False and not meant.get(name)) for name, value in when.items()):
            return float(row["credits"]) * (seconds if row.get("per") == "second" else 1)
    return None


def _check(fields: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any], code: int = 500) -> Refusal | None:
    messages = (_fault_of(name, spec, given.get(name)) for name, spec in fields.items())
    message = next((message for message in messages if message), None)
    return kie_refusal(message, code) if message else None


def _fault_of(name: str, spec: Mapping[str, Any], value: object) -> str | None:
    if value is None or value == "":
        return f"{name} is required" if spec.get("required") else None
    if not _is(spec["type"], value):
        return f"{name} must be of type {spec['type']}"
    allowed = spec.get("enum")
    if isinstance(allowed, list | tuple) and value not in allowed:
        return f"{name} is not within the range of allowed options"
    return _fault_of_length(name, spec, value) or _fault_of_amount(name, spec, value)


def _is(kind: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    checks = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": number and float(value).is_integer(),  # type: ignore[arg-type]
        "number": number,
        "string[]": isinstance(value, list) and all(isinstance(item, str) for item in value),
        "object[]": isinstance(value, list) and all(isinstance(item, dict) for item in value),
    }
    return checks.get(kind, True)


def _fault_of_length(name: str, spec: Mapping[str, Any], value: object) -> str | None:
    if isinstance(value, str):
        least, most = spec.get("minLength", 0), spec.get("maxLength", len(value))
        return None if least <= len(value) <= most else f"The length of {name} must be {least}-{most} characters"
    if isinstance(value, list):
        least, most = spec.get("minItems", 0), spec.get("maxItems", len(value))
        return None if least <= len(value) <= most else f"{name} must have {least}-{most} entries"
    return None


def _fault_of_amount(name: str, spec: Mapping[str, Any], value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    least, most = spec.get("minimum", value), spec.get("maximum", value)
    return None if least <= value <= most else f"{name} must be between {least} and {most}"
