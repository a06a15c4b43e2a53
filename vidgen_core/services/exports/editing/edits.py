"""The cut comes back: an editor's timeline gives shots their new order and takes their in and out points.

``plan`` changes nothing and says everything: what would change, and each clip that cannot be followed, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.db.worker_state import StateRow
from vidgen_core.domain.errors import Refused
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service

if TYPE_CHECKING:
    from vidgen_core.db import Tx
    from vidgen_core.services.exports.editing.edit_plan import EditPlan

#: What the last edit of a project replaced.
_BEFORE: Final = StateRow[dict[str, Any]]("edit.{}", dict[str, Any])


class Edits(Service):
    """Timelines that come back from an editor."""

    @requires(Role.VIEWER)
    def plan(self, project_id: int, name: str, data: bytes) -> EditPlan:
        """What a timeline would change: OTIO, EDL, Final Cut Pro's or Premiere's XML.

        :param name: of the file, for people
        :raises InputError: edit_unknown, edit_unreadable, edit_empty, edit_foreign
        """
        from vidgen_core.services.exports.editing.edit_plan import make_plan, project_rate
        from vidgen_core.services.exports.editing.edited_timeline import read_uses

        with self._ctx.store.read() as tx:
            shots = tx.shots.all(project_id)
            takes = tx.takes.of_shots([shot.id for shot in shots])
        uses = read_uses(data, project_rate(shots, takes, self._ctx.media))
        return make_plan(project_id, name, shots, takes, uses)

    @requires(Role.MAKER)
    def apply(self, plan: EditPlan) -> EditPlan:
        """Change order, chosen takes and their points as planned; ``undo`` takes it back.

        :raises Refused: ``edit_outdated``: shots were added, moved or removed since it was planned
        """
        with self._ctx.store.write() as tx:
            now = tuple(tx.shots.ids(plan.project_id))
            if now != plan.before:
                raise Refused("edit_outdated", name=plan.name)
            takes = {take.id: take for each in tx.takes.of_shots(now).values() for take in each}
            chosen = {shot.id: shot.chosen_take_id for shot in tx.shots.many(now)}
            kept = {
                "name": plan.name,
                "order": list(now),
                "chosen": {
                    each.shot_id: chosen.get(each.shot_id) for each in plan.shots if each.take_before is not None
                },
                "trims": {
                    each.take_id: (takes[each.take_id].trim_in, takes[each.take_id].trim_out)
                    for each in plan.changes
                    if each.take_id in takes
                },
            }
            _put_order(tx, plan.project_id, now, plan.order)
            for each in plan.changes:
                if each.take_id not in takes:
                    continue
                if each.take_before is not None:
                    tx.shots.choose(each.shot_id, each.take_id)
                trim_in, trim_out = each.trim or (None, None)
                tx.takes.update(each.take_id, trim_in=trim_in, trim_out=trim_out)
            _BEFORE.put(tx, kept, plan.project_id)
        return plan

    @requires(Role.VIEWER)
    def applied(self, project_id: int) -> str | None:
        """The name of the timeline that was applied last and can be undone."""
        with self._ctx.store.read() as tx:
            kept = _BEFORE.get(tx, project_id)
        return kept["name"] if kept else None

    @requires(Role.MAKER)
    def undo(self, project_id: int) -> str:
        """Put order, choices and points back as they were before the last edit; returns its name.

        :raises Refused: ``edit_nothing_to_undo``
        """
        with self._ctx.store.write() as tx:
            kept = _BEFORE.get(tx, project_id)
            if kept is None:
                raise Refused("edit_nothing_to_undo")
            now = tx.shots.ids(project_id)
            takes = {take.id for each in tx.takes.of_shots(now).values() for take in each}
            # Shots that came since stay behind those of then.
            then = [id_ for id_ in kept["order"] if id_ in set(now)]
            _put_order(tx, project_id, now, [*then, *(id_ for id_ in now if id_ not in set(then))])
            for shot_id, take_id in kept["chosen"].items():
                if int(shot_id) in now and (take_id is None or take_id in takes):
                    tx.shots.choose(int(shot_id), take_id)
            for take_id, (trim_in, trim_out) in kept["trims"].items():
                if int(take_id) in takes:
                    tx.takes.update(int(take_id), trim_in=trim_in, trim_out=trim_out)
            _BEFORE.put(tx, None, project_id)
        return str(kept["name"])


def _put_order(tx: Tx, project_id: int, before: Sequence[int], after: Sequence[int]) -> None:
    if list(before) != list(after):
        tx.shots.reorder(project_id, after)
