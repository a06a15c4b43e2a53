"""Where each clip lies in the film, and which part of its video is shown; every format is laid out by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidgen_core.services.exports.facts import Facts, read_facts
from vidgen_core.services.exports.film import Film, FilmClip, Progress


@dataclass(frozen=True)
class CutPart:
    """A clip in the film; times in exact seconds."""

    clip: FilmClip
    #: None for a still.
    facts: Facts | None
    #: Place in the film.
    begin: Fraction
    end: Fraction
    #: Where in the video it begins: its in point.
    start: Fraction = Fraction(0)

    @property
    def length(self) -> Fraction:
        return self.end - self.begin

    @property
    def trimmed(self) -> bool:
        """Whether less than the whole video is shown."""
        return self.facts is not None and self.length < self.facts.seconds


def lay_out(film: Film, still_seconds: float, progress: Progress = lambda _: None) -> list[CutPart]:
    """All clips one after the other, each from its in point to its out point.

    Points outside of the video, left from another file of the same take, count as its ends.

    :raises FileError: video_missing, video_unplayable
    """
    parts: list[CutPart] = []
    end = Fraction(0)
    for clip in film.clips:
        facts = read_facts(clip.source) if clip.take and clip.source else None
        start, length = Fraction(0), Fraction(still_seconds).limit_denominator(1000)
        if facts and clip.take:
            start, length = trim_of(clip.take.trim_in, clip.take.trim_out, facts)
        begin, end = end, end + length
        parts.append(CutPart(clip, facts, begin, end, start))
        progress(clip.order / len(film.clips))
    return parts


def trim_of(trim_in: float | None, trim_out: float | None, facts: Facts) -> tuple[Fraction, Fraction]:
    """Begin and length of the part between two points of a video: a frame at least, for an editor may count in another rate."""
    seconds, frame = facts.seconds, 1 / facts.fps
    start = Fraction(trim_in or 0).limit_denominator(100_000)
    stop = seconds if trim_out is None else min(seconds, Fraction(trim_out).limit_denominator(100_000))
    if not 0 <= start < stop:
        return Fraction(0), seconds
    start = max(Fraction(0), min(start, seconds - frame))
    return start, min(seconds, max(stop - start, frame))


def known(parts: Sequence[CutPart]) -> list[Facts]:
    """Facts of those that are videos."""
    return [part.facts for part in parts if part.facts]
