"""What a check is: one measurement of a clip with a limit and a severity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from vidgen_core.domain.takes import CheckResult, Severity, Verdict
from vidgen_core.media.checks.clip import Clip


class Bad(StrEnum):
    """On which side of its limit a value speaks against a clip."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True)
class Check:
    """One measurement; its sentences are ``check.<code>`` and ``shots.warning.<code>`` of the catalogues."""

    code: str
    severity: Severity
    bad: Bad
    #: The value; None: it cannot be measured here, or nothing was asked for.
    measure: Callable[[Clip], float | None]

    def run(self, clip: Clip, limit: float) -> CheckResult | None:
        """The result against a limit in the unit of the value; None where there is no value."""
        value = self.measure(clip)
        if value is None:
            return None
        # What is stored and shown is what is compared, so that a result can be read again.
        value = round(float(value), 3)
        severity = self.severity if self.raises(value, limit) else Severity.PASS
        return CheckResult(code=self.code, severity=severity, value=value, limit=float(limit))

    def raises(self, value: float, limit: float) -> bool:
        """Whether a value speaks against a clip by this limit; the limit itself does not."""
        return value > limit if self.bad is Bad.ABOVE else value < limit


def verdict_of(results: Iterable[CheckResult]) -> Verdict:
    """The verdict of some results: the worst severity among them; a note changes nothing."""
    found = {result.severity for result in results}
    if Severity.FAIL in found:
        return Verdict.FAIL
    return Verdict.DOUBT if Severity.DOUBT in found else Verdict.PASS
