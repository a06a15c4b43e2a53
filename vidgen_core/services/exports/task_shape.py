"""One task in the shape that programs rely on: ``vidgen tasks --json`` and the exported list are the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.i18n import Text


def task_shape(task: Task, project: str, text: Text) -> dict[str, Any]:
    """Times are UTC, ISO 8601."""
    return {
        "id": str(task.id),
        "project": project,
        "shot": task.shot,
        "take": task.take,
        "output": task.output.value,
        "status": task.status.value,
        "progress": progress_of(task),
        "provider": task.provider.value,
        "model": task.model,
        "remote_id": task.remote_id,
        "attempts": task.attempts,
        "error": error_shape(task, text),
        "file": task.file,
        "cost": money_shape(task.cost, estimated=task.charge is not ChargeStatus.CHARGED),
        "created_at": iso(task.created_at),
        "started_at": iso(task.started_at),
        "finished_at": iso(task.finished_at),
    }


def error_shape(task: Task, text: Text) -> dict[str, Any] | None:
    """Why a task failed, None when it did not."""
    failure = task.failure
    if failure is None or task.status not in (TaskStatus.FAILED, TaskStatus.PENDING):
        return None
    return {
        "kind": failure.kind.value,
        "code": failure.code,
        "message": text.failure(failure),
        "provider_message": failure.provider_message,
        "retryable": failure.retryable,
        "charged": failure.charged.value,
    }


def money_shape(money: Money | None, *, estimated: bool) -> dict[str, Any] | None:
    """An amount as a JSON number with its currency."""
    if money is None:
        return None
    return {"amount": float(money.amount), "currency": money.currency, "estimated": estimated}


def progress_of(task: Task) -> int | None:
    """Per cent; a completed task has them all."""
    return 100 if task.status is TaskStatus.COMPLETED else task.progress


def iso(moment: datetime | None) -> str | None:
    """``2026-11-21T10:00:00Z``."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
