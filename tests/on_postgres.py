"""A plugin of pytest (``-p on_postgres``): the homes of all tests have their database on a server of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres_server import postgres, postgres_url, shared_studio

__all__ = ["on_postgres", "postgres", "postgres_url"]


@pytest.fixture(autouse=True)
def on_postgres(clean_environ: None, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = shared_studio(postgres_url, tmp_path)
    for name in ("VIDGEN_SCALE__DATABASE", "VIDGEN_SCALE__TIMEZONE", "TZ"):
        monkeypatch.setenv(name, settings[name])
