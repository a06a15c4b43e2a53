"""From the words both protocols have for a video's size to pixels."""

from __future__ import annotations

import re
from typing import Final

from vidgen_core.domain.errors import InputError
from vidgen_core.media.kenburns import pixel_size

_RATIO: Final = re.compile(r"(\d{1,5})[:x](\d{1,5})")
#: Words of single providers → the nearest one everybody knows.
_WORDS: Final = {"small": "720P", "large": "1080P", "512p": "540P", "768p": "720P", "": "720P"}


def pixels(size: str, ratio: str, orientation: str = "") -> tuple[int, int]:
    """Width and height, both even; what is not understood is taken as 720p and 16:9."""
    match = _RATIO.fullmatch(ratio.strip())
    across, down = (int(match[1]), int(match[2])) if match else (16, 9)
    if orientation == "portrait" and across > down:
        across, down = down, across
    word = size.strip()
    try:
        return pixel_size(_WORDS.get(word.lower(), word), f"{across}:{down}")
    except InputError:
        return pixel_size("720P", "16:9")
