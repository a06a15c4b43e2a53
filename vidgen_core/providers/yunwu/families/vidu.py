"""Vidu's routes: ``/ent/v2/{text2video,img2video,start-end2video,reference2video}``.

Sources: Vidu's platform documentation (models, lengths and resolutions by action, data URIs with their prefix, ``audio`` of
q3), and a client that measured the routes at Yunwu in 2026-08 (``creations[0].url``, errors by the HTTP status).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import RemoteJob
from vidgen_core.providers.capabilities import Capabilities, Problem, PromptLimits, SecondsRange
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

_ACTIONS: Final = {TEXT: "text2video", FIRST: "img2video", FIRST_LAST: "start-end2video", REFERENCES: "reference2video"}
_LINES: Final = ("540P", "720P", "1080P")
#: Modes, sizes, and lengths (a range or single ones) by model.
_MODELS: Final[dict[str, tuple[frozenset[GenerationMode], tuple[str, ...], SecondsRange | tuple[float, ...]]]] = {
    "viduq3-pro": (frozenset({TEXT, FIRST}), _LINES, SecondsRange(least=1, most=16)),
    "viduq2": (frozenset({TEXT, REFERENCES}), _LINES, SecondsRange(least=1, most=10)),
    "viduq2-pro": (frozenset({FIRST, FIRST_LAST, REFERENCES}), _LINES, SecondsRange(least=1, most=10)),
    "viduq2-turbo": (frozenset({FIRST, FIRST_LAST}), _LINES, SecondsRange(least=1, most=10)),
    "viduq2-pro-fast": (frozenset({FIRST, FIRST_LAST}), ("720P", "1080P"), SecondsRange(least=1, most=10)),
    "viduq1": (frozenset({TEXT, FIRST, FIRST_LAST, REFERENCES}), ("1080P",), (5.0,)),
    "viduq1-classic": (frozenset({FIRST, FIRST_LAST}), ("1080P",), (5.0,)),
    "vidu2.0": (frozenset({FIRST, FIRST_LAST, REFERENCES}), ("360P", "720P", "1080P"), (4.0, 8.0)),
}
#: The longest video between two frames.
_BETWEEN_FRAMES: Final = 8


class Vidu(Family):
    """Vidu by version."""

    name = "vidu"
    names: ClassVar[re.Pattern[str]] = re.compile(r"vidu(?:q|\d)", re.IGNORECASE)
    built_in: ClassVar[tuple[str, ...]] = ("viduq3-pro", "viduq2-pro", "viduq2", "viduq1")

    def capabilities(self, model: str) -> Capabilities:
        modes, sizes, seconds = _MODELS.get(model.lower(), (frozenset[GenerationMode](), _LINES, ()))
        known, new = bool(modes), not model.lower().startswith(("viduq1", "vidu2", "vidu1"))
        span = isinstance(seconds, SecondsRange)
        return Capabilities(
            model=model,
            aspect_ratios=("16:9", "9:16", "1:1", *(("3:4", "4:3") if new else ())),
            sizes=sizes,
            durations=() if span else tuple(seconds),
            duration_range=seconds if span else None,
            whole_seconds=True,
            modes=modes,
            unsure_modes=frozenset() if known else frozenset(GenerationMode),
            max_references=7,
            # The docs let a first frame do without a prompt, the relay does not say.
            prompt=PromptLimits(needed=True, most=2000),
            # The routes have no field for it.
            negative_prompt=False if known else None,
            sends_negative_prompt=False,
            sound="optional" if model.lower().startswith("viduq3") else "no" if known else None,
            takes_seed=True,
            ratio_from_frame=True,
            unsure=frozenset() if known else frozenset({"aspect_ratios", "sizes", "durations"}),
            note=None if known else "note.model_unknown",
        )

    def problems(self, model: str, params: GenerationParams) -> Iterator[Problem]:
        if params.mode is FIRST_LAST and (params.duration or 0) > _BETWEEN_FRAMES:
            told: dict[str, Any] = {"model": model, "value": f"{params.duration:g}", "most": _BETWEEN_FRAMES}
            yield Problem(field="duration", code="duration_over_frames", params=told)
        if model.lower() == "vidu2.0" and params.duration == 8 and params.size.upper() != "720P":
            told = {"model": model, "value": params.size, "seconds": 8, "allowed": "720P", "instead": 4}
            yield Problem(field="duration", code="duration_not_with_size", params=told)

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        mode = params.mode or TEXT
        fields: dict[str, Any] = {"model": model, "prompt": params.prompt, "resolution": lines(params.size)}
        if params.duration is not None:
            fields["duration"] = int(params.duration)
        if params.seed is not None:
            fields["seed"] = params.seed
        if mode in (TEXT, REFERENCES):
            fields["aspect_ratio"] = params.aspect_ratio
        if params.sound is not None and model.lower().startswith("viduq3"):
            fields["audio"] = params.sound
        if pictures.all:
            fields["images"] = pictures.all
        return FamilyRequest(path=f"/ent/v2/{_ACTIONS[mode]}", fields=fields)

    def look(self, job: RemoteJob) -> JobAddress:
        return JobAddress(f"/ent/v2/tasks/{quoted(job.remote_id)}/creations")
