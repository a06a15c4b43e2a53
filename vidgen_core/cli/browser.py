"""Wait until an address answers, then show it in the browser; run as a process of its own."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
import webbrowser

#: Seconds to wait for the server.
PATIENCE = 60.0


def show(url: str, patience: float = PATIENCE) -> bool:
    """Open ``url`` once it answers; False when it does not within ``patience`` seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if _answers(url):
            return webbrowser.open(url)
        time.sleep(0.2)
    return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address on this machine
            return True
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    show(sys.argv[1])
