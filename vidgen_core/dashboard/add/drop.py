"""A drop zone for hundreds of files or a folder, streamed to the disk one by one instead of through memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
            "seen": component.seen(key),
            "words": {word: t(f"add.drop.{word}") for word in _WORDS}
            | {"pasted": t("add.pasted")}
            | ({"here": hint} if hint else {}),
        },
        on_acts_change=lambda: carry_out(key, (st.session_state[key].get("acts") or {}).get("acts", []), came),
    )


def carry_out(key: str, acts: Sequence[Mapping[str, Any]], came: Callable[[list[Path]], None]) -> None:
    """What the browser says has come, oldest first: ``{"n": 3, "files": [names in staging], "failed": how many}``."""
    for act in component.unheard(key, acts):
        receive(act, came)


@handle_errors
def receive(news: Mapping[str, Any], came: Callable[[list[Path]], None]) -> None:
    staging = request.staging()
    paths = [path for name in news.get("files", []) if (path := staging.find(str(name)))]
    failed = int(news.get("failed", 0)) + len(news.get("files", [])) - len(paths)
    if failed:
        toast_later(current_visit().t.n("add.drop.lost", failed), ":material/error:")
    if paths:
        came(paths)
