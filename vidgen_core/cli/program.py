"""All commands in one program, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from vidgen_core.cli import checking, generating, lists, running, serving, settings, wishes
from vidgen_core.cli.session import DONE, INTERRUPTED, SOME_FAILED, WRONG_USE, sentence_of
from vidgen_core.cli.words import text
from vidgen_core.errors import VidgenError


def build() -> typer.Typer:
    """The commands in the order of ``vidgen --help``: as a person needs them."""
    app = typer.Typer(
        name="vidgen",
        help="cli.help",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in (serving, generating, running, lists, wishes, checking, settings):
        module.register(app)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status and lets no traceback reach a person."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        status = _command()(args=given or ["--help"], prog_name="vidgen", standalone_mode=False)
    except VidgenError as error:
        return _complain(sentence_of(error), WRONG_USE)
    except typer.TyperException as error:
        return (
            _complain(_wrong_use(error), WRONG_USE)
            if error.exit_code == WRONG_USE
            else _complain(str(error), SOME_FAILED)
        )
    except (KeyboardInterrupt, typer.Abort):
        return _complain(text()("cli.interrupted"), INTERRUPTED)
    except BrokenPipeError:
        return _end_quietly()
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, never a traceback
        return _complain(text()("cli.unexpected", error=type(error).__name__, detail=str(error)), SOME_FAILED)
    return status if isinstance(status, int) else DONE


def _command() -> Any:
    command = typer.main.get_command(build())
    for part in _parts(command):
        if part.help:
            part.help = text()(part.help)
    return command


def _parts(command: Any) -> Iterator[Any]:
    """A command, its options and arguments, and those of the commands in it."""
    yield command
    yield from (param for param in command.params if getattr(param, "help", None) and param.help.startswith("cli."))
    for inner in getattr(command, "commands", {}).values():
        yield from _parts(inner)


def _wrong_use(error: typer.TyperException) -> str:
    """What was wrong with the words of a command, in the reader's language where we know the case."""
    words = text()
    name = getattr(error, "option_name", None)
    param = getattr(error, "param", None)
    match type(error).__name__:
        case "NoSuchOption":
            return words("cli.usage.no_such_option", name=name)
        case "MissingParameter" if param is not None:
            return words("cli.usage.missing", name=param.human_readable_name)
        case "BadParameter" if param is not None:
            return words("cli.usage.bad_value", name=param.human_readable_name, detail=error.message)
        case _:
            return words("cli.usage.other", detail=error.format_message())


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(sentence + "\n")
    return status


def _end_quietly() -> int:
    """Whoever read our answer has had enough (``vidgen tasks | head``)."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE
