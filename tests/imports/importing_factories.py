"""Pictures to import, and a short form of what a plan says about each row."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from vidgen_core.services.imports.columns import AS_GUESSED, ListChoice
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers import csv_list, storyboard, xlsx_list
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings


def draw(path: Path, size: tuple[int, int] = (96, 128)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every name gives another colour, so that no two pictures are the same file.
    Image.new("RGB", size, tuple(path.name.encode().ljust(3, b"x")[-3:])).save(path)
    return path


def codes(plan: ImportPlan) -> list[tuple[int | None, str, list[str]]]:
    """Line, verdict and reason codes of every row."""
    return [(shot.line, shot.verdict, [reason.code for reason in shot.reasons]) for shot in plan.shots]


class Reader:
    """One reader, told the folder of its list."""

    def __init__(self, read: Callable[..., ImportPlan]) -> None:
        self._read = read

    def __call__(
        self,
        source: Path | bytes,
        base: Path,
        *,
        may_leave: bool = True,
        choice: ListChoice = AS_GUESSED,
        progress: Progress | None = None,
    ) -> ImportPlan:
        return self._read(source, Surroundings(base, may_leave), choice=choice, progress=progress)


read_csv = Reader(csv_list.read_csv)
read_storyboard = Reader(storyboard.read_storyboard)
read_xlsx = Reader(xlsx_list.read_xlsx)
