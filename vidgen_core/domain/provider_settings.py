"""What the settings of every provider have in common: keys, addresses, and the defaults of a take."""

from __future__ import annotations

import hashlib
import re
from typing import Final, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator

from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.setting_values import Filled, Ratio, Section, WebAddress, origin_of, tail, wrong

#: Settings that say where a key of their section is sent.
ADDRESSES: Final = ("base_url", "upload_url")


class KeySettings(Section):
    """One API key of a provider."""

    name: Filled
    """What you call this key; shown wherever the key is meant."""
    secret: SecretStr
    """The key itself; where a provider gives a pair, the access key and the secret key with a colon between them."""
    enabled: bool = True
    """Whether the runner may use it."""
    hosts: str = ""
    """Written by Vidgen when an address is changed: the key goes only to these hosts; enter it anew to use it elsewhere."""

    _is_elsewhere: bool = PrivateAttr(default=False)

    @field_validator("secret")
    @classmethod
    def _must_fit_into_a_header(cls, secret: SecretStr) -> SecretStr:
        value = secret.get_secret_value().strip()
        if not re.fullmatch(r"[!-~]+", value):
            raise wrong("not_a_key")
        return SecretStr(value)

    @classmethod
    def typed(cls, name: str, secret: str) -> Self:
        """A key as it stands in a form.

        :raises SettingsError: ``setting_invalid`` when it cannot be a key
        """
        try:
            return cls(name=name, secret=SecretStr(secret))
        except ValidationError:
            field, reason = "keys.secret", "not_a_key"
        # Outside of the handler, so that what was typed hangs on no traceback.
        raise SettingsError("setting_invalid", field=field, reason=reason, where="")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was entered for another host than the one that its provider's address names now."""
        return self._is_elsewhere

    @property
    def works(self) -> bool:
        """Whether it may be sent."""
        return self.enabled and not self._is_elsewhere

    def at(self, hosts: str) -> KeySettings:
        """The key as seen by a provider that answers at ``hosts``."""
        seen = self.model_copy()
        seen._is_elsewhere = bool(self.hosts) and self.hosts != hosts
        return seen

    @property
    def fingerprint(self) -> str:
        """The first 12 hex digits of the secret's SHA-256: names the key where the key itself must not be kept."""
        return hashlib.sha256(self.secret.get_secret_value().encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """For people: ``main ••x4KR``."""
        return f"{self.name} ••{tail(self.secret.get_secret_value())}"


def different(keys: tuple[KeySettings, ...]) -> tuple[KeySettings, ...]:
    """The keys, when no two have the same name or secret.

    :raises PydanticCustomError: same_name_twice, same_key_twice
    """
    if len({key.name for key in keys}) < len(keys):
        raise wrong("same_name_twice")
    if len({key.fingerprint for key in keys}) < len(keys):
        raise wrong("same_key_twice")
    return keys


class KeyedSettings(Section):
    """A section with keys and the addresses that they are sent to."""

    keys: tuple[KeySettings, ...] = ()
    """The API keys, used in this order."""

    @property
    def hosts(self) -> str:
        """Every host that a key of this section is sent to, with scheme and port."""
        return " ".join(sorted({origin_of(getattr(self, name)) for name in ADDRESSES if hasattr(self, name)}))

    @field_validator("keys")
    @classmethod
    def _must_differ(cls, keys: tuple[KeySettings, ...]) -> tuple[KeySettings, ...]:
        return different(keys)

    @model_validator(mode="after")
    def _look_at_hosts(self) -> Self:
        # The one place that every reader of keys gets them from.
        object.__setattr__(self, "keys", tuple(key.at(self.hosts) for key in self.keys))
        return self


class ProviderSettings(KeyedSettings):
    """What all providers have in common."""

    base_url: WebAddress = ""
    """Where the provider answers."""
    model: Filled
    """The model used unless a shot names another."""
    size: Filled = "1080P"
    """The size asked for unless a shot names another; the provider may round it."""
    aspect_ratio: Ratio = "9:16"
    """Width to height unless a shot says otherwise."""
    duration: float | None = Field(default=None, gt=0, le=600)
    """Seconds of video; left out, the model decides."""
    max_concurrent: int | None = Field(default=None, ge=1, le=1000)
    """How many jobs of this provider may be in flight; left out, the runner's value counts."""


class VideoSettings(ProviderSettings):
    """What the makers of videos from prompts have in common."""

    sound: Literal["model", "on", "off"] = "model"
    """Whether videos are to have sound unless a shot says otherwise; models without it make silent ones."""
    negative_prompt: str = ""
    """What is not to be seen unless a shot says otherwise; models that take none are not told."""
