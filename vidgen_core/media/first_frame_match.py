"""Whether a video begins or ends with a picture, however it was cut, zoomed, padded or encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from vidgen_core.media.images import open_upright
from vidgen_core.media.video import first_picture, last_picture

#: height, width, colour
Floats = npt.NDArray[np.float64]

#: Longest side of what is compared, in pixels.
EDGE: Final = 48
#: Details larger than this share of the longest side are removed first: skies and shadows are similar in many pictures.
BROAD: Final = 0.12
#: A frame may show so little of the picture's widest view, along each side; each step is so much smaller.
NEAREST: Final = 0.5
STEP: Final = 0.92
#: Below this the two are different pictures. Measured over photographs, textures, pages of text and drawings: under all moves of
#: the Local renderer's camera a picture stays above 0.40, and five of six pairs of different ones stay below 0.35. A wrong
#: doubt is worse than a missed one, so the line lies below what the same picture can come to.
ALIKE: Final = 0.35
#: Contrast (0-255) below which a picture has no details to compare.
FLAT: Final = 4.0
#: Longest side of the pictures before details are extracted, in pixels.
_SOURCE: Final = 256


def begins_with(video: Path, picture: Path) -> bool | None:
    """Whether the first frame that is not black shows ``picture`` or a part of it; None when that cannot be decided.

    :raises FileError: as ``video.poster`` and ``images.open_upright``
    """
    return _shows(first_picture(video, _SOURCE), picture)


def ends_with(video: Path, picture: Path) -> bool | None:
    """Whether the last frame shows ``picture`` or a part of it; None and errors as ``begins_with``."""
    return _shows(last_picture(video, _SOURCE), picture)


def _shows(frame: Image.Image, picture: Path) -> bool | None:
    with open_upright(picture, (_SOURCE, _SOURCE)) as opened:
        found = similarity(frame, opened)
    return None if found is None else found >= ALIKE


def similarity(frame: Image.Image, picture: Image.Image) -> float | None:
    """Similarity of ``frame`` and ``picture`` at the best place and scale: -1 to 1 (normalized correlation).

    None where one of them is too even to tell.
    """
    seen, wanted = _details(frame), _details(picture)
    if min(float(seen.std()), float(wanted.std())) < FLAT:
        return None
    # The frame as a part of the picture: cut and zoomed; the picture as a part of the frame: bars and borders.
    return max(_best_fit(seen, wanted), _best_fit(wanted, seen))


def _details(picture: Image.Image) -> Floats:
    small = picture.convert("RGB")
    small.thumbnail((_SOURCE, _SOURCE))
    broad = small.filter(ImageFilter.GaussianBlur(BROAD * max(small.size)))
    return np.asarray(small, dtype=np.float64) - np.asarray(broad, dtype=np.float64)


def _best_fit(part: Floats, whole: Floats) -> float:
    """The best correlation of ``part`` in ``whole``, from filling it to ``NEAREST`` of that."""
    height, width, _ = whole.shape
    ground = _scaled(whole, EDGE / max(height, width))
    fills = min(ground.shape[0] / part.shape[0], ground.shape[1] / part.shape[1])
    scales = fills * STEP ** np.arange(int(np.log(NEAREST) / np.log(STEP)) + 1)
    return max(_best(ground, _scaled(part, scale)) for scale in scales)


def _scaled(pixels: Floats, scale: float) -> Floats:
    height, width, _ = pixels.shape
    size = (max(4, int(width * scale + 1e-6)), max(4, int(height * scale + 1e-6)))
    colours = (Image.fromarray(pixels[..., colour].astype(np.float32)) for colour in range(3))
    return np.stack([np.asarray(one.resize(size, Image.Resampling.BOX), dtype=np.float64) for one in colours], axis=2)


def _best(whole: Floats, part: Floats) -> float:
    """The best normalized correlation of ``part`` over all its places in ``whole`` (height, width, colour)."""
    height, width, _ = part.shape
    rows, columns = whole.shape[0] - height + 1, whole.shape[1] - width + 1
    if rows < 1 or columns < 1:
        return -1.0
    centred = part - part.mean(axis=(0, 1))
    size = (whole.shape[0], whole.shape[1])
    turned = np.fft.rfft2(centred[::-1, ::-1], s=size, axes=(0, 1))
    product = np.fft.irfft2(np.fft.rfft2(whole, axes=(0, 1)) * turned, s=size, axes=(0, 1)).sum(axis=2)
    covered = product[height - 1 :, width - 1 :][:rows, :columns]
    mean = _window_sums(whole, height, width) / (height * width)
    spread = (_window_sums(whole**2, height, width) - mean**2 * height * width).sum(axis=2)
    power = np.sqrt(np.maximum(spread, 1.0) * max(float((centred**2).sum()), 1.0))
    return float((covered / power).max())


def _window_sums(pixels: Floats, height: int, width: int) -> Floats:
    """Sums over every window of that size, by colour."""
    sums = np.pad(pixels.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    found: Floats = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return found
