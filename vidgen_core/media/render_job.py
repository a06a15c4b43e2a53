"""One rendering in a process of its own: ``python -m vidgen_core.media.render_job``.

In: one line of JSON, a ``RenderSpec`` with ``target``; then standard input stays open as long as the result is wanted.
Out: lines of JSON, ``{"progress": 0.42}`` and at the end ``{"done": true}`` or ``{"error": {"code": …, "params": {…}}}``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.media.kenburns import RenderSpec, render

#: Linux: the signal sent to this process when its parent dies (prctl(2)).
_PR_SET_PDEATHSIG: Final = 1
#: Steps of progress worth a line.
_STEP: Final = 0.01


def main() -> int:
    """Do what standard input asks; 0 when the video is there."""
    _die_with_parent()
    line = sys.stdin.readline()
    threading.Thread(target=_die_at_end_of_input, daemon=True).start()
    _be_modest()
    try:
        _run(line)
    except VidgenError as error:
        _say({"error": {"kind": str(error.kind), "code": error.code, "params": error.params}})
        return 1
    _say({"done": True})
    return 0


def _run(line: str) -> None:
    try:
        wish: dict[str, Any] = json.loads(line)
        target = Path(wish.pop("target"))
        spec = RenderSpec.model_validate(wish)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError("render_wish_invalid", detail=str(error)[:500]) from error
    render(spec, target, _reporter())


def _reporter() -> Any:
    said = 0.0

    def report(progress: float) -> None:
        nonlocal said
        if progress - said >= _STEP:
            said = progress
            _say({"progress": round(progress, 3)})

    return report


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def _die_with_parent() -> None:
    """Linux counts as parent the thread that started this process: it must live as long as the job is wanted."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_at_end_of_input() -> None:
    """The parent is gone, or no longer wants the video: what is half written stays under its working name."""
    while os.read(sys.stdin.fileno(), 4096):
        continue
    os._exit(2)


def _be_modest() -> None:
    """Leave the processor to the screens when both want it."""
    if hasattr(os, "nice"):
        os.nice(10)


if __name__ == "__main__":
    sys.exit(main())
