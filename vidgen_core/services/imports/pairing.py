"""Pictures and rows that came separately, brought together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from vidgen_core.domain.shots import PictureSlot
from vidgen_core.services.imports.numbers import loose
from vidgen_core.services.imports.plan import NOT_HERE, ImportPlan, PlannedShot, RowNote
from vidgen_core.services.imports.readers.pictures import fold_name
from vidgen_core.services.imports.rows import note_repeats


class Spare(StrEnum):
    """What becomes of pictures that no row names, neither by their file nor by their number."""

    #: Each becomes a shot of its own.
    SHOTS = "shots"
    #: They are left out and counted, until somebody has said what they are for.
    ASK = "ask"
    #: The first goes to the first row without a picture.
    ORDER = "order"
    #: Each goes with every row without a picture, as one shot more.
    EACH = "each"


def give_pictures(rows: ImportPlan, pictures: ImportPlan, spare: Spare) -> ImportPlan:
    """A plan of rows with the pictures that came beside them.

    A picture that a row names already, as whichever of its pictures, is no shot of its own; one whose name says a row's number is that row's.

    :param pictures: the pictures alone, in their order
    """
    named = {file for row in rows.shots for file in (row.image, *(one.image for one in row.pictures)) if file}
    every = [
        picture.model_copy(update={"pictures": tuple(one for one in picture.pictures if one.image not in named)})
        for picture in pictures.shots
    ]
    free = [picture for picture in every if picture.image is None or picture.image not in named]
    beside = {picture.image: picture for picture in every if picture.pictures}
    by_key = _by_key([picture for picture in free if picture.image])
    shots: list[PlannedShot] = []
    used: set[Path] = set()
    for row in rows.shots:
        found = next((by_key[key] for key in _keys_of(row) if key in by_key), None) if _wants(row) else None
        if row.image in beside and not _has_last_frame(row):
            row = row.model_copy(update={"pictures": (*beside[row.image].pictures, *row.pictures)})
        if found and found.image:
            used.add(found.image)
        shots.append(_with(row, found) if found else row)
    left = [picture for picture in free if picture.image not in used]
    return _spare(rows.model_copy(update={"shots": tuple(shots)}), left, spare)


def _wants(row: PlannedShot) -> bool:
    return not row.has_picture and (row.verdict != "rejected" or row.lacks_picture_only)


def _by_key(pictures: Sequence[PlannedShot]) -> dict[str, PlannedShot]:
    found: dict[str, PlannedShot] = {}
    for picture in pictures:
        for key in (fold_name(Path(picture.source).stem), loose(picture.number)):
            if key:
                found.setdefault(key, picture)
    return found


def _keys_of(row: PlannedShot) -> list[str]:
    return [key for key in (row.number and fold_name(row.number), loose(row.number)) if key]


def _has_last_frame(row: PlannedShot) -> bool:
    return any(one.slot is PictureSlot.LAST_FRAME for one in row.pictures)


def _with(row: PlannedShot, picture: PlannedShot) -> PlannedShot:
    given: dict[str, Any] = {"image": picture.image, "facts": picture.facts, "image_key": picture.image_key}
    if not _has_last_frame(row):
        given["pictures"] = (*picture.pictures, *row.pictures)
    reasons = tuple(reason for reason in row.reasons if reason.code not in NOT_HERE)
    verdict = "warning" if reasons else "ok"
    # The text beside a picture is a prompt where the row has none.
    said = {"prompt": row.prompt or picture.prompt, "reasons": reasons, "verdict": verdict}
    return row.model_copy(update=given | said)


def _spare(plan: ImportPlan, left: list[PlannedShot], spare: Spare) -> ImportPlan:
    shots = list(plan.shots)
    bad = [picture for picture in left if picture.image is None]
    good = [picture for picture in left if picture.image]
    wanting = [place for place, row in enumerate(shots) if _wants(row)]
    notes = plan.notes
    if spare is Spare.ORDER:
        for place, picture in zip(wanting, good, strict=False):
            shots[place] = _with(shots[place], picture)
        good = good[len(wanting) :]
    elif spare is Spare.EACH and good:
        pairs = [
            _with(shots[place] if len(good) == 1 else shots[place].model_copy(update={"number": None}), picture)
            for picture in good
            for place in wanting
        ]
        shots = [row for place, row in enumerate(shots) if place not in set(wanting)] + pairs
        good = [] if wanting else good
    if spare is Spare.ASK and wanting:
        if good:
            notes = (*notes, RowNote(None, "pictures_spare", {"source": plan.source, "count": len(good)}))
        good = []
    return plan.model_copy(update={"shots": note_repeats([*shots, *good, *bad]), "notes": notes})
