"""What a language model proposes for a script, as validated values, and how it is read out of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from vidgen_core.services.scripts.script_files import without

#: Shots of one answer; more are no storyboard.
MOST_SHOTS: Final = 500
_TEXT: Final = 20_000


class UnreadableAnswer(Exception):
    """The answer holds no JSON of the wanted shape; ``why`` is told to the model that is asked to repair it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ProposedShot(BaseModel):
    """One shot as proposed; what is out of range is kept as it is and judged later."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    #: As the model counted, from 1 within its piece.
    number: int
    #: The words of the script that it shows, letter for letter.
    script: str = Field(max_length=_TEXT)
    #: What its first frame is drawn from.
    picture_prompt: str = Field(default="", max_length=_TEXT)
    #: What happens in it, and what the camera does.
    video_prompt: str = Field(default="", max_length=_TEXT)
    #: ``9:16``; empty leaves it to the settings.
    ratio: str = ""
    seconds: float | None = None
    #: It goes on where the shot before it ends, without a cut.
    continues: bool = False

    @field_validator("continues", mode="before")
    @classmethod
    def _said(cls, value: Any) -> Any:
        return value is True or str(value).strip().casefold() in ("true", "yes", "是")

    @field_validator("number", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        """``3``, ``3.0``, ``"3"`` and ``"镜头3"`` are all the same."""
        found = re.search(r"\d{1,6}", value) if isinstance(value, str) else None
        return int(found[0]) if found else int(value) if isinstance(value, float) and value.is_integer() else value

    @field_validator("script", "picture_prompt", "video_prompt", "ratio", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return "" if value is None else value.strip() if isinstance(value, str) else value

    @field_validator("seconds", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        found = (
            re.fullmatch(r"\s*+(\d{1,5}(?:\.\d+)?)\s*+(?:(?:s|秒|sec|seconds?)\s*+)?", value)
            if isinstance(value, str)
            else None
        )
        return float(found[1]) if found else None if isinstance(value, str) else value


#: Strict JSON schemas as OpenAI's structured outputs want them: every field required, none besides
#: (developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas").
SHOTS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "shots": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer"},
                    "script": {"type": "string"},
                    "picture_prompt": {"type": "string"},
                    "video_prompt": {"type": "string"},
                    "ratio": {"type": "string"},
                    "seconds": {"type": "number"},
                    "continues": {"type": "boolean"},
                },
                "required": ["number", "script", "picture_prompt", "video_prompt", "ratio", "seconds", "continues"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["shots"],
    "additionalProperties": False,
}
PROMPT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"prompt": {"type": "string"}},
    "required": ["prompt"],
    "additionalProperties": False,
}


#: What a model is asked about a take.
JUDGED: Final = ("prompt", "person", "hands", "face", "body", "text")
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["ok", "reason"],
    "additionalProperties": False,
}
JUDGEMENT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": dict.fromkeys(JUDGED, _ANSWER),
    "required": list(JUDGED),
    "additionalProperties": False,
}
#: Characters of a reason that are kept.
_REASON: Final = 200


class _Opinion(BaseModel):
    ok: bool
    reason: str = Field(default="", max_length=_TEXT)


class _Judgement(BaseModel):
    prompt: _Opinion
    person: _Opinion
    hands: _Opinion
    face: _Opinion
    body: _Opinion
    text: _Opinion


def read_judgement(answer: str) -> dict[str, str]:
    """What is wrong with a take by question, in the model's words; empty where nothing is.

    :raises UnreadableAnswer: no JSON, or another form: nothing is guessed
    """
    try:
        found = _Judgement.model_validate(json_of(answer))
    except ValidationError as error:
        first = error.errors()[0]
        raise UnreadableAnswer(f"{'.'.join(str(part) for part in first['loc']) or 'answer'}: {first['msg']}") from error
    words = {name: " ".join(getattr(found, name).reason.split())[:_REASON] for name in JUDGED}
    return {name: "" if getattr(found, name).ok else words[name] or "–" for name in JUDGED}


def read_shots(answer: str) -> list[ProposedShot]:
    """The proposed shots of an answer, in its order.

    :raises UnreadableAnswer: no JSON, another shape, or a shot that lacks its words
    """
    found: Any = json_of(answer)
    if isinstance(found, Mapping):
        found = next((value for value in found.values() if isinstance(value, list)), None)
    if not isinstance(found, list):
        raise UnreadableAnswer('no list "shots"')
    if len(found) > MOST_SHOTS:
        raise UnreadableAnswer(f"{len(found)} shots are too many")
    shots = []
    for place, value in enumerate(found, start=1):
        try:
            shots.append(ProposedShot.model_validate(value))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise UnreadableAnswer(f"shot {place}, {field or 'shot'}: {first['msg']}") from error
    return shots


def read_prompt(answer: str) -> str:
    """The prompt of an answer: of its JSON, or the bare words of a model that gives none.

    :raises UnreadableAnswer: nothing that could be a prompt
    """
    try:
        found = json_of(answer)
    except UnreadableAnswer:
        words = re.sub(r"^```\w*|```$", "", answer.strip()).strip().strip('"“”').strip()
        if words and not re.search(r"[{}]", words):
            return words[:_TEXT]
        raise
    prompt = found.get("prompt") if isinstance(found, Mapping) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise UnreadableAnswer('no text "prompt"')
    return prompt.strip()[:_TEXT]


def json_of(answer: str) -> Any:
    """The JSON of an answer that may have a fence, thoughts or words around it; nothing is guessed where some is missing.

    :raises UnreadableAnswer:
    """
    # Models that think aloud do so before the answer.
    text = without(answer, "<think>", "</think>")
    at = 0
    while (start := _opening(text, at)) is not None:
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
        except json.JSONDecodeError as error:
            # Behind the place where it broke: what stands before it is the inside of something that was cut off.
            at = max(error.pos, start + 1)
        except RecursionError:
            break
        else:
            return value
    raise UnreadableAnswer("no complete JSON")


def _opening(text: str, at: int) -> int | None:
    """Where the next object or list may begin."""
    found = re.compile(r"[{\[]").search(text, at)
    return found.start() if found else None
