"""Blur against the reference, and how it grows over the clip."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip
from vidgen_core.media.checks.reference_frames import reference

#: Contrast (0-255) below which a picture has no edges to measure.
_FLAT = 4.0


def sharpness(picture: Image.Image) -> float | None:
    """How finely contrast is drawn: bends of brightness from pixel to pixel by contrast; None for an even picture."""
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    if min(grey.shape) < 16 or float(grey.std()) < _FLAT:
        return None
    # Bends and not steps: blur takes the bends of an edge first, and noise of the encoder hardly has broad ones.
    bends = np.square(np.diff(grey, 2, axis=0)).mean() + np.square(np.diff(grey, 2, axis=1)).mean()
    return float(np.sqrt(bends) / grey.std())


def _of_frames(clip: Clip) -> list[float]:
    return [found for one in clip.pictures.large if (found := sharpness(one)) is not None]


def _against_reference(clip: Clip) -> float | None:
    """Sharpness of the clip as a share of its reference's; without one as a share of what pictures usually have."""
    found = _of_frames(clip)
    if not found:
        return None
    picture = reference(clip.asked.first_frame)
    wanted = None
    if picture is not None:
        shown = clip.pictures.large[0]
        # As large as the frame shows it, so that enlarging is not taken for blur.
        picture = picture.resize(_covering(picture.size, shown.size))
        wanted = sharpness(picture)
    return float(np.median(found)) / (wanted or _USUAL)


def _drift(clip: Clip) -> float | None:
    """Sharpness of the last third as a share of the first third's."""
    found = _of_frames(clip)
    third = len(found) // 3
    return float(np.median(found[-third:]) / np.median(found[:third])) if third else None


def _covering(size: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    scale = max(frame[0] / size[0], frame[1] / size[1])
    return max(16, round(size[0] * scale)), max(16, round(size[1] * scale))


#: Sharpness of photographs and drawings at this size, lower quarter.
_USUAL = 0.16

CHECKS = (
    Check("blurred", Severity.FAIL, Bad.BELOW, _against_reference),
    Check("drifts", Severity.DOUBT, Bad.BELOW, _drift),
)
