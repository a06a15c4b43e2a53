"""What is exported: the chosen takes in the order of their shots, and how people want them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, Refused
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import ReviewComment, Take, TakeReview, goes_out
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.media.storage import LocalMedia
from vidgen_core.providers.http.cleaning import clean_text

#: Called with the part that is done, 0–1; it raises ``Cancelled`` when nobody wants the rest.
Progress = Callable[[float], None]
#: Shots named in a sentence; the others are counted.
_NAMED: Final = 8


class Cancelled(Exception):
    """The person who asked for an export no longer wants it."""


#: Events that the number of an EDL's line can name.
EDL_EVENTS: Final = 999


class Format(StrEnum):
    """What can be made; the words are those of ``vidgen export --format``."""

    ZIP = "zip"
    MP4 = "mp4"
    OTIO = "otio"
    FCPXML = "fcpxml"
    EDL = "edl"
    PREMIERE = "xml"
    JIANYING = "jianying"
    SRT = "srt"
    ASS = "ass"
    PDF = "pdf"
    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"


#: Formats that hold a list and no video.
LISTS: Final = frozenset({Format.CSV, Format.JSON, Format.XLSX})
#: Formats that name the videos and do not hold them.
TIMELINES: Final = frozenset({Format.OTIO, Format.FCPXML, Format.EDL, Format.PREMIERE})
#: Spoken lines in their time.
SUBTITLES: Final = frozenset({Format.SRT, Format.ASS})


#: What *export everything* makes: (format, what its list shows).
EVERYTHING: Final[tuple[tuple[Format, Literal["shots", "tasks"]], ...]] = (
    (Format.ZIP, "shots"),
    (Format.MP4, "shots"),
    (Format.JIANYING, "shots"),
    (Format.FCPXML, "shots"),
    (Format.PREMIERE, "shots"),
    (Format.OTIO, "shots"),
    (Format.EDL, "shots"),
    (Format.SRT, "shots"),
    (Format.ASS, "shots"),
    (Format.PDF, "shots"),
    (Format.XLSX, "shots"),
    (Format.XLSX, "tasks"),
)


class Options(Frozen):
    """How an export is wanted; what a format has no use for is passed over."""

    #: Names of the videos in a ZIP: the fields of file patterns, and ``{order}``.
    pattern: str = "{order:03d}_{shot}-v{take}.mp4"
    #: ZIP: with timelines that name the videos beside them.
    timelines: bool = False
    #: Shots without a chosen take are shown by their picture.
    stills: bool = False
    #: seconds
    still_seconds: float = Field(default=3.0, gt=0, le=60)
    #: MP4: shot numbers in the lower left corner.
    numbers: bool = False
    #: MP4: spoken lines in the picture.
    subtitles: bool = False
    #: CSV, JSON, XLSX: what is listed.
    rows: Literal["shots", "tasks"] = "shots"
    #: CSV, JSON, XLSX of shots: a ZIP with the pictures beside the list.
    pictures: bool = False
    #: 剪映: the folder that holds its drafts, as the machine that will open the draft names it.
    drafts_folder: str = ""

    def is_packed(self, kind: Format) -> bool:
        """Whether a list of this format is written as a ZIP."""
        return kind in LISTS and self.pictures and self.rows == "shots"


class FilmClip(Frozen):
    """One place in the film: a chosen take, or a still where there is none."""

    #: From 1, without gaps.
    order: int
    shot: Shot
    take: Take | None = None
    #: The video; of a still its picture, or None where the shot has none.
    source: Path | None = None
    #: Whether its file is in a bucket, from where it is fetched when it is exported.
    elsewhere: bool = False
    #: What the take was made from, where its task is still known.
    params: GenerationParams | None = None
    #: What reviewers said about moments of the take.
    comments: tuple[ReviewComment, ...] = ()
    #: Number of the extended or enlarged take whose file goes out for the chosen one.
    finished: int | None = None

    @property
    def name(self) -> str:
        """For people: ``1.0-v2``; of a still the number alone. One line, fit for every format."""
        number = " ".join(clean_text(self.shot.number).split())
        return f"{number}-v{self.take.number}" if self.take else number


class Film(Frozen):
    """A project as it would be exported now."""

    project: str
    at: datetime
    clips: tuple[FilmClip, ...] = ()
    #: Shots without a chosen take, whether or not a still stands for them.
    missing: tuple[Shot, ...] = ()
    #: What lies beside the takes in a ZIP: name in it, and a text or the file.
    beside: dict[str, str | Path] = Field(default_factory=dict)

    @field_validator("project")
    @classmethod
    def _must_be_one_line(cls, name: str) -> str:
        return " ".join(clean_text(name).split())

    @property
    def takes(self) -> tuple[FilmClip, ...]:
        """The clips that are videos."""
        return tuple(clip for clip in self.clips if clip.take)

    @property
    def told(self) -> bool:
        """Whether any of its shots has a spoken line."""
        return any(clip.shot.script.strip() for clip in self.clips)

    def everything(self) -> list[tuple[Format, Literal["shots", "tasks"]]]:
        """What can be made of it: subtitles only where somebody speaks."""
        return [(kind, rows) for kind, rows in EVERYTHING if self.told or kind not in SUBTITLES]

    @property
    def identity(self) -> str:
        """The same as long as the same parts of the same takes are chosen, in the same order."""
        takes = " ".join(f"{take.sha256} {take.trim_in} {take.trim_out}" for clip in self.clips if (take := clip.take))
        return hashlib.sha256(takes.encode()).hexdigest()[:16]

    @property
    def gone(self) -> tuple[FilmClip, ...]:
        """Chosen takes whose file is not there."""
        return tuple(one for one in self.takes if not (one.elsewhere or (one.source and one.source.is_file())))

    def fetched(self, media: LocalMedia) -> Film:
        """The same with all its files on this machine.

        :raises FileError: the bucket cannot be reached or refuses; disk_full
        """
        clips = [clip.model_copy(update={"elsewhere": False}) for clip in self.clips]
        for clip in clips:
            if clip.take:
                media.video(clip.take)
            elif clip.shot.image:
                media.picture(clip.shot.image)
        return self.model_copy(update={"clips": tuple(clips)})

    @property
    def seconds(self) -> float:
        """Of the chosen takes, as far as they are shown."""
        return sum(clip.take.shown_seconds for clip in self.clips if clip.take)

    @property
    def bytes(self) -> int:
        """Of the chosen takes."""
        return sum(clip.take.bytes for clip in self.clips if clip.take)

    def check(self) -> None:
        """See that there is something to export and that all of it is there.

        :raises Refused: ``export_nothing_chosen`` (project)
        :raises FileError: ``export_files_gone`` (n, shots)
        """
        if not self.takes:
            raise Refused("export_nothing_chosen", project=self.project)
        gone = self.gone
        if gone:
            raise FileError("export_files_gone", n=len(gone), shots=numbers_of(clip.shot for clip in gone))


def make_film(
    project: str,
    shots: Iterable[Shot],
    chosen: Iterable[Take],
    media: LocalMedia,
    at: datetime,
    *,
    stills: bool = False,
    made_from: Mapping[int, GenerationParams] | None = None,
    said: Mapping[int, TakeReview] | None = None,
    standing: Mapping[int, Take] | None = None,
) -> Film:
    """Put takes to their shots, in the order of the shots.

    :param stills: let shots without a chosen take be seen by their picture
    :param made_from: what the takes were made from, by their tasks
    :param said: what reviewers said of them, by take
    :param standing: what stands in for takes, by their ids
    """
    takes = {take.shot_id: take for take in chosen}
    clips: list[FilmClip] = []
    missing: list[Shot] = []
    for shot in shots:
        take = takes.get(shot.id)
        if take:
            params = (made_from or {}).get(take.task_id)
            used = goes_out(take, standing or {})
            shown = take.with_file_of(used)
            source = media.path_of(media.address(shown))
            comments = said[take.id].comments if said and take.id in said else ()
            clips.append(
                FilmClip(
                    order=len(clips) + 1,
                    shot=shot,
                    take=shown,
                    source=source,
                    elsewhere=not source.is_file() and media.may_have(shown),
                    params=params,
                    comments=comments,
                    finished=None if used is take else used.number,
                )
            )
        else:
            missing.append(shot)
        if take is None and stills:
            clips.append(
                FilmClip(
                    order=len(clips) + 1, shot=shot, source=media.path_of_picture(shot.image) if shot.image else None
                )
            )
    return Film(project=project, at=at, clips=tuple(clips), missing=tuple(missing))


def numbers_of(shots: Iterable[Shot]) -> str:
    """``1.0, 1.1, 2.0 … (+12)``."""
    numbers = [shot.number for shot in shots]
    more = f" … (+{len(numbers) - _NAMED})" if len(numbers) > _NAMED else ""
    return ", ".join(numbers[:_NAMED]) + more
