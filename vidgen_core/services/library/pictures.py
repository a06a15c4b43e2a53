"""Pictures: drawing candidates for shots, and which of them is a shot's reference image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vidgen_core.db.repositories.candidates import CandidateRepository
from vidgen_core.domain.characters import References
from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import picture_providers
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import PictureCandidate, Shot
from vidgen_core.domain.tasks import TaskKind, TaskStatus
from vidgen_core.providers.capabilities import Problem
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.generation import canaries, gate
from vidgen_core.services.generation.planning import NO_OPTIONS, GenerateOptions, GenerationPlan, check_options
from vidgen_core.services.generation.preflight import Estimate, Preflight
from vidgen_core.services.generation.validation import (
    Admit,
    Generated,
    ValidatedShot,
    known_references,
    new_tasks,
    refusals,
    validate,
    warnings,
)
from vidgen_core.services.library.references import (
    Travels,
    change_references,
    full_words,
    picture_problems,
    plan_picture,
    room_of,
    travelling,
)

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.library.shots import Shots

#: Candidates that one click may ask for.
MOST: int = 4


class Wording(NamedTuple):
    """What the next picture of a shot would be drawn from."""

    text: str
    along: tuple[Travels, ...]
    plan: GenerationPlan


class Pictures:
    """Candidates for reference images."""

    def __init__(self, ctx: ServiceContext, shots: Shots) -> None:
        self._ctx = ctx
        self._shots = shots

    get = stored(Role.VIEWER, CandidateRepository.get)
    of_task = stored(Role.VIEWER, CandidateRepository.of_task)
    reject = stored(Role.MAKER, CandidateRepository.reject, write=True)

    # --- reading

    @requires(Role.VIEWER)
    def of_shot(self, shot_id: int) -> list[PictureCandidate]:
        """The candidates of a shot in their order."""
        with self._ctx.store.read() as tx:
            return tx.candidates.of_shots([shot_id])[shot_id]

    @requires(Role.VIEWER)
    def missing(self, project_id: int) -> list[int]:
        """Ids of the shots that have no picture and none under way, in their order."""
        return self._shots.ids(project_id, ShotFilter("without_picture"))

    @requires(Role.VIEWER)
    def references(self, project_id: int) -> References:
        """The style and the characters of the project."""
        return known_references(self._ctx, project_id)

    @requires(Role.VIEWER)
    def wording(self, shot: Shot) -> Wording:
        """What the next picture of a shot would be drawn from."""
        references = self.references(shot.project_id)
        planned = self._plan(shot, references, NO_OPTIONS)
        return Wording(full_words(shot, references), travelling(planned.params), planned)

    @requires(Role.VIEWER)
    def estimate(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
    ) -> Estimate:
        """What ``draw`` with the same options would queue, cost and refuse; nothing is changed."""
        return gate.estimate_of(self._ctx, self.validated(project_id, shot_ids, options))

    @requires(Role.VIEWER)
    def estimate_for(self, shots: Sequence[Shot]) -> Estimate:
        """As ``estimate``, for shots of one project that have been read already."""
        return gate.estimate_of(self._ctx, self.look_at(shots))

    @requires(Role.VIEWER)
    def preflight(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
    ) -> Preflight:
        """Everything that can be known before ``draw`` with the same options is paid for; nothing is changed."""
        validated = self.validated(project_id, shot_ids, options)
        items = [gate.OrderItem(seen.shot.number, *seen.plan, seen.problems) for seen in validated]
        with self._ctx.store.read() as tx:
            return gate.check_order(self._ctx, tx, project_id, items)

    # --- changing

    @requires(Role.MAKER)
    def draw(
        self,
        project_id: int,
        shot_ids: Sequence[int],
        options: GenerateOptions = NO_OPTIONS,
        *,
        release: bool = True,
        admit: Admit | None = None,
    ) -> Generated:
        """Queue pictures for shots in one transaction and return at once; shots with nothing to draw are refused.

        Of a model that may ignore the pictures it should draw from, one picture is bought; the others wait until a person
        has looked at it.

        :param options: ``takes`` are the candidates for each shot, 1–4; the provider is ``local`` or ``images``
        :param release: False keeps them as *pending* until they are started
        :param admit: asked in the transaction that queues what of it is queued
        :raises InputError: ``pictures_out_of_range`` (count, most), ``provider_draws_nothing`` (provider), and as
            ``check_options``
        :raises Refused: ``key_needed`` (provider), when nothing of it can go for want of a key
        """
        validated = self.validated(project_id, shot_ids, options)
        if release:
            validated = gate.with_keys(self._ctx, validated)
        status = TaskStatus.QUEUED if release else TaskStatus.PENDING
        table = self._ctx.price_table()
        new = [
            task
            for seen in validated
            if not seen.fatal
            for task in new_tasks(self._ctx, seen, status, table, TaskKind.IMAGE)
        ]
        with self._ctx.store.write() as tx:
            new = new if admit is None else admit(tx, new)
            tasks = canaries.queue(self._ctx, tx, project_id, new, release=release)
            if tasks:
                shots = len({task.shot_id for task in tasks})
                tx.log.add(LogLevel.INFO, "pictures_queued", project_id=project_id, pictures=len(tasks), shots=shots)
        self._ctx.wake()
        return Generated(tasks=tuple(tasks), refused=refusals(validated), warnings=warnings(validated))

    @requires(Role.MAKER)
    def choose(self, shot_id: int, candidate_id: int) -> Shot:
        """Make a candidate the shot's reference image; the picture before it stays a candidate.

        :raises NotFound: ``candidate_not_of_shot``
        """
        with self._ctx.store.read() as tx:
            candidate = tx.candidates.get(candidate_id)
        if candidate.shot_id != shot_id:
            raise NotFound("candidate_not_of_shot")
        return self._shots.edit(shot_id, image=candidate.image, image_url=candidate.image_url)

    @requires(Role.MAKER)
    def choose_number(self, shot_id: int, number: int) -> PictureCandidate:
        """Choose a candidate by its number within the shot.

        :raises InputError: ``candidate_unknown`` (number, known)
        """
        found = {candidate.number: candidate for candidate in self.of_shot(shot_id)}
        if number not in found:
            raise InputError("candidate_unknown", number=number, known=", ".join(map(str, found)) or "–")
        self.choose(shot_id, found[number].id)
        return self.get(found[number].id)

    @requires(Role.MAKER)
    def set_references(self, project_id: int, references: References, renamed: Mapping[str, str] | None = None) -> None:
        """Say what all shots of the project have in common; what was not sent yet follows.

        :param renamed: as ``change_references``
        :raises InputError: as ``change_references``
        """
        change_references(self._ctx, project_id, lambda _: references, renamed)

    @requires(Role.VIEWER)
    def look_at(self, shots: Sequence[Shot]) -> list[ValidatedShot]:
        """What would be drawn for shots of one project that have been read already, and what stands against it."""
        return [self._check(shot, NO_OPTIONS) for shot in shots]

    @requires(Role.VIEWER)
    def validated(self, project_id: int, shot_ids: Sequence[int], options: GenerateOptions) -> list[ValidatedShot]:
        """What would be drawn, and what stands against it; raises as ``draw``."""
        check_options(options)
        count, provider = options.takes, options.provider
        if count is not None and not 1 <= count <= MOST:
            raise InputError("pictures_out_of_range", count=count, most=MOST)
        if provider is not None and provider not in picture_providers():
            raise InputError("provider_draws_nothing", provider=provider.value)
        with self._ctx.store.read() as tx:
            shots = [shot for shot in tx.shots.many(list(shot_ids)) if shot.project_id == project_id]
        return [self._check(shot, options) for shot in shots]

    def _check(self, shot: Shot, options: GenerateOptions) -> ValidatedShot:
        references = self.references(shot.project_id)
        planned = self._plan(shot, references, options)
        if not planned.params.prompt.strip():
            return ValidatedShot(shot, planned, (Problem(field="picture_prompt", code="nothing_to_draw"),))
        seen = validate(self._ctx, shot, planned, picture=True)
        if seen.fatal:
            return seen
        can = self._ctx.provider(planned.provider).capabilities(planned.model)
        with self._ctx.store.read() as tx:
            trial = canaries.unproved(self._ctx, tx, planned)
        doubts = (gate.on_trial(planned.model),) if trial else ()
        return seen._replace(problems=(*seen.problems, *picture_problems(shot, references, planned, can), *doubts))

    def _plan(self, shot: Shot, references: References, options: GenerateOptions) -> GenerationPlan:
        return plan_picture(shot, references, options, self._ctx.settings(), partial(room_of, self._ctx))
