"""Seedance: ``/volc/v1/contents/generations/tasks``, the task API of Volcengine Ark.

Sources: Ark's documentation (roles of pictures, fields, error codes), and the docs of relays of this family: models up to 1.5
take their parameters as ``--name value`` behind the prompt, later ones as fields of the request.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, NamedTuple

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import RemoteJob
from vidgen_core.providers.capabilities import Capabilities, PromptLimits, SecondsRange
from vidgen_core.providers.yunwu.families.family import (
    FIRST,
    FIRST_LAST,
    REFERENCES,
    TEXT,
    Family,
    FamilyRequest,
    JobAddress,
    SentPictures,
    lines,
    quoted,
)

_PATH: Final = "/volc/v1/contents/generations/tasks"
_LINES: Final = ("480P", "720P", "1080P")


class _Version(NamedTuple):
    """What the models take whose names begin so."""

    begins: str
    modes: frozenset[GenerationMode]
    seconds: tuple[int, int]
    references: int | None = None
    sound: bool = False
    sizes: tuple[str, ...] = _LINES


_FRAMES: Final = frozenset({TEXT, FIRST, FIRST_LAST})
_EVERYTHING: Final = _FRAMES | {REFERENCES}
#: The longest beginning first.
_VERSIONS: Final = (
    _Version("doubao-seedance-2-5", _EVERYTHING, (4, 30), 30, sound=True),
    _Version("doubao-seedance-2-0-fast", _EVERYTHING, (4, 15), 9, sound=True, sizes=("480P", "720P")),
    _Version("doubao-seedance-2-0", _EVERYTHING, (4, 15), 9, sound=True),
    _Version("doubao-seedance-1-5-pro", _FRAMES, (4, 12), sound=True),
    _Version("doubao-seedance-1-0-pro-fast", frozenset({TEXT, FIRST}), (2, 12)),
    _Version("doubao-seedance-1-0-pro", _FRAMES, (2, 12)),
    _Version("doubao-seedance-1-0-lite-t2v", frozenset({TEXT}), (2, 12)),
    _Version("doubao-seedance-1-0-lite-i2v", frozenset({FIRST, FIRST_LAST, REFERENCES}), (2, 12), 4),
)


class Seedance(Family):
    """Seedance by version."""

    name = "seedance"
    names: ClassVar[re.Pattern[str]] = re.compile(r"(?:doubao-)?seedance", re.IGNORECASE)
    built_in: ClassVar[tuple[str, ...]] = (
        "doubao-seedance-2-0-260128",
        "doubao-seedance-1-5-pro-251215",
        "doubao-seedance-1-0-pro-250528",
    )

    def capabilities(self, model: str) -> Capabilities:
        version = next((one for one in _VERSIONS if model.lower().startswith(one.begins)), None)
        common = {
            "model": model,
            "aspect_ratios": ("16:9", "9:16", "4:3", "3:4", "1:1", "21:9"),
            "whole_seconds": True,
            "prompt": PromptLimits(needed=True),
            "takes_seed": True,
            "sends_negative_prompt": False,
        }
        if version is None:
            return Capabilities(
                **common,
                sizes=_LINES,
                modes=frozenset(),
                unsure_modes=_EVERYTHING,
                unsure=frozenset({"sizes", "durations", "aspect_ratios"}),
                note="note.model_unknown",
            )
        return Capabilities(
            **common,
            sizes=version.sizes,
            duration_range=SecondsRange(least=version.seconds[0], most=version.seconds[1]),
            modes=version.modes,
            max_references=version.references,
            sound="optional" if version.sound else "no",
            negative_prompt=False,
            # Which sizes a version has differs between sources; lengths and modes do not.
            unsure=frozenset({"sizes"}),
        )

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        options: dict[str, Any] = {"resolution": lines(params.size), "ratio": params.aspect_ratio}
        if params.duration is not None:
            options["duration"] = int(params.duration)
        if params.seed is not None:
            options["seed"] = params.seed
        fields: dict[str, Any] = {"model": model}
        text = params.prompt
        if re.search(r"seedance-1-", model, re.IGNORECASE):
            text += "".join(f" --{name} {value}" for name, value in options.items())
        else:
            fields |= options
        if params.sound is not None and self.capabilities(model).sound != "no":
            fields["generate_audio"] = params.sound
        fields["content"] = [{"type": "text", "text": text}, *_pictures(pictures)]
        return FamilyRequest(path=_PATH, fields=fields)

    def look(self, job: RemoteJob) -> JobAddress:
        return JobAddress(f"{_PATH}/{quoted(job.remote_id)}")


def _pictures(pictures: SentPictures) -> list[dict[str, Any]]:
    roles = [("first_frame", pictures.first), ("last_frame", pictures.last)]
    roles += [("reference_image", one) for one in pictures.references]
    return [{"type": "image_url", "image_url": {"url": one}, "role": role} for role, one in roles if one is not None]
