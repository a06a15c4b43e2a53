"""The machine-readable answers; scripts depend on their shape, so it is fixed here and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vidgen_core.app import ShotView
from vidgen_core.locale import Text
from vidgen_core.models import Charge, Money, Task, TaskStatus


def task_shape(task: Task, project: str, text: Text) -> dict[str, Any]:
    """One task as ``vidgen tasks --json`` prints it; times are UTC, ISO 8601."""
    return {
        "id": str(task.id),
        "project": project,
        "shot": task.shot,
        "take": task.take,
        "status": task.status.value,
        "progress": 100 if task.status is TaskStatus.COMPLETED else task.progress,
        "provider": task.provider.value,
        "model": task.model,
        "remote_id": task.remote_id,
        "attempts": task.attempts,
        "error": error_shape(task, text),
        "file": task.file,
        "cost": money_shape(task.cost, estimated=task.charge is not Charge.CHARGED),
        "created_at": iso(task.created_at),
        "started_at": iso(task.started_at),
        "finished_at": iso(task.finished_at),
    }


def error_shape(task: Task, text: Text) -> dict[str, Any] | None:
    """Why a task failed, None when it did not."""
    failure = task.failure
    if failure is None or task.status is not TaskStatus.FAILED:
        return None
    return {
        "kind": failure.kind.value,
        "code": failure.code,
        "message": text.failure(failure),
        "retryable": failure.retryable,
        "charged": failure.charged.value,
    }


def money_shape(money: Money | None, *, estimated: bool) -> dict[str, Any] | None:
    """An amount as a JSON number with its currency."""
    if money is None:
        return None
    return {"amount": float(money.amount), "currency": money.currency, "estimated": estimated}


def shot_shape(view: ShotView, project: str, images: Path) -> dict[str, Any]:
    """One shot as ``vidgen shots --json`` prints it."""
    shot = view.shot
    return {
        "id": str(shot.id),
        "project": project,
        "shot": shot.number,
        "prompt": shot.prompt,
        "script": shot.script,
        "picture_prompt": shot.picture_prompt,
        "image": str(images / shot.image) if shot.image else None,
        "image_url": shot.image_url,
        "params": shot.params.model_dump(mode="json", exclude_none=True),
        "extra": shot.extra,
        "tasks": {status.value: count for status, count in view.counts.items()},
        "takes": [
            {
                "take": take.number,
                "file": str(Path(take.folder, take.file)),
                "seconds": take.seconds,
                "width": take.width,
                "height": take.height,
                "chosen": take.id == shot.chosen_take_id,
            }
            for take in view.takes
        ],
    }


def iso(moment: datetime | None) -> str | None:
    """``2026-11-21T10:00:00Z``."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
