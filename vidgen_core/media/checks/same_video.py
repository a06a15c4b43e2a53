"""The same video as an earlier take: equal packets, whatever the file around them."""

from __future__ import annotations

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check

CHECKS = (Check("same_file", Severity.FAIL, Bad.ABOVE, lambda clip: float(clip.asked.same)),)
