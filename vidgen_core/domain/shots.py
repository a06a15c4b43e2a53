"""Projects, shots and the candidates for their reference image.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import (
    ProviderId,
)


class Project(Frozen):
    """A film in the making; owns shots."""

    id: int
    name: str
    created_at: datetime
    #: Put away: it is not offered on screens, and everything in it stays.
    archived: bool = False


class GenerationMode(StrEnum):
    """Which material of a shot a video is made from."""

    #: The prompt alone.
    TEXT = "text"
    #: The video begins with the shot's picture.
    FIRST_FRAME = "first_frame"
    #: It begins with one picture and ends with another.
    FIRST_LAST_FRAME = "first_last_frame"
    #: Pictures show what things look like; none of them is a frame of the video.
    REFERENCES = "references"


class ReferenceRole(StrEnum):
    """What a reference picture shows."""

    CHARACTER = "character"
    STYLE = "style"
    OBJECT = "object"


class PictureSlot(StrEnum):
    """A place of a shot for a picture."""

    IMAGE = "image"
    LAST_FRAME = "last_frame"
    REFERENCE = "reference"


#: Words of lists for a shot that goes on from the one before it, and for one that does not.
_GOES_ON: Final = {
    True: "yes y true on continue continues continued same previous prev ditto 是 有 接 续 承接 接上 接上镜 承接上镜 同上 继续 延续 连 √ ✓ ↑ 〃 →",
    False: "no n none false off new start cut 否 无 新 起 切 不 不接 断 × ✗ - – — /",
}
_CHAIN_WORDS: Final = {word: meant for meant, words in _GOES_ON.items() for word in words.split()}


def chain_word(text: str) -> bool | None:
    """Whether a word says that a shot goes on from the one before it, or that it does not; None: it names a chain."""
    return _CHAIN_WORDS.get(" ".join(text.split()).casefold())


#: Sides in pixels of the squares that sizes of pictures are named after.
EDGES: Final = {"1K": 1024, "2K": 2048, "3K": 3072, "4K": 4096}


def side_lengths(size: str) -> tuple[int, int] | None:
    """Width and height of a size that names them; None for ``auto`` and ``2K``."""
    named = re.fullmatch(r"([1-9]\d{1,4})\s*+[xX×*]\s*+([1-9]\d{1,4})", size.strip())
    return (int(named[1]), int(named[2])) if named else None


def shape_of(ratio: str) -> float | None:
    """Width over height of a ratio; None for ``auto`` and whatever else names none."""
    sides = re.fullmatch(r"\s*+(\d+(?:\.\d+)?)\s*+:\s*+(\d+(?:\.\d+)?)\s*+", ratio)
    return float(sides[1]) / float(sides[2]) or None if sides and float(sides[2]) else None


class ShotReference(Frozen):
    """A picture that shows what something in the video looks like; has a key, a public link, or both."""

    #: Key in the image store.
    image: str | None = None
    image_url: str | None = None
    role: ReferenceRole = ReferenceRole.CHARACTER


class TakeOptions(Frozen):
    """How takes are wanted; None leaves it to the settings."""

    provider: ProviderId | None = None
    model: str | None = None
    aspect_ratio: str | None = None
    size: str | None = None
    #: seconds
    duration: float | None = None
    #: None: derived from the pictures that are there.
    mode: GenerationMode | None = None
    #: Whether the video is to have sound.
    sound: bool | None = None
    #: What is not to be seen.
    negative_prompt: str | None = None


class ShotParams(TakeOptions):
    """What one shot asks for in its own way."""

    takes: int | None = Field(default=None, ge=1, le=5)
    seed: int | None = None
    watermark: str | None = None
    callback_url: str | None = None


class Author(StrEnum):
    """Who wrote a prompt; what a person wrote is never written over."""

    HUMAN = "human"
    #: A language model or, offline, a template.
    MODEL = "model"
    #: A list that was imported: a person wrote it elsewhere.
    IMPORT = "import"


class ShotContent(Frozen):
    """What people put into a shot."""

    prompt: str = ""
    #: Key of the reference image in the image store (``<sha256>.<ext>``); None without one.
    image: str | None = None
    #: Where the reference image came from, when that was a public link.
    image_url: str | None = None
    #: Key of the picture that the video ends with.
    last_frame: str | None = None
    last_frame_url: str | None = None
    references: tuple[ShotReference, ...] = ()
    params: ShotParams = ShotParams()
    #: Columns of the list it came from that Vidgen has no use for; they come back on export.
    extra: dict[str, str] = Field(default_factory=dict)
    #: The sentence of the script that this shot shows.
    script: str = ""
    #: What its reference image is drawn from.
    picture_prompt: str = ""
    #: Name of the chain it belongs to; empty: it stands by itself. The order within a chain is that of the storyboard.
    chain: str = ""


class NewShot(ShotContent):
    """A shot to be added."""

    #: None: it gets the next one, ``4.0`` after ``3.2``.
    number: str | None = None
    identity: str | None = None
    #: Who wrote the prompt, and with which model.
    author: Author = Author.HUMAN
    writer: str = ""


class Shot(ShotContent):
    """One planned moving image: a number, a reference image, a prompt."""

    id: int
    project_id: int
    #: ``1.0``, ``1.1``, ``2.0`` …: text, sorted naturally.
    number: str
    position: int
    #: The shot before it in its chain, with whose last frame it begins; kept by the store.
    follows: int | None = None
    chosen_take_id: int | None = None
    #: Kept by the store: tasks of this shot that make videos, by what a filter asks for.
    live_count: int = 0
    completed_count: int = 0
    failed_count: int = 0
    #: Pictures of this shot that are queued or under way.
    drawing_count: int = 0
    rev: int = 0
    created_at: datetime


class NewCandidate(Frozen):
    """A picture that becomes a candidate for the reference image of a shot."""

    project_id: int
    shot_id: int
    #: None: a person gave it.
    task_id: int | None = None
    #: From 1 within the shot.
    number: int
    #: Key in the image store; None for a picture known by its link alone.
    image: str | None = None
    image_url: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    provider: ProviderId | None = None
    model: str = ""
    prompt: str = ""
    seed: int | None = None
    #: Codes of what was asked for and is not so: ``ratio_differs``, ``size_differs``.
    warnings: tuple[str, ...] = ()


class PictureCandidate(NewCandidate):
    """A picture that may become a shot's reference image: drawn by a task, or given by a person."""

    id: int
    #: Set aside by a person.
    rejected: bool = False
    #: It is the shot's reference image now.
    chosen: bool = False
    created_at: datetime


#: Characters of a chain's name.
LONGEST_CHAIN_NAME: Final = 64


def clean_chain_name(name: str) -> str:
    """The name of a chain as it is kept, in one line.

    :raises InputError: ``chain_name_unusable`` (name): too long, or a word that lists use for *goes on* or *does not*
    """
    kept = " ".join(name.split())
    if kept and (len(kept) > LONGEST_CHAIN_NAME or chain_word(kept) is not None):
        raise InputError("chain_name_unusable", name=kept[:LONGEST_CHAIN_NAME], most=LONGEST_CHAIN_NAME)
    return kept
