"""Progress of tasks for streams: changes are read once for all listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import NamedTuple

from vidgen_core.domain.tasks import ENDED, Task, TaskStatus
from vidgen_core.services.facade import Vidgen


class TaskProgress(NamedTuple):
    """The progress of one task."""

    project_id: int
    status: TaskStatus
    progress: int | None


class News(NamedTuple):
    """All tasks of one listener as they are now; those that were deleted are left out."""

    #: The store's revision that this is at least as new as.
    rev: int
    standings: dict[int, TaskProgress]
    #: Every one of them has ended.
    done: bool


class _Listener:
    def __init__(self, ids: Collection[int]) -> None:
        self.ids = frozenset(ids)
        self.changed = asyncio.Event()


class Progress:
    """The streams of this process; used on the event loop only.

    :param begin: called when the first listener has come
    """

    def __init__(self, app: Callable[[], Vidgen], begin: Callable[[], None]) -> None:
        self._app = app
        self._begin = begin
        self._listeners: set[_Listener] = set()
        self._known: dict[int, TaskProgress] = {}
        self._rev = 0
        self._ended = False

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def follow(self, ids: Collection[int], since: int | None = None) -> AsyncIterator[News]:
        """Tell where tasks stand now and after each change, until all have ended or the server does.

        :param since: the revision of the last news that the listener had; what it knows is not repeated
        """
        listener = _Listener(ids)
        try:
            newest = await self._join(listener)
            news = self._news(listener)
            if since is None or newest > since or news.done:
                yield news
            while not (news.done or self._ended):
                await listener.changed.wait()
                listener.changed.clear()
                if not self._ended:
                    news = self._news(listener)
                    yield news
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._known.clear()

    async def _join(self, listener: _Listener) -> int:
        """Begin to listen; the revision of the newest change of its tasks."""
        rev, tasks = await asyncio.to_thread(lambda: self._app().tasks.at_revision(listener.ids))
        # What changes from here on is found by the next read, whatever other listeners have seen.
        self._rev = min(self._rev, rev) if self._listeners else rev
        self._listeners.add(listener)
        self._known.update((task.id, _standing(task)) for task in tasks)
        self._begin()
        # A task that is missing was deleted, which is news.
        return max((task.rev for task in tasks), default=0) if len(tasks) == len(listener.ids) else rev

    def _news(self, listener: _Listener) -> News:
        standings = {id_: self._known[id_] for id_ in sorted(listener.ids) if id_ in self._known}
        return News(self._rev, standings, all(standing.status in ENDED for standing in standings.values()))

    async def read_changes(self, rev: int) -> None:
        """Read what has changed up to ``rev``, once for all, and wake those whom it concerns."""
        if not self._listeners or rev <= self._rev:
            return
        since, before = self._rev, frozenset(self._listeners)
        wanted: frozenset[int] = frozenset().union(*(listener.ids for listener in before))
        projects = {standing.project_id for id_, standing in self._known.items() if id_ in wanted}
        changed = await asyncio.to_thread(self._changes, projects, since, wanted)
        if self._listeners <= before:
            # A listener that came meanwhile may have missed something: then the same is read again.
            self._rev = rev
        for id_, standing in changed.items():
            if standing is None:
                self._known.pop(id_, None)
            else:
                self._known[id_] = standing
        for listener in self._listeners:
            if not listener.ids.isdisjoint(changed):
                listener.changed.set()

    def _changes(self, projects: Collection[int], since: int, wanted: frozenset[int]) -> dict[int, TaskProgress | None]:
        changed = self._app().tasks.changes(projects, since, wanted)
        return {id_: _standing(task) if task else None for id_, task in changed.items()}

    def close_soon(self) -> None:
        """Let all streams end; returns at once."""
        self._ended = True
        for listener in self._listeners:
            listener.changed.set()


def _standing(task: Task) -> TaskProgress:
    return TaskProgress(task.project_id, task.status, 100 if task.status is TaskStatus.COMPLETED else task.progress)
