"""Where videos, pictures and posters are kept: folders of this machine, or a bucket that all machines of a studio share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidgen_core.media.storage.local import LocalMedia, StoredFile

if TYPE_CHECKING:
    from vidgen_core.config.paths import Locations
    from vidgen_core.config.schema import ScaleSettings

__all__ = ["LocalMedia", "StoredFile", "open_media"]


def open_media(locations: Locations, scale: ScaleSettings) -> LocalMedia:
    """The storage that the settings name; nothing is asked of a bucket yet.

    :raises FileError: ``media_driver_missing``
    """
    if not scale.media:
        return LocalMedia(locations)
    from vidgen_core.media.storage.bucket import BucketMedia

    return BucketMedia(locations, scale)
