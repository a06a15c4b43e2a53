"""Settings of a provider that draws pictures for money."""

from __future__ import annotations

from pydantic import Field, field_validator

from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.setting_values import wrong

#: Who draws pictures is decided by whether there is a key.
AUTO = "auto"


class PictureSettings(ProviderSettings):
    """How pictures are drawn, and by whom."""

    drawn_by: str = AUTO
    """Who draws: local (storyboard frames, free), images (this provider), a video provider with picture models, or auto: this one once it has a key."""
    drawn_by_model: str = ""
    """The model when a video provider draws; empty: its usual one."""
    pictures_per_shot: int = Field(default=1, ge=1, le=4)
    """How many candidates one click makes."""

    @field_validator("drawn_by")
    @classmethod
    def _must_draw(cls, name: str) -> str:
        # Providers have settings, among them these.
        from vidgen_core.domain.providers import picture_providers

        allowed = (AUTO, *picture_providers())
        if name not in allowed:
            raise wrong("one_of", allowed=", ".join(allowed))
        return name
