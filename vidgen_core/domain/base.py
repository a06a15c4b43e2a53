"""Frozen values; the base of every model of the domain.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
