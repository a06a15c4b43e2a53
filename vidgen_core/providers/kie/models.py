"""KIE's models: those of the Veo API and the image-to-video models of the jobs API, and how each wants to be asked.

The table ``models.json`` says for each jobs model which field takes the picture, the size, the seconds … and of
which type; forms and requests are made from it, for no two models agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from pydantic import Field, TypeAdapter

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import Capabilities, PromptLimits, SecondsRange

#: Models of the older Veo API (docs.kie.ai/veo3-api), the default first.
VEO: Final = ("veo3_fast", "veo3", "veo3_lite")
#: Sizes of the Veo API by our names.
VEO_SIZES: Final = {"720P": "720p", "1080P": "1080p", "4K": "4k"}
#: Seeds of the Veo API; only in examples and older docs.
VEO_SEEDS: Final = (10_000, 99_999)


class PictureField(Frozen):
    """Where a model takes its first frame."""

    field: str
    list: bool
    needed: bool = False
    most: int = 1


class ChoiceField(Frozen):
    """A field with fixed values; ``values``: our name → theirs."""

    field: str
    values: dict[str, str]


class SecondsField(Frozen):
    """The field ``duration``: some models want text, some a number."""

    type: Literal["text", "number"]
    needed: bool = False
    default: float | None = None
    values: tuple[float, ...] = ()
    #: First and last whole second.
    range: tuple[int, int] | None = None

    def write(self, seconds: float) -> str | int | float:
        whole = int(seconds) if seconds == int(seconds) else seconds
        return str(whole) if self.type == "text" else whole


class JobsModel(Frozen):
    """One model of the jobs API."""

    image: PictureField
    prompt: PromptLimits
    ratio: ChoiceField | None = None
    size: ChoiceField | None = None
    duration: SecondsField | None = None
    seed: tuple[int, int] | None = None
    watermark: bool = False
    translation: bool = False
    callback: bool = True
    #: Required fields that Vidgen has no setting for.
    fixed: dict[str, Any] = Field(default_factory=dict)
    unsure: frozenset[str] = frozenset()


@cache
def jobs_models() -> Mapping[str, JobsModel]:
    """The table of the jobs API."""
    text = resources.files(__package__).joinpath("models.json").read_text("utf-8")
    return TypeAdapter(dict[str, JobsModel]).validate_python(json.loads(text)["models"])


def is_veo(model: str) -> bool:
    """Whether a model belongs to the Veo API."""
    return model in VEO


def all_models() -> tuple[str, ...]:
    return (*VEO, *jobs_models())


def capabilities(model: str) -> Capabilities:
    """What ``model`` takes; for one that is not in the table a guess, all marked unsure."""
    if is_veo(model):
        return Capabilities(
            model=model,
            aspect_ratios=("16:9", "9:16", "Auto"),
            sizes=tuple(VEO_SIZES),
            durations=(4.0, 6.0, 8.0),
            whole_seconds=True,
            image_transport="upload",
            prompt=PromptLimits(needed=True),
            takes_seed=True,
            seed_range=VEO_SEEDS,
            takes_watermark=True,
            unsure=frozenset({"takes_seed"}),
        )
    known = jobs_models().get(model)
    return _of_table(model, known) if known else _guess(model)


def _of_table(model: str, known: JobsModel) -> Capabilities:
    frame = frozenset({GenerationMode.FIRST_FRAME})
    seconds = known.duration
    return Capabilities(
        model=model,
        aspect_ratios=tuple(known.ratio.values) if known.ratio else (),
        sizes=tuple(known.size.values) if known.size else (),
        durations=seconds.values if seconds else (),
        duration_range=SecondsRange(least=seconds.range[0], most=seconds.range[1])
        if seconds and seconds.range
        else None,
        duration_needed=seconds is not None and seconds.needed and seconds.default is None,
        whole_seconds=True,
        modes=frame if known.image.needed else frame | {GenerationMode.TEXT},
        image_transport="upload",
        prompt=known.prompt,
        takes_seed=known.seed is not None,
        seed_range=known.seed,
        takes_watermark=known.watermark,
        unsure=known.unsure if seconds is None or seconds.values or seconds.range else known.unsure | {"durations"},
        note=None if known.ratio else "note.ratio_follows_picture",
    )


def _guess(model: str) -> Capabilities:
    return Capabilities(
        model=model,
        aspect_ratios=("16:9", "9:16", "1:1"),
        sizes=("720P", "1080P"),
        image_transport="upload",
        whole_seconds=True,
        modes=frozenset(),
        unsure_modes=frozenset(GenerationMode),
        prompt=PromptLimits(needed=True),
        unsure=frozenset({"aspect_ratios", "sizes", "durations"}),
        note="note.model_unknown",
    )


def veo_request(
    model: str, params: GenerationParams, image: str | None, seed: int | None, *, translate: bool, fallback: bool
) -> dict[str, Any]:
    """The body of ``POST /api/v1/veo/generate``."""
    optional = {
        "imageUrls": [image] if image else None,
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
        "generationType": "FIRST_AND_LAST_FRAMES_2_VIDEO" if image else "TEXT_2_VIDEO",
        "aspect_ratio": params.aspect_ratio,
        "resolution": VEO_SIZES.get(params.size, params.size.lower()),
        # Its default is told in two ways, so it is always said.
        "enableTranslation": translate,
    } | {name: value for name, value in optional.items() if value is not None}


def jobs_request(
    model: str, params: GenerationParams, image: str | None, seed: int | None, *, translate: bool
) -> dict[str, Any]:
    """The body of ``POST /api/v1/jobs/createTask``, made from the table."""
    known = jobs_models().get(model) or _UNKNOWN
    fields: dict[str, Any] = dict(known.fixed)
    if params.prompt:
        fields["prompt"] = params.prompt
    if image:
        fields[known.image.field] = [image] if known.image.list else image
    for choice, value in ((known.ratio, params.aspect_ratio), (known.size, params.size)):
        if choice:
            fields[choice.field] = choice.values.get(value, value)
    if known.duration and (seconds := params.duration or known.duration.default):
        fields["duration"] = known.duration.write(seconds)
    if known.seed and seed is not None:
        fields["seed"] = seed
    if known.watermark and params.watermark:
        fields["watermark"] = params.watermark
    if known.translation:
        fields["enable_translation"] = translate
    callback = {"callBackUrl": params.callback_url} if known.callback and params.callback_url else {}
    return {"model": model, "input": fields} | callback


#: How most newer models want to be asked.
_UNKNOWN: Final = JobsModel(
    image=PictureField(field="image_urls", list=True),
    prompt=PromptLimits(needed=True),
    ratio=ChoiceField(field="aspect_ratio", values={}),
    size=ChoiceField(field="resolution", values={"720P": "720p", "1080P": "1080p"}),
    duration=SecondsField(type="number"),
)
