"""The routes of every provider: settings, connection test, running tasks, and their progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.domain.provider_settings import KeySettings, ProviderSettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.setting_values import mask_secret
from vidgen_core.domain.tasks import Task
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.recovery import Outcome, Refusal
from vidgen_core.services.schemas.base import Cost
from vidgen_core.services.schemas.money import OrderedResponse
from vidgen_core.web.api.common import App, Catalogue, CurrentVisitor, errors
from vidgen_core.web.api.schemas.base import ErrorDetail, numbers
from vidgen_core.web.api.schemas.providers import (
    ConfigRequest,
    ConfigResponse,
    ConnectionResponse,
    KeyRequest,
    KeyResponse,
    TestRequest,
)
from vidgen_core.web.api.schemas.tasks import OutcomeResponse, ProgressItem, RunRequest, RunResponse
from vidgen_core.web.live.sse import News, Progress

#: Tasks of one stream.
MOST = 1_000
#: Fields of ``ConfigRequest`` that stand for a setting outside of the provider's section.
_POLL = "poll_interval"
_RUNNER_POLL = "runner.poll_interval"
#: Under which a request finds what the streams of its server are fed from.
PROGRESS: Final = "vidgen.progress"

router = APIRouter(prefix="/{provider}", tags=["providers"])


# --- settings


@router.get("/config")
def get_config(app: App, visitor: CurrentVisitor, provider: ProviderId) -> ConfigResponse:
    """The settings of a provider; every secret is masked, and only owners see addresses and keys."""
    settings = app.settings()
    section = settings.providers.of(provider)
    is_owner = visitor.role is Role.OWNER
    fields = {
        name: _shown(value) if is_owner or not _is_private(name, value) else ""
        for name, value in section
        if name not in ("keys", "max_concurrent")
    }
    prefix = f"providers.{provider}."
    fixed = app.settings_file.from_environment()
    return ConfigResponse(
        **fields,
        provider=provider,
        max_concurrent=settings.max_concurrent(provider),
        poll_interval=settings.runner.poll_interval,
        keys=_masked(section) if is_owner else [],
        from_environment=sorted(
            [name.removeprefix(prefix) for name in fixed if name.startswith(prefix)]
            + ([_POLL] if _RUNNER_POLL in fixed else [])
        ),
    )


@router.post("/config", responses=errors(409))
def set_config(app: App, visitor: CurrentVisitor, provider: ProviderId, body: ConfigRequest) -> ConfigResponse:
    """Change settings of a provider: all of them, or none when one is wrong."""
    given: dict[str, Any] = body.model_dump(exclude_none=True, exclude={"keys", _POLL})
    unknown = next(
        (name for name in given if name not in type(app.settings().providers.of(provider)).model_fields), None
    )
    if unknown is not None:
        raise InputError("setting_unknown", field=unknown[:80], nearest=", ".join(sorted(_names(app, provider))))
    changes = {f"providers.{provider}.{name}": value for name, value in given.items()}
    if body.poll_interval is not None:
        changes[_RUNNER_POLL] = body.poll_interval
    if body.keys is not None:
        changes[f"providers.{provider}.keys"] = _keys(app.settings().providers.of(provider), body.keys)
    if changes:
        before = app.settings().providers.of(provider)
        app.settings_file.change(changes)
        if body.keys is not None and app.settings().providers.of(provider).hosts != before.hosts:
            # Those that were written out in full were entered for the new address.
            app.settings_file.change(
                {f"providers.{provider}.keys": _keys(app.settings().providers.of(provider), body.keys)}
            )
        app.worker.wake()
    return get_config(app, visitor, provider)


def _names(app: Vidgen, provider: ProviderId) -> list[str]:
    return list(type(app.settings().providers.of(provider)).model_fields)


def _keys(section: ProviderSettings, keys: list[KeyRequest]) -> list[dict[str, Any]]:
    kept = {key.name: key for key in section.keys}
    return [_key(key, kept.get(key.name)) for key in keys]


def _key(key: KeyRequest, kept: KeySettings | None) -> dict[str, Any]:
    """A key as the settings keep it; what was masked is what was saved, for the hosts that it was entered for.

    :raises InputError: ``key_secret_missing`` (key)
    """
    secret = key.secret
    hosts = ""
    if kept is not None and secret in (None, mask_secret(kept.secret.get_secret_value())):
        secret, hosts = kept.secret.get_secret_value(), kept.hosts
    if secret is None or "****" in secret:
        raise InputError("key_secret_missing", key=key.name)
    return {"name": key.name, "secret": secret, "enabled": key.enabled, "hosts": hosts}


def _masked(section: ProviderSettings) -> list[KeyResponse]:
    return [
        KeyResponse(
            name=key.name,
            secret=mask_secret(key.secret.get_secret_value()),
            enabled=key.enabled,
            address_changed=key.is_elsewhere,
        )
        for key in section.keys
    ]


def _is_private(name: str, value: Any) -> bool:
    """Whether a setting says where keys go, what lies where on the server, or is a secret."""
    return isinstance(value, SecretStr) or name.endswith("_url") or name.startswith("browser_")


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return mask_secret(secret) if secret else ""
    return value


# --- work


@router.post("/test-connection")
def check_connection(
    app: App, t: Catalogue, provider: ProviderId, body: TestRequest | None = None
) -> ConnectionResponse:
    """Ask the provider whether a key works and what is left on it: free."""
    found = app.diagnostics.test(provider, body.secret if body else None)
    failure = found.failure
    error = failure and ErrorDetail(kind=failure.kind, message=t.told(failure))
    balance = Cost.of(found.balance, estimated=False)
    return ConnectionResponse(
        ok=found.ok,
        balance=balance,
        models=len(found.models) if found.models else None,
        error=error,
        notes=[t(note) for note in found.notes],
    )


@router.post("/tasks/run-concurrent", responses=errors(409))
def run_concurrent(
    app: App, t: Catalogue, visitor: CurrentVisitor, provider: ProviderId, body: RunRequest
) -> RunResponse:
    """Release kept tasks to the runner, which carries out as many at once as the settings say.

    Tasks that are under way already go on. Those that have ended are refused: ``/api/tasks/retry`` pays again.
    """
    ids = list(dict.fromkeys(numbers(body.task_ids)))
    known = {task.id: task for task in app.tasks.many(ids)}
    foreign = [task for task in known.values() if task.provider is not provider]
    ours = [id_ for id_ in ids if id_ not in known or known[id_].provider is provider]
    _set_cap(app, visitor.role, provider, body.max_concurrent)
    released = app.tasks.start(ours)
    running = tuple(one.id for one in released.refused if one.id in known and _goes_on(known[one.id]))
    refused = [one for one in released.refused if one.id not in running]
    refused += [Refusal(task.id, "task_of_other_provider", {"provider": task.provider.value}) for task in foreign]
    answer = OutcomeResponse.of(Outcome(done=(*released.done, *running), refused=tuple(refused)), t)
    cap = app.settings().max_concurrent(provider)
    ordered = OrderedResponse.of(app.tasks.estimate_tasks(released.done))
    return RunResponse(done=answer.done, refused=answer.refused, max_concurrent=cap, ordered=ordered)


def _goes_on(task: Task) -> bool:
    return task.status in ("queued", "processing", "downloading")


def _set_cap(app: Vidgen, role: Role, provider: ProviderId, cap: int | None) -> None:
    """Save the cap of an owner; for others it stays."""
    name = f"providers.{provider}.max_concurrent"
    if cap is None or role < Role.OWNER or cap == app.settings().max_concurrent(provider):
        return
    if name not in app.settings_file.from_environment():
        app.settings_file.change({name: cap})


# --- progress


async def _tasks(
    app: App,
    provider: ProviderId,
    task_ids: Annotated[
        str,
        Query(
            pattern=r"^[1-9][0-9]{0,14}(,[1-9][0-9]{0,14})*$", max_length=16_000, description="Ids with commas between."
        ),
    ],
) -> list[int]:
    """The tasks that are asked for.

    :raises NotFound: ``task_unknown`` (id), when one is not there or another provider's
    :raises InputError: ``task_ids_many`` (most)
    """
    ids = list(dict.fromkeys(int(id_) for id_ in task_ids.split(",")))
    if len(ids) > MOST:
        raise InputError("task_ids_many", most=MOST)
    known = {task.id for task in await run_in_threadpool(app.tasks.many, ids) if task.provider is provider}
    missing = next((id_ for id_ in ids if id_ not in known), None)
    if missing is not None:
        raise NotFound("task_unknown", id=missing)
    return ids


@router.get("/progress", response_class=EventSourceResponse, responses=errors(404))
async def stream(
    request: Request,
    tasks: Annotated[list[int], Depends(_tasks)],
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Progress as server-sent events: ``progress`` after each change, ``done`` when all tasks have ended.

    Each ``progress`` holds ``[{"task_id", "status", "progress"}]`` for all of them. A client that comes back with
    ``Last-Event-ID`` gets only what is new.
    """
    progress: Progress = request.scope[PROGRESS]
    since = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else None
    async for news in progress.follow(tasks, since):
        yield ServerSentEvent(event="progress", id=str(news.rev), data=_items(news))
        if news.done:
            yield ServerSentEvent(event="done", id=str(news.rev), data={})


def _items(news: News) -> list[dict[str, Any]]:
    return [
        ProgressItem(task_id=str(id_), status=standing.status, progress=standing.progress).model_dump()
        for id_, standing in news.standings.items()
    ]
