"""What a route of Yunwu is: which models it has, what its request looks like, where its jobs are asked for."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, NamedTuple
from urllib.parse import quote

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import RemoteJob
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.providers.http.error_mapping import Table
from vidgen_core.providers.yunwu.responses import TABLE

#: How pictures travel that are no links: as a data URI, as bare base64, as files of a form; empty: only links do.
Inline = Literal["data", "base64", "file", ""]
TEXT: Final = GenerationMode.TEXT
FIRST: Final = GenerationMode.FIRST_FRAME
FIRST_LAST: Final = GenerationMode.FIRST_LAST_FRAME
REFERENCES: Final = GenerationMode.REFERENCES


class SentPictures(NamedTuple):
    """The pictures of an order as they travel: links, or slots that are filled while the request is sent."""

    first: Any = None
    last: Any = None
    references: tuple[Any, ...] = ()

    @property
    def all(self) -> list[Any]:
        """Those that are there, in the order first, last, references."""
        return [one for one in (self.first, self.last, *self.references) if one is not None]


class FamilyRequest(Frozen):
    """One paid request."""

    path: str
    fields: dict[str, Any]
    #: Paths of files in a form; without any the fields are a JSON object.
    files: tuple[str, ...] = ()
    #: The fields are a form even without files.
    form: bool = False


class JobAddress(NamedTuple):
    """Where a link may be had that the answer to a poll does not name."""

    path: str
    query: Mapping[str, str] = {}
    #: The address is the file itself.
    is_file: bool = False


class Family(ABC):
    """One route."""

    #: Kept with each attempt.
    name: ClassVar[str]
    #: What its models are called, where no list says by which route they are served.
    names: ClassVar[re.Pattern[str]]
    #: Those known without asking anybody.
    built_in: ClassVar[tuple[str, ...]] = ()
    inline: ClassVar[Inline] = "data"
    #: Its ways of saying no.
    table: ClassVar[Table] = TABLE

    def serves(self, name: str) -> bool:
        """Whether it speaks the route of a family of that name."""
        return self.name == name

    def drops_data(self, model: str) -> bool:
        """Whether pictures that are no links are known to be ignored."""
        return not self.inline

    @abstractmethod
    def capabilities(self, model: str) -> Capabilities:
        """What ``model`` takes; how pictures travel is filled in by the adapter."""

    def problems(self, model: str, params: GenerationParams) -> Iterator[Problem]:
        """What only this route refuses."""
        yield from ()

    @abstractmethod
    def request(self, model: str, params: GenerationParams, pictures: SentPictures) -> FamilyRequest:
        """The request of an order whose ``mode`` is set."""

    @abstractmethod
    def look(self, job: RemoteJob) -> JobAddress:
        """Where a job is asked for."""

    def refused(self, body: Any) -> bool:
        """Whether an answer with a good HTTP status is an error of this route."""
        return False

    def further(self, job: RemoteJob, body: Any) -> Iterator[JobAddress]:
        """Where the link may be had of a job that is done and names none."""
        yield from ()

    def path_of(self, job: RemoteJob, model: str) -> str:
        """The path that a job was sent to, from what was kept of the request; an adopted job has none kept."""
        kept = job.sent.get("path")
        if isinstance(kept, str) and kept.startswith("/"):
            return kept
        params = self.capabilities(model).settle(job.params)
        return self.request(model, params, SentPictures()).path


def quoted(remote_id: str) -> str:
    """A job's id as a part of a path."""
    return quote(remote_id, safe="")


def lines(size: str) -> str:
    """``720P`` as most vendors write it."""
    return size.strip().lower()
