"""downloading -> completed: bytes into a ``.part``, checked, renamed, and only then a take or a picture."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

from vidgen_core.db import NewTake, Tx
from vidgen_core.domain.errors import ErrorKind, FileError, RemoteError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure, TaskKind
from vidgen_core.media import files, first_frame_match, video
from vidgen_core.providers.base import RemoteJob
from vidgen_core.worker import records, storage_check
from vidgen_core.worker.backoff import LONGEST_BEFORE_POLL, back_off
from vidgen_core.worker.context import ActiveTask, Context, Lane, Next, job_of
from vidgen_core.worker.failures import PASSING, failure_of, is_disk_trouble
from vidgen_core.worker.steps import store_picture

#: Downloads that may break before the task fails; each goes on where the last one stopped.
FETCH_TRIES = 6
#: Downloads that may be too slow before the task fails; each makes room for others and goes on later.
SLOW_TRIES = 12
#: What another try cannot mend.
FINAL = frozenset({"download_too_large", "link_refused"})
#: Fresh links that may be of no use before the task fails.
LINK_TRIES = 3
#: Times that asking for a fresh link may break before the task fails: that nobody answers does not say that there is none.
ASK_TRIES = 12
#: The link leads nowhere any more.
LINK_GONE = frozenset({"link_expired", "link_missing"})
#: Seconds by which a length may differ without being doubted.
LENGTH_MARGIN = 0.5
#: The doubt about takes of different tasks that are one and the same video.
SAME_FILE = "same_file"
#: Seconds until the disk is looked at again.
DISK_WAIT = 15.0
#: Bytes that must be free before a download begins, where its length is not known yet.
USUAL_VIDEO = 60_000_000


async def download(held: ActiveTask, ctx: Context) -> Next | None:
    """Bring the result home."""
    if held.task.cancel_requested:
        return await _cancelled(held, ctx)
    attempt = held.attempt
    assert attempt is not None
    job = job_of(held.task, attempt)
    part: files.PartFile | None = None
    try:
        await asyncio.to_thread(storage_check.ensure_mounted, ctx.store, ctx.settings().save_folder(ctx.locations))
        part = files.PartFile(await target(held, ctx), owner=f"t{held.task.id}")
        length = await _fetch(held, ctx, job, part)
        if held.task.output is TaskKind.IMAGE:
            await store_picture.complete(held, ctx, part, length)
        else:
            await _complete(held, ctx, await asyncio.to_thread(part.finish, length))
    except (RemoteError, FileError) as error:
        return await _broken(held, ctx, job, error, part)
    finally:
        if part is not None:
            part.close()
    await ctx.provider(held).release(job)
    return None


async def target(held: ActiveTask, ctx: Context) -> Path:
    """Where the file goes; the same again after a crash, so that its part is gone on with."""
    task, settings = held.task, ctx.settings()
    if task.output is TaskKind.IMAGE:
        return store_picture.target(held, ctx)
    project = await ctx.read(lambda tx: tx.projects.get(task.project_id))
    below = files.take_path(
        settings.file_pattern,
        project=project.name,
        shot=task.shot,
        take=task.take,
        model=task.model,
        provider=task.provider.value,
        created=task.created_at,
    )
    return settings.save_folder(ctx.locations) / below


async def _fetch(held: ActiveTask, ctx: Context, job: RemoteJob, part: files.PartFile) -> int | None:
    """All bytes, and how many there should be. A crash after the rename fetches again and finds the same content."""
    url = held.task.result_url
    if url is None:
        raise RemoteError("link_missing", kind=ErrorKind.FILE)
    await asyncio.to_thread(files.ensure_free_space, part.target.parent, USUAL_VIDEO)
    return await ctx.provider(held).fetch(job, url, part, ctx.key(held))


async def _complete(held: ActiveTask, ctx: Context, path: Path) -> None:
    new = await asyncio.to_thread(_describe, held, ctx, path)
    await ctx.writer.do(lambda tx: _keep(tx, held, new, path))


def _describe(held: ActiveTask, ctx: Context, path: Path) -> NewTake:
    """Facts and poster of a finished file."""
    task, facts = held.task, video.probe(path)
    digest = video.sha256_file(path)
    poster = f"{task.id}-{digest[:16]}.jpg"
    video.poster(path, ctx.locations.posters / poster)
    folder = ctx.settings().save_folder(ctx.locations)
    return NewTake(
        project_id=task.project_id,
        shot_id=task.shot_id,
        task_id=task.id,
        number=task.take,
        folder=str(folder),
        file=path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path),
        poster=poster,
        seconds=facts.seconds,
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        sha256=digest,
        content=video.content_digest(path),
        provider=task.provider,
        model=task.model,
        prompt=task.params.prompt,
        seed=task.params.seed,
        warnings=_ratio_warning(task.params.aspect_ratio, facts.width, facts.height)
        + (_wish_warnings(held, ctx, path, facts) if ctx.provider(held).wishes_only else ()),
    )


def _wish_warnings(held: ActiveTask, ctx: Context, path: Path, facts: video.VideoFacts) -> tuple[str, ...]:
    params = held.task.params
    picture = ctx.locations.images / params.image if params.image else None
    return _length_warning(params.duration, facts.seconds) + _frame_warning(path, picture)


def _ratio_warning(asked: str, width: int, height: int) -> tuple[str, ...]:
    try:
        left, right = (float(side) for side in asked.split(":"))
    except ValueError:
        return ()
    differs = abs((width / height) / (left / right) - 1) > 0.05
    return ("ratio_differs",) if differs else ()


def _length_warning(asked: float | None, seconds: float) -> tuple[str, ...]:
    """Models round lengths to their frames; half a second more or less is what was asked for."""
    return ("length_differs",) if asked is not None and abs(seconds - asked) > LENGTH_MARGIN else ()


def _frame_warning(path: Path, picture: Path | None) -> tuple[str, ...]:
    """A doubt is all that can be said: a picture that is gone or too even says nothing."""
    try:
        differs = picture is not None and first_frame_match.begins_with(path, picture) is False
    except FileError:
        differs = False
    return ("first_frame_differs",) if differs else ()


def _keep(tx: Tx, held: ActiveTask, new: NewTake, path: Path) -> None:
    """The take and the end of the task, together; where several have one video, nobody knows whose it is, so all are marked."""
    task = held.task
    twins = tx.takes.twins(new)
    tx.takes.add(dataclasses.replace(new, warnings=(*new.warnings, SAME_FILE)) if twins else new)
    for twin in twins:
        if SAME_FILE not in twin.warnings:
            tx.takes.update(twin.id, warnings=(*twin.warnings, SAME_FILE))
    records.complete(tx, held, str(path))
    records.log(tx, LogLevel.SUCCESS, "task_completed", task, file=path.name)
    if twins:
        records.log(tx, LogLevel.WARNING, SAME_FILE, task, other=f"{twins[0].id}")


async def _broken(
    held: ActiveTask, ctx: Context, job: RemoteJob, error: VidgenError, part: files.PartFile | None
) -> Next | None:
    """Try again where that is free: the bytes, then the link, and only then fail."""
    if is_disk_trouble(error):
        task = held.task
        ctx.writer.post(
            lambda tx: records.log(tx, LogLevel.WARNING, "disk_wait", task, cause=error.code, **error.params)
        )
        return Next(DISK_WAIT, Lane.LOCAL)
    if error.code in FINAL:
        return await _fail(held, ctx, error)
    if error.code == "download_slow" and held.slow_fetches < SLOW_TRIES:
        held.slow_fetches += 1
        return Next(back_off(ctx.settings().runner, held.slow_fetches, longest=LONGEST_BEFORE_POLL), Lane.LOCAL)
    if error.code in LINK_GONE:
        return await _renew_link(held, ctx, job, error)
    held.fetch_errors += 1
    settings = ctx.settings().runner
    bad_bytes = isinstance(error, FileError)
    if bad_bytes and part is not None:
        await asyncio.to_thread(part.restart)
    if bad_bytes and held.fetch_errors > 1:
        return await _renew_link(held, ctx, job, error)
    if held.fetch_errors < FETCH_TRIES:
        asked = error.retry_after if isinstance(error, RemoteError) else None
        return Next(back_off(settings, held.fetch_errors, asked, LONGEST_BEFORE_POLL), Lane.LOCAL)
    return await _fail(held, ctx, error)


async def _renew_link(held: ActiveTask, ctx: Context, job: RemoteJob, error: VidgenError) -> Next | None:
    """Go on with a fresh link; only one that was had and stored counts as tried."""
    if held.links_renewed >= LINK_TRIES or held.links_unanswered >= ASK_TRIES:
        return await _fail(held, ctx, error)
    settings = ctx.settings().runner
    try:
        url = await _fresh_link(held, ctx, job)
    except RemoteError as trouble:
        held.links_unanswered += 1
        delay = back_off(settings, held.links_unanswered, trouble.retry_after, LONGEST_BEFORE_POLL)
        return Next(delay, Lane.LOCAL)
    if url is not None:
        fresh = url
        await ctx.writer.do(lambda tx: tx.tasks.note(held.task.id, result_url=fresh))
        held.task = held.task.model_copy(update={"result_url": fresh})
    held.links_renewed += 1
    return Next(back_off(settings, held.links_renewed), Lane.LOCAL)


async def _fresh_link(held: ActiveTask, ctx: Context, job: RemoteJob) -> str | None:
    """A fresh link of the provider's, else the one that another poll names.

    :raises RemoteError: asking broke for a reason that may pass
    """
    provider, key, old = ctx.provider(held), ctx.key(held), held.task.result_url
    trouble: RemoteError | None = None
    url: str | None = None
    try:
        url = await provider.fresh_link(job, old or "", key)
    except RemoteError as error:
        trouble = error
    if url is None:
        try:
            url = (await provider.poll(job, key)).url
        except RemoteError as error:
            trouble = trouble or error
    if trouble is not None and trouble.kind in PASSING and url in (None, old):
        raise trouble
    return url


async def _fail(held: ActiveTask, ctx: Context, error: VidgenError) -> Next | None:
    """The video was made and cannot be brought home: fetching it again stays free."""
    charged = held.attempt.charge if held.attempt else ChargeStatus.UNKNOWN
    own = error.kind is ErrorKind.FILE or error.code == "download_slow"
    code = error.code if own else "download_failed"
    host = urlsplit(held.task.result_url or "").hostname or ""
    params = {**failure_of(error).params, "host": host}
    failure = Failure(kind=ErrorKind.FILE, code=code, params=params, retryable=error.code not in FINAL, charged=charged)
    await ctx.writer.do(lambda tx: records.fail(tx, held, failure, ctx.clock()))
    return None


async def _cancelled(held: ActiveTask, ctx: Context) -> Next | None:
    await ctx.writer.do(lambda tx: records.give_up(tx, held, ctx.clock(), stopped=False))
    return None
