"""The renderer on this machine, as the rest of the program knows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pydantic import Field

from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.providers import ModelPrice, ProviderSpec
from vidgen_core.domain.setting_values import Filled


class LocalSettings(ProviderSettings):
    """The renderer on this machine: no key, no network, no cost."""

    model: Filled = "ken-burns"
    """The way of moving: a slow look over the picture."""
    size: Filled = "720P"
    """The size of the rendered videos."""
    duration: float | None = Field(default=5.0, gt=0, le=600)
    """Seconds of video."""
    fps: int = Field(default=24, ge=1, le=120)
    """Frames a second."""


SPEC: Final = ProviderSpec(
    name="local",
    title={"zh": "本地", "en": "Local"},
    place=1,
    icon=":material/computer:",
    settings=LocalSettings,
    adapter="vidgen_core.providers.local.adapter:LocalProvider",
    pictures=True,
    free=True,
    aliases=("本地",),
    prices=(ModelPrice(model="*", amount=Decimal(0), assumed=False),),
    task_options=("fps",),
    picture_model="storyboard",
)
