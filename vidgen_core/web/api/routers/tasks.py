"""Tasks: create, list, retry, cancel, delete, adopt, and their videos."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import FileResponse

from vidgen_core.domain.errors import ErrorKind, InputError, NotFound
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter, TaskSort
from vidgen_core.domain.shots import Project
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import LIVE, Task, TaskKind, TaskStatus
from vidgen_core.i18n import Text
from vidgen_core.media.video import media_type
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.preflight import Estimate
from vidgen_core.services.generation.validation import Generated
from vidgen_core.services.schemas.base import Cost
from vidgen_core.services.schemas.money import OrderedResponse
from vidgen_core.services.schemas.tasks import ProblemResponse, RefusedShot, TaskResponse
from vidgen_core.web.api.common import (
    DEFAULT,
    After,
    App,
    Catalogue,
    Limit,
    PathId,
    ProjectName,
    Search,
    errors,
    project_of,
)
from vidgen_core.web.api.schemas.base import number, numbers
from vidgen_core.web.api.schemas.shots import DrawRequest
from vidgen_core.web.api.schemas.tasks import (
    AdoptNewRequest,
    AdoptRequest,
    AttemptResponse,
    CancelRequest,
    GenerateRequest,
    GenerateResponse,
    IdsRequest,
    LinkRequest,
    OutcomeResponse,
    PaidOutcomeResponse,
    PriceRequest,
    PriceResponse,
    RetryRequest,
    TaskPage,
)
from vidgen_core.web.stored_response import StoredFileResponse, existing

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.get("")
def list_tasks(
    app: App,
    t: Catalogue,
    project: ProjectName = DEFAULT,
    status: Annotated[list[TaskStatus] | None, Query()] = None,
    provider: ProviderId | None = None,
    kind: ErrorKind | None = None,
    output: TaskKind | None = None,
    verdict: Verdict | None = None,
    text: Search = "",
    sort: TaskSort = "id",
    descending: bool = False,
    limit: Limit = 100,
    after: After = None,
) -> TaskPage:
    """Tasks of a project, page by page."""
    where = project_of(app, project)
    wanted = TaskFilter(
        statuses=frozenset(status or ()), provider=provider, kind=kind, text=text, output=output, verdict=verdict
    )
    page = app.tasks.page(where.id, wanted, sort, descending, limit, after)
    return TaskPage(total=page.total, next=page.next, items=answers(page.items, t, where))


@router.post("", responses=errors(404, 409))
def create_tasks(app: App, t: Catalogue, body: GenerateRequest) -> GenerateResponse:
    """Queue new takes for shots, or say what that would cost; or order what a quote names, once."""
    if body.quote is not None:
        return _order(app, t, body)
    where = project_of(app, body.project)
    ids = requested_shots(app, where, body)
    options, again = options_of(body), again_of(body)
    if body.dry_run:
        return estimate_response(app.tasks.estimate(where.id, ids, options, again=again), t)
    made = app.tasks.generate(where.id, ids, options, release=body.release, canary=body.canary, again=again)
    return generated_response(app, t, where, made)


def _order(app: Vidgen, t: Text, body: GenerateRequest) -> GenerateResponse:
    """:raises InputError: ``quote_alone``"""
    if body.model_fields_set != {"quote"}:
        raise InputError("quote_alone")
    ordered = app.quotes.order(str(body.quote))
    where = app.projects.get(ordered.quote.project_id)
    return generated_response(app, t, where, Generated(tasks=ordered.tasks))


def options_of(body: GenerateRequest) -> GenerateOptions:
    """What a request asks for beside the shots."""
    given = body.model_dump(include=set(GenerateOptions.model_fields))
    return GenerateOptions.model_validate(given | {"until": body.until_pass and body.until_pass.value})


def again_of(body: GenerateRequest) -> bool:
    """Whether shots that have takes get more: a shot that is named is requested_shots, whatever it has."""
    return not body.all if body.again is None else body.again


def estimate_response(estimate: Estimate, t: Text) -> GenerateResponse:
    """What would be queued."""
    fatal = [one for one in estimate.problems if one.problem.fatal]
    said = ((shot.number, problem) for shot, problem in estimate.problems if not problem.fatal)
    return GenerateResponse(
        tasks=[],
        refused=[RefusedShot.of(one.shot, one.problem.code, one.problem.params, t) for one in fatal],
        warnings=ProblemResponse.all(gate.grouped(said), t),
        count=estimate.tasks,
        cost=Cost.of(estimate.money, estimated=True),
        with_takes=estimate.having,
        ordered=OrderedResponse(count=0, cost=None, worst=None),
    )


def generated_response(app: Vidgen, t: Text, where: Project, made: Generated) -> GenerateResponse:
    """What was queued."""
    ordered = OrderedResponse.of(app.tasks.estimate_tasks([task.id for task in made.tasks]))
    return GenerateResponse(
        tasks=answers(made.tasks, t, where),
        refused=[RefusedShot.of(one.shot, one.code, one.params, t) for one in made.refused],
        warnings=ProblemResponse.all(gate.grouped(made.warnings), t),
        count=ordered.count,
        cost=ordered.cost,
        with_takes=made.having,
        ordered=ordered,
    )


def requested_shots(app: Vidgen, project: Project, body: GenerateRequest | DrawRequest) -> list[int]:
    """The shots that a request names.

    :raises NotFound: ``shot_not_in_project`` (shot)
    :raises InputError: ``shots_missing``
    """
    if body.all:
        return app.shots.ids(project.id)
    ids = numbers(body.shot_ids or ())
    if ids:
        known = {view.shot.id for view in app.shots.views(ids) if view.shot.project_id == project.id}
        missing = next((id_ for id_ in ids if id_ not in known), None)
        if missing is not None:
            raise NotFound("shot_not_in_project", shot=missing)
    for name in body.shots or ():
        shot = app.shots.by_number(project.id, name.strip())
        if shot is None:
            raise NotFound("shot_not_in_project", shot=name)
        ids.append(shot.id)
    if not ids:
        raise InputError("shots_missing")
    return list(dict.fromkeys(ids))


@router.post("/retry", responses=errors(409))
def retry_tasks(app: App, t: Catalogue, body: RetryRequest) -> PaidOutcomeResponse:
    """Submit failed or cancelled tasks again: paid anew."""
    outcome = app.tasks.retry(numbers(body.ids), body.confirm)
    done = OutcomeResponse.of(outcome, t)
    ordered = OrderedResponse.of(app.tasks.estimate_tasks(outcome.done))
    return PaidOutcomeResponse(done=done.done, refused=done.refused, ordered=ordered)


@router.post("/look-again")
def look_again(app: App, t: Catalogue, body: IdsRequest) -> OutcomeResponse:
    """Go on waiting for jobs that timed out, were given up or whose submit is in doubt: free."""
    return OutcomeResponse.of(app.tasks.look_again(numbers(body.ids)), t)


@router.post("/download-again")
def download_again(app: App, t: Catalogue, body: IdsRequest) -> OutcomeResponse:
    """Fetch videos of finished jobs again: free."""
    return OutcomeResponse.of(app.tasks.download_again(numbers(body.ids)), t)


@router.post("/cancel")
def cancel_tasks(app: App, t: Catalogue, body: CancelRequest) -> OutcomeResponse:
    """End what was not sent; with ``give_up`` stop waiting for what was."""
    return OutcomeResponse.of(app.tasks.cancel(numbers(body.ids), body.give_up), t)


@router.post("/delete")
def delete_tasks(app: App, t: Catalogue, body: IdsRequest) -> OutcomeResponse:
    """Take tasks off the list; finished videos stay on the disk."""
    return OutcomeResponse.of(app.tasks.delete(numbers(body.ids)), t)


@router.post("/adopt", responses=errors(404, 409))
def adopt_new(app: App, t: Catalogue, body: AdoptNewRequest) -> TaskResponse:
    """Attach a remote job that exists already to a shot, as a new take of it: free."""
    shot, provider = number(body.shot_id), body.provider
    return _answer(app, t, app.tasks.adopt_new(shot, provider, body.remote_id, body.model, body.key))


@router.get("/{task_id}", responses=errors(404))
def get_task(app: App, t: Catalogue, task_id: PathId) -> TaskResponse:
    """One task."""
    return _answer(app, t, app.tasks.get(task_id))


@router.delete("/{task_id}", responses=errors(404))
def delete_task(app: App, t: Catalogue, task_id: PathId) -> OutcomeResponse:
    """Take one task off the list."""
    app.tasks.get(task_id)
    return OutcomeResponse.of(app.tasks.delete([task_id]), t)


@router.get("/{task_id}/attempts", responses=errors(404))
def get_attempts(app: App, t: Catalogue, task_id: PathId) -> list[AttemptResponse]:
    """Every submission of a task and what is known of its money."""
    goes_on = app.tasks.get(task_id).status in LIVE
    return [AttemptResponse.of(attempt, t, goes_on=goes_on) for attempt in app.tasks.attempts(task_id)]


@router.post("/{task_id}/link", responses=errors(404, 409))
def enter_link(app: App, t: Catalogue, task_id: PathId, body: LinkRequest) -> TaskResponse:
    """Say where the result of this task's job is; it is fetched from there: free."""
    return _answer(app, t, app.tasks.enter_link(task_id, body.url))


@router.post("/{task_id}/adopt", responses=errors(404, 409))
def adopt(app: App, t: Catalogue, task_id: PathId, body: AdoptRequest) -> TaskResponse:
    """Say which remote job is this task's: free."""
    return _answer(app, t, app.tasks.adopt(task_id, body.remote_id))


@router.get("/{task_id}/price", responses=errors(404, 409))
def get_price(app: App, task_id: PathId) -> PriceResponse:
    """The latest price of a job that waits for confirmation: free."""
    return PriceResponse(price=Cost.of(app.tasks.asked_price(task_id), estimated=False))


@router.post("/{task_id}/confirm", responses=errors(404, 409))
def confirm_price(app: App, t: Catalogue, task_id: PathId, body: PriceRequest) -> TaskResponse:
    """Confirm that price, and no other: this costs it."""
    known = body.amount is not None and body.currency is not None
    price = Money(amount=Decimal(str(body.amount)), currency=str(body.currency)) if known else None
    app.tasks.confirm_price(task_id, price)
    return _answer(app, t, app.tasks.get(task_id))


@router.get(
    "/{task_id}/video",
    response_class=FileResponse,
    responses={
        200: {"description": "The whole video.", "content": {"video/mp4": {}}},
        206: {"description": "The range that was asked for.", "content": {"video/mp4": {}}},
        400: {"description": "A range that cannot be read.", "content": {"text/plain": {}}},
        416: {"description": "A range outside of the video.", "content": {"text/plain": {}}},
        **errors(404),
    },
)
def get_video(app: App, task_id: PathId) -> FileResponse:
    """The finished video, in ranges."""
    take = app.takes.of_task(task_id)
    if take is None:
        raise NotFound("video_not_there")
    file, name = existing(app.takes.stored(take)), PurePath(take.file).name
    headers = {"ETag": f'"{take.sha256}"'}
    return StoredFileResponse(file, media_type=media_type(PurePath(name)), filename=name, headers=headers)


def _answer(app: Vidgen, t: Text, task: Task) -> TaskResponse:
    return TaskResponse.of(task, t, app.projects.get(task.project_id).name)


def answers(tasks: Sequence[Task], t: Text, project: Project) -> list[TaskResponse]:
    return [TaskResponse.of(task, t, project.name) for task in tasks]
