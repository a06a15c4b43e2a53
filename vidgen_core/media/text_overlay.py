"""A small line of text on planar video frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageFont

#: Fonts with Chinese characters of common systems; Pillow searches the font folders of the system.
_FONTS: Final = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "wqy-microhei.ttc",
)
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
        size = max(8, min(width, height) // 32)
        font = font_for(text, size)
        while font.getlength(text) > width * 0.92 and size > 6:
            size -= 1
            font = font_for(text, size)
        letters = Image.new("L", (width, height), 0)
        place = (round(width * 0.04), height - round(min(width, height) * 0.04))
        ImageDraw.Draw(letters).text(place, text, fill=210, font=font, anchor="ls")
        shadow = letters.filter(ImageFilter.GaussianBlur(max(1.0, size / 10)))
        return cls(letters, shadow, letters.resize((width // 2, height // 2), Image.Resampling.BOX))

    def put_on(self, planes: list[Image.Image]) -> None:
        """Draw on brightness and colour planes in place."""
        planes[0].paste(16, mask=self.shadow)
        planes[0].paste(_WHITE, mask=self.letters)
        for plane in planes[1:]:
            plane.paste(_NEUTRAL, mask=self.half)


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """An installed font with the characters of ``text``; ``size`` in pixels."""
    for name in () if text.isascii() else _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
