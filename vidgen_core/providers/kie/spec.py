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
    webhook_secret: SecretStr = SecretStr("")
    """The HMAC key from KIE's settings that proves callbacks; empty: callbacks only wake the next look."""

    @field_validator("seed", mode="before")
    @classmethod
    def _must_be_a_number(cls, seed: Any) -> Any:
        text = str(seed).strip() if isinstance(seed, int | str) and not isinstance(seed, bool) else "?"
        if text and not re.fullmatch(r"\d{1,10}", text):
            raise wrong("whole_number")
        return text


def _credits(model: str, amount: int) -> ModelPrice:
    return ModelPrice(model=model, amount=Decimal(amount), currency="credits")


SPEC: Final = ProviderSpec(
    name="kie",
    title={"zh": "KIE Veo3", "en": "KIE Veo3"},
    place=3,
    icon=":material/movie:",
    settings=KieSettings,
    adapter="vidgen_core.providers.kie.adapter:Kie",
    aliases=("veo3",),
    # A flat charge that a public client measured (veo-3-1), and public price lists of users for the rest.
    prices=(
        _credits("veo3_fast", 60),
        _credits("veo3", 250),
        _credits("veo-3-1", 65),
        _credits("grok-imagine/image-to-video", 20),
    ),
    has_credits=True,
    # As measured by a public client in 2026-09.
    credit_usd=Decimal("0.005"),
    task_options=("enable_fallback", "enable_translation"),
    keeps_uploads=True,
    callback="vidgen_core.providers.kie.callback:read_callback",
)
