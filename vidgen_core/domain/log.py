"""Lines of the execution log and the heartbeat of the worker.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from vidgen_core.domain.base import Frozen


class LogLevel(StrEnum):
    """The levels of the execution log, as the user's document has them."""

    INFO = "INFO"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LogLine(Frozen):
    """One line of the execution log; a code and params, rendered in the reader's language."""

    id: int
    at: datetime
    level: LogLevel
    project_id: int | None = None
    task_id: int | None = None
    code: str
    params: dict[str, Any] = Field(default_factory=dict)


class Heartbeat(Frozen):
    """The runner's sign of life."""

    #: Which of several workers; empty where there is only one.
    name: str = ""
    pid: int
    host: str
    started_at: datetime
    at: datetime
    #: Whether it does what only one of several workers does.
    leads: bool = True
