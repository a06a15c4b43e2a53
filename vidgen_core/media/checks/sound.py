"""Sound: silent although it was asked for, clipped, too loud or too quiet."""

from __future__ import annotations

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import NO_SOUND, Clip


def _peak_when_asked(clip: Clip) -> float | None:
    """The loudest sample in dB of full scale; without a track as quiet as can be."""
    return clip.peak if clip.asked.sound else None


def _heard(clip: Clip) -> bool:
    return clip.asked.sound is not False and clip.sound is not None and clip.sound.loudness > NO_SOUND


def _clipped(clip: Clip) -> float | None:
    return clip.sound.clipped if clip.sound and _heard(clip) else None


def _loudness(clip: Clip) -> float | None:
    return clip.sound.loudness if clip.sound and _heard(clip) else None


CHECKS = (
    Check("silent", Severity.FAIL, Bad.BELOW, _peak_when_asked),
    Check("clipped", Severity.DOUBT, Bad.ABOVE, _clipped),
    Check("loud", Severity.DOUBT, Bad.ABOVE, _loudness),
)
