"""Providers by mode: a new one is a file beside this one and a line in ``REGISTRY``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vidgen_core.locations import Locations
from vidgen_core.models import Mode
from vidgen_core.providers.base import Provider
from vidgen_core.providers.local import LocalProvider
from vidgen_core.settings import Settings

REGISTRY: Final[dict[Mode, type[Provider]]] = {
    Mode.LOCAL: LocalProvider,
}


def open_providers(settings: Callable[[], Settings], locations: Locations) -> dict[Mode, Provider]:
    """One instance of each provider, in the order the screens show them."""
    return {mode: provider(settings, locations) for mode, provider in REGISTRY.items()}
