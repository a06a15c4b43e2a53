"""What an import would do, before it does it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field
from pydantic.dataclasses import dataclass

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.characters import References
from vidgen_core.domain.shots import Author, PictureSlot, ReferenceRole, Shot, ShotParams, ShotReference
from vidgen_core.media.images import ImageFacts
from vidgen_core.services.imports.characters import keep_pictures
from vidgen_core.services.imports.numbers import loose

#: What is wrong with a cell that names a picture which is not here.
NOT_HERE: Final = frozenset({"image_missing", "image_outside", "image_embedded"})
#: What is doubtful about a row and refuses none.
_WARNINGS: Final = frozenset({
    "number_was_date", "number_zero_restored", "cell_error", "cell_unreckoned", "row_repeated", "number_twice",
    "duration_range", "cells_joined", "letters_lost",
})  # fmt: skip
Verdict = Literal["ok", "warning", "rejected"]


class RowNote(NamedTuple):
    """What became of a row that was not added; ``params`` name its ``source``."""

    #: None for a picture, which is its own source.
    line: int | None
    code: str
    params: dict[str, Any]


class Existing(StrEnum):
    """What becomes of rows whose number looks like that of a shot that is there with another content."""

    #: They are left out and named, until somebody has said what they are.
    ASK = "ask"
    #: The shot takes over what the row says.
    UPDATE = "update"
    #: They become shots of their own.
    ADD = "add"
    #: They are left out.
    SKIP = "skip"


class Imported(Frozen):
    """What an import did."""

    added: tuple[Shot, ...] = ()
    #: Shots that took over what their rows say.
    updated: tuple[Shot, ...] = ()
    #: Rows that were there already.
    skipped: tuple[RowNote, ...] = ()
    #: Rows that could not become shots.
    rejected: tuple[RowNote, ...] = ()


class Preview(NamedTuple):
    """What carrying out a plan would do."""

    ok: tuple[PlannedShot, ...]
    updated: tuple[PlannedShot, ...]
    skipped: tuple[RowNote, ...]
    rejected: tuple[RowNote, ...]


@dataclass(frozen=True)
class Reason:
    """Why a row got its verdict; its sentence is ``error.<code>`` filled with ``params``."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)


class PlannedPicture(Frozen):
    """A picture of a row beside its first one; as ``image…`` of the shot."""

    slot: PictureSlot
    role: ReferenceRole = ReferenceRole.CHARACTER
    image: Path | None = None
    image_url: str | None = None
    image_data: bytes | None = Field(default=None, repr=False)
    image_key: str | None = None

    @property
    def as_reference(self) -> ShotReference:
        return ShotReference(image=self.image_key, image_url=self.image_url, role=self.role)


class PlannedShot(Frozen):
    """One row as it would become a shot."""

    #: Name of the list or picture it comes from.
    source: str
    #: Where it begins: the line of a text list, the row of a sheet, the place in a storyboard, from 1; None for pictures.
    line: int | None = None
    #: None: numbered on.
    number: str | None = None
    prompt: str = ""
    #: A checked local file; a picture that was fetched has its link beside it.
    image: Path | None = None
    #: An http(s) link; without ``image`` it was not fetched.
    image_url: str | None = None
    #: The bytes of a data URI.
    image_data: bytes | None = Field(default=None, repr=False)
    #: What the picture is, and its key in the image store; None for a link that was not fetched.
    facts: ImageFacts | None = None
    image_key: str | None = None
    #: Last frame and references.
    pictures: tuple[PlannedPicture, ...] = ()
    params: ShotParams = ShotParams()
    #: Cells of columns Vidgen has no use for, by their header.
    extra: dict[str, str] = Field(default_factory=dict)
    script: str = ""
    picture_prompt: str = ""
    #: Name of its chain; empty: it stands by itself.
    chain: str = ""
    verdict: Verdict = "ok"
    reasons: tuple[Reason, ...] = ()

    @property
    def has_picture(self) -> bool:
        return bool(self.image or self.image_url or self.image_data)

    @property
    def lacks_picture_only(self) -> bool:
        """Whether it is refused for nothing but a picture that is not here."""
        codes = {reason.code for reason in self.reasons}
        return self.verdict == "rejected" and not codes.isdisjoint(NOT_HERE) and codes <= NOT_HERE | _WARNINGS


class ImportPlan(Frozen):
    """All rows of one or more sources, in their order."""

    source: str
    #: The project a storyboard names.
    project: str | None = None
    shots: tuple[PlannedShot, ...] = ()
    #: Header as written → field it was taken for.
    recognised: dict[str, str] = Field(default_factory=dict)
    #: Headers kept as extra columns.
    unknown: tuple[str, ...] = ()
    #: What is to be said of the list as a whole: hidden rows, other sheets.
    notes: tuple[RowNote, ...] = ()
    #: Style and characters that come along; for keys of their pictures it has paths of files.
    library: References = References()
    #: Who wrote the prompts, and with which model.
    author: Author = Author.IMPORT
    writer: str = ""

    @property
    def ok(self) -> tuple[PlannedShot, ...]:
        """The rows that would be stored, those with a warning among them."""
        return tuple(shot for shot in self.shots if shot.verdict != "rejected")

    def within(self, allows: Callable[[Path], bool]) -> ImportPlan:
        """The plan with the rows refused whose picture is not allowed, such as a link out of an allowed folder."""
        library = keep_pictures(self.library, lambda image: image if allows(Path(image)) else None)
        return self.model_copy(
            update={"shots": tuple(_within(shot, allows) for shot in self.shots), "library": library}
        )

    def with_library(self, library: References) -> ImportPlan:
        """The plan with a library of characters, and a note that says so."""
        note = RowNote(None, "characters_come", {"n": len(library.characters)})
        notes = (*self.notes, note) if library.characters else self.notes
        return self.model_copy(update={"library": library, "notes": notes})

    @property
    def only_pictures_missing(self) -> int:
        """How many rows are refused for nothing but a picture that is not here."""
        return sum(shot.lacks_picture_only and _says(shot) for shot in self.shots)

    def without_pictures(self) -> ImportPlan:
        """The plan with the rows accepted that are refused for nothing but a picture that is not here."""
        shots = (
            shot.model_copy(update={"verdict": "warning"}) if shot.lacks_picture_only and _says(shot) else shot
            for shot in self.shots
        )
        return self.model_copy(update={"shots": tuple(shots)})

    @property
    def warnings(self) -> tuple[RowNote, ...]:
        """What is doubtful about the list and its rows that would be stored."""
        rows = (
            RowNote(shot.line, reason.code, {"source": shot.source, **reason.params})
            for shot in self.ok
            for reason in shot.reasons
        )
        return (*self.notes, *rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows that would be stored lack a picture or a prompt, and how many columns nothing was made of."""
        return {
            "without_picture": sum(not shot.has_picture for shot in self.ok),
            "without_prompt": sum(not shot.prompt for shot in self.ok),
            "unused_columns": len(self.unknown),
        }

    @property
    def rejected(self) -> tuple[PlannedShot, ...]:
        return tuple(shot for shot in self.shots if shot.verdict == "rejected")


def _says(shot: PlannedShot) -> bool:
    return bool(shot.prompt or shot.picture_prompt)


def _within(shot: PlannedShot, allows: Callable[[Path], bool]) -> PlannedShot:
    files = (shot.image, *(picture.image for picture in shot.pictures))
    wrong = next((file for file in files if file is not None and not allows(file)), None)
    return shot if wrong is None else _outside(shot, wrong)


def _outside(shot: PlannedShot, image: Path) -> PlannedShot:
    reasons = (Reason("path_outside_roots", {"path": image.name}), *shot.reasons)
    return shot.model_copy(update={"image": None, "pictures": (), "verdict": "rejected", "reasons": reasons})


def merge_plans(plans: Iterable[ImportPlan]) -> ImportPlan:
    """One plan for several sources, their rows one after the other."""
    every = list(plans)
    return ImportPlan(
        source=", ".join(plan.source for plan in every),
        project=next((plan.project for plan in every if plan.project), None),
        shots=tuple(shot for plan in every for shot in plan.shots),
        recognised={header: field for plan in every for header, field in plan.recognised.items()},
        unknown=tuple(dict.fromkeys(header for plan in every for header in plan.unknown)),
        notes=tuple(note for plan in every for note in plan.notes),
    )


def identity(planned: PlannedShot, image_key: str | None) -> str:
    """A hash that is the same when the same row is read again: of its number, prompt and picture.

    It counts within one project; keep it with the shot, since a row without a number is given another one each time.
    A picture behind a link is known by the link, so that it need not be fetched to be recognised.

    :param image_key: key of the picture in the image store; None for a link or no picture
    """
    parts = [loose(planned.number), planned.prompt, planned.image_url or image_key]
    if not planned.prompt and parts[2] is None:
        # Nothing but what its picture is drawn from tells such rows apart.
        parts.append(planned.picture_prompt)
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
