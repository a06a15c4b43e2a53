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

from vidgen_core.config.paths import Locations, find_locations
from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.facade import Vidgen

_ATTRIBUTE: Final = "_vidgen_process"


@dataclass
class _Process:
    lock: threading.RLock = field(default_factory=threading.RLock)
    #: By data home.
    opened: dict[str, Vidgen] = field(default_factory=dict)
    #: Why ``ensure_runner`` could not open it last: nobody else waits for another try.
    failed: dict[str, VidgenError] = field(default_factory=dict)
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
    _raise_known(process, locations)
    with process.lock:
        # It may have become known meanwhile.
        _raise_known(process, locations)
        return _open(process, locations)


def _raise_known(process: _Process, locations: Locations) -> None:
    error = process.failed.get(str(locations.home))
    if error is not None and str(locations.home) not in process.opened:
        raise error.with_traceback(None)


def _open(process: _Process, locations: Locations) -> Vidgen:
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
    """Open the data home and start its worker, if no other machine shares it; may be called any number of times.

    What keeps it from that is what everybody else is told until the next call, or ``close_vidgen``.
    """
    locations, process = find_locations(), _process()
    with process.lock:
        try:
            vidgen = _open(process, locations)
        except VidgenError as error:
            process.failed[str(locations.home)] = error
            raise
        process.failed.pop(str(locations.home), None)
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
        home = str(find_locations().home)
        process.failed.pop(home, None)
        vidgen = process.closing = process.opened.pop(home, None)
    if vidgen is not None:
        vidgen.close()
    process.closing = None
