"""Icons and colours of task states and verdicts: the same everywhere, always shown together with the word."""

from __future__ import annotations

from typing import Final

from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import TaskStatus

STATUS_ICONS: Final[dict[TaskStatus, str]] = {
    TaskStatus.PENDING: "⏸️",
    TaskStatus.QUEUED: "🕐",
    TaskStatus.PROCESSING: "⏳",
    TaskStatus.DOWNLOADING: "⬇️",
    TaskStatus.COMPLETED: "✅",
    TaskStatus.FAILED: "❌",
    TaskStatus.CANCELLED: "⏹️",
}

#: Names of colours as badges and terminals know them.
STATUS_COLOURS: Final[dict[TaskStatus, str]] = {
    TaskStatus.PENDING: "gray",
    TaskStatus.QUEUED: "blue",
    TaskStatus.PROCESSING: "orange",
    TaskStatus.DOWNLOADING: "yellow",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.CANCELLED: "gray",
}

VERDICT_ICONS: Final[dict[Verdict, str]] = {Verdict.PASS: "✅", Verdict.DOUBT: "❓", Verdict.FAIL: "🚫"}
VERDICT_COLOURS: Final[dict[Verdict, str]] = {Verdict.PASS: "green", Verdict.DOUBT: "yellow", Verdict.FAIL: "red"}
