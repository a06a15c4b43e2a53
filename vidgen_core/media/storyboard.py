"""Frames of a storyboard: a muted scene with the shot's number in its corner and a caption below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageEnhance

from vidgen_core.domain.base import Frozen
from vidgen_core.media.disk import replacing
from vidgen_core.media.sample_art import sample_scene
from vidgen_core.media.text_overlay import font_for

#: Tells the width of a text in pixels.
Measure = Callable[[str], float]

#: Lines of a caption; what is longer ends with an ellipsis.
_LINES: Final = 3
#: Share of the short side.
_MARGIN: Final = 0.045
_LETTERS: Final = 0.042
_NUMBER: Final = 0.05
_INK: Final = (22, 26, 34)
_PAPER: Final = (250, 248, 242)
#: Share of its colour that the scene keeps: a storyboard is a sketch, not the film.
_COLOUR: Final = 0.35
#: Punctuation that may not begin a line.
_CLOSING: Final = frozenset("，。、；：？！…”’）》】,.;:?!)]}")


class FrameSpec(Frozen):
    """What to draw; another seed gives another scene."""

    number: str
    caption: str
    #: pixels
    width: int
    height: int
    seed: int


def draw_storyboard(spec: FrameSpec, target: Path) -> None:
    """Write a PNG that appears under its name only when it is complete.

    :raises FileError: disk_full, folder_read_only
    """
    scene = sample_scene(spec.caption, spec.width, spec.height, spec.seed)
    picture = ImageEnhance.Color(scene).enhance(_COLOUR)
    short = min(spec.width, spec.height)
    if spec.caption.strip():
        _caption(picture, " ".join(spec.caption.split()), short)
    if spec.number:
        _number(picture, spec.number, short)
    with replacing(target, ".tmp") as part:
        picture.save(part, "PNG", compress_level=3)


def _caption(picture: Image.Image, words: str, short: int) -> None:
    """Light letters on a dark foot that fades out upwards."""
    size, margin = max(9, round(short * _LETTERS)), round(short * _MARGIN)
    font = font_for(words, size)
    lines = wrapped(words, picture.width - 2 * margin, font.getlength)
    step = round(size * 1.45)
    foot = len(lines) * step + 2 * margin
    _darken(picture, foot + 2 * margin)
    pen = ImageDraw.Draw(picture)
    top = picture.height - foot + margin
    for place, line in enumerate(lines):
        pen.text((margin, top + place * step), line, fill=_PAPER, font=font)


def _darken(picture: Image.Image, foot: int) -> None:
    foot = min(foot, picture.height)
    ramp = Image.new("L", (1, foot))
    ramp.putdata([min(205, round(300 * row / foot)) for row in range(foot)])
    picture.paste(_INK, (0, picture.height - foot), ramp.resize((picture.width, foot)))


def _number(picture: Image.Image, number: str, short: int) -> None:
    size, margin = max(10, round(short * _NUMBER)), round(short * _MARGIN)
    font = font_for(number, size)
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = pen.textbbox((0, 0), number, font=font)
    padding = round(size * 0.4)
    box = (margin, margin, margin + right - left + 2 * padding, margin + bottom - top + 2 * padding)
    pen.rounded_rectangle(box, radius=padding, fill=_PAPER)
    pen.text((box[0] + padding - left, box[1] + padding - top), number, fill=_INK, font=font)


def wrapped(words: str, width: float, length: Measure) -> list[str]:
    """``words`` in lines of at most ``width``: broken at spaces, and between any two letters of scripts without them.

    :param length: the width of a text
    """
    lines: list[str] = []
    line = ""
    for piece in _pieces(words):
        if line and length(line + piece.rstrip()) > width and piece not in _CLOSING:
            lines.append(line.rstrip())
            line = ""
        while length(piece) > width:
            cut = next(n for n in range(len(piece) - 1, 0, -1) if n == 1 or length(piece[:n]) <= width)
            lines.append(piece[:cut])
            piece = piece[cut:]
        line += piece if line else piece.lstrip()
    lines += [line.rstrip()] if line.strip() else []
    if len(lines) <= _LINES:
        return lines
    last = lines[_LINES - 1]
    while last and length(last + "…") > width:
        last = last[:-1]
    return [*lines[: _LINES - 1], last.rstrip() + "…"]


def _pieces(words: str) -> list[str]:
    """Words with the space after them; letters of Chinese, Japanese and Korean one by one."""
    pieces: list[str] = []
    for letter in words:
        before = pieces[-1][-1] if pieces else " "
        if before != " " and (letter == " " or not (_stands_alone(letter) or _stands_alone(before))):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def _stands_alone(letter: str) -> bool:
    return ord(letter) >= 0x2E80
