"""downloading -> completed: bytes into a ``.part`` file, validated, renamed, and only then a take or a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vidgen_core.db import Tx
from vidgen_core.domain.errors import ErrorKind, FileError, RemoteError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.shots import GenerationMode, Project
from vidgen_core.domain.takes import SAME_FILE, NewTake, Severity, place_of
from vidgen_core.domain.tasks import Failure, FinishVerb, GenerationParams, Task, TaskKind
from vidgen_core.media import files, source_match, video
from vidgen_core.providers.base import Order, RemoteJob
from vidgen_core.providers.capabilities import Capabilities
from vidgen_core.worker import canary, storage_check
from vidgen_core.worker.context import ActiveTask, Context, Next, job_of
from vidgen_core.worker.retries import LONGEST_BEFORE_POLL, PASSING, back_off, failure_of, is_disk_trouble
from vidgen_core.worker.steps import poll, store_picture
from vidgen_core.worker.transition import complete, fail, log

if TYPE_CHECKING:
    from vidgen_core.media.checks.clip import ClipRequest

#: Downloads that may break before the task fails; each goes on where the last one stopped.
FETCH_TRIES = 6
#: Downloads that may be too slow before the task fails; each makes room for others and goes on later.
SLOW_TRIES = 12
#: Codes of errors that another try does not end.
FINAL = frozenset({"download_too_large", "link_refused", "video_too_large"})
#: Fresh links that may be of no use before the task fails.
LINK_TRIES = 3
#: Times that asking for a fresh link may break before the task fails: that nobody answers does not say that there is none.
ASK_TRIES = 12
#: The link leads nowhere any more.
LINK_GONE = frozenset({"link_expired", "link_missing"})
#: What a finished take has that is fetched anew.
_FETCHED: Final = {FinishVerb.FETCH_1080P: "1080P", FinishVerb.FETCH_4K: "4K"}
#: Seconds until the disk is checked again.
DISK_WAIT = 15.0
#: Bytes that must be free before a download begins, where its length is not known yet.
USUAL_VIDEO = 60_000_000


@dataclass
class Downloads:
    """What went wrong with one download so far."""

    errors: int = 0
    #: Downloads that were too slow.
    slow: int = 0
    links_renewed: int = 0
    #: Requests for a fresh link that nobody answered.
    links_unanswered: int = 0


# --- decisions --------------------------------------------------------------------------------------------------------


async def download(active: ActiveTask, ctx: Context) -> Next | None:
    """Download the result, and end the task with it."""
    if active.task.cancel_requested:
        await ctx.write(active, lambda tx: poll.abandon(tx, active, ctx.clock(), stopped=False))
        return None
    job = job_of(active.task, active.sent)
    part: files.PartFile | None = None
    try:
        task, folder = active.task, ctx.media.landing_folder(ctx.settings())
        mount = ctx.remembered(("mount", folder), lambda tx: storage_check.mount_before(tx, folder))
        [target] = targets([task], ctx)
        part = await asyncio.to_thread(_begin, active, target, mount)
        length = await _fetch(active, ctx, job, part)
        if active.task.output is TaskKind.IMAGE:
            await store_picture.store(active, ctx, part, length)
        else:
            new, shown = await asyncio.to_thread(_finish, active, ctx, part, length)
            await ctx.write(active, lambda tx: add_take(tx, active, new, shown))
    except (RemoteError, FileError) as error:
        return await _broken(active, ctx, job, error, part)
    finally:
        if part is not None:
            part.close()
    await ctx.provider(active).release(job)
    return None


def _owner(active: ActiveTask) -> str:
    """What the part file is named after: two workers may for a moment both think that a task is theirs."""
    # What tells its starts apart: its name may be no name of a file.
    start = (active.worker or "").rpartition(":")[2]
    return f"t{active.task.id}" + (f".{start}" if start else "")


def _begin(active: ActiveTask, path: Path, mount: str | None) -> files.PartFile:
    """See that there is a place for the file, and begin or go on with it."""
    if active.task.result_url is None:
        raise RemoteError("link_missing", kind=ErrorKind.FILE)
    storage_check.ensure_mounted(mount)
    part = files.PartFile(path, owner=_owner(active))
    files.ensure_free_space(path.parent, USUAL_VIDEO)
    return part


def targets(tasks: Sequence[Task], ctx: Context) -> list[Path]:
    """Where the files of tasks go; the same again after a crash, so that their parts are gone on with."""
    return [_target(task, _project(task.project_id, ctx), ctx) for task in tasks]


def _project(project_id: int, ctx: Context) -> Project:
    return ctx.remembered(("project", project_id), lambda tx: tx.projects.get(project_id))


def _target(task: Task, project: Project, ctx: Context) -> Path:
    settings = ctx.settings()
    if task.output is TaskKind.IMAGE:
        return store_picture.target(task, ctx)
    below = files.take_path(
        settings.file_pattern,
        project=project.name,
        shot=task.shot,
        take=task.take,
        model=task.model,
        provider=task.provider.value,
        created=task.created_at,
    )
    return ctx.media.landing_folder(settings) / below


async def _fetch(active: ActiveTask, ctx: Context, job: RemoteJob, part: files.PartFile) -> int | None:
    """All bytes, and how many there should be. A crash after the rename fetches again and finds the same content."""
    url = active.task.result_url or ""
    with ctx.telemetry.request("download", active.task, active.attempt):
        return await ctx.provider(active).fetch(job, url, part, ctx.key(active))


def _finish(active: ActiveTask, ctx: Context, part: files.PartFile, length: int | None) -> tuple[NewTake, str | None]:
    """Name the file; say its facts, draw its poster, and say what it has shown of a model of which that was not known."""
    from vidgen_core.media import checks

    path = part.finish(length)
    task, facts, digest = active.task, part.facts, video.sha256_file(path)
    assert facts is not None
    assert part.picture is not None
    poster, parent = f"{task.id}-{digest[:16]}.jpg", task.params.parent
    video.keep_poster(part.picture, ctx.locations.posters / poster)
    ctx.media.add_poster(ctx.locations.posters / poster)
    order = ctx.order(active)
    ctx.fetch(order)
    asked, limits = _request_of(active, ctx, order), ctx.settings().checks.limits
    against: str | None = None
    if parent is not None:
        source, longer = ctx.media.path_of(parent.video), parent.verb is FinishVerb.EXTEND
        against = source_match.differs(source, path, longer=longer)
        # What is made from a take with sound is to have some.
        asked = asked.model_copy(update={"sound": checks.is_heard(source, limits["silent"]) or None})
    found = checks.run(path, asked, {code: limits[code] for code in checks.AT_DOWNLOAD}, facts)
    folder, file = ctx.media.add_video(path, ctx.media.landing_folder(ctx.settings()), digest)
    raised = tuple(one.code for one in found if one.severity is not Severity.PASS)
    new = NewTake(
        project_id=task.project_id,
        shot_id=task.shot_id,
        task_id=task.id,
        number=task.take,
        folder=folder,
        file=file,
        poster=poster,
        seconds=facts.seconds,
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        sha256=digest,
        content=facts.content,
        provider=task.provider,
        model=task.model,
        prompt=task.params.prompt,
        seed=task.params.seed,
        warnings=((against,) if against else ()) + raised,
        parent_id=parent.take if parent else None,
        # Exports would lose the sound of what it was made from.
        stands_in=parent is not None and against is None and "silent" not in raised,
    )
    return new, _shown(active, ctx, shows_frames=checks.shows_frames(asked, found))


def _shown(active: ActiveTask, ctx: Context, *, shows_frames: bool) -> str | None:
    """What a take has shown of its model: that it follows the frames, or, made from text, that it is one at all."""
    task, provider = active.task, ctx.provider(active)
    proof = canary.proof_of(provider, task.model, task.params)
    if proof is None:
        return None
    from_text = provider.capabilities(task.model).settle(task.params).mode is GenerationMode.TEXT
    return proof if shows_frames or from_text else None


def _request_of(active: ActiveTask, ctx: Context, order: Order) -> ClipRequest:
    """What is compared with the finished file; frames of the renderer of this machine need no comparison."""
    provider = ctx.provider(active)
    frames = (order.image, order.last_frame) if not provider.mode.is_free else (None, None)
    return asked_of(provider.capabilities(active.task.model), order.params, *frames)


def asked_of(can: Capabilities, params: GenerationParams, first: Path | None, last: Path | None) -> ClipRequest:
    """What a model was asked for, as its clip can be held against it.

    A ratio or size that is not sent is not compared: another take would be no better. Without a ratio a clip has its picture's.
    Of what is made from a take the ratio is compared with that; it is as long as that and what is added, and as large as its verb says.

    :param params: as ``Capabilities.settle`` gives them
    """
    from vidgen_core.media.checks.clip import ClipRequest

    if parent := params.parent:
        added = params.duration if parent.verb is FinishVerb.EXTEND else None
        return ClipRequest(size=_FETCHED.get(parent.verb, ""), seconds=added and parent.seconds + added)
    only = can.lengths[0] if len(can.lengths) == 1 and "durations" not in can.unsure else None
    return ClipRequest(
        ratio=params.aspect_ratio if can.sends_ratio(params.mode) else "",
        size=can.real_sizes.get(params.size, params.size) if can.sizes else "",
        seconds=only if params.duration is None else params.duration,
        sound=params.sound,
        first_frame=first,
        last_frame=last,
    )


async def _broken(
    active: ActiveTask, ctx: Context, job: RemoteJob, error: VidgenError, part: files.PartFile | None
) -> Next | None:
    """Try again where that is free: the bytes, then the link, and only then fail."""
    if is_disk_trouble(error):
        task = active.task
        ctx.writer.post(lambda tx: log(tx, LogLevel.WARNING, "disk_wait", task, cause=error.code, **error.params))
        return Next(DISK_WAIT, remote=False)
    if error.code in FINAL:
        return await _fail(active, ctx, error)
    settings, so_far = ctx.settings().runner, active.own(Downloads)
    if error.code == "download_slow" and so_far.slow < SLOW_TRIES:
        so_far.slow += 1
        return Next(back_off(settings, so_far.slow, longest=LONGEST_BEFORE_POLL), remote=False)
    if error.code in LINK_GONE:
        return await _renew_link(active, ctx, job, error)
    so_far.errors += 1
    bad_bytes = isinstance(error, FileError)
    if bad_bytes and part is not None:
        await asyncio.to_thread(part.restart)
    if bad_bytes and so_far.errors > 1:
        return await _renew_link(active, ctx, job, error)
    if so_far.errors < FETCH_TRIES:
        asked = error.retry_after if isinstance(error, RemoteError) else None
        return Next(back_off(settings, so_far.errors, asked, LONGEST_BEFORE_POLL), remote=False)
    return await _fail(active, ctx, error)


async def _renew_link(active: ActiveTask, ctx: Context, job: RemoteJob, error: VidgenError) -> Next | None:
    """Go on with a fresh link; only one that was had and stored counts as tried."""
    settings, so_far = ctx.settings().runner, active.own(Downloads)
    if so_far.links_renewed >= LINK_TRIES or so_far.links_unanswered >= ASK_TRIES:
        return await _fail(active, ctx, error)
    try:
        url = await _fresh_link(active, ctx, job)
    except RemoteError as trouble:
        so_far.links_unanswered += 1
        delay = back_off(settings, so_far.links_unanswered, trouble.retry_after, LONGEST_BEFORE_POLL)
        return Next(delay, remote=False)
    if url is not None:
        fresh = url
        await ctx.writer.do(lambda tx: tx.tasks.note(active.task.id, result_url=fresh))
        active.task = active.task.model_copy(update={"result_url": fresh})
    so_far.links_renewed += 1
    return Next(back_off(settings, so_far.links_renewed), remote=False)


async def _fresh_link(active: ActiveTask, ctx: Context, job: RemoteJob) -> str | None:
    """A fresh link of the provider's, else the one that another poll names.

    :raises RemoteError: asking broke for a reason that may pass
    """
    provider, key, old = ctx.provider(active), ctx.key(active), active.task.result_url
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


async def _fail(active: ActiveTask, ctx: Context, error: VidgenError) -> Next | None:
    """The video was made and cannot be downloaded: downloading it again stays free."""
    charged = active.attempt.charge if active.attempt else ChargeStatus.UNKNOWN
    own = error.kind is ErrorKind.FILE or error.code == "download_slow"
    code = error.code if own else "download_failed"
    host = urlsplit(active.task.result_url or "").hostname or ""
    params = {**failure_of(error).params, "host": host}
    failure = Failure(kind=ErrorKind.FILE, code=code, params=params, retryable=error.code not in FINAL, charged=charged)
    await ctx.write(active, lambda tx: fail(tx, active, failure, ctx.clock()))
    return None


# --- writes -----------------------------------------------------------------------------------------------------------


def add_take(tx: Tx, active: ActiveTask, new: NewTake, shown: str | None = None) -> None:
    """Add the take and complete the task; where several have one video, nobody knows whose it is, so all are marked.

    :param shown: what the take has shown of its model (``canary.proof_of``)
    """
    task = active.task
    twins = tx.takes.twins(new)
    take_id = tx.takes.put(new.model_copy(update={"warnings": (*new.warnings, SAME_FILE)}) if twins else new)
    if new.stands_in:
        tx.takes.use(tx.takes.get(take_id), True)
    for twin in twins:
        if SAME_FILE not in twin.warnings:
            tx.takes.update(twin.id, warnings=(*twin.warnings, SAME_FILE))
    if shown is not None and not twins:
        canary.prove(tx, shown)
    complete(tx, active, place_of(new.folder, new.file))
    log(tx, LogLevel.SUCCESS, "task_completed", task, file=PurePath(new.file).name)
    if twins:
        log(tx, LogLevel.WARNING, SAME_FILE, task, other=f"{twins[0].id}")


def end_broken(tx: Tx, active: ActiveTask, failure: Failure, now: datetime) -> None:
    """End a task that this step cannot get any further with: downloading it again stays free."""
    charged = active.attempt.charge if active.attempt else ChargeStatus.UNKNOWN
    fail(tx, active, failure.model_copy(update={"kind": ErrorKind.FILE, "charged": charged}), now)
