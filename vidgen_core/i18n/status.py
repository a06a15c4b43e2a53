"""Icons and colours of the task states: the same everywhere, always shown together with the word."""

from __future__ import annotations

from typing import Final

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
