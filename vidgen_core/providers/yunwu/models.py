"""What is publicly known of Yunwu's video models on the unified endpoint; sources disagree, and that is said.

Sources: the docs of yunwu.apifox.cn as mirrored by clients, and clients that measured the service (2026-01 to 2026-08).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.providers.base import Capabilities, PromptLimits

#: Known without asking, the default first. ``sora-*`` is left out: its upstream was switched off on 2026-09-24.
BUILT_IN: Final = (
    "grok-video-3", "grok-video-3-10s", "grok-video-3-15s",
    "veo3.1", "veo3.1-fast", "veo3.1-pro", "veo3.1-components", "veo3.1-4k", "veo3.1-pro-4k",
    "veo_3_1", "veo_3_1-fast", "veo_3_1-components",
    "veo3", "veo3-fast", "veo3-pro", "veo3-frames", "veo3-fast-frames", "veo3-pro-frames",
    "veo2", "veo2-fast", "veo2-fast-frames", "veo2-fast-components", "veo2-pro", "veo2-pro-components",
    "jimeng-video-3.0",
)  # fmt: skip

#: What comes back for a size, as the user's own document has it (for 9:16).
_GROK_SIZES: Final = {"720P": "~480×848", "1080P": "~832×1504"}
_COMMON_RATIOS: Final = ("9:16", "16:9", "1:1")
_UNSURE_IMAGES: Final = "image_transport"
_TEXT, _FRAME, _REFERENCES = GenerationMode.TEXT, GenerationMode.FIRST_FRAME, GenerationMode.REFERENCES

Transport = Literal["data", "url"]


def capabilities(model: str, transport: Transport) -> Capabilities:
    """What ``model`` takes; for an unknown one a careful guess, all marked unsure."""
    family = _grok if model.startswith("grok-video") else _veo if model.startswith("veo") else _other
    return family(model, transport).model_copy(update={"prompt": PromptLimits(needed=True), "whole_seconds": True})


def _other(model: str, transport: Transport) -> Capabilities:
    if model.startswith("jimeng"):
        return Capabilities(
            model=model,
            aspect_ratios=("16:9", "9:16", "4:3", "3:4", "1:1", "21:9"),
            sizes=("1080P", "720P"),
            image_transport=transport,
            unsure=frozenset({"sizes", "durations", _UNSURE_IMAGES}),
        )
    return Capabilities(
        model=model,
        aspect_ratios=_COMMON_RATIOS,
        sizes=("720P", "1080P"),
        image_transport=transport,
        modes=frozenset(),
        unsure_modes=frozenset(GenerationMode),
        unsure=frozenset({"aspect_ratios", "sizes", "durations", _UNSURE_IMAGES}),
        note="note.yunwu_sora_gone" if model.startswith("sora") else "note.model_unknown",
    )


def _grok(model: str, transport: Transport) -> Capabilities:
    named = re.search(r"-(\d+)s$", model)
    return Capabilities(
        model=model,
        aspect_ratios=(*_COMMON_RATIOS, "2:3", "3:2"),
        sizes=("720P", "1080P"),
        durations=(float(named[1]),) if named else (6.0, 10.0, 15.0),
        image_transport=transport,
        # The docs name 720P only and ask for links; clients send 1080P and data URIs with success.
        modes=frozenset({_FRAME}),
        unsure_modes=frozenset({_TEXT}),
        unsure=frozenset({"aspect_ratios", "sizes", "durations", _UNSURE_IMAGES}),
        real_sizes=_GROK_SIZES,
        note="note.size_follows_picture",
    )


def _veo(model: str, transport: Transport) -> Capabilities:
    takes_picture = any(part in model for part in ("frames", "components", "3.1", "3_1"))
    picture = _REFERENCES if "components" in model else _FRAME
    modes = {picture} if takes_picture else set()
    needed = "frames" in model or "components" in model
    return Capabilities(
        model=model,
        aspect_ratios=("16:9",) if model.startswith("veo2") else ("16:9", "9:16"),
        sizes=("4K",) if "4k" in model else ("720P", "1080P"),
        durations=(4.0, 6.0, 8.0) if "3_1" in model else (),
        modes=frozenset(modes if needed else modes | {_TEXT}),
        unsure_modes=frozenset({picture} - modes),
        max_references=1,
        image_transport=transport,
        unsure=frozenset({"sizes", "durations", _UNSURE_IMAGES}),
    )


#: Endpoint types that the unified endpoint serves; ``Grok video``, ``Doubao video`` … are its dialects.
_UNIFIED: Final = re.compile(r"unified video format|[\w-]+ video", re.IGNORECASE)


def video_models(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The ids of ``/v1/models`` rows that the unified endpoint serves; it, not the name, decides the route."""
    return tuple(str(row["id"]) for row in rows if isinstance(row, Mapping) and row.get("id") and _is_unified(row))


def _is_unified(row: Mapping[str, Any]) -> bool:
    types = row.get("supported_endpoint_types")
    if not isinstance(types, list):
        return str(row["id"]).startswith(("grok-video", "veo", "jimeng-video"))
    return any(isinstance(name, str) and _UNIFIED.fullmatch(name.strip()) for name in types)
