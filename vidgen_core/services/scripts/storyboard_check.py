"""What a model proposed, held against the script: invented shots, lost lines, numbers and values out of place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rapidfuzz import fuzz

from vidgen_core.services.imports.plan import Reason
from vidgen_core.services.imports.values import read_params
from vidgen_core.services.scripts.proposals import ProposedShot
from vidgen_core.services.scripts.splitting import Line, bare, content_of, read_lines, sentences

#: Similarity (0–100) from which words count as those of the script: models drop a comma or mend a letter.
LIKE: Final = 82.0
#: Words as short as this must stand in the script letter for letter.
EXACT: Final = 4
#: Part of a sentence's letters that shots must show for it not to be lost.
COVERED: Final = 0.6
#: A name with its stage direction before what is said.
_SPEAKER: Final = re.compile(r"^[^：:。！？!?]{1,40}[：:]")
#: Seconds that a shot may last.
SECONDS: Final = (1.0, 60.0)


@dataclass
class CheckedStoryboard:
    """One proposed shot and what is to be said of it."""

    shot: ProposedShot
    #: The line of the script where its words begin, from 1; None: they stand nowhere.
    line: int | None = None
    scene: int = 0
    ratio: str | None = None
    seconds: float | None = None
    reasons: list[Reason] = field(default_factory=list)

    @property
    def invented(self) -> bool:
        return self.line is None


@dataclass(frozen=True)
class ShotProblems:
    """A piece of script and its proposals."""

    shots: list[CheckedStoryboard]
    #: Sentences in which something is seen or heard and that no shot shows; neighbours of one line together.
    lost: list[Line]
    #: Line number → places of the shots (from 0) that show some of it.
    shown: dict[int, list[int]]


class _Script:
    """The bare letters of a script, and which line each belongs to."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.owner: list[int] = []
        #: Where each line begins.
        self.begins: list[int] = []
        parts: list[str] = []
        for index, line in enumerate(lines):
            self.begins.append(len(self.owner))
            # As it stands there: the speaker and a stage direction may be quoted, too.
            parts.append(bare(line.row))
            self.owner += [index] * len(parts[-1])
        self.letters = "".join(parts)

    def find(self, words: str, after: int) -> tuple[int, int] | None:
        """Begin and end of the words, from ``after`` on if they are there, else anywhere."""
        wanted = bare(words)
        said = bare(_SPEAKER.sub("", words.strip()))
        return self._exactly(wanted, after) or self._exactly(said, after) or self._nearly(wanted, after)

    def _exactly(self, wanted: str, after: int) -> tuple[int, int] | None:
        at = self.letters.find(wanted, after) if wanted else -1
        at = self.letters.find(wanted) if wanted and at < 0 else at
        return (at, at + len(wanted)) if at >= 0 else None

    def _nearly(self, wanted: str, after: int) -> tuple[int, int] | None:
        if len(wanted) <= EXACT:
            return None
        for begin in (after, 0):
            found = fuzz.partial_ratio_alignment(wanted, self.letters[begin:], score_cutoff=LIKE)
            # Words that swallow a whole script match a part of it well; they must be about as long.
            if found is not None and found.dest_end - found.dest_start >= len(wanted) * LIKE / 100:
                return found.dest_start + begin, found.dest_end + begin
        return None


def check_storyboard(text: str, shots: Iterable[ProposedShot], first_line: int = 1, scene: int = 0) -> ShotProblems:
    """Hold proposals against a piece of script.

    :param first_line: number of the piece's first line in the script, from 1
    :param scene: scenes of the script before this piece
    """
    lines = read_lines(text)
    script = _Script(lines)
    seen: set[int] = set()
    shown: dict[int, list[int]] = {}
    judged: list[CheckedStoryboard] = []
    place = 0
    for shot in shots:
        one = CheckedStoryboard(shot)
        at = script.find(shot.script, place)
        if at is None:
            one.reasons.append(Reason("script_line_invented", {"words": shot.script[:80]}))
        else:
            begin, end = at
            place = end
            owners = sorted(set(script.owner[begin:end]))
            one.line = lines[owners[0]].number + first_line - 1
            one.scene = scene + lines[owners[0]].scene
            seen.update(range(begin, end))
            for owner in owners:
                shown.setdefault(lines[owner].number + first_line - 1, []).append(len(judged))
        judged.append(one)
    _judge_order(judged)
    for one in judged:
        _judge_values(one)
    return ShotProblems(judged, _lost(script, seen, first_line, scene), shown)


def _judge_order(judged: Sequence[CheckedStoryboard]) -> None:
    """Numbers must rise, each once; shots must stand in the order of their lines."""
    highest, last_line = 0, 0
    known: set[int] = set()
    for one in judged:
        number = one.shot.number
        if number in known:
            one.reasons.append(Reason("script_number_twice", {"number": number}))
        elif number < highest:
            one.reasons.append(Reason("script_number_out_of_order", {"number": number, "after": highest}))
        known.add(number)
        highest = max(highest, number)
        if one.line is not None:
            if one.line < last_line:
                one.reasons.append(Reason("script_line_out_of_order", {"line": one.line, "after": last_line}))
            last_line = max(last_line, one.line)


def _judge_values(one: CheckedStoryboard) -> None:
    shot = one.shot
    values, reasons = read_params({"aspect_ratio": shot.ratio})
    one.ratio = values.get("aspect_ratio")
    one.reasons += reasons
    if shot.seconds is not None:
        low, high = SECONDS
        if low <= shot.seconds <= high:
            one.seconds = shot.seconds
        elif shot.seconds:
            params: dict[str, Any] = {"value": f"{shot.seconds:g}", "low": f"{low:g}", "high": f"{high:g}"}
            one.reasons.append(Reason("script_seconds_out_of_range", params))


def _lost(script: _Script, seen: set[int], first_line: int, scene: int) -> list[Line]:
    content = {line.number for line in content_of(script.lines)}
    lost: list[Line] = []
    for line, begin in zip(script.lines, script.begins, strict=True):
        if line.number not in content:
            continue
        here = replace(line, number=line.number + first_line - 1, scene=scene + line.scene)
        lost += [
            replace(here, text=words)
            for words in _unseen(line, begin + len(bare(line.row)) - len(bare(line.text)), seen)
        ]
    return lost


def _unseen(line: Line, at: int, seen: set[int]) -> list[str]:
    """The sentences of a line that are not shown.

    :param at: where the line's own letters begin
    """
    runs = [""]
    for words in sentences(line.text):
        letters = range(at, at + len(bare(words)))
        at = letters.stop
        if sum(1 for place in letters if place in seen) < COVERED * len(letters):
            runs[-1] += words
        elif runs[-1]:
            runs.append("")
    return [run.strip() for run in runs if bare(run)]
