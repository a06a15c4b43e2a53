"""Icons and colours of task states and verdicts: the same everywhere, always shown together with the word."""

from __future__ import annotations

from typing import Final

STATUS_ICONS: Final[dict[str, str]] = {
    "pending": "⏸️",
    "queued": "🕐",
    "processing": "⏳",
    "downloading": "⬇️",
    "completed": "✅",
    "failed": "❌",
    "cancelled": "⏹️",
}

#: Names of colours as badges and terminals know them.
STATUS_COLOURS: Final[dict[str, str]] = {
    "pending": "gray",
    "queued": "blue",
    "processing": "orange",
    "downloading": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "gray",
}

VERDICT_ICONS: Final[dict[str, str]] = {"pass": "✅", "doubt": "❓", "fail": "🚫"}
VERDICT_COLOURS: Final[dict[str, str]] = {"pass": "green", "doubt": "yellow", "fail": "red"}
