"""Text burned into the frames that the reference does not have: subtitles, watermarks, logos."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, Final

import numpy as np
from PIL import Image

from vidgen_core.domain.takes import Severity
from vidgen_core.media import first_frame_match
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import LARGE, Clip
from vidgen_core.media.checks.reference_frames import reference

#: Longest side in pixels at which letters are searched.
_EDGE: Final = 320
#: How sure the reader must be, 0–1, and how many letters or signs it must have read.
_SURE: Final = 0.75
_LETTERS: Final = 2


@cache
def _reader() -> Any:
    """RapidOCR with the models of its package; None where the extra ``checks`` is not installed."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    one = {"EngineConfig.onnxruntime.intra_op_num_threads": 1, "EngineConfig.onnxruntime.inter_op_num_threads": 1}
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": _EDGE,
            **one,
        }
    )


def _read(picture: Image.Image) -> set[str]:
    """Letters and signs that can be read, each line without its spaces."""
    pixels = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
    found = _reader()(pixels)
    texts, scores = getattr(found, "txts", None) or (), getattr(found, "scores", None) or ()
    lines = (
        "".join(one for one in text if one.isalnum())
        for text, sure in zip(texts, scores, strict=False)
        if sure >= _SURE
    )
    return {line.casefold() for line in lines if len(line) >= _LETTERS}


def _letters(clip: Clip) -> float | None:
    """Letters and signs in two frames of the clip that the reference does not have."""
    if _reader() is None:
        return None
    large = clip.pictures.large
    middle = large[len(large) // 2]
    seen = _read(middle)
    if not seen:
        return 0.0
    also = _read(large[-1]) | _read(large[0])
    lasting = {line for line in seen if any(_alike(line, other) for other in also)}
    if not lasting:
        return 0.0
    for sent in (clip.asked.first_frame, clip.asked.last_frame):
        picture = reference(sent, 2 * LARGE)
        if picture is None:
            continue
        # Letters that are too small to read in all of it can be read where the camera is nearer.
        part = first_frame_match.part_shown(middle, picture)
        own = _read(picture) | (_read(part.resize(middle.size)) if part else set())
        lasting = {line for line in lasting if not any(_alike(line, other) for other in own)}
    return float(max((len(line) for line in lasting), default=0))


def _alike(left: str, right: str) -> bool:
    from rapidfuzz.fuzz import partial_ratio

    return float(partial_ratio(left, right)) >= 70


CHECKS = (Check("text", Severity.FAIL, Bad.ABOVE, _letters),)
