"""MiniMax Hailuo: ``/minimax/v1/video_generation``.

Sources: MiniMax's API reference (``first_frame_image``, ``last_frame_image``, which lengths go with which resolution, error
codes in ``base_resp``), and clients that measured the route at Yunwu: the answer of a finished job names its file by link or
by an id that ``/minimax/v1/files/retrieve`` turns into one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, Final

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import RemoteJob
from vidgen_core.providers.capabilities import Capabilities, Problem, PromptLimits
from vidgen_core.providers.http.cleaning import identifier
from vidgen_core.providers.http.error_body import at
from vidgen_core.providers.http.error_mapping import (
    BALANCE_EMPTY,
    CONTENT_REFUSED,
    KEY_REJECTED,
    PARAMETER_REFUSED,
    RATE_LIMITED,
    Table,
    rule,
)
from vidgen_core.providers.yunwu.families.family import (
    FIRST,
    FIRST_LAST,
    TEXT,
    Family,
    FamilyRequest,
    JobAddress,
    SentPictures,
)
from vidgen_core.providers.yunwu.responses import TABLE

_CODES: Final[Table] = replace(
    TABLE,
    by_code=(
        rule(RATE_LIMITED, "base_resp:1002"),
        rule(KEY_REJECTED, "base_resp:1004", "base_resp:2049"),
        rule(BALANCE_EMPTY, "base_resp:1008"),
        rule(CONTENT_REFUSED, "base_resp:1026", "base_resp:1027"),
        rule(PARAMETER_REFUSED, "base_resp:2013"),
        *TABLE.by_code,
    ),
)
#: Modes and sizes by model, in lower case.
_MODELS: Final[dict[str, tuple[frozenset[GenerationMode], tuple[str, ...]]]] = {
    "minimax-hailuo-02": (frozenset({TEXT, FIRST, FIRST_LAST}), ("512P", "768P", "1080P")),
    "minimax-hailuo-2.3": (frozenset({TEXT, FIRST}), ("768P", "1080P")),
    "minimax-hailuo-2.3-fast": (frozenset({FIRST}), ("768P", "1080P")),
}


class Hailuo(Family):
    """Hailuo by version."""

    name = "hailuo"
    names: ClassVar[re.Pattern[str]] = re.compile(r"minimax-hailuo|hailuo|[tis]2v-01", re.IGNORECASE)
    built_in: ClassVar[tuple[str, ...]] = ("MiniMax-Hailuo-02", "MiniMax-Hailuo-2.3", "MiniMax-Hailuo-2.3-Fast")
    table: ClassVar[Table] = _CODES

    def capabilities(self, model: str) -> Capabilities:
        modes, sizes = _MODELS.get(model.lower(), (frozenset[GenerationMode](), ("768P", "1080P")))
        known = bool(modes)
        return Capabilities(
            model=model,
            # The picture has the ratio; a video from text is 16:9.
            aspect_ratios=(),
            sizes=sizes,
            durations=(6.0, 10.0),
            whole_seconds=True,
            modes=modes,
            unsure_modes=frozenset({TEXT, FIRST, FIRST_LAST}) if not known else frozenset(),
            prompt=PromptLimits(needed=True, most=2000),
            negative_prompt=False,
            sound="no" if known else None,
            unsure=frozenset() if known else frozenset({"sizes", "durations"}),
            note=None if known else "note.model_unknown",
        )

    def problems(self, model: str, params: GenerationParams) -> Iterator[Problem]:
        size, told = params.size.upper(), {"model": model, "value": params.size}
        if size == "1080P" and params.duration == 10:
            more = {"seconds": 10, "allowed": "768P", "instead": 6}
            yield Problem(field="duration", code="duration_not_with_size", params=told | more)
        if size == "512P" and params.mode is not FIRST and model.lower() in _MODELS:
            yield Problem(field="size", code="size_needs_first_frame", params=told)

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        fields: dict[str, Any] = {"model": model, "prompt": params.prompt, "resolution": params.size.upper()}
        if params.duration is not None:
            fields["duration"] = int(params.duration)
        if pictures.first is not None:
            fields["first_frame_image"] = pictures.first
        if pictures.last is not None:
            fields["last_frame_image"] = pictures.last
        return FamilyRequest(path="/minimax/v1/video_generation", fields=fields)

    def look(self, job: RemoteJob) -> JobAddress:
        return JobAddress("/minimax/v1/query/video_generation", {"task_id": job.remote_id})

    def refused(self, body: Any) -> bool:
        return at(body, "base_resp.status_code") not in (None, 0, "0")

    def further(self, job: RemoteJob, body: Any) -> Iterator[JobAddress]:
        file_id = identifier(at(body, "file_id") or at(body, "data.file_id") or at(body, "file.file_id"))
        if file_id:
            yield JobAddress("/minimax/v1/files/retrieve", {"file_id": file_id})
