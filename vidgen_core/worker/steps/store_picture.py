"""The end of a task that makes a picture: it goes into the image store and becomes a candidate of its shot."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from vidgen_core.db import Tx
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.shots import EDGES, NewCandidate, Shot, shape_of, side_lengths
from vidgen_core.domain.tasks import GenerationParams, Task, TaskKind, TaskStatus
from vidgen_core.media.files import PartFile
from vidgen_core.media.images import ImageFacts, inspect_image
from vidgen_core.worker.context import ActiveTask, Context
from vidgen_core.worker.transition import complete, log


def target(task: Task, ctx: Context) -> Path:
    """Where the bytes are written; the same again after a crash."""
    return ctx.locations.drawings / f"t{task.id}.fetched"


async def store(active: ActiveTask, ctx: Context, part: PartFile, length: int | None) -> None:
    """Validate and store the picture, and end the task with it.

    :raises FileError: it came in part, or is no picture
    """
    new = await asyncio.to_thread(_keep_picture, active, ctx, part, length)
    await ctx.write(active, lambda tx: add_candidate(tx, active, new, ctx.media.path_of_picture(str(new.image))))
    await asyncio.to_thread(part.restart)


def _keep_picture(active: ActiveTask, ctx: Context, part: PartFile, length: int | None) -> NewCandidate:
    task = active.task
    part.close()
    part.ensure_whole(length)
    facts = inspect_image(part.path)
    return NewCandidate(
        project_id=task.project_id,
        shot_id=task.shot_id,
        number=task.take,
        image=ctx.media.add_picture(part.path),
        task_id=task.id,
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        provider=task.provider,
        model=task.model,
        prompt=task.params.prompt,
        seed=task.params.seed,
        warnings=tuple(
            _ignored(facts, task.params, str(active.sent.sent.get("size", "")), ctx.settings().checks.limits)
        ),
    )


def _ignored(facts: ImageFacts, params: GenerationParams, sent: str, limits: Mapping[str, float]) -> Iterator[str]:
    """Codes of what was asked of the model and is not so.

    :param sent: the pixels that it was asked for, where its request names pixels
    """
    pixels = side_lengths(sent or params.size)
    wanted = pixels[0] / pixels[1] if pixels else shape_of(params.aspect_ratio)
    if wanted and abs(facts.width / facts.height / wanted - 1) > limits["ratio_differs"]:
        yield "ratio_differs"
    edge = math.sqrt(math.prod(pixels)) if pixels else EDGES.get(params.size.upper(), 0)
    if math.sqrt(facts.width * facts.height) < limits["size_differs"] * edge:
        yield "size_differs"


def add_candidate(tx: Tx, active: ActiveTask, new: NewCandidate, path: Path) -> None:
    """Add the candidate and complete the task; a shot without any picture takes the first one that comes."""
    task = active.task
    tx.candidates.add(new)
    complete(tx, active, str(path))
    log(tx, LogLevel.SUCCESS, "picture_completed", task)
    try:
        shot = tx.shots.get(task.shot_id)
    except NotFound:
        # Deleted meanwhile; the candidate comes back with it.
        return
    if shot.image is None and shot.image_url is None and new.image is not None:
        tx.shots.set_image(shot.id, new.image)
        _use_in_unsent(tx, shot, new.image)


def _use_in_unsent(tx: Tx, shot: Shot, image: str) -> None:
    """Videos of the shot that nobody has sent yet start from the picture that it has now."""
    for task in tx.tasks.of_shots([shot.id]).get(shot.id, []):
        unsent = task.status in (TaskStatus.PENDING, TaskStatus.QUEUED) and task.output is TaskKind.VIDEO
        # What is made from pictures of characters begins with none of them.
        unsent = unsent and not any(one.images for one in task.params.characters)
        if unsent and task.params.image is None and task.params.image_url is None:
            tx.tasks.note(task.id, params=task.params.model_copy(update={"image": image}))
