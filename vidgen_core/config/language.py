"""The language of what a process says to the terminal that it was started in."""

from __future__ import annotations

import os
import tomllib
from functools import cache

from vidgen_core.config.paths import find_locations
from vidgen_core.i18n import Text, choose_language, get_text


@cache
def text() -> Text:
    """The catalogue of this process: ``VIDGEN_LANGUAGE`` over the settings file over the terminal's own language."""
    setting = os.environ.get("VIDGEN_LANGUAGE") or _of_file() or "auto"
    terminal = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return get_text(choose_language(setting, terminal))


def _of_file() -> str | None:
    """The language in the settings file, read on its own: help and errors must be readable however broken the settings are."""
    try:
        with find_locations().settings_file.open("rb") as file:
            language = tomllib.load(file).get("language")
    except (OSError, ValueError):
        return None
    return language if isinstance(language, str) else None
