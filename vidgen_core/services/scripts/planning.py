"""From a script to the plan of its storyboard: what is reviewed before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vidgen_core.domain.shots import Author, ShotParams
from vidgen_core.services.imports.plan import ImportPlan, PlannedShot, Reason
from vidgen_core.services.imports.rows import note_repeats
from vidgen_core.services.scripts import templates
from vidgen_core.services.scripts.proposals import ProposedShot
from vidgen_core.services.scripts.splitting import (
    Cut,
    Kind,
    Line,
    Piece,
    cuts_of,
    language_of,
    read_lines,
    seconds_of,
    split,
)
from vidgen_core.services.scripts.storyboard_check import CheckedStoryboard, ShotProblems, check_storyboard


class Board(NamedTuple):
    """The plan of a script, and which of its lines which rows show."""

    plan: ImportPlan
    #: Line number → places of rows in the plan, from 0.
    shown: dict[int, list[int]]
    #: Numbers of lines of which no proposal showed all; the splitter has made shots of the rest.
    lost: tuple[int, ...] = ()
    #: How many proposals show words that the script does not have.
    invented: int = 0


class _Numbers:
    """``scene.place``: scenes counted on from the project's, in the order in which they come."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._scenes: dict[int, int] = {}
        self._places: dict[int, int] = {}

    def take(self, scene: int) -> tuple[str, int]:
        """The number of the next shot of a scene, and its place in it."""
        if scene not in self._scenes:
            self._scenes[scene] = self._next
            self._next += 1
        place = self._places.get(scene, 0)
        self._places[scene] = place + 1
        return f"{self._scenes[scene]}.{place}", place


def board_offline(name: str, text: str, *, first: int = 1, style: str = "", language: str = "") -> Board:
    """Every sentence as a shot, with prompts made from it."""
    tongue = language or language_of(text)
    numbers = _Numbers(first)
    shots, shown, lines = [], dict[int, list[int]](), list[int]()
    for place, cut in enumerate(split(text)):
        lines.append(cut.line.number)
        shots.append(_planned(name, cut, numbers, tongue, style))
        shown.setdefault(cut.line.number, []).append(place)
    # What was one line of action is one movement, cut for its length alone.
    goes_on = [place > 0 and lines[place - 1] == line for place, line in enumerate(lines)]
    return Board(_plan(name, shots, templates.TEMPLATE, goes_on), shown)


def _planned(name: str, cut: Cut, numbers: _Numbers, language: str, style: str, *reasons: Reason) -> PlannedShot:
    number, place = numbers.take(cut.scene)
    line = cut.line
    speech = line.kind is Kind.SPEECH
    return PlannedShot(
        source=name,
        line=line.number,
        number=number,
        prompt=templates.video_prompt(cut.text, place, language, speech=speech, speaker=line.speaker),
        picture_prompt=templates.picture_prompt(line, cut.text, language, style),
        script=f"{line.speaker}：{cut.text}"
        if speech and line.speaker and language == "zh"
        else _quoted(line, cut.text),
        params=ShotParams(duration=seconds_of(cut.text)),
        verdict="warning" if reasons else "ok",
        reasons=reasons,
    )


def _quoted(line: Line, words: str) -> str:
    return f"{line.speaker}: {words}" if line.kind is Kind.SPEECH and line.speaker else words


def board_of_answers(
    name: str,
    text: str,
    pieces: Sequence[tuple[Piece, Sequence[ProposedShot] | None]],
    *,
    first: int = 1,
    style: str = "",
    language: str = "",
    writer: str = "",
) -> Board:
    """What a model proposed for each piece, judged; a piece without an answer is split plainly, and says so."""
    tongue = language or language_of(text)
    numbers = _Numbers(first)
    lines = read_lines(text)
    rows: list[PlannedShot] = []
    goes_on: list[bool] = []
    shown: dict[int, list[int]] = {}
    lost: list[int] = []
    invented = 0
    for piece, shots in pieces:
        scene = max((line.scene for line in lines if line.number < piece.first_line), default=0)
        verdict = check_storyboard(piece.text, shots or (), piece.first_line, scene)
        cuts = cuts_of(verdict.lost)
        lost += [line.number for line in verdict.lost]
        invented += sum(1 for one in verdict.shots if one.invented)
        why = Reason("script_line_lost") if shots is not None else Reason("script_piece_unanswered")
        for one, cut in _in_order(verdict.shots, cuts):
            if cut is not None:
                rows.append(_planned(name, cut, numbers, tongue, style, why))
                goes_on.append(False)
                shown.setdefault(cut.line.number, []).append(len(rows) - 1)
            elif one is not None:
                _show(verdict, one, len(rows), shown)
                rows.append(_proposed(name, one, numbers))
                goes_on.append(one.shot.continues)
    return Board(_plan(name, rows, writer, goes_on), shown, tuple(dict.fromkeys(lost)), invented)


def _show(verdict: ShotProblems, one: CheckedStoryboard, row: int, shown: dict[int, list[int]]) -> None:
    place = next(index for index, other in enumerate(verdict.shots) if other is one)
    for number, places in verdict.shown.items():
        if place in places:
            shown.setdefault(number, []).append(row)


def _in_order(
    shots: Sequence[CheckedStoryboard], cuts: Sequence[Cut]
) -> list[tuple[CheckedStoryboard | None, Cut | None]]:
    """Proposals in the order of their lines, invented ones behind the one before, lost lines where they stand."""
    keyed: list[tuple[int, int, int, CheckedStoryboard | None, Cut | None]] = []
    line = 0
    for place, one in enumerate(shots):
        line = one.line if one.line is not None else line
        keyed.append((line, 0, place, one, None))
    keyed += [(cut.line.number, 1, place, None, cut) for place, cut in enumerate(cuts)]
    return [(one, cut) for *_, one, cut in sorted(keyed, key=lambda entry: entry[:3])]


def _proposed(name: str, one: CheckedStoryboard, numbers: _Numbers) -> PlannedShot:
    shot = one.shot
    number = None if one.invented else numbers.take(one.scene)[0]
    return PlannedShot(
        source=name,
        line=one.line,
        number=number,
        prompt=shot.video_prompt,
        picture_prompt=shot.picture_prompt,
        script=shot.script,
        params=ShotParams(aspect_ratio=one.ratio, duration=one.seconds),
        verdict="rejected" if one.invented else "warning" if one.reasons else "ok",
        reasons=tuple(one.reasons),
    )


def _plan(name: str, rows: Sequence[PlannedShot], writer: str, goes_on: Sequence[bool]) -> ImportPlan:
    return ImportPlan(source=name, shots=note_repeats(_in_chains(rows, goes_on)), author=Author.MODEL, writer=writer)


def _in_chains(rows: Sequence[PlannedShot], goes_on: Sequence[bool]) -> list[PlannedShot]:
    """The rows with those in one chain that go on from each other, as a proposal; a rejected one ends it."""
    found: list[PlannedShot] = []
    for row, goes in zip(rows, goes_on, strict=True):
        before = found[-1] if found else None
        if before is None or not goes or "rejected" in (row.verdict, before.verdict):
            found.append(row)
            continue
        name = before.chain or before.number or ""
        found[-1] = before.model_copy(update={"chain": name})
        found.append(row.model_copy(update={"chain": name}))
    return found


def coverage(text: str, shown: Mapping[int, Sequence[int]]) -> list[tuple[Line, list[int]]]:
    """Every line that says something with the rows that show it, for a person to look over."""
    return [(line, list(shown.get(line.number, ()))) for line in read_lines(text)]
