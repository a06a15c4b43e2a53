"""Takes: the videos, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Final, NamedTuple

from vidgen_core.db.repositories.takes import TakeRepository
from vidgen_core.domain.errors import InputError, NotFound, Refused
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Opinion, Take, Verdict
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.context import Service

if TYPE_CHECKING:
    from vidgen_core.media.storage import StoredFile

#: Shots of which a take is chosen in one transaction.
_AT_ONCE: Final = 200


class BestTake(NamedTuple):
    """The take of a shot that speaks for itself."""

    shot: Shot
    take: Take


class Takes(Service):
    """Finished videos of shots."""

    get = stored(Role.VIEWER, TakeRepository.get)
    chosen = stored(Role.VIEWER, TakeRepository.chosen)

    @requires(Role.VIEWER)
    def of_task(self, task_id: int) -> Take | None:
        """The take a task ended with.

        :raises NotFound: there is no such task
        """
        with self._ctx.store.read() as tx:
            tx.tasks.get(task_id)
            return tx.takes.of_task(task_id)

    @requires(Role.VIEWER)
    def takes_of(self, shot_id: int) -> list[Take]:
        """The takes of a shot in their order."""
        with self._ctx.store.read() as tx:
            return list(tx.takes.of_shots([shot_id]).get(shot_id, []))

    @requires(Role.MAKER)
    def choose(self, shot_id: int, take_id: int | None, *, instead: int | EllipsisType | None = ...) -> Shot:
        """Choose a take of a shot, or none; a take that was rejected is so no more.

        :param instead: the take, or none, that is chosen now; a choice that was changed since stays
        :raises NotFound: ``take_not_of_shot``
        :raises Refused: ``chosen_elsewhere`` (shot)
        """
        with self._ctx.store.write() as tx:
            take = None if take_id is None else tx.takes.get(take_id)
            if take is not None and take.shot_id != shot_id:
                raise NotFound("take_not_of_shot")
            shot = tx.shots.get(shot_id)
            before = shot.chosen_take_id
            if instead is not ... and before not in (instead, take_id):
                raise Refused("chosen_elsewhere", shot=shot.number)
            if before not in (None, take_id):
                tx.takes.set_opinion(before, None)
            tx.shots.choose(shot_id, take_id)
            if take is not None:
                tx.takes.set_opinion(take.id, Opinion.GOOD)
                if take.rejected is not None:
                    tx.takes.reject(take.id, None)
            return tx.shots.get(shot_id)

    @requires(Role.MAKER)
    def choose_number(self, shot_id: int, number: int) -> Take:
        """Choose a take by its number within the shot.

        :raises InputError: ``take_unknown`` (take, known)
        """
        takes = {take.number: take for take in self.takes_of(shot_id)}
        if number not in takes:
            known = ", ".join(str(known) for known in takes) or "–"
            raise InputError("take_unknown", take=number, known=known)
        self.choose(shot_id, takes[number].id)
        return takes[number]

    @requires(Role.MAKER)
    def choose_first(self, project_id: int, shot_ids: Collection[int] | None = None) -> list[Take]:
        """Choose the best good take, the first of equals, of shots whose takes have all ended and of which none is chosen; return them.

        A take that was put aside or that carries a warning is never chosen; a choice that is there stays.
        :param shot_ids: only these; None: all of the project
        """
        chosen: list[Take] = []
        while True:
            with self._ctx.store.write() as tx:
                waiting = [
                    id_ for id_ in tx.progress.ids(project_id, "choosable_takes") if shot_ids is None or id_ in shot_ids
                ]
                for shot_id, takes in tx.takes.of_shots(waiting[:_AT_ONCE]).items():
                    first = min((take for take in takes if take.is_good), key=lambda take: take.rank)
                    tx.shots.choose(shot_id, first.id)
                    chosen.append(first)
            if len(waiting) <= _AT_ONCE:
                return chosen

    @requires(Role.VIEWER)
    def best(self, project_id: int, shot_ids: Collection[int] | None = None) -> list[BestTake]:
        """The best take of each shot of which none is chosen, the first of equals; one that failed or was put aside never is.

        :param shot_ids: only these; None: all of the project
        """
        found: list[BestTake] = []
        with self._ctx.store.read() as tx:
            waiting = [
                id_ for id_ in tx.shots.ids(project_id, ShotFilter("to_choose")) if shot_ids is None or id_ in shot_ids
            ]
            for begin in range(0, len(waiting), _AT_ONCE):
                ids = waiting[begin : begin + _AT_ONCE]
                takes = tx.takes.of_shots(ids)
                for shot in tx.shots.many(ids):
                    fit = [one for one in takes[shot.id] if one.rejected is None and one.verdict is not Verdict.FAIL]
                    if fit:
                        found.append(BestTake(shot, min(fit, key=lambda take: take.rank)))
        return found

    @requires(Role.MAKER)
    def accept(self, project_id: int, wanted: Mapping[int, int]) -> dict[int, int]:
        """Choose a take of each of many shots, by their ids; a choice made meanwhile stays. Returns what was chosen."""
        return self._choose_where(project_id, wanted, lambda _shot_id: None)

    @requires(Role.MAKER)
    def take_back(self, project_id: int, accepted: Mapping[int, int]) -> None:
        """Undo ``accept``; a shot whose choice was changed since keeps it."""
        self._choose_where(project_id, dict.fromkeys(accepted), accepted.get)

    def _choose_where(
        self, project_id: int, wanted: Mapping[int, int | None], before: Callable[[int], int | None]
    ) -> dict[int, int]:
        """Choose in one transaction, where the choice is still what it was ``before``."""
        chosen: dict[int, int] = {}
        with self._ctx.store.write() as tx:
            takes = tx.takes.of_shots(list(wanted))
            for shot in tx.shots.many(list(wanted)):
                take = wanted[shot.id]
                here = take is None or take in {one.id for one in takes[shot.id]}
                if here and shot.project_id == project_id and shot.chosen_take_id == before(shot.id):
                    tx.shots.choose(shot.id, take)
                    chosen[shot.id] = take or 0
        return chosen

    @requires(Role.MAKER)
    def use_finished(self, take_id: int, used: bool = True) -> Take:
        """Let exports use a finished take in the place of the take it was made from, or that one again.

        :raises InputError: ``take_not_finished``
        """
        with self._ctx.store.write() as tx:
            take = tx.takes.get(take_id)
            if take.parent_id is None:
                raise InputError("take_not_finished")
            tx.takes.use(take, used)
            return tx.takes.get(take_id)

    @requires(Role.MAKER)
    def reject(self, take_id: int, reason: str | None) -> None:
        """Mark a take as not wanted and chosen no more, with the reason; None takes the mark away."""
        with self._ctx.store.write() as tx:
            take = tx.takes.get(take_id)
            if take.chosen and reason is not None:
                tx.shots.choose(take.shot_id, None)
            tx.takes.reject(take_id, reason)
            tx.takes.set_opinion(take_id, None if reason is None else Opinion.BAD)

    @requires(Role.VIEWER)
    def file(self, take: Take) -> Path:
        """The video, on this machine; the path may be one where nothing is.

        :raises FileError: as ``stored``
        """
        return self._ctx.media.video(take)

    @requires(Role.VIEWER)
    def stored(self, take: Take) -> Path | StoredFile:
        """The video, on this machine or to be read in parts; a path may be one where nothing is.

        :raises FileError: the bucket cannot be reached or refuses
        """
        return self._ctx.media.stored(take)

    @requires(Role.VIEWER)
    def poster(self, take: Take) -> Path | None:
        """Its poster.

        :raises FileError: as ``stored``
        """
        return self._ctx.media.poster(take.poster) if take.poster else None
