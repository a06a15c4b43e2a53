"""Pictures by themselves: a folder of them, or some that were picked."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.shots import PictureSlot
from vidgen_core.services.imports.decoding import decodings
from vidgen_core.services.imports.numbers import natural_key, number_of
from vidgen_core.services.imports.plan import ImportPlan, PlannedPicture, PlannedShot, Reason
from vidgen_core.services.imports.readers.pictures import (
    OTHER_PICTURE_ENDINGS,
    PICTURE_ENDINGS,
    ListedPicture,
    Progress,
    check_pictures,
)
from vidgen_core.services.imports.rows import LONGEST_PROMPT, note_repeats
from vidgen_core.services.imports.values import clean

#: What may stand between a name and the word for its frame.
_BETWEEN: Final = " _-.()[]"
#: Words for the first and the last frame, before or behind a name; an English one stands apart from it.
_FRAMES: Final = {
    **dict.fromkeys(("first", "start", "begin", "首帧", "首图", "起始帧", "开始帧"), False),
    **dict.fromkeys(("last", "end", "tail", "尾帧", "末帧", "尾图", "结束帧"), True),
}
_MOST_PROMPT_BYTES: Final = 4 * LONGEST_PROMPT


def read_folder(path: Path, *, progress: Progress | None = None) -> ImportPlan:
    """A shot for each picture directly in a folder, in natural order; ``name.txt`` beside one is its prompt.

    ``1_first.png`` and ``1_last.png`` (首帧, 尾帧) are one shot. Files that are no pictures are passed over; pictures of kinds that cannot be used are refused by name.

    :raises InputError: folder_unreadable, folder_without_pictures
    """
    try:
        files = [entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.is_file()]
    except OSError as error:
        raise InputError("folder_unreadable", path=str(path)) from error
    pictures = [file for file in files if file.suffix.lower() in PICTURE_ENDINGS | OTHER_PICTURE_ENDINGS]
    if not pictures:
        raise InputError("folder_without_pictures", path=str(path))
    plan = read_images(pictures, progress=progress)
    return plan.model_copy(update={"source": path.name or str(path)})


def read_images(paths: Iterable[Path], *, progress: Progress | None = None) -> ImportPlan:
    """A shot for each picture, in the natural order of their names (``1.2`` before ``1.10``)."""
    files = sorted(paths, key=lambda path: natural_key(path.name))
    checked = check_pictures((_picture(file) for file in files), progress)
    shots = note_repeats(_paired([_plan(file, picture) for file, picture in zip(files, checked, strict=True)]))
    return ImportPlan(
        source=", ".join(file.name for file in files[:3]) + (", …" if len(files) > 3 else ""), shots=shots
    )


def _paired(shots: Sequence[PlannedShot]) -> list[PlannedShot]:
    """The same with each last frame in the shot of the same name, where exactly one picture can be its first frame."""
    parts = [_frame_of(shot) for shot in shots]
    counts = Counter((name, last) for name, last in parts if name)
    seconds = {
        name: shot
        for (name, last), shot in zip(parts, shots, strict=True)
        if last and shot.image and counts[name, True] == counts[name, False] == 1
    }
    paired: list[PlannedShot] = []
    for (name, last), shot in zip(parts, shots, strict=True):
        second = seconds.get(name)
        if second is None:
            paired.append(shot)
        elif not last and not shot.image:
            # The first frame cannot be used: its last one stays a picture of its own.
            del seconds[name]
            paired.append(shot)
        elif not last:
            ends = PlannedPicture(slot=PictureSlot.LAST_FRAME, image=second.image, image_key=second.image_key)
            number = number_of(name) or shot.number
            prompt = shot.prompt or second.prompt
            paired.append(shot.model_copy(update={"pictures": (ends,), "number": number, "prompt": prompt}))
    return [shot for shot in paired if not any(shot is second for second in seconds.values())]


def _frame_of(shot: PlannedShot) -> tuple[str, bool]:
    """What a file is called without the word for its frame, and whether it is the last one."""
    stem = unicodedata.normalize("NFKC", Path(shot.source).stem).casefold().strip(" )]")
    for word, last in _FRAMES.items():
        for said in (f"{word} frame", f"{word}_frame", f"{word}-frame", word):
            before, behind = stem.removesuffix(said), stem.removeprefix(said)
            gap = _BETWEEN if word.isascii() else ""
            for rest, edge in ((before, before[-1:]), (behind, behind[:1])):
                if rest != stem and rest.strip(_BETWEEN) and (not gap or edge in gap):
                    return rest.strip(_BETWEEN), last
    return stem, False


def _picture(file: Path) -> ListedPicture:
    if file.suffix.lower() in OTHER_PICTURE_ENDINGS:
        return ListedPicture(rejected=Reason("image_kind_unsupported", {"path": str(file)}))
    return ListedPicture(file=file)


def _plan(file: Path, picture: ListedPicture) -> PlannedShot:
    prompt, warning = _prompt_beside(file)
    reasons = tuple(reason for reason in (picture.rejected, warning) if reason)
    return PlannedShot(
        source=file.name,
        number=number_of(file.stem),
        prompt=prompt,
        image=picture.file,
        facts=picture.facts,
        image_key=picture.key,
        verdict="rejected" if picture.rejected else "warning" if warning else "ok",
        reasons=reasons,
    )


def _prompt_beside(file: Path) -> tuple[str, Reason | None]:
    for beside in (file.with_suffix(".txt"), file.with_name(file.name + ".txt")):
        try:
            with beside.open("rb") as stream:
                data = stream.read(_MOST_PROMPT_BYTES + 1)
        except FileNotFoundError:
            continue
        except OSError:
            return "", Reason("prompt_unreadable", {"path": str(beside)})
        text = next(decodings(data), None) if len(data) <= _MOST_PROMPT_BYTES else None
        if text is None or len(text) > LONGEST_PROMPT:
            return "", Reason("prompt_unreadable", {"path": str(beside)})
        return clean(text), None
    return "", None
