"""Providers by mode: a new one is a file beside this one and a line in ``REGISTRY``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vidgen_core.locations import Locations
from vidgen_core.models import Mode
from vidgen_core.providers.base import Provider
from vidgen_core.providers.images import Images
from vidgen_core.providers.kie import Kie
from vidgen_core.providers.kie_upload import UploadCache
from vidgen_core.providers.local import LocalProvider
from vidgen_core.providers.lovart import Lovart
from vidgen_core.providers.yunwu import Yunwu
from vidgen_core.settings import Settings

#: Makes a provider from the settings, the data home and the memory of uploaded pictures.
Maker = Callable[[Callable[[], Settings], Locations, UploadCache | None], Provider]

REGISTRY: Final[dict[Mode, Maker]] = {
    Mode.LOCAL: lambda settings, locations, _: LocalProvider(settings, locations),
    Mode.YUNWU: lambda settings, locations, _: Yunwu(settings, locations),
    Mode.KIE: lambda settings, locations, uploads: Kie(settings, locations, uploads),
    Mode.LOVART: lambda settings, locations, uploads: Lovart(settings, locations, uploads),
    Mode.IMAGES: lambda settings, locations, _: Images(settings, locations),
}


def open_providers(
    settings: Callable[[], Settings], locations: Locations, uploads: UploadCache | None = None
) -> dict[Mode, Provider]:
    """One instance of each provider, in the order the screens show them."""
    return {mode: make(settings, locations, uploads) for mode, make in REGISTRY.items()}
