"""What a timeline from an editor would change: which take each clip is, the new order, and the new points."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import PurePath, PurePosixPath
from typing import Any, Final

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, InputError
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take, goes_out, stand_ins
from vidgen_core.media.storage import LocalMedia
from vidgen_core.services.exports.editing.edited_timeline import Use, path_of
from vidgen_core.services.exports.facts import Facts, read_facts, usual_rate
from vidgen_core.services.exports.naming import safe_name

#: Seconds by which points may differ and mean the same: a frame of the slowest usual rate.
SAME: Final = 1 / 23.9
#: Place in the film before the name of an exported file.
_PLACE: Final = re.compile(r"^\d+[_ -]+")
#: What editors put behind a name that is there already.
_COPY: Final = re.compile(r"( \(\d+\)|[ _-]copy( \d+)?|\.\d+)$", re.IGNORECASE)


class EditNote(Frozen):
    """A clip that is not simply followed; ``edit.note.<code>`` in the catalogues says why."""

    code: str
    params: dict[str, Any]


class EditChange(Frozen):
    """What becomes of one shot; places count from 1, points are seconds of the take."""

    shot_id: int
    shot: str
    place_before: int
    place: int
    take_id: int | None = None
    take: int | None = None
    #: The take that was chosen, where another one is used; 0 without any.
    take_before: int | None = None
    trim_before: tuple[float, float] | None = None
    trim: tuple[float, float] | None = None

    @property
    def moved(self) -> bool:
        return self.place != self.place_before

    @property
    def cut(self) -> bool:
        return self.trim != self.trim_before

    @property
    def changed(self) -> bool:
        return self.moved or self.cut or self.take_before is not None


class EditPlan(Frozen):
    """What an edited timeline would change."""

    project_id: int
    name: str
    #: Every shot in its new order.
    order: tuple[int, ...]
    #: The shots that the timeline shows, in its order.
    shots: tuple[EditChange, ...]
    notes: tuple[EditNote, ...] = ()
    #: The order that this was worked out from.
    before: tuple[int, ...] = ()

    @property
    def changes(self) -> tuple[EditChange, ...]:
        return tuple(each for each in self.shots if each.changed)


def project_rate(shots: Sequence[Shot], takes: Mapping[int, Sequence[Take]], media: LocalMedia) -> Fraction:
    """The rate that timelines of the project are exported at."""
    facts: list[Facts] = []
    for shot in shots:
        for take in takes.get(shot.id, ()):
            if take.id == shot.chosen_take_id:
                try:
                    facts.append(read_facts(media.video(take)))
                except FileError:
                    continue
    return usual_rate(facts) if facts else Fraction(24)


# --- which take a clip is


class _Index:
    """Takes by everything that a timeline may call them."""

    def __init__(self, shots: Sequence[Shot], takes: Mapping[int, Sequence[Take]]) -> None:
        self.shots = {shot.id: shot for shot in shots}
        standing = stand_ins(take for each in takes.values() for take in each)
        #: As the timeline had them: with the files that went out.
        self.takes = {take.id: take.with_file_of(goes_out(take, standing)) for each in takes.values() for take in each}
        self._paths: dict[str, list[Take]] = defaultdict(list)
        self._names: dict[str, list[Take]] = defaultdict(list)
        for shot in shots:
            for take in takes.get(shot.id, ()):
                for place in dict.fromkeys((take.place, self.takes[take.id].place)):
                    self._paths[_folded(PurePath(place).as_posix())].append(take)
                named = f"{shot.number}-v{take.number}"
                for name in {PurePosixPath(take.file).stem, named, safe_name(named)}:
                    self._names[_folded(name)].append(take)

    def find(self, use: Use) -> tuple[list[Shot], list[Take]]:
        """The shots that it may be, with their takes; several only where they share a file, or a name fits several."""
        takes = self._find_takes(use)
        if takes:
            return list({take.shot_id: self.shots[take.shot_id] for take in takes}.values()), takes
        return self._find_stills(use), []

    def is_one_file(self, takes: Sequence[Take]) -> bool:
        return len({self.takes[take.id].place for take in takes}) < 2

    def _find_takes(self, use: Use) -> list[Take]:
        """The surest sign first."""
        path = path_of(use.file)
        if use.take_id in self.takes and self._is_like(self.takes[use.take_id], use):
            return [self.takes[use.take_id]]
        if found := self._paths.get(_folded(path)):
            called = self._names.get(_folded(_stem(use.name)), ())
            return [take for take in found if take in called] or found
        stems = [_stem(text) for text in (path, use.name) if text]
        names = [*stems, *(_PLACE.sub("", stem) for stem in stems)]
        names += [_COPY.sub("", name) for name in names]
        return next((found for name in names if (found := self._names.get(_folded(name)))), [])

    def _find_stills(self, use: Use) -> list[Shot]:
        """The shots whose picture stands in the film: by their id, or by their picture and, where several have it, their number."""
        if use.take_id is None and use.shot_id in self.shots:
            return [self.shots[use.shot_id]]
        name = PurePosixPath(path_of(use.file)).name
        pictured = [shot for shot in self.shots.values() if name and shot.image == name]
        return [shot for shot in pictured if _folded(shot.number) == _folded(use.name)] or pictured

    def _is_like(self, take: Take, use: Use) -> bool:
        """Whether an id that a timeline kept is still of this project's take, and not of another data home's."""
        return use.shot_id in (None, take.shot_id)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _stem(path: str) -> str:
    """The name of a file without folder and ending; ``1.0-v2`` has none."""
    name = PurePosixPath(path).name
    return re.sub(r"\.(mp4|mov|webm|mkv|m4v|avi|ts|gif|flv|mxf)$", "", name, flags=re.IGNORECASE)


# --- the plan


def make_plan(
    project_id: int, name: str, shots: Sequence[Shot], takes: Mapping[int, Sequence[Take]], uses: Sequence[Use]
) -> EditPlan:
    index, notes = _Index(shots, takes), []
    first: dict[int, tuple[Use, Take | None]] = {}
    candidates = [index.find(use) for use in uses]
    shared = _shared(uses, candidates, index)
    for place, (use, (may_be, found)) in enumerate(zip(uses, candidates, strict=True)):
        if use.disabled:
            notes.append(_note("disabled", use))
            continue
        if not may_be:
            notes.append(_note("foreign", use, file=PurePosixPath(path_of(use.file)).name or use.name))
            continue
        if len(may_be) > 1 and not index.is_one_file(found):
            notes.append(_note("ambiguous", use, shots=", ".join(sorted(shot.number for shot in may_be))))
            continue
        shot = shared.get(place, may_be[0])
        if shot.id in first:
            notes.append(_note("twice", use, shot=shot.number))
            continue
        of_shot = [take for take in found if take.shot_id == shot.id]
        one = next((each for each in of_shot if each.id == shot.chosen_take_id), of_shot[0]) if of_shot else None
        take = index.takes[one.id] if one else None
        first[shot.id] = (use, take)
        notes += _doubts(use, take, shot)
    if not first:
        raise InputError("edit_foreign", n=len(uses), names=", ".join(dict.fromkeys(use.name for use in uses[:5])))
    missing = [shot for shot in shots if shot.chosen_take_id and shot.id not in first]
    notes += [EditNote(code="missing", params={"shot": shot.number}) for shot in missing]
    order = _merged([shot.id for shot in shots], list(first))
    places = {id_: place for place, id_ in enumerate(order, start=1)}
    changes = tuple(
        _change(index.shots[id_], take, use, place, places[id_], takes)
        for place, id_, use, take in (
            (place, shot.id, *first[shot.id]) for place, shot in enumerate(shots, start=1) if shot.id in first
        )
    )
    ordered = tuple(sorted(changes, key=lambda each: each.place))
    return EditPlan(
        project_id=project_id,
        name=name,
        order=tuple(order),
        shots=ordered,
        notes=tuple(notes),
        before=tuple(shot.id for shot in shots),
    )


def _shared(uses: Sequence[Use], candidates: Sequence[tuple[list[Shot], list[Take]]], index: _Index) -> dict[int, Shot]:
    """Place of a clip whose file several shots have → that of them whose points are nearest to its own, each of them once."""
    sure = {
        shots[0].id for use, (shots, _) in zip(uses, candidates, strict=True) if len(shots) == 1 and not use.disabled
    }
    pairs = []
    for place, (use, (shots, takes)) in enumerate(zip(uses, candidates, strict=True)):
        points = {take.shot_id: _points(take) or (0.0, take.seconds) for take in takes}
        for shot in shots if len(shots) > 1 and not use.disabled and index.is_one_file(takes) else ():
            begin, end = points.get(shot.id, (use.begin, use.begin + use.length))
            apart = round(abs(begin - use.begin) + abs(end - use.begin - use.length), 1)
            pairs.append((apart, place, shot))
    given: dict[int, Shot] = {}
    for _, place, shot in sorted(pairs, key=lambda pair: pair[:2]):
        if place not in given and shot.id not in sure:
            given[place] = shot
            sure.add(shot.id)
    return given


def _note(code: str, use: Use, **params: Any) -> EditNote:
    return EditNote(code=code, params={"name": use.name, "at": round(use.at, 2), **params})


def _doubts(use: Use, take: Take | None, shot: Shot) -> Iterable[EditNote]:
    """What of a clip's use cannot be kept."""
    if abs(use.speed - 1) > 0.001:
        yield _note("retimed", use, shot=shot.number, percent=round(use.speed * 100))
    if take and (use.begin < -SAME or use.begin + use.length > take.seconds + SAME):
        yield _note("outside", use, shot=shot.number, seconds=round(take.seconds, 2))


def _merged(before: Sequence[int], shown: Sequence[int]) -> list[int]:
    """The new order: the places of the shots that the timeline shows are filled in its order; others keep theirs."""
    waiting, seen = iter(shown), set(shown)
    return [next(waiting) if id_ in seen else id_ for id_ in before]


def _change(
    shot: Shot, take: Take | None, use: Use, before: int, place: int, takes: Mapping[int, Sequence[Take]]
) -> EditChange:
    chosen = next((each for each in takes.get(shot.id, ()) if each.id == shot.chosen_take_id), None)
    return EditChange(
        shot_id=shot.id,
        shot=shot.number,
        place_before=before,
        place=place,
        take_id=take.id if take else None,
        take=take.number if take else None,
        take_before=chosen.number if take and chosen and chosen.id != take.id else (0 if take and not chosen else None),
        trim_before=_points(take) if take else None,
        trim=_trim(use, take) if take else None,
    )


def _points(take: Take) -> tuple[float, float] | None:
    if take.trim_in is None and take.trim_out is None:
        return None
    return take.trim_in or 0.0, take.seconds if take.trim_out is None else take.trim_out


def _trim(use: Use, take: Take) -> tuple[float, float] | None:
    """The points of a clip in its take; None where it is the whole, and as they were where they mean the same."""
    begin = max(0.0, use.begin)
    end = min(take.seconds, begin + use.length) if use.begin < take.seconds else take.seconds
    if begin >= end or (begin < SAME / 2 and end > take.seconds - SAME):
        return None
    kept = _points(take)
    if kept and abs(kept[0] - begin) < SAME and abs(kept[1] - end) < SAME:
        return kept
    return round(begin, 4), round(end, 4)
