"""Broken lists and pictures by the thousand: every one a plan or a sentence, never a traceback.

    python benchmarks/broken_imports.py [cases]

Half of the cases are lists (text, workbooks, storyboards: real ones with bytes cut, changed and put in), half are pictures of
every format that is taken. Prints a table with n, how many were refused and the slowest case.
"""

from __future__ import annotations

import collections
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
from PIL import Image

from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.folder import read_images
from vidgen_core.services.imports.readers.reader import inspect_sheet, read_sources

SEED = 20261122
TEXT = '编号,参考图,提示词,比例,数量\n1.0,a.png,"镜头缓缓\n推进",9:16,3\n1.1,https://x.example/b.jpg,"say ""hi""",16:9,\n,,,,\n2.0,,雨夜,,9\n'


def lists() -> dict[str, bytes]:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["第一集", None], [], ["编号", "参考图", "提示词"], [1.0, "a.png", "推"], ["1.1", None, "拉"]):
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    out = io.BytesIO()
    book.save(out)
    board = {
        "project": "ep01",
        "shots": [{"shot": "1.0", "image": "a.png", "prompt": "推"}, {"prompt": 3, "seed": [1]}],
    }
    return {
        "utf-8.csv": TEXT.encode(),
        "bom.csv": TEXT.encode("utf-8-sig"),
        "gbk.csv": TEXT.encode("gb18030"),
        "utf-16.csv": TEXT.encode("utf-16"),
        "tab.tsv": TEXT.replace(",", "\t").encode(),
        "book.xlsx": out.getvalue(),
        "board.json": json.dumps(board, ensure_ascii=False).encode(),
    }


def pictures() -> dict[str, bytes]:
    picture = Image.linear_gradient("L").resize((160, 120)).convert("RGB")
    found = {}
    for ending in ("jpg", "png", "webp", "gif", "bmp", "tif", "avif"):
        out = io.BytesIO()
        picture.save(out, "jpeg" if ending == "jpg" else "tiff" if ending == "tif" else ending)
        found[f"a.{ending}"] = out.getvalue()
    return found


def broken(data: bytes, rng: random.Random) -> bytes:
    """One to four things done to the bytes."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + rng.randbytes(rng.randint(1, 12)) + data[at:]
            case 2:
                data = data[:at] + rng.randbytes(4) + data[at + 4 :]
            case 3:
                data = data[:at] + data[at + rng.randint(1, 64) :]
            case _:
                data += data[at : at + 512]
    return data


def cases(n: int, rng: random.Random) -> Iterator[tuple[str, bytes, Callable[[Path], ImportPlan]]]:
    known_lists, known_pictures = list(lists().items()), list(pictures().items())
    for number in range(n):
        name, data = rng.choice(known_pictures if number % 2 else known_lists)
        yield name, broken(data, rng), _read_picture if number % 2 else _read_list


def _read_list(path: Path) -> ImportPlan:
    inspect_sheet(path)
    return read_sources([path], may_leave=False)


def _read_picture(path: Path) -> ImportPlan:
    return read_images([path])


def main(n: int) -> int:
    rng = random.Random(SEED)
    outcomes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    slowest: dict[str, float] = collections.defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, data, read) in enumerate(cases(n, rng)):
            path = Path(folder, name)
            path.write_bytes(data)
            begun = time.perf_counter()
            try:
                plan = read(path)
                outcome = "refused" if plan.shots and not plan.ok else "read"
                # What goes on from here is stored as UTF-8 and as JSON.
                plan.model_dump_json(exclude={"shots": {"__all__": {"image_data"}}}).encode()
            except VidgenError:
                outcome = "refused"
            except Exception as error:  # noqa: BLE001 - the very thing that is counted
                outcome = "TRACEBACK"
                print(f"case {number} ({name}): {type(error).__name__}: {error}")
            outcomes[name][outcome] += 1
            slowest[name] = max(slowest[name], time.perf_counter() - begun)
    print(f"{'what':12} {'n':>6} {'read':>6} {'refused':>8} {'tracebacks':>11} {'slowest':>9}")
    for name, counts in sorted(outcomes.items()):
        print(
            f"{name:12} {counts.total():6} {counts['read']:6} {counts['refused']:8} {counts['TRACEBACK']:11}"
            f" {slowest[name] * 1000:6.0f} ms"
        )
    return sum(counts["TRACEBACK"] for counts in outcomes.values())


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000) else 0)
