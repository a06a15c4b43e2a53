"""How the vendors behind a Yunwu key say how far a job is."""

from __future__ import annotations

import uuid
from typing import Any

from vidgen_core.fake_provider.jobs import Stage
from vidgen_core.fake_provider.polls import PollView


def _words(seen: PollView, queued: str, running: str, done: str, failed: str) -> str:
    words = {Stage.QUEUED: queued, Stage.SUCCEEDED: done, Stage.FAILED: failed, Stage.CANCELLED: failed}
    return words.get(seen.stage, running)


def _why(seen: PollView) -> str:
    return seen.job.reason("upstream error, please try again later") if seen.stage is Stage.FAILED else ""


def kling(seen: PollView) -> dict[str, Any]:
    data: dict[str, Any] = {
        "task_id": seen.job.id,
        "task_status": _words(seen, "submitted", "processing", "succeed", "failed"),
        "task_status_msg": _why(seen),
    }
    if seen.url:
        data["task_result"] = {"videos": [{"id": "1", "url": seen.url, "duration": f"{seen.job.order.seconds:g}"}]}
    return {"code": 0, "message": "SUCCEED", "request_id": uuid.uuid4().hex, "data": data}


def turbo(seen: PollView) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": seen.job.id,
        "status": _words(seen, "submitted", "processing", "succeeded", "failed"),
        "message": _why(seen),
    }
    if seen.url:
        row["outputs"] = [{"type": "video", "url": seen.url}]
    return {"code": 0, "message": "SUCCEED", "data": [row]}


def vidu(seen: PollView) -> dict[str, Any]:
    made = [{"id": "1", "url": seen.url, "cover_url": f"{seen.url}.jpg"}] if seen.url else []
    state = _words(seen, "queueing", "processing", "success", "failed")
    return {"id": seen.job.id, "state": state, "err_code": _why(seen), "progress": seen.progress, "creations": made}


def hailuo(seen: PollView) -> dict[str, Any]:
    status = _words(seen, "Queueing", "Processing", "Success", "Fail")
    said = {"status_code": 1027 if seen.job.has("moderated-output") and _why(seen) else 0, "status_msg": _why(seen)}
    body = {"task_id": seen.job.id, "status": status, "base_resp": said}
    return body | ({"file_id": seen.job.file_id} if seen.url else {})


def ark(seen: PollView) -> dict[str, Any]:
    status = _words(seen, "queued", "running", "succeeded", "failed")
    body: dict[str, Any] = {"id": seen.job.id, "model": seen.job.order.model, "status": status}
    if seen.url:
        body["content"] = {"video_url": seen.url, "last_frame_url": f"{seen.url}.png"}
    return body | ({"error": {"code": "InternalServiceError", "message": _why(seen)}} if _why(seen) else {})


def openai(seen: PollView) -> dict[str, Any]:
    status = _words(seen, "queued", "in_progress", "completed", "failed")
    body: dict[str, Any] = {"id": seen.job.id, "object": "video", "model": seen.job.order.model, "status": status}
    return (
        body
        | {"progress": seen.progress}
        | ({"error": {"code": "failed", "message": _why(seen)}} if _why(seen) else {})
    )
