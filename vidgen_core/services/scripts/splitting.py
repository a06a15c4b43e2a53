"""A script as lines with a meaning, and the plain way from lines to shots: by scene and sentence, without any model.

Chinese and English, in the shapes people write: ``INT. HOUSE - DAY``, ``第3场 外景 河边 夜``, ``场景：…``, ``小明：你好``,
a name in capitals over its speech, ``△`` before what is seen. No line that holds something to be seen or heard is lost.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

#: Sentences shorter than this stay with their neighbour, counted as ``_weight`` does.
SHORT: Final = 5
#: A speech longer than this becomes several shots.
LONG_SPEECH: Final = 60
#: Characters of a title.
_TITLE: Final = 40
#: Seconds of a shot at least and at most.
SHORTEST_SHOT: Final = 3.0
LONGEST_SHOT: Final = 10.0
#: Chinese characters, and English words, spoken in a second.
_ZH_PACE: Final = 4.5
_EN_PACE: Final = 2.6


class Kind(StrEnum):
    """What a line of a script is."""

    HEADING = "heading"
    #: Time, place and cast below a heading; titles.
    ABOUT = "about"
    ACTION = "action"
    SPEECH = "speech"
    #: A name over its speech, or a stage direction for the speaker.
    CUE = "cue"
    TRANSITION = "transition"


#: Lines that must be seen or heard in some shot.
CONTENT: Final = frozenset({Kind.ACTION, Kind.SPEECH})


@dataclass(frozen=True)
class Line:
    """One line that says something."""

    #: In the script, from 1.
    number: int
    kind: Kind
    #: Without marks and without the speaker.
    text: str
    #: From 0 (what stands before the first heading), rising with each heading.
    scene: int
    #: The heading it stands under.
    heading: str = ""
    speaker: str = ""
    #: As it stands in the script.
    row: str = ""


@dataclass(frozen=True)
class Cut:
    """A shot as the splitter sees it: the words it shows, and where they stand."""

    #: ``scene.place``, both natural numbers: ``1.0``, ``1.1``, ``2.0`` …
    scene: int
    place: int
    line: Line
    text: str


_NUMERAL: Final = r"[0-9０-９零〇一二两三四五六七八九十百千]+"
_HEADINGS: Final = re.compile(
    r"^(?:"
    r"(?:INT|EXT|EST|INT\.?\s*/\s*EXT|EXT\.?\s*/\s*INT|I\s*/\s*E)[.\s]"
    rf"|(?:SCENE|ACT)\s+[0-9IVX]+\b"
    rf"|第\s*{_NUMERAL}\s*[场幕集景章回节话](?!次)"
    rf"|(?:场景|场次|场)\s*(?:{_NUMERAL}|[:：])"
    r"|[【\[（(]\s*(?:场景|内景|外景|内|外)[^】\])）]*[】\])）]?\s*$"
    r"|(?:内景|外景|内/外景|内外景)(?=[\s.．·、,，:：/\-—]|$)"
    r"|[0-9０-９]+(?:\s*[-—－.．]\s*[0-9０-９]+)?\s*[、.．\s]\s*(?:内景|外景|(?:内|外|日|夜|晨)(?=\s)).{0,40}$"
    r"|[0-9０-９]+(?:\s*[-—－]\s*[0-9０-９]+)?[、.．\s]+[^。！？!?；;]{1,30}\s(?:日|夜|晨|昏|黄昏|清晨|傍晚|白天|晚上)(?:\s*[/\s]?\s*[内外]景?)?\s*$"
    r"|\#{1,6}\s"
    r"|\.(?=[^\s.])"
    r")",
    re.IGNORECASE,
)
_ABOUT: Final = re.compile(
    r"^(?:时间|地点|人物|出场人物|登场人物|角色|演员|剧名|片名|标题|编剧|作者|导演|集数|版本|日期|备注|time|place|location|cast"
    r"|characters?|title|author|written by|date|draft)\s*[:：]",
    re.IGNORECASE,
)
_TRANSITIONS: Final = re.compile(
    r"^(?:>.*|[A-Z][A-Z ]{2,24}\bTO:|(?:FADE|CUT|SMASH|MATCH|DISSOLVE|WIPE)\b[A-Z ]*[.:]?|THE END\.?"
    r"|[（(【\[]?(?:切至|切到|切换|淡入|淡出|渐隐|渐显|叠化|黑场|转场|闪回结束|剧终|全剧终|完|（完）)[）)】\]。.：:]*)$"
)
_SPEAKER: Final = re.compile(
    r"^(?P<who>[^\s：:，,。.！!？?；;、“”\"（(\[【]{1,16}(?: [A-Z][^\s：:，,。.！!？?]{0,14}){0,2})"
    r"\s*+(?P<how>[（(\[][^）)\]]{0,40}[）)\]])?\s*+[：:]\s*+(?P<said>\S.*)$"
)
_ASIDE: Final = re.compile(r"^[（(][^）)]*[）)]$")
#: What ends a sentence, with the quotation marks and brackets that close behind it.
_SENTENCES: Final = re.compile(
    r"[^。！？!?…；;.]*(?:(?:[。！？!?；;]+|…+|\.{2,}|\.(?=\s|[”’\"')）】]|$)|\.)(?:[”’\"'」』）)】]*)?)|[^。！？!?…；;.]+$"
)
_INSIDE_WORD: Final = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|vs|no|e\.g|i\.e|a\.m|p\.m|u\.s)|\b[A-Z]|\d)\.$", re.IGNORECASE
)
_CLAUSES: Final = re.compile(r"[^，,、：:—]+(?:[，,、：:—]+|$)")


def read_lines(text: str) -> list[Line]:
    """Every line of a script that says something, in order."""
    rows = text.split("\n")
    lines: list[Line] = []
    scene, heading, speaker = 0, "", ""
    for index, row in enumerate(rows):
        bare = row.strip()
        if not bare:
            speaker = ""
            continue
        below = index + 1 < len(rows) and bool(rows[index + 1].strip())
        kind, words, who = _meaning(bare, speaker, opens=not speaker and below and _starts_block(rows, index))
        if kind is Kind.HEADING:
            scene, heading, speaker = scene + 1, words, ""
        elif kind is Kind.CUE and who:
            speaker = who
        name = who or (speaker if kind is Kind.SPEECH else "")
        lines.append(Line(index + 1, kind, words, scene, heading, name, bare))
    return _without_title(lines)


def _without_title(lines: list[Line]) -> list[Line]:
    """A short first line over the first scene is the title, nothing to be seen."""
    first = lines[0] if lines else None
    if first is None or first.kind is not Kind.ACTION or first.scene or not lines[-1].scene or len(first.text) > _TITLE:
        return lines
    said = re.search(r"[。！？!?…，,]|\.$", first.text)
    return lines if said else [replace(first, kind=Kind.ABOUT), *lines[1:]]


def _starts_block(rows: Sequence[str], index: int) -> bool:
    return index == 0 or not rows[index - 1].strip()


def _meaning(bare: str, speaker: str, *, opens: bool) -> tuple[Kind, str, str]:
    """Kind, words, and the speaker that the line itself names."""
    if bare.startswith("!") and len(bare) > 1:
        return Kind.ACTION, bare[1:].strip(), ""
    if _HEADINGS.match(bare):
        return Kind.HEADING, bare.lstrip("#.【[（( ").rstrip("】])） "), ""
    if _TRANSITIONS.match(bare):
        return Kind.TRANSITION, bare.lstrip("> "), ""
    if _ABOUT.match(bare):
        return Kind.ABOUT, bare, ""
    if speaker:
        return (Kind.CUE, bare, "") if _ASIDE.match(bare) else (Kind.SPEECH, bare, "")
    if opens and (name := _named(bare)):
        return Kind.CUE, bare, name
    if bare[0] in "△▲▽■◆●":
        return Kind.ACTION, bare[1:].strip() or bare, ""
    spoken = _SPEAKER.match(bare)
    if spoken and not re.fullmatch(r"[0-9０-９]+", spoken["who"]):
        return Kind.SPEECH, spoken["said"], spoken["who"]
    return Kind.ACTION, bare, ""


def _named(bare: str) -> str:
    """The name in a line of its own over a speech: capitals, or forced with ``@`` (fountain.io/syntax, Character)."""
    if bare.startswith("@") and len(bare) > 1:
        return _without_aside(bare[1:]).strip()
    name = _without_aside(bare)
    if 1 < len(name) <= 40 and name.upper() == name and re.fullmatch(r"[A-Z][A-Z0-9 .'\-]*", name):
        return name.strip()
    return ""


def _without_aside(words: str) -> str:
    """A name without how it is spoken: ``ANNA (O.S.)``."""
    return words[: words.index("(")].rstrip() if "(" in words and words.endswith(")") else words


def content_of(lines: Sequence[Line]) -> list[Line]:
    """The lines that must be seen or heard; a script of nothing but headings shows those."""
    found = [line for line in lines if line.kind in CONTENT]
    return found or list(lines)


def split(text: str) -> list[Cut]:
    """Every sentence of every content line as a shot, short ones with their neighbour, in the order of the script."""
    return cuts_of(content_of(read_lines(text)))


def cuts_of(lines: Sequence[Line]) -> list[Cut]:
    """The shots of some lines."""
    cuts: list[Cut] = []
    places: dict[int, int] = {}
    for line in lines:
        for words in _parts(line):
            place = places.get(line.scene, 0)
            places[line.scene] = place + 1
            cuts.append(Cut(line.scene, place, line, words))
    return cuts


def _parts(line: Line) -> list[str]:
    if line.kind is Kind.SPEECH and _weight(line.text) <= LONG_SPEECH:
        return [line.text]
    return _joined(list(sentences(line.text)))


def sentences(text: str) -> Iterator[str]:
    """The sentences of a line with what ends them; joined they are the line again."""
    held = ""
    for found in _SENTENCES.findall(text):
        held += found
        if not _INSIDE_WORD.search(held.rstrip()):
            yield held
            held = ""
    if held:
        yield held


def _joined(parts: list[str]) -> list[str]:
    """Parts with the short ones beside the others; overlong ones cut at commas."""
    joined: list[str] = []
    for part in parts:
        before = _weight(joined[-1]) if joined else LONG_SPEECH
        if min(before, _weight(part)) < SHORT and before + _weight(part) <= LONG_SPEECH // 2:
            joined[-1] += part
        else:
            joined.append(part)
    return [piece.strip() for part in joined for piece in _shortened(part) if piece.strip()]


def _shortened(part: str) -> list[str]:
    if _weight(part) <= 2 * LONG_SPEECH:
        return [part]
    pieces = [""]
    for clause in _CLAUSES.findall(part) or [part]:
        if pieces[-1] and _weight(pieces[-1]) + _weight(clause) > LONG_SPEECH:
            pieces.append("")
        pieces[-1] += clause
    return pieces


def _weight(text: str) -> int:
    """How much is said: Chinese characters, and words of other languages twice."""
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    return chinese + 2 * len(re.findall(r"[^\W\d_\u3400-\u9fff]+|\d+", text))


def language_of(text: str) -> str:
    """``zh`` where at least a fifth of the letters are Chinese, else ``en``."""
    letters = [char for char in text if char.isalpha()]
    chinese = sum(1 for char in letters if "\u3400" <= char <= "\u9fff")
    return "zh" if letters and chinese * 5 >= len(letters) else "en"


def seconds_of(text: str) -> float:
    """How long it takes to say or see this, within what a shot may last; halves of seconds."""
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    words = len(re.findall(r"[^\W\d_\u3400-\u9fff]+|\d+", text))
    seconds = 1.0 + chinese / _ZH_PACE + words / _EN_PACE
    return min(max(round(seconds * 2) / 2, SHORTEST_SHOT), LONGEST_SHOT)


@dataclass(frozen=True)
class Piece:
    """A part of a script that is asked for at once."""

    first_line: int
    last_line: int
    text: str


def pieces_of(text: str, size: int) -> list[Piece]:
    """The script in parts of about ``size`` characters, cut at scenes where it can be, and never inside a line."""
    blocks = _scenes(text)
    pieces: list[list[tuple[int, str]]] = []
    for block in blocks:
        if pieces and _length(pieces[-1]) + _length(block) <= size:
            pieces[-1] += block
        else:
            pieces += _fitting(block, size)
    whole = [Piece(part[0][0], part[-1][0], "\n".join(row for _, row in part)) for part in pieces]
    return [piece for piece in whole if piece.text.strip()]


def _scenes(text: str) -> list[list[tuple[int, str]]]:
    starts = {line.number for line in read_lines(text) if line.kind is Kind.HEADING}
    scenes: list[list[tuple[int, str]]] = [[]]
    for number, row in enumerate(text.split("\n"), start=1):
        if number in starts and scenes[-1]:
            scenes.append([])
        scenes[-1].append((number, row))
    return scenes


def _fitting(block: list[tuple[int, str]], size: int) -> list[list[tuple[int, str]]]:
    parts: list[list[tuple[int, str]]] = [[]]
    for row in block:
        if parts[-1] and _length(parts[-1]) + len(row[1]) > size:
            parts.append([])
        parts[-1].append(row)
    return parts


def _length(rows: Sequence[tuple[int, str]]) -> int:
    return sum(len(row) + 1 for _, row in rows)


def bare(text: str) -> str:
    """What is compared: letters and digits alone, of one width and case."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
