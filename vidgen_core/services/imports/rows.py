"""Rows of any list become planned shots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vidgen_core.domain.shots import ShotParams
from vidgen_core.services.imports.columns import Columns
from vidgen_core.services.imports.plan import PlannedShot, Reason, identity
from vidgen_core.services.imports.readers.pictures import (
    ListedPicture,
    Progress,
    Surroundings,
    check_pictures,
    find_picture,
)
from vidgen_core.services.imports.values import clean, read_params

LONGEST_NUMBER: Final = 64
LONGEST_PROMPT: Final = 20_000


class ListRow(NamedTuple):
    """One row of a list: its cells by field and, of unknown columns, by header."""

    line: int
    cells: dict[str, str]
    extra: dict[str, str]
    #: Why the row cannot be read as one at all.
    broken: Reason | None = None


def cut_row(line: int, values: Sequence[str], columns: Columns) -> ListRow | None:
    """A row of a table by its columns; None when all cells are empty."""
    texts = [clean(value) for value in values]
    if not any(texts):
        return None
    cells = {field: texts[index] for field, index in columns.fields.items() if index < len(texts)}
    taken = set(columns.fields.values())
    extra = {
        columns.unknown.get(index, f"#{index + 1}"): text
        for index, text in enumerate(texts)
        if text and index not in taken
    }
    return ListRow(line, cells, extra)


def plan_rows(
    rows: Iterable[ListRow], source: str, around: Surroundings, progress: Progress | None = None
) -> tuple[PlannedShot, ...]:
    """A planned shot for each row, in their order, with its verdict."""
    every = list(rows)
    found = [ListedPicture() if row.broken else find_picture(row.cells.get("image", ""), around) for row in every]
    pictures = check_pictures(found, progress)
    return note_repeats(_plan(row, picture, source) for row, picture in zip(every, pictures, strict=True))


def _plan(row: ListRow, picture: ListedPicture, source: str) -> PlannedShot:
    number, prompt = row.cells.get("shot", ""), row.cells.get("prompt", "")
    picture_prompt = row.cells.get("picture_prompt", "")
    params, against = read_params(row.cells)
    if row.broken:
        against = [row.broken]
    elif not (row.cells.get("image") or prompt or picture_prompt):
        against.insert(0, Reason("row_empty_shot"))
    against += [picture.rejected] if picture.rejected else []
    against += _too_long(number, max(prompt, picture_prompt, key=len))
    warnings = [picture.warning] if picture.warning else []
    return PlannedShot(
        source=source,
        line=row.line,
        number=number[:LONGEST_NUMBER] or None,
        prompt=prompt[:LONGEST_PROMPT],
        image=picture.file,
        image_url=picture.link,
        image_data=picture.data,
        facts=picture.facts,
        image_key=picture.key,
        params=ShotParams(**params),
        extra=row.extra,
        script=row.cells.get("script", ""),
        picture_prompt=picture_prompt[:LONGEST_PROMPT],
        verdict="rejected" if against else "warning" if warnings else "ok",
        reasons=(*against, *warnings),
    )


def _too_long(number: str, prompt: str) -> list[Reason]:
    reasons = []
    if len(number) > LONGEST_NUMBER or "\n" in number:
        reasons.append(Reason("number_too_long", {"limit": LONGEST_NUMBER}))
    if len(prompt) > LONGEST_PROMPT:
        reasons.append(Reason("prompt_too_long", {"limit": LONGEST_PROMPT}))
    return reasons


def note_repeats(shots: Iterable[PlannedShot]) -> tuple[PlannedShot, ...]:
    """Warn of rows that were there before, and of numbers that were."""
    rows: dict[str, PlannedShot] = {}
    numbers: dict[str, PlannedShot] = {}
    noted = []
    for shot in shots:
        if shot.verdict != "rejected":
            same = rows.setdefault(identity(shot, _picture_name(shot)), shot)
            namesake = numbers.setdefault(shot.number, shot) if shot.number else shot
            if same is not shot:
                shot = _warned(shot, Reason("row_repeated", {"line": same.line or same.source}))
            elif namesake is not shot:
                params = {"number": shot.number, "line": namesake.line or namesake.source}
                shot = _warned(shot, Reason("number_twice", params))
        noted.append(shot)
    return tuple(noted)


def _warned(shot: PlannedShot, reason: Reason) -> PlannedShot:
    return shot.model_copy(update={"verdict": "warning", "reasons": (*shot.reasons, reason)})


def _picture_name(shot: PlannedShot) -> str | None:
    return shot.image_key or (str(shot.image) if shot.image else None)
