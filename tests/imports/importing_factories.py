"""Pictures to import, and a short form of what a plan says about each row."""

from pathlib import Path

from PIL import Image

from vidgen_core.services.imports.columns import AS_GUESSED, ListChoice
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings
from vidgen_core.services.imports.readers.reader import read_list


def draw(path: Path, size: tuple[int, int] = (96, 128)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every name gives another colour, so that no two pictures are the same file.
    Image.new("RGB", size, tuple(path.name.encode().ljust(3, b"x")[-3:])).save(path)
    return path


def codes(plan: ImportPlan) -> list[tuple[int | None, str, list[str]]]:
    """Line, verdict and reason codes of every row."""
    return [(shot.line, shot.verdict, [reason.code for reason in shot.reasons]) for shot in plan.shots]


class Reader:
    """The reader of one kind of lists, told the folder of its list."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __call__(
        self,
        source: Path | bytes,
        base: Path,
        *,
        may_leave: bool = True,
        choice: ListChoice = AS_GUESSED,
        progress: Progress | None = None,
    ) -> ImportPlan:
        return read_list(source, self._kind, Surroundings(base, may_leave), choice=choice, progress=progress)


read_csv = Reader("text")
read_storyboard = Reader("json")
read_xlsx = Reader("xlsx")
