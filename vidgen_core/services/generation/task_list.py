"""Reading tasks: without what makes them, which a list can do without."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.queries import Page, TaskFilter, TaskSort
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service

EVERY = TaskFilter()


class TaskList(Service):
    """Our units of queued work, as they stand."""

    @requires(Role.VIEWER)
    def get(self, task_id: int) -> Task:
        """:raises NotFound:"""
        with self._ctx.store.read() as tx:
            return tx.tasks.get(task_id)

    @requires(Role.VIEWER)
    def many(self, ids: Sequence[int]) -> list[Task]:
        with self._ctx.store.read() as tx:
            return tx.tasks.many(list(ids))

    @requires(Role.VIEWER)
    def page(
        self,
        project_id: int | None,
        wanted: TaskFilter = EVERY,
        sort: TaskSort = "id",
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
        skip: int = 0,
    ) -> Page[Task]:
        """:raises InputError: page_mark_unknown"""
        with self._ctx.store.read() as tx:
            return tx.tasks.page(project_id, wanted, sort, descending, limit, after, skip)

    @requires(Role.VIEWER)
    def ids(self, project_id: int | None, wanted: TaskFilter = EVERY) -> list[int]:
        with self._ctx.store.read() as tx:
            return tx.tasks.ids(project_id, wanted)

    @requires(Role.VIEWER)
    def counts(self, project_id: int | None) -> dict[TaskStatus, int]:
        with self._ctx.store.read() as tx:
            return tx.tasks.counts(project_id)

    @requires(Role.VIEWER)
    def attempts(self, task_id: int) -> list[Attempt]:
        """The money ledger of one task, in order."""
        with self._ctx.store.read() as tx:
            return tx.attempts.of_task(task_id)

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
