"""Takes: finished videos.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.providers import (
    ProviderId,
)

#: Doubts for which nobody has to look: whatever came in fewer pixels can be used all the same.
MINOR_WARNINGS: Final = frozenset({"size_differs"})


class Take(Frozen):
    """One finished video of a shot."""

    id: int
    project_id: int
    shot_id: int
    task_id: int
    #: The take that it was made from (extended, enlarged).
    parent_id: int | None = None
    number: int
    #: The save folder at that time, and the file below it with forward slashes.
    folder: str
    file: str
    #: Key of the poster in the poster store.
    poster: str | None = None
    seconds: float
    width: int
    height: int
    bytes: int
    sha256: str
    #: Digest of the video's packets; None for a take from before it was kept.
    content: str | None = None
    provider: ProviderId
    model: str
    prompt: str = ""
    seed: int | None = None
    #: Codes of doubts about it: ``same_file``, ``ratio_differs`` …
    warnings: tuple[str, ...] = ()
    chosen: bool = False
    rejected: str | None = None
    #: In and out point in seconds of the video, as an editor's timeline had them; None: its own begin and end.
    trim_in: float | None = None
    trim_out: float | None = None
    created_at: datetime

    @property
    def shown_seconds(self) -> float:
        """The length between its in and out point."""
        begin, end = self.trim_in or 0.0, min(self.seconds, self.trim_out or self.seconds)
        return end - begin if begin < end else self.seconds

    @property
    def is_good(self) -> bool:
        """Nobody has put it aside and nothing about it is doubtful."""
        return self.rejected is None and MINOR_WARNINGS.issuperset(self.warnings)
