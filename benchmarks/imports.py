"""Imports of large lists with pictures: rows a second at several sizes, so that growth with the square would be seen.

    python benchmarks/imports.py [--rows 1000 5000] [--kind csv xlsx]

Each size is read, reviewed and stored in a fresh home, and imported again (when every row is there already). The processor time is
what counts: the machine may be busy.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import openpyxl
from openpyxl.drawing.image import Image as Drawn
from PIL import Image

from vidgen_core.config.paths import Locations
from vidgen_core.services.facade import Vidgen

HEADER = ["镜号", "参考图", "画面描述", "比例", "条数", "台词", "景别"]


def draw(folder: Path, rows: int) -> list[Path]:
    """A picture for each row, every one another file."""
    folder.mkdir()
    paths = [folder / f"{place:05d}.jpg" for place in range(1, rows + 1)]
    for place, path in enumerate(paths):
        colour = (place % 256, place // 256 % 256, 90)
        Image.new("RGB", (360, 640), colour).save(path, quality=70)
    return paths


def row_of(place: int, picture: str) -> list[object]:
    return [
        f"{place // 20 + 1}-{place % 20 + 1}",
        picture,
        f"镜头缓缓推进，第 {place} 个画面",
        "9:16",
        3,
        "他走了。",
        "远景",
    ]


def as_csv(folder: Path, pictures: list[Path]) -> Path:
    path = folder / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(row_of(place, f"pictures/{picture.name}") for place, picture in enumerate(pictures))
    return path


def as_xlsx(folder: Path, pictures: list[Path]) -> Path:
    """Pictures placed over the cells."""
    path = folder / "list.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER)
    for place, picture in enumerate(pictures):
        sheet.append(row_of(place, ""))
        sheet.add_image(Drawn(str(picture)), f"B{place + 2}")
    book.save(path)
    return path


KINDS: dict[str, Callable[[Path, list[Path]], Path]] = {"csv": as_csv, "xlsx": as_xlsx}


def measure(kind: str, rows: int) -> tuple[float, ...]:
    """Seconds of processor time: plan, review, store, and all of it again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = KINDS[kind](folder, draw(folder / "pictures", rows))
        with Vidgen.open(Locations(folder / "home")) as app:
            project = app.projects.ensure("bench")
            told: list[tuple[int, int]] = []
            marks = [time.process_time()]
            plan = app.imports.plan([source], lambda *at: told.append(at))
            marks.append(time.process_time())
            app.imports.review(project.id, plan)
            marks.append(time.process_time())
            done = app.imports.apply(project.id, plan, progress=lambda *at: told.append(at))
            marks.append(time.process_time())
            again = app.imports.apply(project.id, app.imports.plan([source]))
            marks.append(time.process_time())
            assert len(done.added) == rows == sum(shot.image is not None for shot in done.added), done.rejected[:3]
            assert (len(again.added), len(again.skipped)) == (0, rows)
            assert len(told) >= rows, "progress is told"
    return tuple(after - before for before, after in itertools.pairwise(marks))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=list(KINDS))
    asked = parser.parse_args()
    print(f"{'kind':>6} {'rows':>6} {'read':>7} {'review':>7} {'store':>7} {'again':>7}   CPU s; ms a row")
    for kind in asked.kind:
        for rows in asked.rows:
            parts = measure(kind, rows)
            cells = " ".join(f"{part:7.2f}" for part in parts)
            print(f"{kind:>6} {rows:>6} {cells}   {sum(parts[:3]) / rows * 1000:.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
