"""Checks in a process of their own: ``python -m vidgen_core.media.checks.process``.

Lines of JSON go in (``path``, ``request``, ``limits``) and come out (``results``). A clip that takes too long, or more memory
than any clip needs, ends the process and not the program; the next clip gets a new one.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vidgen_core.domain.takes import CheckResult
from vidgen_core.media import checks
from vidgen_core.media.checks.clip import ClipRequest
from vidgen_core.media.render_job import die_with_parent, lower_priority

#: Seconds that one clip may take; the bounds of ``clip`` end nearly every clip long before.
LONGEST: Final = 90.0
#: Bytes of addresses that the process may use: models and a frame of 8K take less than half of it.
_MEMORY: Final = 4 * 1024**3


class CheckProcess:
    """Checks clips one after another. Not safe to share between threads, but for ``stop``."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped = False

    def run(self, path: Path, request: ClipRequest, limits: Mapping[str, float]) -> list[CheckResult] | None:
        """The results of a clip; None when ``stop`` was called meanwhile."""
        if self._is_stopped():
            return None
        asked = {"path": str(path), "request": request.model_dump(mode="json"), "limits": dict(limits)}
        process = self._started()
        answer = ""
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=self._longest)
        except (OSError, queue.Empty):
            answer = ""
        if answer:
            return [CheckResult.model_validate(one) for one in json.loads(answer)["results"]]
        self._end()
        return None if self._is_stopped() else [checks.unchecked()]

    def stop(self) -> None:
        """End the process, also in the middle of a clip."""
        self._stopped = True
        self._end()

    def _is_stopped(self) -> bool:
        return self._stopped

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._answers = queue.SimpleQueue()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vidgen_core.media.checks.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            threading.Thread(target=_read, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    """Pass on lines, and an empty one at the end."""
    try:
        for line in process.stdout or ():
            answers.put(line)
    except (OSError, ValueError):
        pass
    answers.put("")


def main() -> int:
    """Check what standard input names until it ends."""
    die_with_parent()
    lower_priority()
    _limit_memory()
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        request = ClipRequest.model_validate(asked["request"])
        results = checks.run(Path(asked["path"]), request, asked["limits"])
        sys.stdout.write(json.dumps({"results": [one.model_dump(mode="json") for one in results]}) + "\n")
        sys.stdout.flush()
    return 0


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    least = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (least, hard))


if __name__ == "__main__":
    sys.exit(main())
