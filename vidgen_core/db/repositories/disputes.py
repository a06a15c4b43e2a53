"""Attempts with what a provider needs to find their jobs, including those of deleted tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from vidgen_core.db.dialect import among
from vidgen_core.db.repositories.attempts import attempt_of
from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.library import projects, shots
from vidgen_core.db.schema.queue import attempts, tasks
from vidgen_core.db.schema.sums import ledger_daily
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId

#: States of attempts that were sent and brought no video.
WITHOUT_RESULT: Final = (AttemptState.FAILED, AttemptState.UNKNOWN, AttemptState.ABANDONED)
_BLOCK: Final = 500


@dataclass(frozen=True)
class DisputeFilter:
    """Which attempts; empty means all that were sent and brought no video."""

    project_id: int | None = None
    #: Every attempt of these tasks, whatever its result.
    task_ids: tuple[int, ...] | None = None
    provider: ProviderId | None = None
    kinds: frozenset[ErrorKind] = frozenset()
    since: datetime | None = None
    #: Before this time.
    until: datetime | None = None
    #: Include those that brought a video.
    successes: bool = False


@dataclass(frozen=True)
class DisputeLine:
    """An attempt with its project, shot and take."""

    attempt: Attempt
    project: str
    #: Empty when the shot is gone.
    shot: str
    take: int | None
    output: str


class DisputeRepository(Repository):
    def any(self, project_id: int) -> bool:
        """Whether any attempt of a project brought no video; read from the sums."""
        table = ledger_daily
        found = select(table.c.n).where(
            table.c.project_id == project_id, table.c.state.in_(WITHOUT_RESULT), table.c.n > 0
        )
        return self.tx.execute(found.limit(1)).first() is not None

    def lines(self, wanted: DisputeFilter, most: int) -> Iterator[DisputeLine]:
        """The oldest first, at most ``most``."""
        after = 0
        while most > 0:
            query = _LINES.where(attempts.c.id > after, *_conditions(wanted)).order_by(attempts.c.id)
            rows = self.tx.execute(query.limit(min(_BLOCK, most))).all()
            if not rows:
                return
            for row in rows:
                values = row._asdict()
                names = [values.pop(name) for name in ("project", "shot", "take", "output")]
                yield DisputeLine(attempt_of(values), names[0] or "", names[1] or "", names[2], names[3] or "")
            after, most = rows[-1].id, most - len(rows)


_LINES: Final = (
    select(*attempts.c, projects.c.name.label("project"), shots.c.number.label("shot"), tasks.c.take, tasks.c.output)
    .outerjoin_from(attempts, tasks, tasks.c.id == attempts.c.task_id)
    .outerjoin(shots, shots.c.id == tasks.c.shot_id)
    .outerjoin(projects, projects.c.id == attempts.c.project_id)
)


def _conditions(wanted: DisputeFilter) -> list[Any]:
    found: list[Any] = [attempts.c.intent_at.is_not(None)]
    if wanted.task_ids is not None:
        found.append(among(attempts.c.task_id, wanted.task_ids))
    elif not wanted.successes:
        found.append(attempts.c.state.in_(WITHOUT_RESULT))
    if wanted.project_id is not None:
        found.append(attempts.c.project_id == wanted.project_id)
    if wanted.provider is not None:
        found.append(attempts.c.provider == wanted.provider)
    if wanted.kinds:
        found.append(attempts.c.failure["kind"].as_string().in_(wanted.kinds))
    if wanted.since is not None:
        found.append(attempts.c.intent_at >= wanted.since)
    if wanted.until is not None:
        found.append(attempts.c.intent_at < wanted.until)
    return found
