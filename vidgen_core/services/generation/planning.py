"""From a shot to what its takes are made from: the shot's own optionses over the click's over the settings.

How many are made is the click's to say: a number that was asked for wins over the shot's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.money import Money
from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot, ShotParams, TakeOptions
from vidgen_core.domain.tasks import ChainLink, GenerationParams, UntilPass


class GenerateOptions(TakeOptions):
    """What one click, or one command, asks for."""

    #: For each shot; None: the shot's own number, else that of the settings.
    takes: int | None = None
    #: Order takes one after another until one passes its checks, and not ``takes`` at once.
    until: UntilPass | None = None


#: Seconds; longer takes are typing errors.
LONGEST: Final = 600.0
#: Characters of what is not to be seen, of a word, and of an address.
LONGEST_NEGATIVE: Final = 5_000
_WORD, _ADDRESS = 200, 2_000
#: A seed as the providers take it: 32 bits.
SEED_LIMIT: Final = 2**32 - 1


def check_options(asked: GenerateOptions | ShotParams) -> None:
    """See that what is asked for has values that could be meant, whatever a model makes of them.

    :raises InputError: ``ratio_invalid``, ``duration_invalid``, ``seed_invalid``, ``value_too_long``, ``callback_invalid``
    """
    ratio, seconds, seed = asked.aspect_ratio, asked.duration, getattr(asked, "seed", None)
    if ratio and not re.fullmatch(r"[1-9]\d?:[1-9]\d?|auto", ratio, re.IGNORECASE):
        raise InputError("ratio_invalid", value=ratio[:40])
    if seconds is not None and not 0 < seconds <= LONGEST:
        raise InputError("duration_invalid", value=f"{seconds:g}", limit=int(LONGEST))
    if seed is not None and not 0 <= seed <= SEED_LIMIT:
        raise InputError("seed_invalid", value=str(seed)[:40], limit=SEED_LIMIT)
    for name in ("model", "size", "watermark"):
        if len(word := getattr(asked, name, None) or "") > _WORD or "\n" in word:
            raise InputError("value_too_long", value=word[:40], limit=_WORD)
    if len(negative := asked.negative_prompt or "") > LONGEST_NEGATIVE:
        raise InputError("value_too_long", value=negative[:40], limit=LONGEST_NEGATIVE)
    callback = getattr(asked, "callback_url", None) or ""
    if callback and (len(callback) > _ADDRESS or not re.fullmatch(r"https?://[^\s/?#]\S*", callback, re.IGNORECASE)):
        raise InputError("callback_invalid", value=callback[:100])


#: Fields of a shot that its tasks follow as long as they wait.
FOLLOWED: Final = ("prompt", "image", "image_url", "last_frame", "last_frame_url", "references")
_OPTIONS: Final = (
    "aspect_ratio", "size", "duration", "seed", "watermark", "callback_url", "mode", "sound", "negative_prompt",
)  # fmt: skip
_SOUND: Final = {"on": True, "off": False}
#: Everything as the settings have it.
NO_OPTIONS: Final = GenerateOptions()


class GenerationPlan(NamedTuple):
    """What would be queued for one shot."""

    provider: ProviderId
    model: str
    params: GenerationParams
    takes: int


def plan(shot: Shot, options: GenerateOptions, settings: Settings) -> GenerationPlan:
    """Everything the takes of a shot are made from, complete."""
    own = shot.params
    provider = own.provider or options.provider or settings.mode
    section = settings.providers.of(provider)
    # Names of models belong to the provider that was chosen with them.
    model = options.model if provider == (options.provider or settings.mode) else None
    ratio, size = own.aspect_ratio or options.aspect_ratio, own.size or options.size
    sound, negative = _first(own.sound, options.sound), _first(own.negative_prompt, options.negative_prompt)
    params = GenerationParams(
        prompt=shot.prompt,
        image=shot.image if shot.follows is None else None,
        image_url=shot.image_url if shot.follows is None else None,
        link=None if shot.follows is None else ChainLink(shot=shot.follows),
        last_frame=shot.last_frame,
        last_frame_url=shot.last_frame_url,
        references=shot.references,
        mode=own.mode or options.mode,
        sound=_first(sound, _SOUND.get(getattr(section, "sound", ""))),
        negative_prompt=_first(negative, getattr(section, "negative_prompt", None)) or "",
        defaults=tuple(name for name, asked in (("sound", sound), ("negative_prompt", negative)) if asked is None),
        chosen=tuple(name for name, asked in (("aspect_ratio", ratio), ("size", size)) if asked),
        aspect_ratio=ratio or section.aspect_ratio,
        size=size or section.size,
        duration=_first(own.duration, options.duration, section.duration),
        seed=_first(own.seed, _default_seed(section)),
        watermark=_first(own.watermark, getattr(section, "watermark", None)) or "",
        callback_url=_first(own.callback_url, getattr(section, "callback_url", None)) or "",
        options={name: getattr(section, name) for name in provider.spec.task_options},
    )
    takes = 1 if options.until else _first(options.takes, own.takes, settings.runner.takes_per_shot)
    return GenerationPlan(provider, own.model or model or section.model, params, takes)


def cost_of(planned: GenerationPlan, table: Sequence[money.Price], takes: int = 1) -> Money | None:
    """What so many takes or pictures will probably cost by the prices in force; None: unknown."""
    return money.estimate(planned.provider, planned.model, planned.params, takes, table)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _default_seed(section: ProviderSettings) -> int | None:
    seed = getattr(section, "seed", "")
    return int(seed) if seed else None


def follow(
    kept: GenerationParams, before: ShotParams, shot: Shot, changed: frozenset[str], planned: GenerationParams
) -> GenerationParams:
    """What a task that was not sent yet is made from, after its shot was edited.

    Only what the edit changed follows, so that what the click asked for stays.
    """
    update: dict[str, Any] = {name: getattr(shot, name) for name in FOLLOWED if name in changed}
    if "params" in changed:
        edited = [name for name in _OPTIONS if getattr(before, name) != getattr(shot.params, name)]
        update |= {name: getattr(planned, name) for name in edited}
        for name in ("defaults", "chosen"):
            was, now = getattr(kept, name), getattr(planned, name)
            update[name] = tuple(sorted(set(was) - set(edited) | set(now) & set(edited)))
    return kept.model_copy(update=update)
