"""The catalogue of faults, and how one is requested.

A fault is requested in one of three ways: a tag inside a prompt (``[[stuck]]``, ``[[poll-500:3]]``), a share of all
jobs (``--fault stuck:0.1``), or the same share set while the rehearsal runs (``POST /_rehearsal/faults``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from types import MappingProxyType
from typing import Final

from vidgen_core.domain.errors import InputError

YUNWU: Final = "yunwu"
KIE: Final = "kie"
LOVART: Final = "lovart"
IMAGES: Final = "images"
CHAT: Final = "chat"


class Verb(StrEnum):
    """The moment at which a fault shows."""

    #: The submit is refused or lost; no job exists.
    SUBMIT = "submit"
    #: The job exists; the answer to its submit is at fault or of another shape.
    ANSWER = "answer"
    #: A poll of the job fails or is answered in another shape.
    POLL = "poll"
    #: How the job ends.
    RESULT = "result"
    #: The bytes of the result.
    DOWNLOAD = "download"
    #: A picture on its way to KIE or Lovart.
    UPLOAD = "upload"
    #: Balance and log.
    ACCOUNT = "account"
    #: Behaviour of Lovart's agent.
    AGENT = "agent"
    #: Answers of a language model.
    CHAT = "chat"
    #: What Lovart's page shows instead of working.
    PAGE = "page"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave; ``default`` is the argument where a tag names none (None: it takes none or needs none)."""

    name: str
    verb: Verb
    sentence: str
    providers: tuple[str, ...]
    default: str | None


@dataclass(frozen=True)
class Rule:
    """A fault that affects a share of all jobs (0–1)."""

    name: str
    rate: float = 1.0
    argument: str | None = None


def _load() -> Mapping[str, Fault]:
    text = resources.files(__package__).joinpath("faults.csv").read_text("utf-8")
    faults = (
        Fault(row["name"], Verb(row["verb"]), row["sentence"], tuple(row["providers"].split()), row["default"] or None)
        for row in csv.DictReader(io.StringIO(text))
    )
    return MappingProxyType({fault.name: fault for fault in faults})


#: Every fault by its name, in the order in which they are tried; one row of ``faults.csv`` each. A refusal or a failed
#: question without a default takes a number: ``[[name:N]]`` affects only the first N of that prompt.
CATALOGUE: Final = _load()

_TAG: Final = re.compile(r"\[\[([a-z0-9-]+)(?::([^\[\]]*))?\]\]")
_RULE: Final = re.compile(r"(?P<name>[a-z0-9-]+)(?:=(?P<argument>[^:]+))?(?::(?P<rate>[0-9.]+))?")


def known(name: str) -> Fault:
    """The fault of that name; InputError ``rehearsal_fault_unknown`` without one."""
    if name not in CATALOGUE:
        raise InputError("rehearsal_fault_unknown", name=name)
    return CATALOGUE[name]


def parse_rule(text: str) -> Rule:
    """Read ``name``, ``name:0.1``, ``name=argument`` or ``name=argument:0.1``; a missing rate means always.

    InputError ``rehearsal_fault_unreadable`` or ``rehearsal_fault_unknown``.
    """
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise InputError("rehearsal_fault_unreadable", text=text)
    return make_rule(match["name"], match["rate"] or "1", match["argument"])


def make_rule(name: str, rate: str | float, argument: str | None = None) -> Rule:
    """A rule with its name known and its rate between 0 and 1; the same errors as ``parse_rule``."""
    known(name)
    try:
        share = float(rate)
    except (TypeError, ValueError):
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise InputError("rehearsal_fault_unreadable", text=f"{name}:{rate}")
    return Rule(name, share, argument)


def tags(prompt: str) -> dict[str, str | None]:
    """The tags of a prompt with their arguments, known or not."""
    return {match[1]: match[2] for match in _TAG.finditer(prompt)}
