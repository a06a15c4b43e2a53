"""What both protocols do with a look at a job, before any words are found for it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from vidgen_core.fake_provider.accounts import verdict
from vidgen_core.fake_provider.jobs import Job, Stage
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.submissions import Dialect, key_of, proxy_page, rehearsal_of
from vidgen_core.fake_provider.wire import Hangup, pause

#: Fault of a look → the fault of a submit that has the same answer.
_SAME_ANSWER = {"poll-500": "server-error", "poll-429": "rate-limit", "poll-not-found": "task-unknown"}


@dataclass(frozen=True)
class View:
    """A job as one look may see it."""

    job: Job
    stage: Stage
    #: Per cent.
    progress: int
    #: None until there is one, and where a fault hides it.
    url: str | None
    now: float


async def look(request: Request, job_id: str, dialect: Dialect) -> Job | Response:
    """The job, or the answer that is given instead of it."""
    rehearsal, key = rehearsal_of(request), key_of(request)
    rehearsal.counters.polls_total += 1
    rehearsal.settle()
    born_with = verdict(key)
    if born_with and born_with != "balance-empty":
        return dialect.refusal(born_with, rehearsal.request_id())
    job = rehearsal.jobs.find(job_id)
    if job is None:
        return dialect.refusal("task-unknown", rehearsal.request_id())
    if job.key != key:
        rehearsal.counters.wrong_key_polls += 1
        return dialect.refusal("task-foreign", rehearsal.request_id())
    if job.has("slow-poll"):
        await pause(request.receive, job.number("slow-poll"))
    return _disturbed(job, dialect, rehearsal) or job


def _disturbed(job: Job, dialect: Dialect, rehearsal: Rehearsal) -> Response | None:
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


def view(request: Request, job: Job, folder: str, *, fresh_link: bool) -> View:
    """What this look may see; ``fresh_link``: whether each look mints a new link."""
    now = rehearsal_of(request).now()
    stage = job.stage(now)
    url = link(request, job, folder, fresh=fresh_link) if _shows_link(job, stage) else None
    return View(job, stage, job.progress(now), url, now)


def _shows_link(job: Job, stage: Stage) -> bool:
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
    path = f"/{folder}/{job.file_id}.mp4?expires={expires:.3f}&link={number}"
    return _written(job, str(request.base_url).rstrip("/"), path)


def _written(job: Job, base: str, path: str) -> str:
    """The link as the fault writes it."""
    scheme, _, host = base.partition("://")
    ways = {
        "relative": path,
        "key": path,
        "host": f"//{host}{path}",
        "capitals": f"{scheme.upper()}://{host}{path}",
        "blanks": f" \n{base}{path}\t\n",
    }
    return ways.get(job.argument("link-as"), base + path) if job.has("link-as") else base + path
