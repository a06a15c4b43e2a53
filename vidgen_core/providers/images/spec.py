"""The image endpoints of an aggregator, as the rest of the program knows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from pydantic import Field

from vidgen_core.config.picture_settings import PictureSettings
from vidgen_core.domain.providers import ModelPrice, ProviderSpec
from vidgen_core.domain.setting_values import Filled, Ratio, WebAddress


class ImagesSettings(PictureSettings):
    """Pictures by the OpenAI-compatible image endpoints of an aggregator."""

    base_url: WebAddress = "https://yunwu.ai"
    """Where the provider answers; without /v1 at its end."""
    model: Filled = "gpt-image-2"
    """The model that draws."""
    way: Literal["auto", "images", "chat"] = "auto"
    """How it is asked: as the model wants it (auto), by the image endpoints (images), or as a chat model that answers with pictures (chat)."""
    size: Filled = "auto"
    """auto: by the ratio and the model; 1K, 2K, 4K, or pixels such as 1024x1536."""
    aspect_ratio: Ratio = "Auto"
    """Width to height; Auto: as the shot's video."""
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] = "auto"
    """How carefully it is drawn, where the model knows such words."""
    wait: float = Field(default=300.0, ge=5, le=3600, allow_inf_nan=False)
    """Seconds to wait for a picture: these endpoints answer when it is drawn."""
    image_max_bytes: int = Field(default=3_000_000, ge=50_000, json_schema_extra={"step": 100_000})
    """Style and character pictures above this many bytes are sent as a smaller JPEG; the original stays as it is."""


SPEC: Final = ProviderSpec(
    name="images",
    title={"zh": "生图供应商", "en": "Image provider"},
    place=5,
    icon=":material/brush:",
    settings=ImagesSettings,
    adapter="vidgen_core.providers.images.adapter:Images",
    videos=False,
    pictures=True,
    # Assumptions of ours.
    prices=tuple(
        ModelPrice(model=model, amount=Decimal("0.3"))
        for model in (
            "gpt-image-2",
            "gpt-image-2.5",
            "gpt-image-1",
            "dall-e-3",
            "gemini-3-pro-image",
            "gemini-2.5-flash-image",
            "gemini-2.5-flash-image-preview",
            "doubao-seedream-4-5-251128",
            "doubao-seedream-5-0-260128",
        )
    ),
    task_options=("way", "quality"),
)
