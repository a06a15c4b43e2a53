"""Videos, pictures and posters in folders of this machine, and what a bucket does differently."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vidgen_core.config.paths import Locations
    from vidgen_core.config.schema import Settings
    from vidgen_core.domain.takes import Take


class StoredFile(Protocol):
    """A file that is not on this machine, read in parts."""

    name: str
    #: bytes
    size: int

    def read(self, begin: int, end: int) -> bytes:
        """The bytes from ``begin`` up to, without, ``end``.

        :raises FileError: as ``BucketMedia``
        """
        ...


class LocalMedia:
    """Files of a data home and of the folders that takes were saved to. Safe to share between threads.

    Methods that return a path return where the file is or would be; only a bucket has to fetch it first.
    """

    #: Where finished videos go besides the save folder, for people; empty: nowhere.
    place = ""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations

    # --- reading

    def picture(self, key: str) -> Path:
        """A picture of the image store, on this machine."""
        return self.path_of_picture(key)

    def path_of_picture(self, key: str) -> Path:
        """Where a picture is on this machine, whether it has been fetched or not."""
        return self._locations.images / key

    def poster(self, name: str) -> Path:
        """A poster, on this machine."""
        return self._locations.posters / name

    def video(self, take: Take) -> Path:
        """The video of a take, on this machine."""
        return self.path_of(self.address(take))

    def address(self, take: Take) -> str:
        """Where the video of a take is, for ``path_of`` and ``fetched`` on any machine."""
        return take.address

    def path_of(self, address: str) -> Path:
        """Where the file of an address is on this machine, whether it has been fetched or not."""
        return Path(address)

    def fetched(self, address: str) -> Path:
        """The file of an address, on this machine."""
        return self.path_of(address)

    def has(self, take: Take) -> bool:
        """Whether the video of a take is there."""
        return Path(take.address).is_file()

    def has_picture(self, key: str) -> bool:
        """Whether a picture is in the image store."""
        return self.path_of_picture(key).is_file()

    def may_have(self, take: Take) -> bool:
        """As ``has``, without asking a bucket: what was put there is taken to be there."""
        return Path(take.address).is_file()

    def may_have_picture(self, key: str) -> bool:
        """The same for a picture that was put into the image store."""
        return self.has_picture(key)

    def removable(self, take: Take) -> int | None:
        """Bytes that ``remove`` frees; None where the file is gone, a link, or not below the folder it was saved to."""
        path = Path(take.place)
        if path.is_symlink() or not path.is_file() or not path.resolve().is_relative_to(Path(take.folder).resolve()):
            return None
        return path.stat().st_size

    def stored(self, take: Take) -> Path | StoredFile:
        """The video of a take, to be read in parts; a path may be one where nothing is."""
        return self.video(take)

    def export(self, path: Path) -> Path | StoredFile:
        """A finished export by the path that it was written to; a path may be one where nothing is."""
        return path

    def may_have_export(self, path: Path) -> bool:
        """As ``may_have``."""
        return path.exists()

    # --- writing

    def landing_folder(self, settings: Settings) -> Path:
        """The folder that results are downloaded and checked in, before ``add_video``."""
        return settings.save_folder(self._locations)

    def add_video(self, path: Path, folder: Path, sha256: str) -> tuple[str, str]:  # noqa: ARG002 - for a bucket
        """Keep a finished video for good; returns folder and file as a take has them.

        :param path: the video, in or below ``folder`` (``landing_folder``)
        """
        return str(folder), path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)

    def add_poster(self, path: Path) -> None:
        """Keep a poster that lies in the folder of posters."""

    def add_picture(self, picture: Path | bytes, inspected: str | None = None) -> str:
        """Check a picture and put it into the image store; its key, ``<sha256>.<ext>``.

        :param inspected: as for ``keep_image``
        :raises FileError: as ``keep_image``
        """
        # The picture library is loaded only where a picture is opened.
        from vidgen_core.media.images import keep_image

        return keep_image(picture, self._locations.images, inspected)

    def add_export(self, path: Path) -> None:
        """Keep a finished export."""

    def remove(self, take: Take) -> None:
        """Delete the video of a take.

        :raises OSError: the system holds on to it
        """
        Path(take.address).unlink()

    def remove_poster(self, name: str) -> None:
        """Delete a poster.

        :raises OSError: the system holds on to it
        """
        (self._locations.posters / name).unlink(missing_ok=True)

    def remove_export(self, path: Path) -> None:
        """Delete a finished export."""
        path.unlink(missing_ok=True)

    def check(self) -> None:
        """See that what is bought can be kept; of folders ``worker.storage_check`` sees to that."""
