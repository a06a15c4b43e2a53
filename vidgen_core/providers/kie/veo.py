"""The older Veo API (docs.kie.ai/veo3-api), whose models are not in the catalogue any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.capabilities import Capabilities, Problem, PromptLimits

#: Its models, the default first.
MODELS: Final = ("veo3_fast", "veo3", "veo3_lite")
#: Sizes of the Veo API by our names.
SIZES: Final = {"720P": "720p", "1080P": "1080p", "4K": "4k"}
#: Words of the Veo API for what a video is made from.
MODES: Final = {
    GenerationMode.TEXT: "TEXT_2_VIDEO",
    GenerationMode.FIRST_FRAME: "FIRST_AND_LAST_FRAMES_2_VIDEO",
    GenerationMode.FIRST_LAST_FRAME: "FIRST_AND_LAST_FRAMES_2_VIDEO",
    GenerationMode.REFERENCES: "REFERENCE_2_VIDEO",
}
#: Requests of the Veo API for larger versions of its videos, by the models that stand for them, with their methods.
LARGER: Final = {"veo/get-1080p-video": "GET", "veo/get-4k-video": "POST"}


def capabilities(model: str) -> Capabilities:
    """What a model of the older Veo API takes (docs.kie.ai/veo3-api)."""
    modes = frozenset(GenerationMode)
    return Capabilities(
        model=model,
        aspect_ratios=("16:9", "9:16", "Auto"),
        sizes=tuple(SIZES),
        durations=(4.0, 6.0, 8.0),
        whole_seconds=True,
        # Reference mode: fast and lite only.
        modes=modes - {GenerationMode.REFERENCES} if model == "veo3" else modes,
        max_references=3,
        image_transport="upload",
        sound="always",
        negative_prompt=False,
        prompt=PromptLimits(needed=True),
        takes_seed=True,
        # Only in examples and older docs.
        seed_range=(10_000, 99_999),
        takes_watermark=True,
        takes_callback=True,
        unsure=frozenset({"takes_seed"}),
    )


def against(params: GenerationParams) -> tuple[Problem, ...]:
    """What the Veo API does not take together: references make videos of eight seconds only."""
    if params.mode is not GenerationMode.REFERENCES or params.duration in (None, 8.0):
        return ()
    return (
        Problem(
            field="duration",
            code="duration_not_taken",
            params={"model": "Veo", "value": f"{params.duration:g}", "allowed": "8"},
        ),
    )


def request(
    model: str,
    params: GenerationParams,
    pictures: Mapping[str, list[str]],
    seed: int | None,
    *,
    translate: bool,
    fallback: bool,
) -> dict[str, Any]:
    """The body of ``POST /api/v1/veo/generate``."""
    links = [link for kind in ("first", "last", "references") for link in pictures.get(kind, ())]
    optional = {
        "imageUrls": links or None,
        "duration": int(params.duration) if params.duration is not None else None,
        "seeds": seed,
        "watermark": params.watermark or None,
        "callBackUrl": params.callback_url or None,
        # Deprecated there; sent only by those who ask for it.
        "enableFallback": fallback or None,
    }
    return {
        "prompt": params.prompt,
        "model": model,
        # One picture is the first frame; without this word the API guesses from the number of pictures.
        "generationType": MODES[params.mode or GenerationMode.TEXT],
        "aspect_ratio": params.aspect_ratio,
        "resolution": SIZES.get(params.size, params.size.lower()),
        # Its default is told in two ways, so it is always said.
        "enableTranslation": translate,
    } | {name: value for name, value in optional.items() if value is not None}


#: What the Veo API calls the tiers of its models where a video is extended.
_TIERS: Final = {"veo3": "quality", "veo3_lite": "lite"}


def extension(model: str, params: GenerationParams, remote_id: str) -> dict[str, Any]:
    """The body of ``POST /api/v1/veo/extend``."""
    optional = {"watermark": params.watermark or None, "callBackUrl": params.callback_url or None}
    return {"taskId": remote_id, "prompt": params.prompt, "model": _TIERS.get(model, "fast")} | {
        name: value for name, value in optional.items() if value is not None
    }
