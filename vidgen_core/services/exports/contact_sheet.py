"""A contact sheet: the first picture of every clip with its number, length and prompt, as a PDF for people without an editor."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from vidgen_core.i18n import Text, get_text
from vidgen_core.media.disk import replacing
from vidgen_core.media.images import open_upright
from vidgen_core.media.video import first_picture
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.exports.film import Film, FilmClip, Progress, numbers_of
from vidgen_core.services.exports.timelines.subtitles import spoken, wrap

#: One of the Chinese fonts that readers of PDF bring along (ISO 32000-1, 9.7.5.2): it needs no file on this machine.
_FONT: Final = "STSong-Light"
#: Points.
_WIDTH, _HEIGHT = A4
_MARGIN, _GAP, _HEAD = 32, 12, 30
_COLUMNS, _ROWS = 3, 3
_CELL_WIDTH: Final = (_WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
_CELL_HEIGHT: Final = (_HEIGHT - 2 * _MARGIN - _HEAD - (_ROWS - 1) * _GAP) / _ROWS
_PICTURE_HEIGHT: Final = _CELL_HEIGHT * 0.66
_SIZE, _LEADING = 7.5, 9.5
#: Longer side of a picture in pixels.
_EDGE: Final = 480


def write_contact_sheet(film: Film, target: Path, language: str, progress: Progress) -> None:
    """Write the PDF.

    :raises FileError: video_unplayable, disk_full, folder_read_only
    """
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    t = get_text(language)
    with replacing(target, ".part") as part:
        canvas = Canvas(str(part), pagesize=A4)
        canvas.setTitle(_shown(film.project))
        for place, clip in enumerate(film.clips):
            on_page = place % (_COLUMNS * _ROWS)
            if on_page == 0:
                _begin_page(canvas, film, t, new=place > 0)
            column, row = on_page % _COLUMNS, on_page // _COLUMNS
            left = _MARGIN + column * (_CELL_WIDTH + _GAP)
            top = _HEIGHT - _MARGIN - _HEAD - row * (_CELL_HEIGHT + _GAP)
            _draw_clip(canvas, clip, left, top, t)
            progress((place + 1) / len(film.clips))
        canvas.save()


def _begin_page(canvas: Canvas, film: Film, t: Text, *, new: bool) -> None:
    if new:
        canvas.showPage()
    canvas.setFont(_FONT, 13)
    canvas.drawString(_MARGIN, _HEIGHT - _MARGIN - 10, _shown(film.project))
    canvas.setFont(_FONT, 8)
    facts = [t("export.of", n=len(film.takes), all=len(film.takes) + len(film.missing)), t.duration(film.seconds)]
    facts += [t.n("export.missing", len(film.missing), shots=numbers_of(film.missing))] if film.missing else []
    canvas.drawString(_MARGIN, _HEIGHT - _MARGIN - 23, _shown(" · ".join(facts))[:120])
    canvas.drawRightString(_WIDTH - _MARGIN, _MARGIN - 14, str(canvas.getPageNumber()))


def _draw_clip(canvas: Canvas, clip: FilmClip, left: float, top: float, t: Text) -> None:
    picture = _picture(clip)
    if picture:
        scale = min(_CELL_WIDTH / picture.width, _PICTURE_HEIGHT / picture.height)
        size = (picture.width * scale, picture.height * scale)
        canvas.drawImage(_jpeg(picture), left, top - size[1], *size)
    else:
        canvas.rect(left, top - _PICTURE_HEIGHT, _CELL_WIDTH, _PICTURE_HEIGHT)
    below = top - _PICTURE_HEIGHT - 11
    canvas.setFont(_FONT, 9)
    length = f" · {t.duration(clip.take.shown_seconds)}" if clip.take else ""
    canvas.drawString(left, below, _shown(f"{clip.order}. {clip.name}{length}"))
    canvas.setFont(_FONT, _SIZE)
    for line in _lines([*spoken(clip.shot), clip.shot.prompt], int((_CELL_HEIGHT - _PICTURE_HEIGHT - 14) // _LEADING)):
        below -= _LEADING
        canvas.drawString(left, below, line)


def _lines(texts: Sequence[str], most: int) -> list[str]:
    lines = [line for text in texts for line in wrap(_shown(text), int(_CELL_WIDTH / _SIZE * 2))]
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1] + " …"]


def _picture(clip: FilmClip) -> Image.Image | None:
    if clip.take and clip.source:
        return first_picture(clip.source, _EDGE)
    return open_upright(clip.source, (_EDGE, _EDGE)) if clip.source and clip.source.is_file() else None


def _jpeg(picture: Image.Image) -> Any:
    data = io.BytesIO()
    picture.convert("RGB").save(data, "JPEG", quality=80)
    return ImageReader(data)


def _shown(text: str) -> str:
    """What the font can show: its characters are those of 16 bits."""
    return "".join(letter if letter <= "\uffff" else "□" for letter in " ".join(clean_text(text).split()))
