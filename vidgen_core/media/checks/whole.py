"""Whole and playable: as many frames can be decoded as the file promises."""

from __future__ import annotations

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip


def _decodable(clip: Clip) -> float:
    """Share of the promised frames that can be decoded, 0–1; what lies beyond the bounds is not asked for."""
    promised = min(clip.facts.frames, clip.pictures.packets)
    return min(1.0, len(clip.pictures.small) / promised) if promised else 1.0


CHECKS = (Check("damaged", Severity.FAIL, Bad.BELOW, _decodable),)
