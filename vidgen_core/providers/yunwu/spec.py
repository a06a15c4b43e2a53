"""Yunwu, as the rest of the program knows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from vidgen_core.domain.provider_settings import VideoSettings
from vidgen_core.domain.providers import ModelPrice, ProviderSpec
from vidgen_core.domain.setting_values import Filled, WebAddress, origin_of

#: Addresses of Yunwu itself that clients use, and its picture host (yunwu.apifox.cn, api-356192326).
_YUNWU: Final = frozenset({"yunwu.ai", "api.yunwu.ai", "yunwuai.cc", "api.apiplus.org"})
_PICTURE_HOST: Final = "https://imageproxy.zhongzhuan.chat"


class YunwuSettings(VideoSettings):
    """The Yunwu API."""

    base_url: WebAddress = "https://yunwu.ai"
    """Where the provider answers."""
    model: Filled = "grok-video-3"
    """The model used unless a shot names another."""
    upload_url: WebAddress = ""
    """Where pictures are uploaded to for models that read only links; empty: Yunwu's own picture host, where base_url is Yunwu's."""
    images: Literal["auto", "data", "url", "upload"] = "auto"
    """How pictures travel: as each model reads them (auto), inside the request (data), uploaded first (upload), or as public links of the shot (url)."""
    image_max_bytes: int = Field(default=3_000_000, ge=50_000, json_schema_extra={"step": 100_000})
    """Reference images above this many bytes are sent as a smaller JPEG; the original stays as it is."""
    live_catalogue: bool = True
    """Whether models and prices are read from what Yunwu publishes, once an hour; off: from the built-in table and what was read before."""
    enhance_prompt: bool = False
    """Whether the provider may rewrite and translate prompts (Veo models only)."""

    @property
    def picture_host(self) -> str:
        """Where pictures are uploaded to; empty: nowhere. The host takes Yunwu's keys, so those of other relays never go there."""
        return self.upload_url or (_PICTURE_HOST if urlsplit(self.base_url).hostname in _YUNWU else "")

    @property
    def hosts(self) -> str:
        """As for every section; Yunwu's own picture host counts although nobody entered it."""
        return " ".join(sorted({*super().hosts.split(), origin_of(self.picture_host)} - {""}))


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
    keeps_uploads=True,
    llm_url="https://yunwu.ai",
)
