"""Spoken lines as subtitles: their timing from the clips, their line breaks, and SRT and ASS by pysubs2."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from pysubs2 import Alignment, SSAEvent, SSAFile, SSAStyle

from vidgen_core.domain.errors import Refused
from vidgen_core.domain.shots import Shot
from vidgen_core.media.disk import replacing
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.exports.cut import CutPart, known
from vidgen_core.services.exports.facts import usual_size
from vidgen_core.services.exports.film import Format

#: Columns of a line on an upright and on a wide picture; a Chinese character takes two.
_NARROW, _WIDE = 28, 40
#: What no line begins with (kinsoku), and what no line ends with.
_CLOSING: Final = frozenset("，。、；：？！…—”’）》」』】,.;:?!)]}%")
_OPENING: Final = frozenset("“‘（《「『【([{")
#: Signs that mean something else in a subtitle file.
_SAFE: Final = str.maketrans({"{": "｛", "}": "｝", "\\": "＼"})


class Cue(NamedTuple):
    """One subtitle; times in seconds of the film, ``text`` with its line breaks."""

    begin: Fraction
    end: Fraction
    text: str


def spoken(shot: Shot) -> list[str]:
    """The lines spoken in a shot, without empty ones."""
    lines = (" ".join(clean_text(line).split()) for line in shot.script.splitlines())
    return [line for line in lines if line]


def cues(parts: Sequence[CutPart]) -> list[Cue]:
    """Every spoken line in its time: a shot's lines share its length by theirs."""
    facts = known(parts)
    width, height = usual_size(facts) if facts else (16, 9)
    columns = _NARROW if height > width else _WIDE
    found: list[Cue] = []
    for part in parts:
        lines = spoken(part.clip.shot)
        sizes = [max(1, columns_of(line)) for line in lines]
        begin, done = part.begin, 0
        for line, size in zip(lines, sizes, strict=True):
            done += size
            end = part.begin + part.length * done / sum(sizes)
            found.append(Cue(begin, end, "\n".join(wrap(line, columns))))
            begin = end
    return found


def write_subtitles(parts: Sequence[CutPart], target: Path, kind: Format) -> None:
    """Write SRT or ASS.

    :raises Refused: ``export_no_lines``: no shot has a spoken line
    :raises FileError: disk_full, folder_read_only
    """
    text = subtitle_text(parts, kind)
    if text is None:
        raise Refused("export_no_lines")
    with replacing(target, ".part") as part:
        # Players on Windows take a file without the mark for one in the system's own encoding.
        part.write_text(text, encoding="utf-8-sig", newline="\n")


def subtitle_text(parts: Sequence[CutPart], kind: Format) -> str | None:
    """The content of an SRT or ASS file; None without any spoken line."""
    told = cues(parts)
    if not told:
        return None
    file = SSAFile()
    facts = known(parts)
    width, height = usual_size(facts) if facts else (1920, 1080)
    file.info |= {"PlayResX": str(width), "PlayResY": str(height), "WrapStyle": "2"}
    size = max(8, min(width, height) // 18)
    file.styles["Default"] = SSAStyle(
        fontname="Noto Sans CJK SC", fontsize=size, outline=max(1, size / 16), shadow=0,
        alignment=Alignment.BOTTOM_CENTER, marginv=height // 14, marginl=width // 20, marginr=width // 20,
    )  # fmt: skip
    for cue in told:
        # An arrow of the format's own ends nothing within a text.
        text = cue.text.translate(_SAFE).replace("-->", "→").replace("\n", "\\N")
        file.append(SSAEvent(start=round(cue.begin * 1000), end=round(cue.end * 1000), text=text))
    return str(file.to_string(str(kind)))


# --- line breaks


def columns_of(text: str) -> int:
    """Width in columns: two for a Chinese character, one for a Latin letter, none for what combines."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def wrap(text: str, columns: int) -> list[str]:
    """Break a line between words and between Chinese characters; closing signs never begin a line.

    Lines are made about equally long, as subtitles are read.
    """
    whole = columns_of(text)
    wanted = -(-whole // -(-whole // columns)) if whole > columns else columns
    lines, line = [], ""
    for piece in _pieces(text):
        if line and columns_of(line + piece.rstrip()) > min(columns, wanted + 3):
            lines.append(line.strip())
            line = ""
        line += piece
    return [each for each in [*lines, line.strip()] if each]


def _pieces(text: str) -> Iterator[str]:
    """What stays together: a word with the space behind it, or a Chinese character with its punctuation."""
    piece = ""
    for letter in text:
        begins = unicodedata.east_asian_width(letter) in "WF" or (piece[-1:].isspace() and not letter.isspace())
        after_wide = bool(piece) and unicodedata.east_asian_width(piece[-1]) in "WF" and not letter.isspace()
        if piece and (begins or after_wide) and letter not in _CLOSING and piece[-1] not in _OPENING:
            yield piece
            piece = ""
        piece += letter
    if piece:
        yield piece
