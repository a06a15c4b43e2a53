"""Render one video in a separate process: ``python -m vidgen_core.media.render_job``.

In: one line of JSON, a ``RenderSpec`` (or ``{"enlarge": EnlargeSpec}``) with ``target``; then standard input stays open until the job is cancelled.
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
from vidgen_core.media.enlarge import EnlargeSpec, enlarge
from vidgen_core.media.kenburns import RenderSpec, render

#: Linux: the signal sent to this process when its parent dies (prctl(2)).
_PR_SET_PDEATHSIG: Final = 1
#: Least progress between two lines.
_STEP: Final = 0.01


def main() -> int:
    """Render the request on standard input; returns 0 when the video is complete."""
    die_with_parent()
    line = sys.stdin.readline()
    threading.Thread(target=_die_at_end_of_input, daemon=True).start()
    lower_priority()
    try:
        _run(line)
    except VidgenError as error:
        _write_message({"error": {"kind": str(error.kind), "code": error.code, "params": error.params}})
        return 1
    _write_message({"done": True})
    return 0


def _run(line: str) -> None:
    try:
        request: dict[str, Any] = json.loads(line)
        target = Path(request.pop("target"))
        larger = EnlargeSpec.model_validate(request["enlarge"]) if "enlarge" in request else None
        spec = RenderSpec.model_validate(request) if larger is None else None
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError("render_request_invalid", detail=str(error)[:500]) from error
    if larger is not None:
        enlarge(larger, target, _reporter())
    elif spec is not None:
        render(spec, target, _reporter())


def _reporter() -> Any:
    reported = 0.0

    def report(progress: float) -> None:
        nonlocal reported
        if progress - reported >= _STEP:
            reported = progress
            _write_message({"progress": round(progress, 3)})

    return report


def _write_message(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def die_with_parent() -> None:
    """Exit with the parent. Linux means the thread that started this process: it must live as long as the job."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_at_end_of_input() -> None:
    """Exit when the parent is gone or cancels the job; the partial file keeps its working name."""
    while os.read(sys.stdin.fileno(), 4096):
        continue
    os._exit(2)


def lower_priority() -> None:
    """Give the web server priority."""
    if hasattr(os, "nice"):
        os.nice(10)


if __name__ == "__main__":
    sys.exit(main())
