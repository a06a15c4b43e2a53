"""The one opened data home of this process.

It is kept on ``sys``: Streamlit's hot reload, for those who turn it on, throws project modules away, and a second façade
would start a second worker.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass, field
from typing import Final

from vidgen_core.config.paths import find_locations
from vidgen_core.services.facade import Vidgen

_ATTRIBUTE: Final = "_vidgen_process"


@dataclass
class _Process:
    lock: threading.RLock = field(default_factory=threading.RLock)
    #: By data home.
    opened: dict[str, Vidgen] = field(default_factory=dict)
    closing: Vidgen | None = None


def _process() -> _Process:
    found: _Process = sys.__dict__.setdefault(_ATTRIBUTE, _Process())
    return found


def get_vidgen() -> Vidgen:
    """The façade of the data home, opened by the first caller.

    :raises StoreError: the database cannot be used
    :raises FileError: ``home_unwritable``
    """
    locations, process = find_locations(), _process()
    with process.lock:
        found = process.opened.get(str(locations.home))
        if found is None:
            found = process.opened[str(locations.home)] = Vidgen.open(locations)
            found.projects.ensure_sample()
        return found


def opened_vidgen() -> Vidgen | None:
    """The façade if it is open; never waits, so the event loop may call it."""
    return _process().opened.get(str(find_locations().home))


async def find_vidgen() -> Vidgen:
    """As ``get_vidgen``, for the event loop: only an opening is waited for in a thread.

    Each switch to a thread and back waits for the screens that are being drawn, so a request makes few of them.
    """
    opened = opened_vidgen()
    return opened if opened is not None else await asyncio.to_thread(get_vidgen)


def ensure_runner() -> Vidgen:
    """Start the worker of a data home that no other machine shares; may be called any number of times."""
    with _process().lock:
        vidgen = get_vidgen()
        vidgen.worker.start_embedded()
        return vidgen


def stop_soon() -> None:
    """Submit nothing new from now on; waits for nothing."""
    vidgen = opened_vidgen()
    if vidgen is not None:
        vidgen.stop_soon()


def stop_at_once() -> None:
    """Give up the paid requests that ``close_vidgen`` waits for."""
    vidgen = opened_vidgen() or _process().closing
    if vidgen is not None:
        vidgen.stop_at_once()


def close_vidgen() -> None:
    """Stop the worker and close the data home; the next ``get_vidgen`` opens it again."""
    process = _process()
    with process.lock:
        vidgen = process.closing = process.opened.pop(str(find_locations().home), None)
    if vidgen is not None:
        vidgen.close()
    process.closing = None
