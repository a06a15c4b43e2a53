"""Sentences of the execution log: a line has a code and params, and ``log.<code>`` is its sentence."""

from __future__ import annotations

import functools
from typing import Any, Final

from babel.messages import pofile

from vidgen_core.domain.log import LogLine
from vidgen_core.domain.tasks import TaskKind
from vidgen_core.i18n.text import Text, catalogue_files

_SENTENCES: Final = "log."
#: Code of the line of a task that ended with a cause.
ENDED_LINE: Final = "task_failed"
#: Sentences with this prefix belong to the log page.
_SCREEN: Final = "log.page."


def log_sentence(t: Text, line: LogLine) -> str:
    """The text of a line; a code without a log sentence uses that of an error, or the code itself.

    What a provider said stands behind it in quotation marks.
    """
    return t.with_words(_sentence(t, line), line.params).replace("\n", " ")


def _sentence(t: Text, line: LogLine) -> str:
    params = _spoken(t, line)
    if t.has(f"{_SENTENCES}{line.code}"):
        return t(f"{_SENTENCES}{line.code}", **params)
    if t.has(f"error.{line.code}"):
        return t.error("provider", line.code, line.params)
    return " · ".join([line.code, *(f"{name}={value}" for name, value in line.params.items())])


def _spoken(t: Text, line: LogLine) -> dict[str, Any]:
    """The params with their codes translated: ``cause`` is an error, ``provider`` a mode, ``output`` what is made."""
    params = line.params
    spoken = {name: t.amount(value) for name, value in params.items()}
    if "cause" in params:
        inner = params.get("detail")
        filled = inner if isinstance(inner, dict) else params
        say = t.ended if line.code == ENDED_LINE else t.error
        cause, kind = str(params["cause"]), params.get("kind", "provider")
        known = t.has(f"error.{cause}") or cause == kind
        spoken["cause"] = say(kind, cause, filled) if known else f"{t(f'error.kind.{kind}')} ({cause})"
    if params.get("output") == TaskKind.IMAGE:
        spoken["shot"] = t("pictures.of_shot", shot=params.get("shot"))
    return spoken | t.named_provider(params)


def codes_saying(t: Text, wanted: str) -> frozenset[str]:
    """Codes whose sentence contains the text: users search for what they read, and the database has codes."""
    wanted = wanted.casefold()
    return frozenset(code for code, said in sentences(t.lang).items() if wanted in said.casefold())


@functools.cache
def sentences(lang: str) -> dict[str, str]:
    """Code → sentence with its placeholders, of one language."""
    found: dict[str, str] = {}
    for file in catalogue_files(lang):
        with file.open("rb") as stream:
            messages = pofile.read_po(stream)
        found |= {str(message.id): str(message.string) for message in messages if _is_line(str(message.id))}
    return {id_.removeprefix(_SENTENCES): said for id_, said in found.items()}


def _is_line(id_: str) -> bool:
    return id_.startswith(_SENTENCES) and not id_.startswith(_SCREEN)
