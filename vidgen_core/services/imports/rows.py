"""Rows of any list become planned shots."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from vidgen_core.domain.shots import PictureSlot, ReferenceRole, ShotParams
from vidgen_core.services.imports.columns import Columns, plain_header
from vidgen_core.services.imports.material import (
    MOST,
    OtherPicture,
    chains_of,
    each_apart,
    mode_of,
    others_of,
    sound_of,
)
from vidgen_core.services.imports.numbers import NUMERALS, mend, number_of, numeral, plain_digits
from vidgen_core.services.imports.plan import PlannedPicture, PlannedShot, Reason, identity
from vidgen_core.services.imports.readers.pictures import (
    ListedPicture,
    Progress,
    Surroundings,
    check_pictures,
    find_picture,
    several_pictures,
)
from vidgen_core.services.imports.values import AUTOMATIC, clean, is_default, lengths, read_params, span

LONGEST_NUMBER: Final = 64
LONGEST_PROMPT: Final = 20_000
#: Fields in which a word or a dash may say that there is nothing.
_MAY_BE_NONE: Final = frozenset((
    "image", "last_frame", "references", "negative_prompt", "script", "watermark", "callback_url",
))  # fmt: skip


class ListRow(NamedTuple):
    """One row of a list: its cells by field and, of unknown columns, by header."""

    line: int
    cells: dict[str, str]
    extra: dict[str, str]
    #: Why the row cannot be read as one at all.
    broken: Reason | None = None
    #: Pictures that lie on the row's cells, or links to them; that of the picture's column first.
    pictures: tuple[bytes | str, ...] = ()
    #: Its last frame and references.
    others: tuple[OtherPicture, ...] = ()
    warnings: tuple[Reason, ...] = ()


def cut_row(
    line: int, values: Sequence[str], columns: Columns, pictures: Mapping[int, Sequence[bytes | str]] | None = None
) -> ListRow | None:
    """A row of a table by its columns; None when all cells are empty."""
    texts = [clean(value) for value in values]
    if not any(texts) and not pictures:
        return None
    taken = columns.meant
    texts = ["" if taken.get(index) in _MAY_BE_NONE and is_default(text) else text for index, text in enumerate(texts)]
    cells = {field: texts[index] for field, index in columns.fields.items() if index < len(texts)}
    extra = {
        columns.unknown.get(index, f"#{index + 1}"): text
        for index, text in enumerate(texts)
        if text and index not in taken
    }
    others = others_of(texts, columns, pictures or {})
    return ListRow(line, cells, extra, pictures=_placed(pictures or {}, columns), others=others)


def _placed(pictures: Mapping[int, Sequence[bytes | str]], columns: Columns) -> tuple[bytes | str, ...]:
    own = columns.fields.get("image", -1)
    elsewhere = {columns.fields.get("last_frame"), columns.fields.get("references"), *columns.references}
    order = sorted(pictures.keys() - elsewhere, key=lambda column: (column != own, column))
    return tuple(picture for column in order for picture in pictures[column])


def plan_rows(
    rows: Iterable[ListRow], source: str, around: Surroundings, progress: Progress | None = None
) -> tuple[PlannedShot, ...]:
    """A planned shot for each row, in their order, with its verdict."""
    every = _with_lengths([row if row.broken else _apart(row, around) for row in rows])
    found = [ListedPicture() if row.broken else _picture_of(row, around) for row in every]
    others = [[] if row.broken else [_listed(other, around) for other in row.others] for row in every]
    checked = iter(check_pictures([*found, *(picture for some in others for picture in some)], progress))
    pictures = [next(checked) for _ in every]
    planned_others = [[(other, next(checked)) for other in (() if row.broken else row.others)] for row in every]
    numbers = list(mend(row.cells.get("shot", "") for row in every))
    chains = chains_of((number, row.cells.get("chain", "")) for row, (number, _) in zip(every, numbers, strict=True))
    planned = (
        _with_others(_plan(row, picture, number, source, chain), some)
        for row, picture, number, some, chain in zip(every, pictures, numbers, planned_others, chains, strict=True)
    )
    return note_repeats(_by_scene(list(planned)))


def _with_lengths(rows: list[ListRow]) -> list[ListRow]:
    """The rows with the lengths of shots whose cells say from when to when they last."""
    said = lengths([row.cells.get("duration", "") for row in rows])
    return [
        row._replace(cells=row.cells | {"duration": text}) if text else row
        for row, text in zip(rows, said, strict=True)
    ]


def _apart(row: ListRow, around: Surroundings) -> ListRow:
    """The row with each of its pictures by itself: one as its first frame; further ones on it, or in its cell, are references."""
    row = row._replace(others=each_apart(row.others, lambda text: several_pictures(text, around)))
    first, *more = row.pictures or several_pictures(row.cells.get("image", ""), around) or ("",)
    if not more:
        return row
    given = [OtherPicture(PictureSlot.REFERENCE, ReferenceRole.CHARACTER, picture) for picture in more]
    known = [other for other in row.others if other.slot is PictureSlot.REFERENCE]
    others = (*row.others, *given[: MOST + 1 - len(known)])
    told = Reason("pictures_as_references", {"count": len(more)})
    return row._replace(pictures=(first,), others=others, warnings=(*row.warnings, told))


def _picture_of(row: ListRow, around: Surroundings) -> ListedPicture:
    """The picture that lies on the row, else the one that its cell names."""
    first = row.pictures[0] if row.pictures else row.cells.get("image", "")
    return ListedPicture(data=first) if isinstance(first, bytes) else find_picture(first, around)


def _listed(other: OtherPicture, around: Surroundings) -> ListedPicture:
    picture = other.picture
    return ListedPicture(data=picture) if isinstance(picture, bytes) else find_picture(picture, around)


def _with_others(shot: PlannedShot, others: list[tuple[OtherPicture, ListedPicture]]) -> PlannedShot:
    """The shot with its last frame and references; one that is no picture refuses the row as its first one would."""
    against = tuple(found.rejected for _, found in others if found.rejected)
    ends = sum(other.slot is PictureSlot.LAST_FRAME for other, _ in others)
    if len(others) - ends > MOST:
        against += (Reason("references_over_limit", {"most": MOST}),)
    if ends > 1:
        against += (Reason("last_frames_several", {}),)
    warnings = tuple(found.warning for _, found in others if found.warning)
    pictures = tuple(
        PlannedPicture(
            slot=other.slot,
            role=other.role,
            image=found.file,
            image_url=found.link,
            image_data=found.data,
            image_key=found.key,
        )
        for other, found in others
        if not found.rejected
    )
    verdict = "rejected" if against else "warning" if warnings and shot.verdict == "ok" else shot.verdict
    reasons = (*against, *shot.reasons, *warnings)
    return shot.model_copy(update={"pictures": pictures, "verdict": verdict, "reasons": reasons})


#: Columns that say which scene a row belongs to, and which episode that.
_SCENES: Final = tuple(
    map(
        plain_header,
        [
            "场次",
            "场",
            "场号",
            "场景号",
            "scene",
            "scene_number",
            "scene_no",
            "scene_id",
            "sc",
            "場次",
            "場",
            "集",
            "集数",
            "episode",
            "ep",
        ],
    )
)


def _by_scene(shots: list[PlannedShot]) -> list[PlannedShot]:
    """Numbers that begin anew with each scene, with the number of the scene before them, and that of its episode where it is needed."""
    numbers = [shot.number for shot in shots if shot.number]
    for parts in (1, 2) if len(set(numbers)) < len(numbers) else ():
        joined = [_joined(shot, parts) for shot in shots]
        wanted = [number for number in joined if number]
        if len(wanted) == len(set(wanted)) == len(numbers):
            return [shot.model_copy(update={"number": number}) for shot, number in zip(shots, joined, strict=True)]
    return shots


def _joined(shot: PlannedShot, parts: int) -> str | None:
    said = {plain_header(name): text for name, text in shot.extra.items() if text}
    scenes = [number_of(said[name]) or _first_number(said[name]) for name in _SCENES if name in said][:parts]
    number = "-".join([*reversed(scenes), shot.number or ""])
    return number if scenes and shot.number and len(number) <= LONGEST_NUMBER else None


def _first_number(scene: str) -> str:
    """``第一场 咖啡馆`` is 1."""
    plain = plain_digits(scene)
    found = re.match(r"\D{0,8}?(\d{1,4})(?!\d)", plain) or re.match(
        rf"(?:场景|場景|[场場集幕])\s?([{NUMERALS}]{{1,4}})", scene
    )
    return plain if not found else found[1] if found[1].isascii() else str(numeral(found[1]))


def _plan(row: ListRow, picture: ListedPicture, meant: tuple[str, str | None], source: str, chain: str) -> PlannedShot:
    number, code = meant
    written = row.cells.get("shot", "")[:40]
    guessed = Reason(code, {"number": number, "value": written}) if code else None
    prompt = row.cells.get("prompt", "")
    picture_prompt = row.cells.get("picture_prompt", "")
    params, against = read_params(row.cells)
    unclear, extra = _options(row, params)
    if row.broken:
        against = [row.broken]
    elif not (row.cells.get("image") or row.pictures or row.others or prompt or picture_prompt):
        against.insert(0, Reason("row_empty_shot"))
    against += [picture.rejected] if picture.rejected else []
    against += _too_long(number, max(prompt, picture_prompt, key=len))
    if len(chain) > LONGEST_NUMBER:
        against.append(Reason("value_too_long", {"value": chain[:40], "limit": LONGEST_NUMBER}))
    length = row.cells.get("duration", "")
    if "duration" in params and span(length):
        unclear.append(Reason("duration_range", {"value": length[:40], "seconds": f"{params['duration']:g}"}))
    if any("\ufffd" in text for text in (*row.cells.values(), *row.extra.values())):
        unclear.append(Reason("letters_lost"))
    warnings = [reason for reason in (picture.warning, guessed, *unclear, *row.warnings) if reason]
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
        extra=extra,
        script=row.cells.get("script", ""),
        picture_prompt=picture_prompt[:LONGEST_PROMPT],
        chain=chain[:LONGEST_NUMBER],
        verdict="rejected" if against else "warning" if warnings else "ok",
        reasons=(*against, *warnings),
    )


def _options(row: ListRow, params: dict[str, Any]) -> tuple[list[Reason], dict[str, str]]:
    """Read sound and mode into ``params``; a word that is none stays beside the shot, for many lists describe the sound there."""
    unclear, extra = [], dict(row.extra)
    for field, read in (("sound", sound_of), ("mode", mode_of)):
        text = row.cells.get(field, "")
        meant = read(text)
        if not text or (meant is None and (is_default(text) or text.casefold() in AUTOMATIC)):
            continue
        if meant is None:
            unclear.append(Reason(f"{field}_unclear", {"value": text[:40]}))
            extra.setdefault({"sound": "声音", "mode": "模式"}[field], text)
        else:
            params[field] = meant
    return unclear, extra


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
    for shot in map(_without_repeats, shots):
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


def _without_repeats(shot: PlannedShot) -> PlannedShot:
    """Without what was said of repeats among other rows."""
    reasons = tuple(reason for reason in shot.reasons if reason.code not in {"row_repeated", "number_twice"})
    if reasons == shot.reasons:
        return shot
    verdict = shot.verdict if shot.verdict == "rejected" else "warning" if reasons else "ok"
    return shot.model_copy(update={"reasons": reasons, "verdict": verdict})


def _warned(shot: PlannedShot, reason: Reason) -> PlannedShot:
    return shot.model_copy(update={"verdict": "warning", "reasons": (*shot.reasons, reason)})


def _picture_name(shot: PlannedShot) -> str | None:
    return shot.image_key or (str(shot.image) if shot.image else None)
