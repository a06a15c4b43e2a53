"""Yunwu, as the rest of the program knows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from pydantic import Field

from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.providers import ModelPrice, ProviderSpec
from vidgen_core.domain.setting_values import Filled, WebAddress


class YunwuSettings(ProviderSettings):
    """The Yunwu API."""

    base_url: WebAddress = "https://yunwu.ai"
    """Where the provider answers."""
    model: Filled = "grok-video-3"
    """The model used unless a shot names another."""
    images: Literal["data", "url"] = "data"
    """How reference images travel: inside the request (data) or, when the shot has one, as its public link (url)."""
    image_max_bytes: int = Field(default=3_000_000, ge=50_000, json_schema_extra={"step": 100_000})
    """Reference images above this many bytes are sent as a smaller JPEG; the original stays as it is."""
    enhance_prompt: bool = False
    """Whether the provider may rewrite and translate prompts (Veo models only)."""


SPEC: Final = ProviderSpec(
    name="yunwu",
    title={"zh": "云雾 API", "en": "Yunwu API"},
    place=2,
    icon=":material/cloud:",
    settings=YunwuSettings,
    adapter="vidgen_core.providers.yunwu.adapter:Yunwu",
    aliases=("云雾",),
    # An assumption of ours.
    prices=(ModelPrice(model="grok-video-3", amount=Decimal("0.4")),),
    lists_prices=True,
    task_options=("enhance_prompt",),
    llm_url="https://yunwu.ai",
)
