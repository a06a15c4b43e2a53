"""One task, one step.

    pending ──release──> queued ──submit──> processing ──poll: done──> downloading ──file──> completed
                           ^  (records.claim/intend/accept)  │                         │
                           └── surely not accepted, or ──────┤                         │
                               a new attempt is allowed      └──────> failed <─────────┘
                                                                      cancelled

``advance`` looks where the store says that the task stands, moves it by one transition and says when to call
again and what the task occupies until then. None: the task has ended, waits in the queue, or waits for a person.
Call it twice, kill it anywhere: the result is the same and nothing is paid twice, because every change of status
repeats its source states and the intent is on disk before a paid request leaves.
"""

from __future__ import annotations

from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.providers.base import Key
from vidgen_core.worker.context import ActiveTask, Context, Next
from vidgen_core.worker.steps.download import download
from vidgen_core.worker.steps.poll import follow
from vidgen_core.worker.steps.submit import submit


async def step(held: ActiveTask, ctx: Context, key: Key | None = None) -> Next | None:
    """Move ``held`` by one step. ``key`` is the lease for a queued task of a provider that needs one."""
    match held.task.status:
        case TaskStatus.QUEUED:
            return await submit(held, ctx, key)
        case TaskStatus.PROCESSING:
            return await follow(held, ctx)
        case TaskStatus.DOWNLOADING:
            return await download(held, ctx)
        case _:
            return None
