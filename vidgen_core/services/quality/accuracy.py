"""How often each check was right, by what people chose and rejected, and the limit that would have been right more often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.takes import MODEL, Opinion, Severity, Verdict

if TYPE_CHECKING:
    from vidgen_core.media.checks.check import Check
    from vidgen_core.services.context import ServiceContext

#: Takes that are looked at, the newest.
_MOST: Final = 2_000
#: Rejected takes that a stricter limit must catch, and as many more for each chosen one that it would raise as well: people
#: reject for much that no check measures.
LEAST_CAUGHT: Final = 3


class CheckAccuracy(Frozen):
    """One check, or one question to the model that looks at takes, against what people said of the takes."""

    code: str
    #: None: a question, which has no limit.
    limit: float | None
    #: Takes that it raises and a person rejected, and takes that it raises and a person chose.
    right: int
    wrong: int
    #: The limit by which it would be right more often, looser or stricter; None: there is none.
    better: float | None = None
    #: Rejected takes which nothing raises and that limit would; 0 of a looser one.
    caught: int = 0


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
    values: dict[str, list[_Said]] = {}
    for opinion, verdict, results in said:
        for one in results:
            values.setdefault(one.code, []).append(_Said(one.value, opinion, verdict))
    limits = ctx.settings().checks.limits
    found = [
        _of_check(check, limits[check.code], values.get(check.code, ()))
        for check in CHECKS
        if check.severity is not Severity.NOTE
    ]
    found += [_of_question(code, some) for code, some in sorted(values.items()) if code.startswith(MODEL)]
    counts = {
        verdict: tuple(sum(one == verdict and opinion is by for opinion, one, _ in said) for by in Opinion)
        for verdict in Verdict
    }
    return Accuracy(
        passed=counts[Verdict.PASS],
        doubted=counts[Verdict.DOUBT],
        failed=counts[Verdict.FAIL],
        checks=tuple(one for one in found if one.right or one.wrong or one.better is not None),
    )


class _Said(NamedTuple):
    """What a check measured of a take, and what a person and all checks said of it."""

    value: float
    opinion: Opinion
    verdict: Verdict

    @property
    def missed(self) -> bool:
        """Whether a person rejected what nothing speaks against."""
        return self.opinion is Opinion.BAD and self.verdict is Verdict.PASS


def _of_check(check: Check, limit: float, values: Sequence[_Said]) -> CheckAccuracy:
    raised = [one for one in values if check.raises(one.value, limit)]
    wrong = [one.value for one in raised if one.opinion is Opinion.GOOD]

    def looser(other: float) -> int:
        """Takes that it would be right about in addition, those less that it would let through."""
        let_through = [one.opinion for one in raised if not check.raises(one.value, other)]
        return let_through.count(Opinion.GOOD) - let_through.count(Opinion.BAD)

    def stricter(other: float) -> int:
        """Takes that it would raise in addition and nothing else does; 0 where too many are good ones."""
        new = [one for one in values if check.raises(one.value, other) and not check.raises(one.value, limit)]
        caught, good = sum(one.missed for one in new), sum(one.opinion is Opinion.GOOD for one in new)
        return caught if caught >= LEAST_CAUGHT * (1 + good) else 0

    # The value itself just passes; of equals the one that is moved to least.
    near = sorted({one.value for one in values}, key=lambda value: abs(value - limit))
    gains = [(looser(value), value) for value in near if value in wrong]
    gains += [(stricter(value), value) for value in near if not check.raises(value, limit)]
    gain, best = max(gains, key=lambda one: one[0], default=(0, limit))
    return CheckAccuracy(
        code=check.code,
        limit=limit,
        right=sum(one.opinion is Opinion.BAD for one in raised),
        wrong=len(wrong),
        better=best if gain > 0 else None,
        caught=stricter(best),
    )


def _of_question(code: str, values: Sequence[_Said]) -> CheckAccuracy:
    raised = [one.opinion for one in values if one.value]
    return CheckAccuracy(code=code, limit=None, right=raised.count(Opinion.BAD), wrong=raised.count(Opinion.GOOD))
