"""The tools: each calls the services with the rights of its caller. What a function says here is what an agent reads of it."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

import anyio
from mcp.server.mcpserver import Image
from pydantic import BaseModel, ConfigDict, Field

from vidgen_core.domain.agents import QuoteKind
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.domain.providers import ProviderId, picture_providers, video_providers
from vidgen_core.domain.queries import LONGEST_MARK, ShotFilter, ShotState
from vidgen_core.domain.shots import Author, Project
from vidgen_core.domain.tasks import LIVE, MOST_DRAWS, FinishVerb, UntilPass
from vidgen_core.mcp_server import pictures
from vidgen_core.mcp_server.answers import (
    AgentAnswer,
    ExportAnswer,
    ImportAnswer,
    OrderAnswer,
    ProjectAnswer,
    ShotAnswer,
    ShotsAnswer,
    TaskAnswer,
    TasksAnswer,
)
from vidgen_core.mcp_server.caller import Caller
from vidgen_core.services.exports.exports import Export
from vidgen_core.services.exports.film import Format, Options
from vidgen_core.services.generation.finishing import FinishOptions
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.imports.plan import Existing
from vidgen_core.services.quality.model_judge import Nothing
from vidgen_core.services.schemas.scripts import BoardResponse, ScriptResponse
from vidgen_core.services.schemas.tasks import QuoteResponse
from vidgen_core.services.scripts.prompts import Wanted
from vidgen_core.services.scripts.scripts import ScriptText

ProjectName = Annotated[str, Field(min_length=1, max_length=120, description="The project by its name.")]
Number = Annotated[str, Field(min_length=1, max_length=200, description="The number of a shot, e.g. 1.0.")]
TakeNumber = Annotated[int, Field(ge=1, le=1_000_000, description="The number of a take within its shot.")]
Seconds = Annotated[float, Field(ge=0, le=50, description="How long to wait for a change, at most.")]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Script = Annotated[str, Field(min_length=1, max_length=1_000_000, description="A script as text, Chinese or English.")]
ScriptName = Annotated[str, Field(max_length=200)]
ScriptId = Annotated[str, Field(min_length=1, max_length=20, description="The id of a script.")]
Shots = Annotated[list[Number], Field(min_length=1, max_length=10_000, description="Shots by their numbers.")]
T = TypeVar("T")
#: Seconds between two looks at what is waited for.
_LOOK_EVERY: Final = 0.3
#: Characters and files of one import.
_LONGEST: Final = 20_000_000
_MOST_FILES: Final = 500
#: Characters of a prompt.
_PROMPT: Final = 20_000


class UntilPassed(BaseModel):
    """Takes one after another until one passes its checks."""

    model_config = ConfigDict(extra="forbid")

    most: Annotated[int, Field(ge=1, le=MOST_DRAWS, description="Takes of a shot, at most.")] = 4
    ceiling: Annotated[Decimal, Field(ge=0, lt=10**9, allow_inf_nan=False)] | None = None
    """What the order may cost as a whole, in the currency of your limits; else what all these takes would cost."""

    @property
    def value(self) -> UntilPass:
        return UntilPass(most=self.most, ceiling=self.ceiling)


class SentFile(BaseModel):
    """A list, a storyboard, or a picture that one of them names."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=300)]
    text: Annotated[str, Field(max_length=_LONGEST)] | None = None
    """What is in it, of lists in text (CSV, JSON, Markdown)."""
    base64: Annotated[str, Field(max_length=_LONGEST)] | None = None
    """The same of pictures and workbooks."""

    def data(self) -> io.BytesIO:
        """:raises InputError: ``file_sent_twice`` (name), ``file_not_base64`` (name)"""
        if (self.text is None) == (self.base64 is None):
            raise InputError("file_sent_twice", name=self.name)
        if self.text is not None:
            return io.BytesIO(self.text.encode("utf-8", "replace"))
        try:
            return io.BytesIO(base64.b64decode(self.base64 or "", validate=True))
        except (binascii.Error, ValueError):
            raise InputError("file_not_base64", name=self.name) from None


# --- reading


def whoami(caller: Caller) -> AgentAnswer:
    """Your name here, your role, your projects, and what is left of your limits of spending. Begin with it."""
    if caller.agent is None:
        return AgentAnswer(name="API", role="owner", projects=None, per_day=None, in_all=None)
    names = [project.name for project in caller.projects()]
    return AgentAnswer.of(caller.agent, names, caller.app.agents.statuses(caller.agent))


def list_projects(caller: Caller) -> list[ProjectAnswer]:
    """The projects that you may see, with how many of their shots and tasks stand where."""
    return [
        ProjectAnswer(
            project=project.name,
            shots=caller.app.shots.counts(project.id),
            tasks={status.value: n for status, n in caller.app.tasks.counts(project.id).items() if n},
        )
        for project in caller.projects()
    ]


def list_shots(
    caller: Caller,
    project: ProjectName,
    state: ShotState = "all",
    text: Annotated[str, Field(max_length=200, description="Searched for in numbers, prompts and scripts.")] = "",
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    after: Annotated[str | None, Field(max_length=LONGEST_MARK, description="`next` of the part before.")] = None,
) -> ShotsAnswer:
    """Shots of a project in their order, with their prompts, takes and what the checks say of them."""
    page = caller.app.shots.page(caller.project(project).id, ShotFilter(state=state, text=text), limit, after)
    return ShotsAnswer(total=page.total, next=page.next, shots=[ShotAnswer.of(view) for view in page.items])


def get_shot(caller: Caller, project: ProjectName, shot: Number) -> ShotAnswer:
    """One shot with its takes."""
    return _shot(caller, caller.shot(caller.project(project), shot).id)


def _shot(caller: Caller, shot_id: int) -> ShotAnswer:
    drawn = [one.number for one in caller.app.pictures.of_shot(shot_id) if not one.rejected]
    return ShotAnswer.of(caller.app.shots.view(shot_id), drawn)


def look(
    caller: Caller,
    project: ProjectName,
    shot: Number,
    take: TakeNumber | None = None,
    picture: TakeNumber | None = None,
) -> list[str | Image]:
    """Look at a shot: its reference picture, a candidate for it by its number, or the first picture of a take."""
    app, found = caller.app, caller.shot(caller.project(project), shot)
    if picture is None and take is not None:
        name, path = f"{found.number}-v{take}", app.takes.poster(caller.take(found, take))
        if path is None:
            raise NotFound("video_not_there")
    else:
        name, key = found.number, found.image
        if picture is not None:
            drawn = (one.image for one in app.pictures.of_shot(found.id) if one.number == picture)
            name, key = f"{found.number} {picture}", next(drawn, None)
        if not key:
            raise NotFound("picture_not_there", shot=found.number)
        path = app.shots.image_path(key)
    return [name, Image(data=pictures.jpeg(path), format="jpeg")]


def contact_sheet(
    caller: Caller,
    project: ProjectName,
    shots: Annotated[list[Number], Field(min_length=1, max_length=200)] | None = None,
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
) -> list[str | Image]:
    """The first pictures of many takes on one sheet, numbered; the text says which number is which take."""
    app, where = caller.app, caller.project(project)
    takes = [(view.shot, take) for view in app.shots.views(_shot_ids(caller, where, shots)) for take in view.takes]
    shown = takes[offset : offset + pictures.MOST]
    if not shown:
        raise NotFound("video_not_there")
    lines = [
        f"{place}: {shot.number}-v{take.number} {take.verdict or ''}{' (chosen)' if take.id == shot.chosen_take_id else ''}"
        for place, (shot, take) in enumerate(shown, 1)
    ]
    more = len(takes) - offset - len(shown)
    lines += [f"+ {more}: offset={offset + len(shown)}"] if more > 0 else []
    return ["\n".join(lines), Image(data=pictures.sheet([app.takes.poster(take) for _, take in shown]), format="jpeg")]


def list_scripts(caller: Caller, project: ProjectName) -> list[ScriptResponse]:
    """The scripts of a project and how far each is, the newest first."""
    return [ScriptResponse.of(view) for view in caller.app.scripts.all(caller.project(project).id)]


def storyboard(caller: Caller, project: ProjectName, script: ScriptId) -> BoardResponse:
    """The shots that a script becomes, as ``store_script`` would take them; ``lost_lines`` no proposal showed whole."""
    return BoardResponse.of(caller.app.scripts.board(caller.script(caller.project(project), script)), caller.t)


# --- filling


def import_list(
    caller: Caller,
    project: ProjectName,
    files: Annotated[list[SentFile], Field(min_length=1, max_length=_MOST_FILES)],
    existing: Annotated[
        Existing, Field(description="What becomes of rows that look like shots that are there with another content.")
    ] = Existing.ASK,
) -> ImportAnswer:
    """Make shots of a list or storyboard (CSV, XLSX, JSON, Markdown) and of the pictures it names; costs nothing.

    Rows that cannot be taken say why and stop no others; the same list twice adds nothing twice.
    """
    from vidgen_core.services.imports.readers.reader import lists_or_all

    with caller.app.imports.temporary_staging() as staging:
        paths = [staging.put(file.name.replace("\\", "/"), file.data()) for file in files]
        plan = caller.app.imports.plan(lists_or_all(paths), may_leave=False)
        where = caller.project_to_fill(project)
        plan = caller.app.imports.materialize(where.id, plan, staging, False)
        return ImportAnswer.of(caller.app.imports.apply(where.id, plan, False, existing=existing), plan, caller.t)


def split_script(caller: Caller, project: ProjectName, text: Script, name: ScriptName = "") -> ScriptResponse:
    """Split a script into shots by scene and sentence, without a language model, at no cost; see ``storyboard``."""
    script = caller.app.scripts.start(caller.project_to_fill(project).id, text, name, offline=True)
    return ScriptResponse.of(caller.app.scripts.get(script.id))


def store_script(caller: Caller, project: ProjectName, script: ScriptId, chains: bool = False) -> ImportAnswer:
    """Put the storyboard of a script into the project, once; with ``chains`` continuous shots go on from each other."""
    id_ = caller.script(caller.project(project), script)
    plan = caller.app.scripts.board(id_).plan
    return ImportAnswer.of(caller.app.scripts.store(id_, chains=chains), plan, caller.t)


def edit_prompt(
    caller: Caller, project: ProjectName, shot: Number, prompt: Annotated[str, Field(max_length=20_000)]
) -> ShotAnswer:
    """Write the prompt of a shot anew; the wording before is kept, and takes that were not sent yet follow."""
    found = caller.shot(caller.project(project), shot)
    caller.app.shots.edit(found.id, found.rev, author=Author.MODEL, writer=caller.name or "API", prompt=prompt)
    return _shot(caller, found.id)


# --- ordering


def quote(
    caller: Caller,
    project: ProjectName,
    shots: Shots | None = None,
    takes: Annotated[int, Field(ge=1, le=5)] | None = None,
    provider: Annotated[str, Field(description=f"One of {', '.join(video_providers())}; else as set.")] | None = None,
    model: Word | None = None,
    aspect_ratio: Word | None = None,
    size: Word | None = None,
    duration: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False, description="Seconds.")] | None = None,
    sound: bool | None = None,
    until_pass: UntilPassed | None = None,
) -> QuoteResponse:
    """Price takes for shots; nothing is ordered. ``generate`` takes its token, once, within 15 minutes.

    Without ``shots`` it is for every shot that has no takes. What a shot asks for itself goes before what is asked here.
    With ``until_pass`` one take after another is made until one passes its checks; the price is then the most it may come to.
    """
    where = caller.project(project)
    options = GenerateOptions(
        provider=_provider(provider, video_providers()),
        model=model,
        aspect_ratio=aspect_ratio,
        size=size,
        duration=duration,
        sound=sound,
        takes=takes,
        until=until_pass and until_pass.value,
    )
    ids = _shot_ids(caller, where, shots)
    quoted = caller.app.quotes.make(where.id, ids, options, again=bool(shots), agent=caller.name)
    return QuoteResponse.of(quoted, caller.t)


def quote_pictures(
    caller: Caller,
    project: ProjectName,
    shots: Shots | None = None,
    pictures: Annotated[int, Field(ge=1, le=4, description="Candidates for each shot.")] = 1,
    provider: Annotated[str, Field(description=f"One of {', '.join(picture_providers())}; else as set.")] | None = None,
    model: Word | None = None,
) -> QuoteResponse:
    """Price reference pictures; ``generate`` takes the token. Without ``shots`` for every shot that has none.

    What was drawn is seen with ``look`` and taken with ``choose_picture``.
    """
    where = caller.project(project)
    options = GenerateOptions(takes=pictures, provider=_provider(provider, picture_providers()), model=model)
    ids = _shot_ids(caller, where, shots) if shots else caller.app.pictures.missing(where.id)
    return _quoted(caller, where, ids, options, QuoteKind.PICTURES)


def quote_finish(
    caller: Caller,
    project: ProjectName,
    verb: FinishVerb,
    shots: Shots | None = None,
    seconds: Annotated[float, Field(gt=0, le=60, description="Seconds that ``extend`` adds.")] | None = None,
    prompt: Annotated[str, Field(max_length=_PROMPT, description="What happens in them.")] | None = None,
) -> QuoteResponse:
    """Price finishing the picked takes: longer, larger, or fetched in a higher resolution; ``generate`` takes the token.

    Without ``shots`` it is for every picked take that can have it. Each result is a new take of its shot.
    """
    where = caller.project(project)
    asked = FinishOptions(verb=verb, seconds=seconds, prompt=prompt)
    return _quoted(caller, where, _shot_ids(caller, where, shots), asked, QuoteKind.FINISH)


def quote_prompts(
    caller: Caller,
    project: ProjectName,
    shots: Shots | None = None,
    translate: Literal["zh", "en"] | None = None,
) -> QuoteResponse:
    """Price prompts that a language model writes or translates, a question a shot; ``generate`` takes the token.

    Without ``shots`` it is for every shot that has no prompt. What a person wrote is kept beside it.
    """
    where = caller.project(project)
    ids = _shot_ids(caller, where, shots) if shots else caller.app.prompts.empty(where.id)
    return _quoted(caller, where, ids, Wanted(translate=translate or ""), QuoteKind.PROMPTS)


def quote_judgements(caller: Caller, project: ProjectName, shots: Shots | None = None) -> QuoteResponse:
    """Price a language model's look at takes, a question a take; ``generate`` takes the token. The checks of takes cost nothing.

    It is for every take that none has looked at and nobody rejected. What it finds stands in ``faults`` of the take.
    """
    where = caller.project(project)
    return _quoted(caller, where, _shot_ids(caller, where, shots), Nothing(), QuoteKind.JUDGEMENTS)


def quote_script(caller: Caller, project: ProjectName, text: Script, name: ScriptName = "") -> QuoteResponse:
    """Price a script's way to shots by a language model; ``generate`` takes the token. ``split_script`` costs nothing.

    When it is ordered, it stands in ``list_scripts``; see ``storyboard``, then ``store_script``.
    """
    return _quoted(caller, caller.project(project), [], ScriptText(text=text, name=name), QuoteKind.SCRIPT)


def _provider(name: str | None, known: Collection[ProviderId]) -> ProviderId | None:
    """:raises InputError: ``no_such_provider`` (provider, known)"""
    if name is not None and name not in known:
        raise InputError("no_such_provider", provider=name, known=", ".join(known))
    return ProviderId(name) if name else None


def _shot_ids(caller: Caller, project: Project, shots: list[str] | None) -> list[int]:
    """Those that are named, else all of the project."""
    if not shots:
        return caller.app.shots.ids(project.id)
    return list(dict.fromkeys(caller.shot(project, one).id for one in shots))


def _quoted(caller: Caller, project: Project, ids: list[int], options: Frozen, kind: QuoteKind) -> QuoteResponse:
    made = caller.app.quotes.make(project.id, ids, options, kind=kind, agent=caller.name)
    return QuoteResponse.of(made, caller.t)


def generate(caller: Caller, quote: Annotated[str, Field(min_length=1, max_length=200)]) -> OrderAnswer:
    """Order what a quote names. The same quote again orders nothing more and says what became of it.

    Above a limit the order waits for a person: ask ``order`` later, and do not quote the same again meanwhile.
    """
    return OrderAnswer.of(caller.app.quotes.order(quote, caller.name), caller.t)


async def order(
    caller: Caller, quote: Annotated[str, Field(min_length=1, max_length=200)], seconds: Seconds = 0
) -> OrderAnswer:
    """What became of a quote that was ordered: its tasks, or that it waits for a person; ask again while ``left`` is not 0."""

    def read() -> OrderAnswer:
        return OrderAnswer.of(caller.app.quotes.follow(quote, caller.name), caller.t)

    return await _until(seconds, read, lambda answer: answer.state != "waiting")


async def follow(
    caller: Caller,
    project: ProjectName,
    tasks: Annotated[list[Word], Field(min_length=1, max_length=500, description="Ids of tasks.")],
    seconds: Seconds = 20,
) -> TasksAnswer:
    """Wait until tasks have ended, or the seconds are over, and say where they stand; call it again until ``ended``."""
    return await _until(seconds, lambda: _standing(caller, project, tasks), lambda answer: answer.ended)


def cancel(
    caller: Caller, project: ProjectName, tasks: Annotated[list[Word], Field(min_length=1, max_length=500)]
) -> TasksAnswer:
    """End tasks that were not sent to their provider yet, which is free; what was sent goes on."""
    caller.app.tasks.cancel([task.id for task in caller.tasks(caller.project(project), tasks)])
    return _standing(caller, project, tasks)


def _standing(caller: Caller, project: str, tasks: list[str]) -> TasksAnswer:
    found = caller.tasks(caller.project(project), tasks)
    ended = not any(task.status in LIVE for task in found)
    return TasksAnswer(ended=ended, tasks=[TaskAnswer.of(task, caller.t) for task in found])


# --- judging and choosing


def pick(caller: Caller, project: ProjectName, shot: Number, take: TakeNumber) -> ShotAnswer:
    """Choose a take of a shot: it goes into the exports."""
    found = caller.shot(caller.project(project), shot)
    caller.app.takes.choose_number(found.id, take)
    return _shot(caller, found.id)


def choose_picture(caller: Caller, project: ProjectName, shot: Number, picture: TakeNumber) -> ShotAnswer:
    """Make a candidate the reference picture of a shot: its takes begin with it."""
    found = caller.shot(caller.project(project), shot)
    caller.app.pictures.choose_number(found.id, picture)
    return _shot(caller, found.id)


def reject(
    caller: Caller,
    project: ProjectName,
    shot: Number,
    take: TakeNumber,
    reason: Annotated[str, Field(max_length=200, description="Why; empty takes the mark away.")],
) -> ShotAnswer:
    """Put a take aside, with the reason; nothing is deleted."""
    found = caller.shot(caller.project(project), shot)
    caller.app.takes.reject(caller.take(found, take).id, reason.strip() or None)
    return _shot(caller, found.id)


# --- exports


ExportFormat = Literal[
    "zip", "mp4", "otio", "fcpxml", "xml", "edl", "jianying", "srt", "ass", "pdf", "csv", "json", "xlsx"
]


async def export(
    caller: Caller,
    project: ProjectName,
    format: ExportFormat,  # noqa: A002 - what people call it
    seconds: Seconds = 20,
) -> ExportAnswer:
    """Write the chosen takes as a file, or the list of shots (csv, json, xlsx). Read the resource that ``uri`` names."""
    where = caller.project(project)

    def begin() -> Export:
        return caller.app.exports.start(where.id, Format(format), Options(), language=caller.t.lang, drafts_here=False)

    begun = await anyio.to_thread.run_sync(begin)
    return await follow_export(caller, project, begun.id, seconds)


async def follow_export(caller: Caller, project: ProjectName, export: Word, seconds: Seconds = 20) -> ExportAnswer:
    """Wait until an export is written, or the seconds are over, and say how far it is."""

    def read() -> ExportAnswer:
        return ExportAnswer.of(caller.app.exports.get(caller.project(project).id, export), caller.t)

    return await _until(seconds, read, lambda answer: answer.state not in ("waiting", "running"))


async def _until(seconds: float, read: Callable[[], T], done: Callable[[T], bool]) -> T:
    """Read until it is done or the time is over; every look asks for the caller's rights anew."""
    with anyio.move_on_after(seconds):
        while not done(answer := await anyio.to_thread.run_sync(read)):  # noqa: ASYNC110 - it happens in the database
            await anyio.sleep(_LOOK_EVERY)
        return answer
    return await anyio.to_thread.run_sync(read)


#: Tools that change nothing.
READING: Final[tuple[Callable[..., Any], ...]] = (
    whoami, list_projects, list_shots, get_shot, look, contact_sheet, quote, quote_pictures, quote_finish, quote_prompts, quote_judgements,
    quote_script, list_scripts, storyboard, order, follow, follow_export,
)  # fmt: skip
#: Tools that write, but order nothing.
WRITING: Final[tuple[Callable[..., Any], ...]] = (
    import_list, split_script, store_script, edit_prompt, cancel, pick, choose_picture, reject, export,
)  # fmt: skip
#: The tool that may cost money.
ORDERING: Final[tuple[Callable[..., Any], ...]] = (generate,)
