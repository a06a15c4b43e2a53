"""Where links of pictures that were uploaded to a provider are remembered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class UploadCache(Protocol):
    """Remembers links of uploads by content; called in a thread."""

    def get(self, sha: str) -> str | None:
        """The link, unless it has expired."""

    def put(self, sha: str, url: str, expires_at: datetime) -> None:
        """Remember a link; one that has expired already is forgotten."""


class MemoryUploads:
    """Links remembered until the process ends."""

    def __init__(self) -> None:
        self._links: dict[str, tuple[str, datetime]] = {}

    def get(self, sha: str) -> str | None:
        url, expires_at = self._links.get(sha, (None, None))
        return url if expires_at and expires_at > datetime.now(UTC) else None

    def put(self, sha: str, url: str, expires_at: datetime) -> None:
        self._links[sha] = (url, expires_at)
