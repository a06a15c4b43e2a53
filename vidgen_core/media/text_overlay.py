"""A small line of text on planar video frames."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

#: Fonts with Chinese characters of common systems; Pillow searches the font folders of the system.
_FONTS: Final = (
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc",
    "simhei.ttf", "wqy-microhei.ttc",
)  # fmt: skip
_WHITE: Final = 235
_NEUTRAL: Final = 128


@dataclass(frozen=True)
class TextOverlay:
    """Masks of light letters and their shadow, at full and at half size."""

    letters: Image.Image
    shadow: Image.Image
    half: Image.Image

    @classmethod
    def draw(cls, text: str, width: int, height: int) -> TextOverlay:
        """Letters in the lower left corner, made smaller until the line fits."""
        font = _fitting(text, max(8, min(width, height) // 32), width)
        letters = Image.new("L", (width, height), 0)
        place = (round(width * 0.04), height - round(min(width, height) * 0.04))
        ImageDraw.Draw(letters).text(place, text, fill=210, font=font, anchor="ls")
        return cls._on(letters, letters, max(8, min(width, height) // 32))

    @classmethod
    def subtitle(cls, text: str, width: int, height: int) -> TextOverlay:
        """Lines in the lower middle with an outline, made smaller until the longest fits."""
        size = max(8, min(width, height) // 18)
        font = _fitting(max(text.split("\n"), key=len), size, width)
        letters, outline = Image.new("L", (width, height), 0), Image.new("L", (width, height), 0)
        place = (width / 2, height * 13 / 14)
        for layer, stroke in ((letters, 0), (outline, max(1, size // 10))):
            ImageDraw.Draw(layer).multiline_text(
                place, text, fill=255, font=font, anchor="md", align="center", stroke_width=stroke
            )
        return cls._on(letters, outline, size)

    @classmethod
    def _on(cls, letters: Image.Image, outline: Image.Image, size: int) -> TextOverlay:
        shadow = outline.filter(ImageFilter.GaussianBlur(max(1.0, size / 10)))
        half = (letters.width // 2, letters.height // 2)
        return cls(letters, ImageChops.lighter(shadow, outline), letters.resize(half, Image.Resampling.BOX))

    def put_on(self, planes: list[Image.Image]) -> None:
        """Draw on brightness and colour planes in place."""
        planes[0].paste(16, mask=self.shadow)
        planes[0].paste(_WHITE, mask=self.letters)
        for plane in planes[1:]:
            plane.paste(_NEUTRAL, mask=self.half)


def _fitting(line: str, size: int, width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    font = font_for(line, size)
    while font.getlength(line) > width * 0.92 and size > 6:
        size -= 1
        font = font_for(line, size)
    return font


def has_font(text: str) -> bool:
    """Whether an installed font has the Chinese, Japanese or Korean characters of ``text``; True without any."""
    return all(unicodedata.east_asian_width(letter) not in "WF" for letter in text) or _wide_font(12) is not None


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """An installed font with the characters of ``text``; ``size`` in pixels."""
    return (None if text.isascii() else _wide_font(size)) or ImageFont.load_default(size)


def _wide_font(size: int) -> ImageFont.FreeTypeFont | None:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None
