"""Addresses of pictures and videos, served by our own routes under ``/app/static/media``.

``v`` changes when the content does, so that browsers may keep what they have. Streamlit's pictures and players take these
addresses from the top of the server and find it themselves; everything else is to be told by ``outside``.
"""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from vidgen_core.domain.shots import PictureCandidate, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import Task
from vidgen_core.services.access.auth import base_of

_BASE: Final = "/app/static/media"


def outside(path: str) -> str:
    """An address as a browser must be given it, also when the server lives below a path of another."""
    return f"{base_of(st.get_option('server.baseUrlPath'))}{path}"


def video_url(take: Take) -> str:
    return f"{_BASE}/take/{take.id}.mp4?v={take.sha256[:12]}"


def download_url(take: Take) -> str:
    """For links."""
    return outside(f"{video_url(take)}&download=1")


def poster_url(take: Take) -> str:
    return f"{_BASE}/poster/{take.id}.jpg?v={take.sha256[:12]}"


def image_url(shot: Shot, ratio: str = "") -> str:
    """The shot's reference image, small.

    :param ratio: ``9:16``: with what stays of it in such a video marked
    """
    return f"{_BASE}/image/{shot.id}.jpg?v={_version(shot)}" + (f"&ratio={ratio}" if ratio else "")


def frame_url(shot: Shot) -> str:
    """The shot's reference image, as large as a screen shows it."""
    return f"{_BASE}/frame/{shot.id}.jpg?v={_version(shot)}"


def original_url(shot: Shot) -> str:
    return f"{_BASE}/original/{shot.id}?v={_version(shot)}"


def candidate_url(candidate: PictureCandidate) -> str:
    """A candidate for a reference image, small."""
    return f"{_BASE}/candidate/{candidate.id}.jpg?v={(candidate.image or '')[:12]}"


def reference_url(image: str) -> str:
    """A style or character picture, small."""
    return f"{_BASE}/reference/{image}.jpg?v=1"


def drawn_url(task: Task) -> str:
    """What a task has drawn, small."""
    return f"{_BASE}/drawn/{task.id}.jpg?v={task.id}"


def waiting_url(task: Task) -> str:
    """What stands in a take's place until there is a video: the picture it is made from, out of focus."""
    return f"{_BASE}/waiting/{task.id}.jpg?v={(task.params.image or '')[:12]}"


def icon(name: str, words: str) -> str:
    """A button's label that shows a sign and is read as ``words``; Streamlit's own icons have English names only."""
    return f"![{words}]({outside(f'{_BASE}/icon/{name}.svg?v=2')})"


def _version(shot: Shot) -> str:
    return (shot.image or "")[:12]


def part(take: Take, file: Take | None = None) -> dict[str, Any]:
    """A take as what plays across joins needs it: where it lies, and the seconds at which it begins and ends.

    :param file: the take whose file goes out for it; None: its own
    """
    begin, file = take.trim_in or 0.0, file or take
    return {"video": outside(video_url(file)), "begin": begin, "end": begin + take.with_file_of(file).shown_seconds}
