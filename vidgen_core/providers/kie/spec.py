"""KIE, as the rest of the program knows it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from pydantic import Field, SecretStr, field_validator

from vidgen_core.domain.provider_settings import VideoSettings
from vidgen_core.domain.providers import ModelPrice, ProviderSpec
from vidgen_core.domain.setting_values import Filled, WebAddress, wrong


class KieSettings(VideoSettings):
    """KIE with Veo3."""

    base_url: WebAddress = "https://api.kie.ai"
    """Where the provider answers."""
    upload_url: WebAddress = "https://kieai.redpandaai.co"
    """Where reference images are uploaded to."""
    model: Filled = "veo3_fast"
    """The model used unless a shot names another."""
    watermark: str = ""
    """Text shown on the video; empty: none."""
    callback_url: WebAddress = Field(default="", json_schema_extra={"placeholder": "https://…"})
    """A public address that KIE tells when a job has ended; empty: Vidgen asks by itself."""
    seed: str = Field(default="", json_schema_extra={"placeholder": "settings.random"})
    """A whole number for repeatable results; empty: random."""
    enable_fallback: bool = False
    """Whether KIE may use another model when Veo3 refuses."""
    enable_translation: bool = True
    """Whether KIE translates prompts to English."""
    live_catalogue: bool = True
    """Whether Vidgen reads KIE's own list of models, requests and prices now and then; off: the built-in table alone counts."""
    webhook_secret: SecretStr = SecretStr("")
    """The HMAC key from KIE's settings that proves callbacks; empty: callbacks only wake the next look."""

    @field_validator("seed", mode="before")
    @classmethod
    def _must_be_a_number(cls, seed: Any) -> Any:
        text = str(seed).strip() if isinstance(seed, int | str) and not isinstance(seed, bool) else "?"
        if text and not re.fullmatch(r"\d{1,10}", text):
            raise wrong("whole_number")
        return text


def _prices(models: str, rows: str, seconds: float | None = None, sound: bool | None = None) -> tuple[ModelPrice, ...]:
    """Credits by size (``720P=16 1080P=24``), for a second where ``seconds`` names the usual length; ``*``: any size."""
    return tuple(
        ModelPrice(
            model=model,
            amount=Decimal(amount),
            currency="credits",
            unit="take" if seconds is None else "second",
            size="" if size == "*" else size,
            sound=sound,
            usual_seconds=seconds,
            usual_sound=None if sound is None else False,
        )
        for model in models.split()
        for size, _, amount in (row.partition("=") for row in rows.split())
    )


#: As KIE's price pages and measuring clients had it until 2026-10-07; the live catalogue goes before it.
_PRICES: Final = (
    *_prices("veo3_fast veo-3-1", "720P=60 1080P=65 4K=180"),
    *_prices("veo3", "720P=250 1080P=255 4K=370"),
    *_prices("veo3_lite", "720P=30 1080P=35 4K=150"),
    *_prices("veo/extend", "*=60"),
    *_prices("veo/get-1080p-video", "*=5"),
    *_prices("veo/get-4k-video", "*=120"),
    *_prices("grok-imagine/image-to-video grok-imagine/text-to-video", "480P=2.4 720P=4.5 1080P=8", 6),
    *_prices("grok-imagine-video-1-5-preview", "480P=2.4 720P=4.5", 8),
    *_prices("bytedance/seedance-2", "480P=19 720P=41 1080P=102 4K=208", 5),
    *_prices("bytedance/seedance-2-5", "480P=28 720P=63 1080P=114", 5),
    *_prices("kling-3.0/video", "720P=14 1080P=18 4K=67", 5, sound=False),
    *_prices("kling-3.0/video", "720P=20 1080P=27 4K=67", 5, sound=True),
    *_prices("kling/v3-turbo-image-to-video kling/v3-turbo-text-to-video", "720P=18 1080P=22.5", 5),
    *_prices(
        "minimax-h3/image-to-video minimax-h3/reference-to-video minimax-h3/text-to-video", "768P=22.5 2K=36.5", 6
    ),
    *_prices("wan/2-7-image-to-video wan/2-7-text-to-video wan/2-7-r2v", "720P=16 1080P=24", 5),
    *_prices("wan/3-0-video", "480P=8 720P=16 1080P=32", 5),
    *_prices("topaz/video-upscale", "*=8", 5),
    *_prices("nano-banana-2", "auto=8 1K=8 2K=12 4K=18"),
)


SPEC: Final = ProviderSpec(
    name="kie",
    title={"zh": "KIE Veo3", "en": "KIE Veo3"},
    place=3,
    icon=":material/movie:",
    settings=KieSettings,
    adapter="vidgen_core.providers.kie.adapter:Kie",
    aliases=("veo3",),
    pictures=True,
    picture_model="nano-banana-2-1",
    prices=_PRICES,
    lists_prices=True,
    has_credits=True,
    # As measured by a public client in 2026-09.
    credit_usd=Decimal("0.005"),
    task_options=("enable_fallback", "enable_translation"),
    keeps_uploads=True,
    callback="vidgen_core.providers.kie.callback:read_callback",
)
