"""The one opened data home of this process.

It is kept on ``sys``: Streamlit's hot reload throws project modules away, and a second façade would bring a second
runner with it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Final

from vidgen_core.config.paths import find_locations
from vidgen_core.services.facade import Vidgen

_LOCK: Final = "_vidgen_lock"
_HOUSES: Final = "_vidgen_houses"
_CLOSING: Final = "_vidgen_closing"
#: Set it to serve screens without working on the queue.
NO_RUNNER: Final = "VIDGEN_NO_RUNNER"


def _lock() -> threading.RLock:
    lock: threading.RLock = sys.__dict__.setdefault(_LOCK, threading.RLock())
    return lock


def _open_apps() -> dict[str, Vidgen]:
    houses: dict[str, Vidgen] = sys.__dict__.setdefault(_HOUSES, {})
    return houses


def get_vidgen() -> Vidgen:
    """The façade of the data home, opened by the first caller.

    :raises StoreError: the database cannot be used
    :raises FileError: ``home_unwritable``
    """
    locations = find_locations()
    with _lock():
        found = _open_apps().get(str(locations.home))
        if found is None:
            found = _open_apps()[str(locations.home)] = Vidgen.open(locations)
            found.projects.ensure_sample()
        return found


def opened_vidgen() -> Vidgen | None:
    """The façade where it is open, without waiting for anything; for the event loop."""
    return _open_apps().get(str(find_locations().home))


async def find_vidgen() -> Vidgen:
    """As ``get_vidgen``, for the event loop: only an opening is waited for in a thread.

    Each way to a thread and back takes its turn with every screen that is being drawn, so a request makes few of them.
    """
    opened = opened_vidgen()
    return opened if opened is not None else await asyncio.to_thread(get_vidgen)


def ensure_runner() -> Vidgen:
    """The façade, with its runner working unless ``VIDGEN_NO_RUNNER`` forbids it; may be called any number of times."""
    with _lock():
        vidgen = get_vidgen()
        if os.environ.get(NO_RUNNER) != "1":
            vidgen.worker.start()
        return vidgen


def stop_soon() -> None:
    """Buy nothing new from now on; waits for nothing."""
    vidgen = opened_vidgen()
    if vidgen is not None:
        vidgen.stop_soon()


def stop_at_once() -> None:
    """Give up the paid requests that ``close_vidgen`` waits for."""
    vidgen = opened_vidgen() or sys.__dict__.get(_CLOSING)
    if vidgen is not None:
        vidgen.stop_at_once()


def close_vidgen() -> None:
    """Stop the runner and let go of the data home; the next ``get_vidgen`` opens it again."""
    with _lock():
        vidgen = _open_apps().pop(str(find_locations().home), None)
        sys.__dict__[_CLOSING] = vidgen
    if vidgen is not None:
        vidgen.close()
    sys.__dict__[_CLOSING] = None
