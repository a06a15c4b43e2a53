"""Lovart, as the rest of the program knows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from pydantic import Field
from pydantic.config import JsonDict

from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.providers import ProviderSpec
from vidgen_core.domain.setting_values import Filled, WebAddress

#: Settings that only the browser mode has.
_IN_BROWSER: Final[JsonDict] = {"only_if": {"way": "browser"}}


class LovartSettings(ProviderSettings):
    """Lovart: its agent API or, as an experiment, its page."""

    base_url: WebAddress = "https://lgw.lovart.ai"
    """Where the provider answers."""
    model: Filled = "seedance_v2_0"
    """The video tool the agent is asked to use."""
    only_this_tool: bool = False
    """Whether the agent may use no other video tool; otherwise the tool above is only asked for."""
    confirm_up_to: Decimal = Field(default=Decimal(0), ge=0)
    """Credits per take that are confirmed without asking you when Lovart wants a yes; 0: you are always asked."""
    queue: Literal["keep", "unlimited", "fast"] = "keep"
    """Which queue of the account makes the videos: the free and slower one (unlimited), the one that spends credits (fast), or as it is set at Lovart (keep)."""
    settle: float = Field(default=5.0, ge=0, le=60, allow_inf_nan=False)
    """Seconds after which a conversation that says it is done is asked again; it may take that back."""
    way: Literal["api", "browser"] = "api"
    """How Lovart is used: through its API (api) or, as an experiment, its page in a browser window (browser)."""
    browser_url: WebAddress = Field(default="https://www.lovart.ai/canvas", json_schema_extra=_IN_BROWSER)
    """Browser mode: where the canvas is."""
    browser_program: str = Field(default="", json_schema_extra=_IN_BROWSER)
    """Browser mode: the path of the browser to start, e.g. of Chrome; empty: the Chromium that Playwright brings."""
    browser_profile: str = Field(default="", json_schema_extra=_IN_BROWSER)
    """Browser mode: the folder of the browser profile that you are signed in with; empty: one in the data home."""
    browser_worker: str = Field(default="", json_schema_extra=_IN_BROWSER)
    """Browser mode of machines that share a database: the name of the worker in whose window you are signed in; empty: any."""
    browser_headless: bool = Field(default=False, json_schema_extra=_IN_BROWSER)
    """Browser mode without a window, for rehearsals only: nobody could sign in or solve a captcha in it."""


SPEC: Final = ProviderSpec(
    name="lovart",
    title={"zh": "Lovart", "en": "Lovart"},
    place=4,
    icon=":material/smart_toy:",
    settings=LovartSettings,
    adapter="vidgen_core.providers.lovart.adapter:Lovart",
    has_credits=True,
    path_settings=("browser_program", "browser_profile"),
    keeps_uploads=True,
)
