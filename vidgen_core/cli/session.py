"""What every command has: a project, a way to speak, and the data home."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.language import text
from vidgen_core.domain.errors import InputError, VidgenError

if TYPE_CHECKING:
    from rich.console import Console

    from vidgen_core.domain.shots import Project
    from vidgen_core.i18n import Text
    from vidgen_core.services.facade import Vidgen

ProjectOption = Annotated[str, typer.Option("--project", help="cli.option.project", metavar="NAME")]
EveryProjectOption = Annotated[str | None, typer.Option("--project", help="cli.option.project_or_all", metavar="NAME")]
JsonOption = Annotated[bool, typer.Option("--json", help="cli.option.json")]
DEFAULT = "default"

DONE = 0
SOME_FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130


@contextmanager
def signals(handler: Callable[[int, FrameType | None], object], *numbers: int) -> Iterator[None]:
    """Have signals handled so meanwhile; only a main thread can."""
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
    """A polite request to end (``kill``, a service manager) is treated like Ctrl-C: everything stays resumable."""
    raise KeyboardInterrupt


class Session:
    """One run of one command.

    With ``as_json`` stdout carries the machine's answer and nothing else; people's words go to stderr.
    """

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
    def open(self) -> Iterator[Vidgen]:
        """The data home; at the end paid requests that are out are waited for, until a further signal."""
        from vidgen_core.services.facade import Vidgen

        app = Vidgen.open()
        try:
            with signals(interrupt, signal.SIGTERM):
                # A wrong setting is said before anything is done.
                app.settings()
                yield app
        finally:
            with signals(lambda *_: app.stop_at_once(), signal.SIGTERM, signal.SIGINT):
                app.close(
                    lambda n, seconds: self.warn_line(self.text.n("cli.waits_for_paid", n, seconds=round(seconds)))
                )

    def project(self, app: Vidgen) -> Project:
        """The project meant, made when there is none of that name."""
        return app.projects.ensure(self.project_name or DEFAULT)

    def existing_project(self, app: Vidgen) -> Project:
        """The project meant; reading makes none.

        :raises InputError: ``project_unknown`` (name, known)
        """
        name = self.project_name or DEFAULT
        found = app.projects.find(name)
        if found is None and name == DEFAULT:
            return app.projects.ensure(DEFAULT)
        if found is None:
            known = ", ".join(project.name for project in app.projects.all()) or "–"
            raise InputError("project_unknown", name=name, known=known)
        return found

    # --- speaking

    def say(self, id: str, /, **params: Any) -> None:  # noqa: A002 - the word of the catalogues
        """A sentence about what was done."""
        self.out.print(self.text(id, **params), markup=False, soft_wrap=True)

    def count(self, id: str, n: int, /, **params: Any) -> None:  # noqa: A002
        """A sentence with a number in it."""
        self.out.print(self.text.n(id, n, **params), markup=False, soft_wrap=True)

    def warn(self, id: str, /, **params: Any) -> None:  # noqa: A002
        """A sentence that must not get lost in the answer."""
        self.err.print(self.text(id, **params), markup=False, soft_wrap=True)

    def warn_line(self, line: str) -> None:
        """A sentence that was put into words elsewhere."""
        self.err.print(line, markup=False, soft_wrap=True)

    def complain(self, code: str, params: dict[str, Any], about: str | None = None) -> None:
        """Why something was not done, after what it was about."""
        sentence = self.reason(code, params)
        self.err.print(f"{about}: {sentence}" if about else sentence, markup=False, soft_wrap=True)

    def reason(self, code: str, params: dict[str, Any]) -> str:
        """The sentence of an error, or of a hold, which has its sentence in the log."""
        if not self.text.has(f"error.{code}") and self.text.has(f"log.{code}"):
            return self.text(f"log.{code}", **params)
        return self.text.with_words(self.text.ended("parameter", code, params), params)

    def answer(self, value: Any) -> None:
        """The machine's answer, if one was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
            sys.stdout.flush()

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


def sentence_of(error: VidgenError) -> str:
    """What a person reads about an error."""
    return text().ended(error.kind, error.code, error.params)


def named(numbers: Sequence[str]) -> str:
    """Shots in a sentence; many are not all named."""
    return ", ".join(numbers[:8]) + (" …" if len(numbers) > 8 else "")
