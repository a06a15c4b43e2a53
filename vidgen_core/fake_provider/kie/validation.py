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


def check_task(body: Mapping[str, Any]) -> Refusal | None:
    """What createTask finds wrong with a request."""
    model, given = body.get("model"), body.get("input")
    if not model:
        return kie_refusal("This field is required: model")
    if model not in models():
        return kie_refusal("The model name you specified is not supported. Please verify the model name.", 422)
    if not isinstance(given, dict):
        return kie_refusal("input cannot be null")
    return _check(models()[model]["input"], given)


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
