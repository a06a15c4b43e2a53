"""Settings, keys and connections of providers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vidgen_core.services.schemas.base import Cost, ResponseModel
from vidgen_core.web.api.schemas.base import Duration, ErrorDetail, Name, RequestModel, Word, Yes


class KeyRequest(RequestModel):
    """A key; without a secret, or with the masked one, the saved key of that name keeps its own."""

    name: Name
    secret: Annotated[str, Field(min_length=1, max_length=1_000, strict=True)] | None = None
    enabled: Yes = True
    address_changed: bool | None = None
    """Part of responses; sent back, it changes nothing."""


class ConfigRequest(BaseModel):
    """Settings of a provider; what is left out stays. The options of a provider are named as in ``settings.toml``."""

    model_config = ConfigDict(extra="allow")

    base_url: Annotated[str, Field(max_length=2_000, strict=True)] | None = None
    model: Word | None = None
    size: Word | None = None
    aspect_ratio: Word | None = None
    duration: Duration | None = None
    max_concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    poll_interval: Annotated[float, Field(ge=0.05, strict=True, allow_inf_nan=False)] | None = None
    """Seconds between two polls of a job, for all providers."""
    keys: Annotated[list[KeyRequest], Field(max_length=100)] | None = None


class KeyResponse(ResponseModel):
    """A key, masked."""

    name: str
    secret: str
    enabled: bool
    address_changed: bool
    """Whether it was entered for another address, and is not used until it is entered again."""


class ConfigResponse(BaseModel):
    """Settings of a provider with every secret masked."""

    model_config = ConfigDict(extra="allow")

    provider: str
    base_url: str
    model: str
    size: str
    aspect_ratio: str
    duration: float | None
    max_concurrent: int
    poll_interval: float
    keys: list[KeyResponse]
    from_environment: list[str]
    """Fields that the environment decides."""


class TestRequest(RequestModel):
    """A key that is not saved yet; without one the saved ones are tried."""

    secret: Annotated[str, Field(min_length=1, max_length=1_000, strict=True)] | None = None


class ConnectionResponse(ResponseModel):
    """Whether a key works, and what is left on it."""

    ok: bool
    balance: Cost | None
    models: int | None
    error: ErrorDetail | None
    notes: list[str]
    """What else is known of the account, as sentences."""


class CallbackResponse(ResponseModel):
    """A callback was received."""

    ok: bool
