"""How much a frame shows of a picture, however that was cut, zoomed, padded or encoded."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

#: height, width, colour
Floats = npt.NDArray[np.float64]

#: Longest side of what is compared, in pixels.
EDGE: Final = 48
#: Details larger than this share of the longest side are removed first: skies and shadows are similar in many pictures.
BROAD: Final = 0.12
#: A frame may show so little of the picture's widest view, along each side; each step is so much smaller.
NEAREST: Final = 0.5
STEP: Final = 0.92
#: Longest side in pixels at which the details of the found place are compared, in fields of its height and width.
_FINE: Final = 96
_FIELDS: Final = 5
#: Pixels by which a field may lie elsewhere: models redraw what they are given.
_STRAY: Final = 5
#: Contrast (0-255) of a field that has details, and how many fields must have some.
_FIELD_CONTRAST: Final = 3.0
_LEAST_FIELDS: Final = 3
#: Mean difference of colours (0-255) that a grade explains; what is beyond it, so much of it costs all similarity.
_GRADED: Final = 15.0
_OTHER_COLOURS: Final = 60.0
#: Contrast (0-255) below which a picture has no details to compare.
FLAT: Final = 4.0
#: Correlation from which a place is the one that is shown.
_FOUND: Final = 0.5
#: Longest side of the pictures before details are extracted, in pixels.
_SOURCE: Final = 256


def similarity(frame: Image.Image, picture: Image.Image) -> float | None:
    """Similarity of ``frame`` and ``picture``, -1 to 1: about 0 for different ones.

    The frame may be a part of the picture (cut and zoomed), or the picture a part of the frame (bars and borders). The place
    is found by the broad outlines, and what counts are the details there, each of which may have moved a little. Measured over
    photographs and drawings (``benchmarks/checks.py``): under all moves of the Local renderer's camera a picture stays above
    0.69, and different ones stay below 0.53.

    None where one of them is too even to tell.
    """
    seen, wanted = _details(frame), _details(picture)
    if min(float(seen.std()), float(wanted.std())) < FLAT:
        return None
    inside, outside = _best_fit(seen, wanted), _best_fit(wanted, seen)
    part, whole, place = (frame, picture, inside) if inside.score >= outside.score else (picture, frame, outside)
    scale = _FINE / max(part.size)
    size = max(4 * _FIELDS, round(part.width * scale)), max(4 * _FIELDS, round(part.height * scale))
    there = whole.crop(place.box(whole.size)).resize(size, Image.Resampling.BOX).convert("RGB")
    here = part.resize(size, Image.Resampling.BOX).convert("RGB")
    fields = _field_similarity(here, there)
    similarity = float(np.median(fields)) if len(fields) >= _LEAST_FIELDS else place.score
    return max(-1.0, similarity - max(0.0, _colour_difference(here, there) - _GRADED) / _OTHER_COLOURS)


def part_shown(frame: Image.Image, picture: Image.Image) -> Image.Image | None:
    """The part of ``picture`` that ``frame`` shows; None where it is not found."""
    place = _best_fit(_details(frame), _details(picture))
    return picture.crop(place.box(picture.size)) if place.score > _FOUND else None


class _Place(NamedTuple):
    """Where a part fits best, as fractions of the whole, and its correlation there."""

    score: float
    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        left, top = int(self.left * size[0]), int(self.top * size[1])
        return left, top, max(int(self.right * size[0]), left + 4), max(int(self.bottom * size[1]), top + 4)


def _field_similarity(here: Image.Image, there: Image.Image) -> list[float]:
    """Correlation of the details of each field that has some, at its best place nearby."""
    details, ground = _fine_details(here), _fine_details(there)
    height, width = details.shape[0] // _FIELDS, details.shape[1] // _FIELDS
    found = []
    for number in range(_FIELDS * _FIELDS):
        top, left = number // _FIELDS * height, number % _FIELDS * width
        field = details[top : top + height, left : left + width]
        if field.std() < _FIELD_CONTRAST:
            continue
        around = ground[max(0, top - _STRAY) : top + height + _STRAY, max(0, left - _STRAY) : left + width + _STRAY]
        found.append(_best(around[..., None], field[..., None]).score)
    return found


def _fine_details(picture: Image.Image) -> Floats:
    grey = picture.convert("L")
    broad = grey.filter(ImageFilter.GaussianBlur(0.05 * _FINE))
    return np.asarray(grey, dtype=np.float64) - np.asarray(broad, dtype=np.float64)


def _colour_difference(here: Image.Image, there: Image.Image) -> float:
    small = (np.asarray(one.resize((4, 4), Image.Resampling.BOX), dtype=np.float64) for one in (here, there))
    return float(np.abs(next(small) - next(small)).mean())


def _details(picture: Image.Image) -> Floats:
    small = picture.convert("RGB")
    small.thumbnail((_SOURCE, _SOURCE))
    broad = small.filter(ImageFilter.GaussianBlur(BROAD * max(small.size)))
    return np.asarray(small, dtype=np.float64) - np.asarray(broad, dtype=np.float64)


def _best_fit(part: Floats, whole: Floats) -> _Place:
    """The best place of ``part`` in ``whole``, from filling it to ``NEAREST`` of that."""
    height, width, _ = whole.shape
    ground = _scaled(whole, EDGE / max(height, width))
    fills = min(ground.shape[0] / part.shape[0], ground.shape[1] / part.shape[1])
    scales = fills * STEP ** np.arange(int(np.log(NEAREST) / np.log(STEP)) + 1)
    return max((_best(ground, _scaled(part, scale)) for scale in scales), key=lambda place: place.score)


def _scaled(pixels: Floats, scale: float) -> Floats:
    height, width, _ = pixels.shape
    size = (max(4, int(width * scale + 1e-6)), max(4, int(height * scale + 1e-6)))
    colours = (Image.fromarray(pixels[..., colour].astype(np.float32)) for colour in range(3))
    return np.stack([np.asarray(one.resize(size, Image.Resampling.BOX), dtype=np.float64) for one in colours], axis=2)


def _best(whole: Floats, part: Floats) -> _Place:
    """The place of the best normalized correlation of ``part`` in ``whole`` (height, width, colour)."""
    height, width, _ = part.shape
    rows, columns = whole.shape[0] - height + 1, whole.shape[1] - width + 1
    if rows < 1 or columns < 1:
        return _Place(-1.0)
    centred = part - part.mean(axis=(0, 1))
    size = (whole.shape[0], whole.shape[1])
    turned = np.fft.rfft2(centred[::-1, ::-1], s=size, axes=(0, 1))
    product = np.fft.irfft2(np.fft.rfft2(whole, axes=(0, 1)) * turned, s=size, axes=(0, 1)).sum(axis=2)
    covered = product[height - 1 :, width - 1 :][:rows, :columns]
    mean = _window_sums(whole, height, width) / (height * width)
    spread = (_window_sums(whole**2, height, width) - mean**2 * height * width).sum(axis=2)
    power = np.sqrt(np.maximum(spread, 1.0) * max(float((centred**2).sum()), 1.0))
    similarity = covered / power
    top, left = (int(at) for at in np.unravel_index(similarity.argmax(), similarity.shape))
    return _Place(
        float(similarity[top, left]), left / size[1], top / size[0], (left + width) / size[1], (top + height) / size[0]
    )


def _window_sums(pixels: Floats, height: int, width: int) -> Floats:
    """Sums over every window of that size, by colour."""
    sums = np.pad(pixels.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    found: Floats = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return found
