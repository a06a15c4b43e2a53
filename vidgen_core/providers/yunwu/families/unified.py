"""The unified route (``/v1/video/create``, ``/v1/video/query``): a closed extension that many relays share.

Its requests have no field for what is not to be seen. Sources: the docs of yunwu.apifox.cn as mirrored by clients, clients that measured the service (2026-01 to 2026-08), and lists of
five clients for names and numbers of pictures; sources disagree, and that is said.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from vidgen_core.domain.shots import GenerationMode
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
    JobAddress,
    SentPictures,
)

#: What comes back for a size, as the user's own document has it (for 9:16).
_GROK_SIZES: Final = {"720P": "~480×848", "1080P": "~832×1504"}
_COMMON_RATIOS: Final = ("9:16", "16:9", "1:1")
#: A length that is a part of the name; the request names none then.
_SECONDS_IN_NAME: Final = re.compile(r"-(\d{1,3})s(?:-|$)", re.IGNORECASE)


class Unified(Family):
    """The route for everything that has no route of its own."""

    name = "unified"
    names: ClassVar[re.Pattern[str]] = re.compile(r"grok-(?:video-|1\.|imagine)|veo|jimeng|omni-flash", re.IGNORECASE)
    #: The default first. ``sora-*`` is left out: its upstream was switched off on 2026-09-24.
    built_in: ClassVar[tuple[str, ...]] = (
        "grok-video-3", "grok-video-3-10s", "grok-video-3-15s",
        "veo3.1", "veo3.1-fast", "veo3.1-pro", "veo3.1-components", "veo3.1-fast-components", "veo3.1-4k", "veo3.1-fast-4k",
        "veo3.1-pro-4k", "veo3.1-components-4k", "veo3.1-fast-components-4k",
        "veo_3_1", "veo_3_1-fast", "veo_3_1-lite", "veo_3_1-components", "veo_3_1-fast-components", "veo_3_1-4K",
        "veo_3_1-fast-4K", "veo_3_1-components-4K",
        "veo3", "veo3-fast", "veo3-pro", "veo3-frames", "veo3-fast-frames", "veo3-pro-frames",
        "veo2", "veo2-fast", "veo2-fast-frames", "veo2-fast-components", "veo2-pro", "veo2-pro-components",
        "jimeng-video-3.0",
    )  # fmt: skip

    def drops_data(self, model: str) -> bool:
        """Many channels of Grok keep only links (three clients); Veo reads data URIs."""
        return model.lower().startswith("grok")

    def capabilities(self, model: str) -> Capabilities:
        low = model.lower()
        if low.startswith("grok"):
            return _grok(model)
        if low.startswith("veo"):
            return _veo(model)
        jimeng = low.startswith("jimeng")
        return Capabilities(
            model=model,
            aspect_ratios=("16:9", "9:16", "4:3", "3:4", "1:1", "21:9") if jimeng else _COMMON_RATIOS,
            sizes=("1080P", "720P"),
            durations=_named_seconds(model),
            whole_seconds=True,
            sends_negative_prompt=False,
            modes=frozenset({TEXT, FIRST}) if jimeng else frozenset(),
            unsure_modes=frozenset() if jimeng else frozenset(GenerationMode),
            prompt=PromptLimits(needed=True),
            unsure=frozenset({"sizes", "durations", "image_transport"} | (set() if jimeng else {"aspect_ratios"})),
            note=None if jimeng else "note.yunwu_sora_gone" if low.startswith("sora") else "note.model_unknown",
        )

    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        fields: dict[str, Any] = {"model": model, "prompt": params.prompt, "aspect_ratio": params.aspect_ratio}
        if model.lower().startswith("veo"):
            # Veo knows no sizes: full HD is its own result scaled up afterwards.
            fields |= {
                "enhance_prompt": bool(params.options.get("enhance_prompt")),
                "enable_upsample": params.size.upper() == "1080P",
            }
        else:
            fields |= {"size": params.size}
        if params.duration is not None and not _named_seconds(model):
            fields["duration"] = int(params.duration)
        # A shot without a picture has no images at all: an empty list is refused by some models.
        if pictures.all:
            fields["images"] = pictures.all
        return FamilyRequest(path="/v1/video/create", fields=fields)

    def look(self, job: RemoteJob) -> JobAddress:
        return JobAddress("/v1/video/query", {"id": job.remote_id})


def _named_seconds(model: str) -> tuple[float, ...]:
    found = _SECONDS_IN_NAME.search(model)
    return (float(found[1]),) if found else ()


def _grok(model: str) -> Capabilities:
    named = _named_seconds(model)
    return Capabilities(
        model=model,
        aspect_ratios=(*_COMMON_RATIOS, "2:3", "3:2"),
        sizes=("720P", "1080P"),
        # The plain name makes 6 s; one client asks it for others, which nobody confirms.
        durations=named or (6.0,),
        whole_seconds=True,
        sends_negative_prompt=False,
        # The docs ask for a picture; clients send three to seven as references.
        modes=frozenset({FIRST, REFERENCES}),
        unsure_modes=frozenset({TEXT}),
        max_references=7,
        prompt=PromptLimits(needed=True),
        unsure=frozenset({"aspect_ratios", "sizes", "image_transport"} | (set() if named else {"durations"})),
        real_sizes=_GROK_SIZES,
        note="note.size_follows_picture",
    )


def _veo(model: str) -> Capabilities:
    low = model.lower()
    parts, frames, new = "components" in low, "frames" in low, "3.1" in low or "3_1" in low
    # ``veo3-…-frames`` takes a first frame only.
    last = new or (frames and not low.startswith("veo3-"))
    modes = {REFERENCES} if parts else ({FIRST, FIRST_LAST} if last else {FIRST}) if frames or new else set()
    return Capabilities(
        model=model,
        aspect_ratios=("16:9",) if low.startswith("veo2") else ("16:9", "9:16"),
        sizes=("4K",) if "4k" in low else ("720P", "1080P"),
        durations=(4.0, 6.0, 8.0) if "3_1" in low else (8.0,) if "3.1" in low else (),
        whole_seconds=True,
        sends_negative_prompt=False,
        modes=frozenset(modes if parts or frames else modes | {TEXT}),
        unsure_modes=frozenset({FIRST} if not modes else ()),
        max_references=3,
        prompt=PromptLimits(needed=True),
        sound=None if low.startswith("veo2") else "always",
        unsure=frozenset({"sizes", "image_transport"} | (set() if "3.1" in low else {"durations"})),
    )
