"""What a project and the model that it goes to have against the rows of a plan, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from vidgen_core import money
from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.money import Money
from vidgen_core.domain.shots import PictureSlot, Shot, shape_of
from vidgen_core.services.generation.planning import GenerateOptions, GenerationPlan, cost_of, plan
from vidgen_core.services.generation.preflight import Estimate
from vidgen_core.services.generation.validation import validate
from vidgen_core.services.imports.numbers import loose
from vidgen_core.services.imports.plan import Existing, PlannedShot, Reason, identity

if TYPE_CHECKING:
    from vidgen_core.media.images import ImageFacts
    from vidgen_core.services.context import ServiceContext

#: A picture whose ratio differs by more than this part from the one asked for loses something visible.
RATIO_TOLERANCE: Final = 0.08


class ReviewRow(NamedTuple):
    """One row of a plan as it stands towards a project."""

    planned: PlannedShot
    #: ``there``: the project has it already; ``similar``: it has a shot that looks like it.
    verdict: Literal["ok", "warning", "there", "similar", "rejected"]
    #: ``error.<code>`` in the catalogues, the weightiest first.
    reasons: tuple[Reason, ...]


class Review(NamedTuple):
    """A plan row by row, and what generating the rows that would be added costs."""

    rows: tuple[ReviewRow, ...]
    estimate: Estimate

    def count(self, *verdicts: str) -> int:
        return sum(1 for row in self.rows if row.verdict in verdicts)

    @property
    def new(self) -> int:
        """How many shots carrying it out would add."""
        return self.count("ok", "warning")


class KnownShots:
    """The shots of a project as rows of lists are compared with them."""

    def __init__(self, numbers: Sequence[tuple[int, str]], identities: set[str]) -> None:
        self.identities = identities
        self._by_number: dict[str, tuple[int, str]] = {}
        for shot_id, number in numbers:
            self._by_number.setdefault(number, (shot_id, number))
        for shot_id, number in numbers:
            self._by_number.setdefault(loose(number) or number, (shot_id, number))

    def similar(self, row: PlannedShot) -> tuple[int, str] | None:
        """Id and number of the shot that a row looks like: of the same number, or of one that people take for it."""
        if not row.number:
            return None
        return self._by_number.get(row.number) or self._by_number.get(loose(row.number) or row.number)

    def verdict(self, row: PlannedShot, existing: Existing) -> Literal["new", "there", "similar", "update"]:
        if self.identities and identity(row, row.image_key) in self.identities:
            return "there"
        if existing is Existing.ADD or self.similar(row) is None:
            return "new"
        return "update" if existing is Existing.UPDATE else "similar"


class Judge:
    """Says of one row after another what the project and the model have against it, and adds up what it costs."""

    def __init__(
        self, ctx: ServiceContext, project_id: int, known: KnownShots, again: bool, existing: Existing
    ) -> None:
        self._ctx = ctx
        self._project_id = project_id
        self._known = known
        self._again = again
        self._existing = existing
        self._settings = ctx.settings()
        self._tasks = 0
        self._costs: list[Money | None] = []
        self._assumed = False

    def row(self, row: PlannedShot) -> ReviewRow:
        if row.verdict == "rejected":
            return ReviewRow(row, "rejected", row.reasons)
        verdict = "new" if self._again else self._known.verdict(row, self._existing)
        if verdict == "there":
            return ReviewRow(row, "there", ())
        if verdict != "new":
            return ReviewRow(row, "similar", (*_similar(row, self._known), *row.reasons))
        shot = _shot(self._project_id, row)
        reasons = (*row.reasons, *self._against(row, shot), *self._namesake(row))
        return ReviewRow(row, "warning" if reasons else "ok", reasons)

    def _against(self, row: PlannedShot, shot: Shot) -> Iterator[Reason]:
        try:
            seen = validate(self._ctx, shot, plan(shot, GenerateOptions(), self._settings))
        except VidgenError as error:
            yield Reason(error.code, error.params)
            return
        planned = seen.plan
        for problem in seen.problems:
            yield Reason(problem.code, problem.params)
        if not seen.fatal:
            self._count(planned)
        if row.facts and not _ratio_fits(row.facts, planned.params.aspect_ratio):
            picture = f"{row.facts.width}×{row.facts.height}"
            yield Reason("picture_ratio_differs", {"picture": picture, "ratio": planned.params.aspect_ratio})

    def _count(self, planned: GenerationPlan) -> None:
        self._tasks += planned.takes
        table = self._prices
        self._costs.append(cost_of(planned, table, planned.takes))
        price = money.price_of(planned.provider, planned.model, table, planned.params)
        self._assumed = self._assumed or (price is not None and price.assumed)

    @cached_property
    def _prices(self) -> tuple[money.Price, ...]:
        return self._ctx.price_table()

    @cached_property
    def estimate(self) -> Estimate:
        return Estimate(
            tasks=self._tasks,
            money=money.total(self._costs),
            free=all(cost is not None and not cost.amount for cost in self._costs),
            assumed=self._assumed,
        )

    def _namesake(self, row: PlannedShot) -> Iterator[Reason]:
        if self._known.similar(row):
            yield Reason("number_in_project", {"number": row.number})


def _similar(row: PlannedShot, known: KnownShots) -> Iterator[Reason]:
    if there := known.similar(row):
        yield Reason("shot_similar", {"number": row.number, "there": there[1]})


def _shot(project_id: int, row: PlannedShot) -> Shot:
    """The row as the shot it would become."""
    last = next((one for one in row.pictures if one.slot is PictureSlot.LAST_FRAME), None)
    return Shot(
        id=0,
        project_id=project_id,
        number=row.number or "",
        position=0,
        prompt=row.prompt,
        image=row.image_key,
        image_url=row.image_url,
        last_frame=last.image_key if last else None,
        last_frame_url=last.image_url if last else None,
        references=tuple(one.as_reference for one in row.pictures if one.slot is PictureSlot.REFERENCE),
        params=row.params,
        created_at=datetime.now(UTC),
    )


def _ratio_fits(facts: ImageFacts, ratio: str) -> bool:
    wanted = shape_of(ratio)
    return wanted is None or abs(facts.width / facts.height / wanted - 1) <= RATIO_TOLERANCE
