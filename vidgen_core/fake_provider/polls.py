"""Handle a poll of a job in every protocol, before it is put into a provider's format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from vidgen_core.fake_provider.jobs import Job, Stage
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.submissions import Answered, Dialect, bad_key, key_of, proxy_page, rehearsal_of
from vidgen_core.fake_provider.wire import Hangup, pause

#: Fault of a poll → the fault of a submit that has the same answer.
#: Short names of places in lists.
_SHORT: Final[Mapping[str, str]] = {"detail.generations": "detail.generations.*.url", "data.list": "data.*.url"}
_SAME_ANSWER = {"poll-500": "server-error", "poll-429": "rate-limit", "poll-not-found": "task-unknown"}


@dataclass(frozen=True)
class PollView:
    """A job as one poll shows it."""

    job: Job
    stage: Stage
    #: Per cent.
    progress: int
    #: None until there is one, and where a fault hides it.
    url: str | None
    now: float


async def find_job(request: Request, job_id: str, dialect: Dialect) -> Job:
    """The job that is polled.

    :raises Answered: something else is answered instead
    """
    rehearsal, key = rehearsal_of(request), key_of(request)
    rehearsal.counters.polls_total += 1
    rehearsal.settle()
    if wrong := bad_key(request):
        raise Answered(dialect.refusal(wrong, rehearsal.request_id()))
    job = rehearsal.jobs.find(job_id)
    if job is None:
        raise Answered(dialect.refusal("task-unknown", rehearsal.request_id()))
    if job.key != key:
        rehearsal.counters.wrong_key_polls += 1
        raise Answered(dialect.refusal("task-foreign", rehearsal.request_id()))
    if job.has("slow-poll"):
        await pause(request.receive, job.number("slow-poll"))
    if fault := _poll_fault(job, dialect, rehearsal):
        raise Answered(fault)
    return job


def _poll_fault(job: Job, dialect: Dialect, rehearsal: Rehearsal) -> Response | None:
    for fault, same in _SAME_ANSWER.items():
        if job.fires(fault):
            return dialect.refusal(same, rehearsal.request_id())
    if job.has("poll-retry-after") and not job.hits["poll-retry-after"]:
        job.hits["poll-retry-after"] += 1
        answer = dialect.refusal("rate-limit-retry-after", rehearsal.request_id())
        answer.headers["Retry-After"] = job.argument("poll-retry-after")
        return answer
    if job.fires("poll-html"):
        return proxy_page(200)
    if job.fires("poll-gateway"):
        return proxy_page(502)
    if job.fires("poll-reset"):
        return Hangup(reset=True)
    return None


def poll_view(request: Request, job: Job, folder: str, *, fresh_link: bool) -> PollView:
    """What this poll shows; ``fresh_link``: whether each poll creates a new link."""
    now = rehearsal_of(request).now()
    stage = job.stage(now)
    url = link(request, job, folder, fresh=fresh_link) if _has_link(job, stage) else None
    return PollView(job, stage, job.progress(now), url, now)


def _has_link(job: Job, stage: Stage) -> bool:
    if stage is not Stage.SUCCEEDED or job.has("completed-without-url") or job.has("moderated-silent"):
        return False
    return not job.fires("url-late")


def link(request: Request, job: Job, folder: str, *, fresh: bool) -> str:
    """A link to the result; a fresh one has its own number and its own time to live."""
    rehearsal = rehearsal_of(request)
    number = job.links
    since = rehearsal.now() if fresh else job.ends
    job.links += fresh
    expires = since + rehearsal.options.link_seconds
    ending = "png" if job.order.draws else "mp4"
    path = f"/{folder}/{job.file_id}.{ending}?expires={expires:.3f}&link={number}"
    return _format_link(job, str(request.base_url).rstrip("/"), path)


def _format_link(job: Job, base: str, path: str) -> str:
    """The link in the form that the fault asks for."""
    scheme, _, host = base.partition("://")
    forms = {
        "relative": path,
        "key": path,
        "host": f"//{host}{path}",
        "capitals": f"{scheme.upper()}://{host}{path}",
        "blanks": f" \n{base}{path}\t\n",
    }
    return forms.get(job.argument("link-as"), base + path) if job.has("link-as") else base + path


def put_at(body: dict[str, Any], where: str, value: object) -> None:
    """Put a value at a place such as ``data.task_result.videos.*.url``; ``*`` is a list of one."""
    steps = _SHORT.get(where, where).split(".")
    target: dict[str, Any] | list[Any] = body
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        inner: Any = value if following is None else [] if following == "*" else {}
        if isinstance(target, list):
            target.append(inner)
        else:
            known = target.get(step)
            if following is not None and isinstance(known, type(inner)):
                inner = known
            target[step] = inner
        target = inner
