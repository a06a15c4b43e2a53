"""What a model takes and gives, and what it does not take of an order."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.shots import GenerationMode, ReferenceRole, ShotReference
from vidgen_core.domain.tasks import GenerationParams

_NO_FIRST: Final[dict[str, Any]] = {"image": None, "image_url": None, "link": None}
_NO_LAST: Final[dict[str, Any]] = {"last_frame": None, "last_frame_url": None}


class SecondsRange(Frozen):
    """The lengths that a model makes, in seconds."""

    least: float
    most: float
    #: Between two lengths, counted from ``least``; None: any length.
    step: float | None = 1.0

    def __contains__(self, seconds: object) -> bool:
        if not isinstance(seconds, int | float) or not self.least <= seconds <= self.most:
            return False
        return self.step is None or ((seconds - self.least) / self.step).is_integer()


class PromptLimits(Frozen):
    """Lengths of a text in characters."""

    needed: bool = False
    least: int = 0
    most: int | None = None


class Capabilities(Frozen):
    """What one model takes and gives.

    What nobody knows is never *not taken*: it is None, or named in ``unsure`` or ``unsure_modes``, and only warned about.
    """

    model: str
    #: Empty: the model has no such parameter.
    aspect_ratios: tuple[str, ...]
    #: Empty: the model has no such parameter.
    sizes: tuple[str, ...]
    #: The sizes of a ratio, where they are fewer than ``sizes``.
    sizes_by_ratio: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    #: seconds; with an empty ``duration_range`` as well, the model decides
    durations: tuple[float, ...] = ()
    #: Lengths that are taken besides ``durations``.
    duration_range: SecondsRange | None = None
    duration_needed: bool = False
    #: Whether no length is taken that is not a whole number, even where lengths are unknown.
    whole_seconds: bool = False
    #: What a video can be made from; of a model that draws pictures, what a picture is.
    modes: frozenset[GenerationMode] = frozenset({GenerationMode.TEXT, GenerationMode.FIRST_FRAME})
    #: Modes that may work and may as well be ignored.
    unsure_modes: frozenset[GenerationMode] = frozenset()
    #: The most pictures in the mode of references; None: unknown.
    max_references: int | None = None
    roles: frozenset[ReferenceRole] = frozenset(ReferenceRole)
    #: Whether references go together with a first frame; None: unknown.
    references_with_frame: bool | None = False
    #: How the pictures travel.
    image_transport: Literal["file", "data", "url", "upload"] = "file"
    #: ``optional`` can be switched, ``always`` cannot; None: unknown.
    sound: Literal["no", "optional", "always"] | None = None
    #: None: unknown.
    negative_prompt: bool | None = None
    #: Whether a request has a field for it, where the model may know it.
    sends_negative_prompt: bool = True
    prompt: PromptLimits = PromptLimits()
    takes_seed: bool = False
    #: The least and the most seed.
    seed_range: tuple[int, int] | None = None
    takes_watermark: bool = False
    #: Whether an address may be named that is told when the job has ended.
    takes_callback: bool = False
    #: Whether the ratio is the picture's, and none is sent, where there is a first frame.
    ratio_from_frame: bool = False
    #: Names of the fields above that public sources disagree about, or that are unknown; screens mark them so.
    unsure: frozenset[str] = frozenset()
    #: What comes back for a size, where it differs from what its name says (``1080P`` -> ``~832×1504``).
    real_sizes: dict[str, str] = Field(default_factory=dict)
    #: Id of a sentence in the catalogues that people should know before they choose this model.
    note: str | None = None

    @property
    def lengths(self) -> tuple[float, ...]:
        """The lengths to choose from, in seconds; empty: any, or the model decides."""
        span = self.duration_range
        if span is None or span.step is None:
            return self.durations
        steps = int((span.most - span.least) / span.step)
        return tuple(sorted({*self.durations, *(span.least + span.step * n for n in range(steps + 1))}))

    def mode_is_taken(self, mode: GenerationMode) -> bool | None:
        """Whether a video can be made in a mode; None: unknown."""
        return True if mode in self.modes else None if mode in self.unsure_modes else False

    def sends_ratio(self, mode: GenerationMode | None) -> bool:
        """Whether the ratio is asked for in a mode."""
        framed = mode in (GenerationMode.FIRST_FRAME, GenerationMode.FIRST_LAST_FRAME)
        return bool(self.aspect_ratios) and not (framed and self.ratio_from_frame)

    def seed_of(self, params: GenerationParams, take: int) -> int | None:
        """The seed of a take of a shot: each has the next one, for the same seed twice is the same video twice.

        :param take: its number within the shot, from 1
        """
        if params.seed is None:
            return None
        least, most = self.seed_range or (0, 2**32 - 1)
        return least + (params.seed - least + take - 1) % (most - least + 1)

    def spelled(self, params: GenerationParams) -> GenerationParams:
        """The same with size and ratio as the model writes them: ``1080p`` and ``1080`` are its ``1080P``."""
        size, ratio = _spelled(params.size, self.sizes), _spelled(params.aspect_ratio, self.aspect_ratios)
        if (size, ratio) == (params.size, params.aspect_ratio):
            return params
        return params.model_copy(update={"size": size, "aspect_ratio": ratio})

    def settle(self, params: GenerationParams) -> GenerationParams:
        """The same with ``mode`` set and only the pictures of that mode, size and ratio as ``spelled``.

        A mode that was chosen leaves out the pictures of the others. Otherwise the pictures decide; a lone picture is a
        reference to a model that takes references and no first frame. In the mode of references the shot's picture is the
        first of them, unless it was not chosen and the model may take both. What only the settings ask for is left out where
        the model does not take it.
        """
        params = self.spelled(params)
        first = ShotReference(image=params.image, image_url=params.image_url) if params.has_first_frame else None
        mode = params.mode or self._mode_of(params)
        match mode:
            case GenerationMode.TEXT:
                update: dict[str, Any] = {**_NO_FIRST, **_NO_LAST, "references": ()}
            case GenerationMode.FIRST_FRAME:
                update = {**_NO_LAST, "references": ()}
            case GenerationMode.FIRST_LAST_FRAME:
                # Left in where nobody chose the mode, so that they are refused and not dropped.
                update = {} if params.mode is None else {"references": ()}
            case GenerationMode.REFERENCES:
                frames = self.mode_is_taken(GenerationMode.FIRST_FRAME) is not False
                folds = first is not None and (params.mode is not None or not frames)
                update = _NO_LAST | ({**_NO_FIRST, "references": (first, *params.references)} if folds else {})
        if "sound" in params.defaults and (self.sound == "no" or (self.sound == "always" and params.sound is False)):
            update = {**update, "sound": None}
        if "negative_prompt" in params.defaults and self.negative_prompt is False:
            update = {**update, "negative_prompt": ""}
        return params.model_copy(update={"mode": mode, **update})

    def _mode_of(self, params: GenerationParams) -> GenerationMode:
        if params.has_last_frame:
            return GenerationMode.FIRST_LAST_FRAME
        if params.references:
            return GenerationMode.REFERENCES
        if not params.has_first_frame:
            return GenerationMode.TEXT
        frames, references = GenerationMode.FIRST_FRAME, GenerationMode.REFERENCES
        only_references = self.mode_is_taken(frames) is False and self.mode_is_taken(references) is not False
        return references if only_references else frames


def _spelled(value: str, known: tuple[str, ...]) -> str:
    if value in known:
        return value
    forms = {value.strip().casefold(), f"{value.strip().casefold()}p"}
    return next((one for one in known if one.casefold() in forms), value)


class Problem(Frozen):
    """Something in an order that its model does not take; shown before the click."""

    field: str
    #: ``error.<code>`` in the catalogues.
    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    #: A warning may be sent all the same.
    fatal: bool = True
