"""Chains: runs of shots in which each begins with the last frame of the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidgen_core.db import Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import NotFound, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.shots import PictureSlot, ReferenceRole, Shot, ShotReference, chain_word
from vidgen_core.domain.takes import ChainFrame, Take
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation.characters import references_of
from vidgen_core.services.library.references import own_words
from vidgen_core.worker.chain import Chain, Stale

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.library.shots import Shots


class LinkedShot(Frozen):
    """A shot of a chain."""

    shot: Shot
    #: Why its take no longer goes on from the one before it; None: it does, or there is none.
    stale: Stale | None
    #: The last frame of its chosen take, measured against the chain's first frame, once a shot has followed it.
    frame: ChainFrame | None
    take: Take | None


class ChainView(Frozen):
    """A chain with its shots in their order."""

    name: str
    shots: tuple[LinkedShot, ...]

    @property
    def stale(self) -> tuple[int, ...]:
        """Ids of the shots whose takes no longer go on from the ones before them."""
        return tuple(one.shot.id for one in self.shots if one.stale)


class Chains:
    """Which shots go on from each other."""

    def __init__(self, ctx: ServiceContext, shots: Shots) -> None:
        self._ctx = ctx
        self._shots = shots

    @requires(Role.VIEWER)
    def of_project(self, project_id: int) -> tuple[ChainView, ...]:
        """The chains of a project in the order of their first shots."""
        return self._ctx.revision_cache.ask(("chains", project_id), lambda tx: _views(tx, project_id))

    @requires(Role.VIEWER)
    def stale(self, project_id: int) -> dict[int, Stale]:
        """By shot: why its take no longer goes on from the one before it."""
        views = self.of_project(project_id)
        return {one.shot.id: one.stale for view in views for one in view.shots if one.stale}

    @requires(Role.VIEWER)
    def numbers(self, project_id: int) -> dict[int, str]:
        """Numbers of the shots in chains, by their ids."""
        return {one.shot.id: one.shot.number for view in self.of_project(project_id) for one in view.shots}

    @requires(Role.MAKER)
    def link(self, shot_id: int, after: int | None = None) -> dict[int, str]:
        """Let a shot, with those that follow it, go on from another one.

        :param after: the shot before it; None: the one before it on the storyboard
        :returns: the names that the chains of changed shots had before, which ``restore`` brings back
        :raises Refused: ``chain_self`` (shot), ``chain_first`` (shot), ``chain_backwards`` (shot, after)
        :raises NotFound: ``shot_not_found``
        """
        with self._ctx.store.write() as tx:
            shot = tx.shots.get(shot_id)
            before = _before(tx, shot) if after is None else tx.shots.get(after)
            if before is None:
                raise Refused("chain_first", shot=shot.number)
            if before.project_id != shot.project_id:
                raise NotFound("shot_not_found", id=before.id)
            if before.id == shot.id:
                raise Refused("chain_self", shot=shot.number)
            if (before.position, before.id) > (shot.position, shot.id):
                raise Refused("chain_backwards", shot=shot.number, after=before.number)
            name = before.chain or _unused(tx, before.project_id, before.number)
            going = [one for one in _chain(tx, shot) if one.position >= shot.position] if shot.chain else [shot]
            return _rename(tx, dict.fromkeys([before.id, *(one.id for one in going)], name))

    @requires(Role.MAKER)
    def unlink(self, shot_id: int) -> dict[int, str]:
        """Let a shot begin by itself; those that follow it go on from it.

        :returns: as ``link``
        :raises Refused: ``chain_not_linked`` (shot)
        """
        with self._ctx.store.write() as tx:
            return _unlink(tx, tx.shots.get(shot_id))

    @requires(Role.MAKER)
    def restore(self, names: dict[int, str]) -> None:
        """Give shots the chains that ``link`` or ``unlink`` told of."""
        with self._ctx.store.write() as tx:
            known = {shot.id for shot in tx.shots.many(names)}
            _rename(tx, {shot_id: name for shot_id, name in names.items() if shot_id in known})

    @requires(Role.MAKER)
    def meet(self, shot_id: int) -> Shot:
        """Let a shot end with the picture that the next one begins with, so that it is made between two frames.

        The next shot begins with its own picture, or the first frame of its chosen take, from here on.

        :raises Refused: ``chain_last`` (shot), ``chain_next_open`` (shot)
        :raises FileError: the video of the next shot is gone
        """
        with self._ctx.store.read() as tx:
            shot = tx.shots.get(shot_id)
            following = _after(tx, shot)
        if following is None:
            raise Refused("chain_last", shot=shot.number)
        if following.image or following.image_url:
            met = self._shots.edit(shot_id, last_frame=following.image, last_frame_url=following.image_url)
        elif following.chosen_take_id is not None:
            met = self._shots.use_take(shot_id, PictureSlot.LAST_FRAME, following.chosen_take_id, last=False)
        else:
            raise Refused("chain_next_open", shot=following.number)
        if following.follows is not None:
            self.unlink(following.id)
        return met

    @requires(Role.MAKER)
    def refresh(self, shot_id: int) -> Shot:
        """Let the look begin anew with a shot: from the project's reference pictures, not from the frame before it.

        :raises Refused: ``chain_no_references``
        """
        with self._ctx.store.write() as tx:
            shot = tx.shots.get(shot_id)
            project = references_of(tx, shot.project_id)
            named = [project.characters[place] for place in project.find(own_words(shot), bare=True).known]
            along = [ShotReference(image=image) for one in named for image in one.images]
            along += [ShotReference(image=image, role=ReferenceRole.STYLE) for image in project.style_images]
            if not along:
                raise Refused("chain_no_references")
            if shot.follows is not None:
                _unlink(tx, shot)
            tx.log.add(LogLevel.INFO, "chain_refreshed", project_id=shot.project_id, shot=shot.number)
        known = {one.image for one in shot.references}
        added = tuple(one for one in along if one.image not in known)
        return self._shots.edit(shot_id, references=(*shot.references, *added))


def _views(tx: Tx, project_id: int) -> tuple[ChainView, ...]:
    shots = tx.shots.many(tx.shot_chains.shots(project_id))
    if not shots:
        return ()
    every = Chain(tx, shots)
    named: dict[str, list[Shot]] = {}
    for shot in shots:
        named.setdefault(shot.chain, []).append(shot)
    return tuple(ChainView(name=name, shots=tuple(_linked(every, one) for one in some)) for name, some in named.items())


def _linked(every: Chain, shot: Shot) -> LinkedShot:
    take = every.chosen(shot)
    return LinkedShot(shot=shot, stale=every.stale.get(shot.id), frame=take and every.end(take).frame, take=take)


def _chain(tx: Tx, shot: Shot) -> list[Shot]:
    return tx.shots.many(tx.shot_chains.shots(shot.project_id, shot.chain))


def _before(tx: Tx, shot: Shot) -> Shot | None:
    """The shot before it on the storyboard."""
    return _neighbour(tx, shot, -1)


def _after(tx: Tx, shot: Shot) -> Shot | None:
    """The shot after it: in its chain, else on the storyboard."""
    following = tx.shot_chains.after(shot.id)
    return tx.shots.get(following) if following is not None else _neighbour(tx, shot, 1)


def _neighbour(tx: Tx, shot: Shot, by: int) -> Shot | None:
    order = [shot_id for shot_id, _ in tx.shots.numbers(shot.project_id)]
    place = order.index(shot.id) + by
    return tx.shots.get(order[place]) if 0 <= place < len(order) else None


def _unlink(tx: Tx, shot: Shot) -> dict[int, str]:
    if shot.follows is None:
        raise Refused("chain_not_linked", shot=shot.number)
    going = [one.id for one in _chain(tx, shot) if (one.position, one.id) >= (shot.position, shot.id)]
    return _rename(tx, dict.fromkeys(going, _unused(tx, shot.project_id, shot.number)))


def _rename(tx: Tx, names: dict[int, str]) -> dict[int, str]:
    """Give shots other chains; returns what they had, of those that changed."""
    before = {shot.id: shot.chain for shot in tx.shots.many(names) if shot.chain != names[shot.id]}
    if before:
        project_id = tx.shots.get(next(iter(before))).project_id
        tx.shot_chains.name(project_id, {shot_id: names[shot_id] for shot_id in before})
    return before


def _unused(tx: Tx, project_id: int, number: str) -> str:
    """A name for a new chain, by the number of its first shot."""
    known = {shot.chain for shot in tx.shots.many(tx.shot_chains.shots(project_id))}
    name = number if chain_word(number) is None else f"{number}'"
    while name in known:
        name += "'"
    return name
