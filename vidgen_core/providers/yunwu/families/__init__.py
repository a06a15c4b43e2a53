"""The routes of one Yunwu key, as families of models behind one adapter."""

from __future__ import annotations

import re
from typing import Final

from vidgen_core.providers.yunwu.families.family import Family
from vidgen_core.providers.yunwu.families.hailuo import Hailuo
from vidgen_core.providers.yunwu.families.kling import Kling, KlingTurbo
from vidgen_core.providers.yunwu.families.openai import OpenAiVideos
from vidgen_core.providers.yunwu.families.seedance import Seedance
from vidgen_core.providers.yunwu.families.unified import Unified
from vidgen_core.providers.yunwu.families.vidu import Vidu

UNIFIED: Final = Unified()
#: The unified route first: it is preferred where a model has several, and taken for names that nobody knows.
FAMILIES: Final[dict[str, Family]] = {
    family.name: family for family in (UNIFIED, OpenAiVideos(), KlingTurbo(), Kling(), Vidu(), Hailuo(), Seedance())
}
#: Models by name whose routes with the same key are not spoken here, with what people call them.
_ELSEWHERE: Final = (
    ("Wan / Happyhorse (alibailian)", re.compile(r"wan[x\d-]|happyhorse", re.IGNORECASE)),
    ("Runway", re.compile(r"runway|gen[34]_|gen[34]-", re.IGNORECASE)),
    ("Luma", re.compile(r"luma|ray-v?\d", re.IGNORECASE)),
    ("PixVerse", re.compile(r"pixverse", re.IGNORECASE)),
    ("Tencent VOD", re.compile(r"aigc-video|tencent-vod", re.IGNORECASE)),
    ("fal", re.compile(r"fal-ai/", re.IGNORECASE)),
    ("Replicate", re.compile(r"replicate/", re.IGNORECASE)),
    ("Kling 3 Omni", re.compile(r"kling.{0,12}omni", re.IGNORECASE)),
)


def family_by_name(model: str) -> Family:
    """The family whose names look like this; the unified route for all others."""
    return next((family for family in FAMILIES.values() if family.names.match(model)), UNIFIED)


def elsewhere_by_name(model: str) -> str | None:
    """The route of a model that is not spoken here; None for any other model."""
    return next((route for route, names in _ELSEWHERE if names.match(model)), None)


def built_in() -> tuple[str, ...]:
    """Models known without asking, the default first."""
    return tuple(model for family in FAMILIES.values() for model in family.built_in)
