"""All commands in one program, and the handling of errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

import typer

from vidgen_core.cli.session import DONE, INTERRUPTED, SOME_FAILED, WRONG_USE, sentence_of
from vidgen_core.config.language import text
from vidgen_core.domain.errors import VidgenError

#: The modules in the order of ``vidgen --help``, as a person needs them, with the commands of each; one that has a command
#: that is to be run is imported alone.
MODULES: Final = {
    "serving": "serve rehearse mcp agent",
    "scripts": "script prompts",
    "generating": "import generate pictures pick-picture finish use-finished",
    "autopilot": "way go",
    "running": "run worker resume demo judge",
    "lists": "shots chains tasks logs",
    "projects": "projects rename-project copy-project archive-project delete-project characters set-character "
    "delete-character sent review",
    "task_commands": "start retry look-again confirm cancel delete adopt link pick move",
    "exporting": "export conform backup restore store",
    "reports": "figures dispute",
    "spending": "spend budget ledger",
    "doctor": "check keys doctor notify scale",
    "settings": "config",
}


def build(wanted: str | None = None) -> typer.Typer:
    """The commands of the program.

    :param wanted: the command that is to be run; where there is one of that name the others are left out
    """
    app = typer.Typer(
        name="vidgen",
        help="cli.help",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    owner = [name for name, commands in MODULES.items() if wanted in commands.split()]
    every = [import_module(f"vidgen_core.cli.{name}").commands for name in owner or MODULES]
    only = typer.Typer()
    only.registered_commands = [one for group in every for one in group.registered_commands if one.name == wanted]
    for group in [only] if only.registered_commands else every:
        app.add_typer(group)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status and lets no traceback reach a person."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in ([], ["config"]):
        given.append("--help")
    command = _command(given[0])
    try:
        status = command(args=given, prog_name="vidgen", standalone_mode=False)
    except VidgenError as error:
        return _complain(sentence_of(error), WRONG_USE)
    except typer.TyperException as error:
        return _complain(_wrong_use(error, given, command), WRONG_USE)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        return _end_quietly()
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, never a traceback
        return _complain(text()("cli.unexpected", error=type(error).__name__, detail=str(error)), SOME_FAILED)
    if status == INTERRUPTED:
        return _complain(text()("cli.interrupted"), INTERRUPTED)
    return status if isinstance(status, int) else DONE


def _command(wanted: str) -> Any:
    """The program with its help texts in the reader's language."""
    command = typer.main.get_command(build(wanted))
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


def _wrong_use(error: typer.TyperException, given: list[str], command: Any) -> str:
    """Describe a wrong use of a command, in the reader's language for the known cases."""
    catalogue = text()
    if given and not given[0].startswith("-") and given[0] not in command.commands:
        return catalogue("cli.usage.no_such_command", name=given[0])
    param = getattr(error, "param", None)
    match type(error).__name__:
        case "NoSuchOption":
            return catalogue("cli.usage.no_such_option", name=getattr(error, "option_name", ""))
        case "MissingParameter" if param is not None:
            return catalogue("cli.usage.missing", name=_name(param))
        case "BadParameter" if param is not None:
            return catalogue("cli.usage.bad_value", name=_name(param))
        case _:
            return catalogue("cli.usage.other", detail=error.format_message())


def _name(param: Any) -> str:
    """An option by its longest name, an argument by what help calls it."""
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name).upper()


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(sentence + "\n")
    return status


def _end_quietly() -> int:
    """Whoever read our answer has had enough (``vidgen tasks | head``)."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE
