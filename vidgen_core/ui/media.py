"""Addresses of pictures and videos, served by our own routes under ``/app/static/media``.

``v`` changes when the content does, so that browsers may keep what they have.
"""

from __future__ import annotations

from typing import Final

from vidgen_core.models import Shot, Take

_BASE: Final = "/app/static/media"


def video_url(take: Take) -> str:
    return f"{_BASE}/take/{take.id}.mp4?v={take.sha256[:12]}"


def download_url(take: Take) -> str:
    return f"{video_url(take)}&download=1"


def poster_url(take: Take) -> str:
    return f"{_BASE}/poster/{take.id}.jpg?v={take.sha256[:12]}"


def image_url(shot: Shot) -> str:
    """The shot's reference image, small."""
    return f"{_BASE}/image/{shot.id}.jpg?v={_version(shot)}"


def original_url(shot: Shot) -> str:
    return f"{_BASE}/original/{shot.id}?v={_version(shot)}"


def _version(shot: Shot) -> str:
    return (shot.image or "")[:12]
