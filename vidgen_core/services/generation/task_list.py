"""Reading tasks: without what makes them, which a list can do without."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vidgen_core.db.repositories.attempts import AttemptRepository
from vidgen_core.db.repositories.tasks import TaskRepository
from vidgen_core.domain.tasks import Task
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.context import Service


class TaskList(Service):
    """Our units of queued work, as they stand."""

    get = stored(Role.VIEWER, TaskRepository.get)
    page = stored(Role.VIEWER, TaskRepository.page)
    ids = stored(Role.VIEWER, TaskRepository.ids)
    counts = stored(Role.VIEWER, TaskRepository.counts)
    attempts = stored(Role.VIEWER, AttemptRepository.of_task)

    @requires(Role.VIEWER)
    def many(self, ids: Sequence[int]) -> list[Task]:
        with self._ctx.store.read() as tx:
            return tx.tasks.many(list(ids))

    @requires(Role.VIEWER)
    def at_revision(self, ids: Collection[int]) -> tuple[int, list[Task]]:
        """Tasks, and the store's revision of which they are; those that were deleted are left out."""
        with self._ctx.store.read() as tx:
            return tx.rev, tx.tasks.many(list(ids))

    @requires(Role.VIEWER)
    def changes(self, projects: Collection[int], since: int, ids: Collection[int]) -> dict[int, Task | None]:
        """Those of some tasks that changed after the revision ``since``; None: it was deleted."""
        with self._ctx.store.read() as tx:
            changed = {id_ for project in projects for id_ in tx.tasks.changed_since(project, since)}.intersection(ids)
            found: dict[int, Task | None] = dict.fromkeys(changed)
            found.update((task.id, task) for task in tx.tasks.many(list(changed)))
            return found
