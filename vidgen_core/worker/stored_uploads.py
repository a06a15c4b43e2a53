"""Where the runner remembers pictures that lie at a provider: the store, so that a restart uploads nothing again."""

from __future__ import annotations

from datetime import datetime

from vidgen_core.db import Store
from vidgen_core.domain.providers import ProviderId


class StoredUploads:
    """Links of uploaded pictures; the name says content and place, so keys share them."""

    def __init__(self, mode: ProviderId, store: Store) -> None:
        self._mode = mode
        self._store = store

    def get(self, sha: str) -> str | None:
        """The link, unless it has expired."""
        with self._store.read() as tx:
            return tx.uploads.get(self._mode, "", sha)

    def put(self, sha: str, url: str, expires_at: datetime) -> None:
        """Remember a link; one that has expired already is forgotten."""
        with self._store.write() as tx:
            tx.uploads.put(self._mode, "", sha, url, expires_at)
