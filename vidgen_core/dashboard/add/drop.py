"""A drop zone for hundreds of files or a folder, streamed to the disk one by one instead of through memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.add import request
from vidgen_core.dashboard.components import component
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import current_visit, handle_errors, toast_later

_WORDS: Final = (
    "here", "choose_files", "choose_folder", "sending", "stop", "nothing",
)  # fmt: skip


def drop(name: str, label: str, endings: Sequence[str], came: Callable[[list[Path]], None], hint: str = "") -> None:
    """Draw the place; ``came`` is called with the files when all of them are on the disk.

    :param endings: of the files that are taken, with their dots
    :param hint: said below the label, instead of what lists may be
    """
    t = current_visit().t
    key = f"add_drop_{name}"
    component.mount(
        "drop",
        key,
        {
            "address": outside(f"/api/incoming/{request.staging().name}"),
            "label": label,
            "endings": list(endings),
            "words": {word: t(f"add.drop.{word}") for word in _WORDS}
            | {"pasted": t("add.pasted")}
            | ({"here": hint} if hint else {}),
        },
        on_came_change=lambda: _came(key, came),
    )


def _came(key: str, came: Callable[[list[Path]], None]) -> None:
    receive(st.session_state[key].get("came") or {}, came)


@handle_errors
def receive(news: dict[str, Any], came: Callable[[list[Path]], None]) -> None:
    """What the browser says has come: ``{"files": [names in staging], "failed": how many}``."""
    staging = request.staging()
    paths = [path for name in news.get("files", []) if (path := staging.find(str(name)))]
    failed = int(news.get("failed", 0)) + len(news.get("files", [])) - len(paths)
    if failed:
        toast_later(current_visit().t.n("add.drop.lost", failed), ":material/error:")
    if paths:
        came(paths)
