"""What KIE's interfaces say of a job, as measured by public clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from vidgen_core.fake_provider.jobs import Job, Stage
from vidgen_core.fake_provider.polls import PollView, put_at
from vidgen_core.fake_provider.refusals import FILTERED, ODD_CODE

_STATES: Final = {
    Stage.QUEUED: "waiting",
    Stage.PREPARING: "queuing",
    Stage.GENERATING: "generating",
    Stage.FINISHING: "generating",
    Stage.SUCCEEDED: "success",
    Stage.FAILED: "fail",
}
#: Fault → code and message of the failed job.
_REASONS: Final = {
    "failed-parameter": (422, "duration is not supported by this model"),
    "failed-overloaded": (455, "The upstream service is overloaded, please try again later"),
    "failed-timeout": (408, "The upstream produced no result within 10 minutes"),
    "moderated-output": (400, "The generated video was flagged as violating content policies"),
}


def record_of(seen: PollView) -> dict[str, Any]:
    """The record of a job in the form of the interface that took it."""
    return _veo_data(seen) if seen.job.order.interface == "veo" else _task_data(seen)


def _reason(job: Job) -> tuple[int | str, str]:
    code, message = _REASONS.get(job.failure or "", (501, "Generation failed, please try again later"))
    return (ODD_CODE if job.has("failed-odd-text") else code), job.reason(message)


def _done_marker(data: dict[str, Any], status: str, seen: PollView) -> dict[str, Any]:
    """The same record where the end is named by a marker alone."""
    if not (seen.job.has("done-marker") or seen.job.has("filtered-count")):
        return data
    del data[status]
    return data | {"done": seen.stage in (Stage.SUCCEEDED, Stage.FAILED)}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _veo_data(seen: PollView) -> dict[str, Any]:
    job = seen.job
    flags: dict[Stage, object] = {Stage.SUCCEEDED: 1, Stage.FAILED: 3}
    ended = seen.stage in flags
    data: dict[str, Any] = {
        "taskId": job.id,
        "paramJson": json.dumps(job.order.params),
        "successFlag": flags.get(seen.stage, 7 if job.has("status-unknown") else 0),
        "response": None,
        "errorCode": None,
        "errorMessage": None,
        "createTime": _time(job.created),
        "completeTime": _time(job.ends) if ended else None,
        "fallbackFlag": False,
    }
    if job.has("status-missing") and not ended:
        del data["successFlag"]
    if seen.stage is Stage.FAILED:
        if job.has("filtered-count"):
            data["response"] = {"taskId": job.id, **FILTERED}
        else:
            data["errorCode"], data["errorMessage"] = _reason(job)
    if seen.stage is Stage.SUCCEEDED:
        data |= _veo_links(job, [seen.url] if seen.url else [])
    return _done_marker(data, "successFlag", seen) | _progress(seen)


def _veo_links(job: Job, urls: list[str]) -> dict[str, Any]:
    """The links as an array, or at the other places seen: as JSON text, in ``data``."""
    resolution = str(job.order.params.get("resolution") or "720p")
    response: dict[str, Any] = {"taskId": job.id, "resolution": resolution, "resultUrls": urls}
    if not job.has("url-in"):
        return {"response": response}
    if job.argument("url-in") == "data.resultUrls":
        return {"response": None, "resultUrls": json.dumps(urls)}
    if job.argument("url-in") == "originUrls":
        return {"response": response | {"resultUrls": [], "originUrls": urls}}
    if _is_place(job.argument("url-in")):
        del response["resultUrls"]
        put_at(response, job.argument("url-in"), urls[0] if urls else None)
        return {"response": response}
    return {"response": response | {"resultUrls": json.dumps(urls)}}


def _is_place(where: str) -> bool:
    """Whether it names a place that KIE itself does not use."""
    return any(mark in where for mark in "._") and where not in ("origin_urls", "result_urls", "data.result_urls")


def _task_data(seen: PollView) -> dict[str, Any]:
    job, ended = seen.job, seen.stage in (Stage.SUCCEEDED, Stage.FAILED)
    data: dict[str, Any] = {
        "taskId": job.id,
        "model": job.order.model,
        "state": _STATES[seen.stage] if ended or not job.has("status-unknown") else "contemplating",
        "param": json.dumps(job.order.params),
        "resultJson": "",
        "failCode": None,
        "failMsg": None,
        "costTime": int((job.ends - job.created) * 1000) if ended else None,
        "completeTime": int(job.ends * 1000) if ended else None,
        "createTime": int(job.created * 1000),
        "updateTime": int(seen.now * 1000),
        "creditsConsumed": 0 if seen.stage is Stage.FAILED and job.refunded else job.price,
    }
    if job.has("status-missing") and not ended:
        del data["state"]
    if seen.stage is Stage.FAILED:
        if job.has("filtered-count"):
            data["resultJson"] = json.dumps(FILTERED)
        else:
            code, data["failMsg"] = _reason(job)
            data["failCode"] = str(code)
    if seen.stage is Stage.SUCCEEDED:
        data["resultJson"] = json.dumps(_task_links(job, [seen.url] if seen.url else []))
    return _done_marker(data, "state", seen) | _progress(seen)


def _task_links(job: Job, urls: list[str]) -> dict[str, Any]:
    where = job.argument("url-in") if job.has("url-in") else "resultUrls"
    if where == "data.result_urls":
        return {"data": {"result_urls": urls}}
    if _is_place(where):
        found: dict[str, Any] = {}
        put_at(found, where, urls[0] if urls else None)
        return found
    return {where if where in ("resultUrls", "origin_urls") else "result_urls": urls}


def _progress(seen: PollView) -> dict[str, Any]:
    """Progress, which KIE mostly leaves out."""
    if seen.job.has("progress-percent"):
        return {"progress": f"{seen.progress}%"}
    return {"progress": None} if seen.job.has("progress-null") else {}
