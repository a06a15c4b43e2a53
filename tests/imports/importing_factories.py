"""Pictures to import, and a short form of what a plan says about each row."""

from pathlib import Path

from PIL import Image

from vidgen_core.services.imports.plan import ImportPlan


def draw(path: Path, size: tuple[int, int] = (96, 128)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every name gives another colour, so that no two pictures are the same file.
    Image.new("RGB", size, tuple(path.name.encode().ljust(3, b"x")[-3:])).save(path)
    return path


def codes(plan: ImportPlan) -> list[tuple[int | None, str, list[str]]]:
    """Line, verdict and reason codes of every row."""
    return [(shot.line, shot.verdict, [reason.code for reason in shot.reasons]) for shot in plan.shots]
