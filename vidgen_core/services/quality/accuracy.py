"""How often each check was right, by what people chose and rejected, and the limit that would have been right more often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.takes import Opinion, Severity, Verdict

if TYPE_CHECKING:
    from vidgen_core.media.checks.check import Check
    from vidgen_core.services.context import ServiceContext

#: Takes that are looked at, the newest.
_MOST: Final = 2_000


class CheckAccuracy(Frozen):
    """One check against what people said of the takes that it raises by its present limit."""

    code: str
    limit: float
    #: Takes that it raises and a person rejected, and takes that it raises and a person chose.
    right: int
    wrong: int
    #: The limit by which it would be right more often; None: there is none.
    better: float | None = None


class Accuracy(Frozen):
    """All checks against what people said."""

    #: Takes with an opinion by verdict: chosen, rejected.
    passed: tuple[int, int] = (0, 0)
    doubted: tuple[int, int] = (0, 0)
    failed: tuple[int, int] = (0, 0)
    checks: tuple[CheckAccuracy, ...] = ()


def accuracy(ctx: ServiceContext, project_id: int | None) -> Accuracy:
    """Count over the takes of a project, or of all."""
    from vidgen_core.media.checks import CHECKS

    with ctx.store.read() as tx:
        said = tx.takes.with_opinions(project_id, _MOST)
    limits = ctx.settings().checks.limits
    found = []
    for check in CHECKS:
        values = [(one.value, opinion) for opinion, _, results in said for one in results if one.code == check.code]
        if check.severity is not Severity.NOTE:
            found.append(_of_check(check, limits[check.code], values))
    counts = {
        verdict: tuple(sum(one == verdict and opinion is by for opinion, one, _ in said) for by in Opinion)
        for verdict in Verdict
    }
    return Accuracy(
        passed=counts[Verdict.PASS],
        doubted=counts[Verdict.DOUBT],
        failed=counts[Verdict.FAIL],
        checks=tuple(one for one in found if one.right or one.wrong),
    )


def _of_check(check: Check, limit: float, values: list[tuple[float, Opinion]]) -> CheckAccuracy:
    right = [value for value, opinion in values if check.raises(value, limit) and opinion is Opinion.BAD]
    wrong = [value for value, opinion in values if check.raises(value, limit) and opinion is Opinion.GOOD]

    def gain(other: float) -> int:
        """Takes that it would be right about in addition, those less that it would let through."""
        return sum(not check.raises(value, other) for value in wrong) - sum(
            not check.raises(value, other) for value in right
        )

    # The value itself just passes; of equals the one that is moved to least.
    best = max(sorted(set(wrong), key=lambda value: abs(value - limit)), key=gain, default=limit)
    better = best if gain(best) > 0 else None
    return CheckAccuracy(code=check.code, limit=limit, right=len(right), wrong=len(wrong), better=better)
