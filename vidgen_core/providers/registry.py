"""Providers by mode: a new one is a file beside this one, a maker and a line in ``REGISTRY``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vidgen_core.domain.providers import ProviderId

if TYPE_CHECKING:
    from vidgen_core.config.paths import Locations
    from vidgen_core.config.schema import Settings
    from vidgen_core.providers.base import Provider
    from vidgen_core.providers.kie.upload import UploadCache

#: Makes a provider from the settings, the data home and the memory of uploaded pictures.
Maker = Callable[["Callable[[], Settings]", "Locations", "UploadCache | None"], "Provider"]


# Adapters are imported when they are made, so that nobody pays for those that are not used.


def _local(settings: Callable[[], Settings], locations: Locations, _: UploadCache | None) -> Provider:
    from vidgen_core.providers.local.adapter import LocalProvider

    return LocalProvider(settings, locations)


def _yunwu(settings: Callable[[], Settings], locations: Locations, _: UploadCache | None) -> Provider:
    from vidgen_core.providers.yunwu.adapter import Yunwu

    return Yunwu(settings, locations)


def _kie(settings: Callable[[], Settings], locations: Locations, uploads: UploadCache | None) -> Provider:
    from vidgen_core.providers.kie.adapter import Kie

    return Kie(settings, locations, uploads)


def _lovart(settings: Callable[[], Settings], locations: Locations, uploads: UploadCache | None) -> Provider:
    from vidgen_core.providers.lovart.adapter import Lovart

    return Lovart(settings, locations, uploads)


def _images(settings: Callable[[], Settings], locations: Locations, _: UploadCache | None) -> Provider:
    from vidgen_core.providers.images.adapter import Images

    return Images(settings, locations)


REGISTRY: Final[dict[ProviderId, Maker]] = {
    ProviderId.LOCAL: _local,
    ProviderId.YUNWU: _yunwu,
    ProviderId.KIE: _kie,
    ProviderId.LOVART: _lovart,
    ProviderId.IMAGES: _images,
}


def open_providers(
    settings: Callable[[], Settings], locations: Locations, uploads: UploadCache | None = None
) -> dict[ProviderId, Provider]:
    """One instance of each provider, in the order the screens show them."""
    return {mode: make(settings, locations, uploads) for mode, make in REGISTRY.items()}
