"""Everything that can be set, with one sentence under each field.

Values come from the environment (``VIDGEN_RUNNER__POLL_INTERVAL=0.2``), over ``settings.toml`` in the data home, over
the defaults. Secrets are ``SecretStr``: nothing here prints, dumps or raises one in clear.
"""

from vidgen_core.config.error_messages import REASONS
from vidgen_core.config.file import SettingsFile
from vidgen_core.config.loader import load_settings
from vidgen_core.config.lookup import dotted_get, parse_value, setting_names
from vidgen_core.config.schema import (
    PATTERN_FIELDS,
    WRITING_UNITS,
    DownloadSettings,
    ImagesSettings,
    KeySettings,
    KieSettings,
    LovartSettings,
    PriceSettings,
    PriceUnit,
    ProviderSettings,
    RateSettings,
    RunnerSettings,
    Settings,
    SharingSettings,
    WritingSettings,
    YunwuSettings,
)
from vidgen_core.config.values import mask_secret, names_in, origin_of

__all__ = [
    "PATTERN_FIELDS",
    "REASONS",
    "WRITING_UNITS",
    "DownloadSettings",
    "ImagesSettings",
    "KeySettings",
    "KieSettings",
    "LovartSettings",
    "PriceSettings",
    "PriceUnit",
    "ProviderSettings",
    "RateSettings",
    "RunnerSettings",
    "Settings",
    "SettingsFile",
    "SharingSettings",
    "WritingSettings",
    "YunwuSettings",
    "dotted_get",
    "load_settings",
    "mask_secret",
    "names_in",
    "origin_of",
    "parse_value",
    "setting_names",
]
