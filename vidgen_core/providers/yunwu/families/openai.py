"""``/v1/videos``: OpenAI's video API, which relays keep for other models (a form; the file may lie behind the key).

Sources: new-api (relay/channel/task/sora, controller/video_proxy.go), the docs of yunwu.apifox.cn for Veo and Grok in this
format as clients cite them, and a client that measured Yunwu in 2026-08: ``/content`` answers 403 for Veo while
``/v1/video/query`` names a public link. OpenAI refuses an ``input_reference`` that is no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import RemoteJob
from vidgen_core.providers.capabilities import Capabilities, PromptLimits
from vidgen_core.providers.yunwu.families.family import (
    FIRST,
    FIRST_LAST,
    REFERENCES,
    TEXT,
    Family,
    FamilyRequest,
    Inline,
    JobAddress,
    SentPictures,
    quoted,
)


class OpenAiVideos(Family):
    """The OpenAI-style route."""

    name = "openai"
    names: ClassVar[re.Pattern[str]] = re.compile(r"grok-videos|sora-", re.IGNORECASE)
    built_in: ClassVar[tuple[str, ...]] = ("grok-videos",)
    inline: ClassVar[Inline] = "file"

    def capabilities(self, model: str) -> Capabilities:
        low = model.lower()
        common = {"model": model, "whole_seconds": True, "prompt": PromptLimits(needed=True), "negative_prompt": False}
        if low.startswith("grok"):
            return Capabilities(
                **common,
                aspect_ratios=("16:9", "9:16"),
                sizes=("720P",),
                durations=(6.0, 10.0),
                modes=frozenset({TEXT, FIRST}),
                unsure=frozenset({"sizes"}),
            )
        if low.startswith("veo"):
            parts = "components" in low
            return Capabilities(
                **common,
                aspect_ratios=("16:9", "9:16"),
                sizes=("4K",) if "4k" in low else ("720P",),
                durations=(4.0, 6.0, 8.0),
                modes=frozenset({REFERENCES} if parts else {TEXT, FIRST}),
                unsure_modes=frozenset() if parts else frozenset({FIRST_LAST}),
                max_references=3,
                sound="always",
                unsure=frozenset({"sizes", "durations", "max_references"}),
            )
        if low.startswith("sora"):
            return Capabilities(
                **common,
                aspect_ratios=("16:9", "9:16"),
                sizes=("720P", "1080P") if "pro" in low else ("720P",),
                durations=(4.0, 8.0, 12.0),
                modes=frozenset({TEXT, FIRST}),
                sound="always",
                unsure=frozenset({"durations", "sizes"}),
                note="note.yunwu_sora_gone",
            )
        return Capabilities(
            **common,
            aspect_ratios=("16:9", "9:16"),
            sizes=("720P",),
            modes=frozenset(),
            unsure_modes=frozenset({TEXT, FIRST, FIRST_LAST, REFERENCES}),
            unsure=frozenset({"aspect_ratios", "sizes", "durations"}),
            note="note.model_unknown",
        )

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        fields: dict[str, Any] = {"model": model, "prompt": params.prompt, "size": _size(model, params)}
        if params.duration is not None:
            fields["seconds"] = str(int(params.duration))
        return FamilyRequest(path="/v1/videos", fields=fields, files=tuple(pictures.all), form=True)

    def look(self, job: RemoteJob) -> JobAddress:
        return JobAddress(f"/v1/videos/{quoted(job.remote_id)}")

    def further(self, job: RemoteJob, body: Any) -> Iterator[JobAddress]:
        yield JobAddress(f"/v1/videos/{quoted(job.remote_id)}/content", is_file=True)
        yield JobAddress("/v1/video/query", {"id": job.remote_id})


def _size(model: str, params: GenerationParams) -> str:
    """Grok takes ratios, Veo ratios with an x, others pixels."""
    if model.lower().startswith("grok"):
        return params.aspect_ratio
    if model.lower().startswith("veo"):
        return params.aspect_ratio.replace(":", "x")
    short, long = (1024, 1792) if params.size.upper() == "1080P" else (720, 1280)
    return f"{short}x{long}" if params.aspect_ratio == "9:16" else f"{long}x{short}"
