"""One run of one command: its registration, language, output, data home and project."""

from __future__ import annotations

import gc
import inspect
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from inspect import Parameter
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from vidgen_core.config.language import text
from vidgen_core.domain.errors import FileError, InputError, StoreError, VidgenError
from vidgen_core.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from vidgen_core.domain.providers import ProviderId
    from vidgen_core.domain.shots import Project, Shot
    from vidgen_core.services.facade import Vidgen

ProjectOption = Annotated[str, typer.Option("--project", help="cli.option.project", metavar="NAME")]
EveryProjectOption = Annotated[str | None, typer.Option("--project", help="cli.option.project_or_all", metavar="NAME")]
JsonOption = Annotated[bool, typer.Option("--json", help="cli.option.json")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="cli.option.yes")]
DEFAULT = "default"
_NOT_CREATED = 0
#: Seconds until a database that cannot be opened now is tried again.
AGAIN = 2.0
_Run = TypeVar("_Run", bound=Callable[..., None])
_Made = TypeVar("_Made")

DONE = 0
SOME_FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130


def command(
    group: typer.Typer,
    name: str,
    help: str = "",  # noqa: A002 - as Typer has it
    *,
    every_project: bool = False,
    opens: bool = True,
) -> Callable[[_Run], _Run]:
    """Register a function as a command that also takes ``--project`` and ``--json``; it is given a ``Session`` first.

    :param help: id of the help text; ``cli.help.<name>`` where it is left out
    :param every_project: without ``--project`` all of them are meant
    :param opens: open the data home before, and close it after
    """
    project: Any = EveryProjectOption if every_project else ProjectOption
    shared = [
        Parameter("project", Parameter.KEYWORD_ONLY, default=None if every_project else DEFAULT, annotation=project),
        Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption),
    ]

    def register(run: _Run) -> _Run:
        def call(project: str | None, as_json: bool, **options: Any) -> None:
            session = Session(project, as_json)
            with session.open() if opens else nullcontext():
                if not gc.isenabled():
                    gc.freeze()
                    gc.enable()
                run(session, **options)

        _, *own = inspect.signature(run, eval_str=True).parameters.values()
        keywords = [option.replace(kind=Parameter.KEYWORD_ONLY) for option in own]
        call.__signature__ = inspect.Signature([*keywords, *shared])  # type: ignore[attr-defined]
        call.__annotations__ = {}
        group.command(name, help=help or f"cli.help.{name.replace('-', '_')}")(call)
        return run

    return register


@contextmanager
def signals(handler: Callable[[int, FrameType | None], object], *numbers: int) -> Iterator[None]:
    """Handle signals with ``handler`` inside of the block; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C: everything stays resumable."""
    raise KeyboardInterrupt


class Session:
    """One run of one command.

    With ``as_json`` stdout carries the JSON and nothing else; sentences for people go to stderr.
    """

    #: The opened data home.
    app: Vidgen

    def __init__(self, project: str | None = DEFAULT, as_json: bool = False) -> None:
        self.project_name = project
        self.as_json = as_json

    @cached_property
    def text(self) -> Text:
        return text()

    @cached_property
    def out(self) -> Console:
        """Where people read what they asked for; quiet when a machine reads."""
        from rich.console import Console

        return Console(file=sys.stderr if self.as_json else sys.stdout, highlight=False)

    @cached_property
    def err(self) -> Console:
        """Where progress, warnings and complaints go."""
        from rich.console import Console

        return Console(file=sys.stderr, highlight=False)

    @contextmanager
    def open(self, *, patient: bool = False) -> Iterator[None]:
        """Open the data home; at the end wait for paid requests that are out, until a further signal.

        :param patient: say why a database cannot be opened now, and go on when it can
        """
        from vidgen_core.services.facade import Vidgen

        self.app = self.patiently(Vidgen.open) if patient else Vidgen.open()
        try:
            with signals(interrupt, signal.SIGTERM):
                # A wrong setting is reported before anything is done.
                self.app.settings()
                yield
        finally:
            with signals(lambda *_: self.app.stop_at_once(), signal.SIGTERM, signal.SIGINT):
                self.app.close(
                    lambda n, seconds: self.warn_line(self.text.n("cli.waits_for_paid", n, seconds=round(seconds)))
                )

    def patiently(self, act: Callable[[], _Made]) -> _Made:
        """Do what needs the database, as soon as that can be used; until then it is said once why it cannot."""
        told = ""
        while True:
            try:
                return act()
            except (StoreError, FileError) as error:
                if not error.passes:
                    raise
                told = self.complain_once(error, told)
                time.sleep(AGAIN)

    def check_media(self) -> None:
        """Say why the storage of media cannot be used now, if it cannot; whoever needs it waits for it."""
        try:
            self.app.context.media.check()
        except FileError as error:
            self.complain(error.code, error.params)

    def ensure_project(self) -> Project:
        """The project of ``--project``, created when there is none of that name."""
        self.where = self.app.projects.ensure(self.project_name or DEFAULT)
        return self.where

    @cached_property
    def where(self) -> Project:
        """The project of ``--project``; the default one is empty, under an id that no project has, until it is created.

        :raises InputError: ``project_unknown`` (name, known)
        """
        if self.project_name in (None, DEFAULT) and self.app.projects.find(DEFAULT) is None:
            from vidgen_core.domain.shots import Project

            return Project(id=_NOT_CREATED, name=DEFAULT, created_at=datetime.now(UTC))
        return self.require_project()

    def require_project(self) -> Project:
        """The project of ``--project``, which must be there, the default one too.

        :raises InputError: ``project_unknown`` (name, known)
        """
        return self.project_named(self.project_name or DEFAULT)

    def project_named(self, name: str) -> Project:
        """:raises InputError: ``project_unknown`` (name, known)"""
        found = self.app.projects.find(name)
        if found is None:
            known = ", ".join(project.name for project in self.app.projects.all()) or "–"
            raise InputError("project_unknown", name=name, known=known)
        return found

    def create_default(self) -> None:
        """Create the default project where it is meant and missing, for what is about to be kept with it."""
        if self.where.id == _NOT_CREATED:
            self.ensure_project()

    @property
    def project_id(self) -> int | None:
        """The project of ``--project``; None: all of them."""
        return None if self.project_name is None else self.where.id

    # --- output

    def say(self, id: str, /, **params: Any) -> None:  # noqa: A002 - the word of the catalogues
        """A sentence about what was done."""
        self.tell(self.text(id, **params))

    def count(self, id: str, n: int, /, **params: Any) -> None:  # noqa: A002
        """A sentence with a number in it."""
        self.tell(self.text.n(id, n, **params))

    def tell(self, line: str) -> None:
        """A line for people as it is, without wrapping it."""
        typer.echo(line, err=self.as_json)

    def warn(self, id: str, /, **params: Any) -> None:  # noqa: A002
        """A sentence that must not get lost in the answer."""
        self.warn_line(self.text(id, **params))

    def warn_line(self, line: str) -> None:
        """A sentence that was put into words elsewhere."""
        typer.echo(line, err=True)

    def complain(self, code: str, params: dict[str, Any], about: str | None = None) -> None:
        """Why something was not done, after what it was about."""
        sentence = self.reason(code, params)
        self.warn_line(f"{about}: {sentence}" if about else sentence)

    def complain_once(self, problem: VidgenError | None, told: str) -> str:
        """Say what is wrong now, unless it was ``told`` before; returns what is told from now on."""
        if problem is not None and problem.code != told:
            self.complain(problem.code, problem.params)
        return problem.code if problem is not None else ""

    def reason(self, code: str, params: dict[str, Any]) -> str:
        """The sentence of an error, or of a hold, which has its sentence in the log."""
        if not self.text.has(f"error.{code}") and self.text.has(f"log.{code}"):
            return self.text(f"log.{code}", **params)
        return self.text.with_words(self.text.ended("parameter", code, params), params)

    def answer(self, value: Any) -> None:
        """Print the result as JSON where ``--json`` was given; schemas may stand anywhere in it."""
        if self.as_json:
            self.print_json(value, indent=2)

    def answer_each(self, items: Iterable[Any]) -> None:
        """Print a list as ``answer`` does, without keeping any of it."""
        between = "["
        for item in items:
            # No text of JSON holds a line break.
            row = json.dumps(item, ensure_ascii=False, indent=2, default=_as_json).replace("\n", "\n  ")
            sys.stdout.write(f"{between}\n  {row}")
            between = ","
        sys.stdout.write("[]\n" if between == "[" else "\n]\n")
        sys.stdout.flush()

    def print_json(self, value: Any, indent: int | None = None) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=indent, default=_as_json)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @contextmanager
    def progress(self, id: str, total: float | None = None) -> Iterator[Callable[[float, float | None], None]]:  # noqa: A002
        """A progress bar in a terminal, nothing elsewhere; yields ``update(done, total)``."""
        from rich.progress import Progress

        with Progress(console=self.err, transient=True, disable=not self.err.is_terminal) as bars:
            bar = bars.add_task(self.text(id), total=total)
            yield lambda done, total: bars.update(bar, completed=done, total=total)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A list for people; ``columns`` are ids."""
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(self.text(column), overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.out.print(table, markup=False)

    def confirm(self, id: str, /, **params: Any) -> None:  # noqa: A002
        """Ask before something costs money or takes something away; leaves when the answer is no.

        :raises InputError: ``confirmation_missing`` where nobody can answer
        """
        if not sys.stdin.isatty():
            raise InputError("confirmation_missing")
        if not typer.confirm(self.text(id, **params), err=True):
            self.warn("cli.nothing_done")
            raise typer.Exit(SOME_FAILED)


def _as_json(schema: Any) -> Any:
    return schema.model_dump(mode="json")


def sentence_of(error: VidgenError) -> str:
    """The sentence of an error."""
    return text().ended(error.kind, error.code, error.params)


def named(numbers: Sequence[str]) -> str:
    """Shots in a sentence; many are not all named."""
    return ", ".join(numbers[:8]) + (" …" if len(numbers) > 8 else "")


def shot_numbered(session: Session, number: str) -> Shot:
    """:raises InputError: ``shot_unknown`` (number, project)"""
    found = session.app.shots.by_number(session.where.id, number.strip())
    if found is None:
        raise InputError("shot_unknown", number=number, project=session.where.name)
    return found


def mode_named(word: str | None) -> ProviderId | None:
    """:raises InputError: ``no_such_provider`` (provider, known)"""
    from vidgen_core.domain.providers import ProviderId, provider_ids

    if word is None:
        return None
    try:
        return ProviderId(word.lower())
    except ValueError:
        raise InputError("no_such_provider", provider=word, known=", ".join(provider_ids())) from None
