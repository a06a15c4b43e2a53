"""Files that came through a browser, and lists whose columns a person has to name."""

import io
import os
import time
from pathlib import Path

import openpyxl
import pytest
from importing_factories import read_csv

from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.services.imports.columns import ListChoice
from vidgen_core.services.imports.readers.reader import inspect_sheet, read_sources
from vidgen_core.services.imports.staging import STALE, find_staging, open_staging


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.png", "a.png"),
        ("shots/第一集/a.png", "shots/第一集/a.png"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Users\\me\\a.png", "C/Users/me/a.png"),
        ("..", "file"),
        ("", "file"),
        ("a\0b.png", "ab.png"),
    ],
)
def test_names_lead_nowhere_else(tmp_path: Path, name: str, kept: str) -> None:
    staging = open_staging(tmp_path)

    assert staging.put(name, io.BytesIO(b"x")).relative_to(staging.path).as_posix() == kept


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    staging = open_staging(tmp_path)

    paths = [staging.put("a.png", io.BytesIO(text)) for text in (b"1", b"2", b"3")]

    assert [(path.name, path.read_bytes()) for path in paths] == [
        ("a.png", b"1"),
        ("a (2).png", b"2"),
        ("a (3).png", b"3"),
    ]


def test_only_staged_files_are_found_and_removed(tmp_path: Path) -> None:
    staging = open_staging(tmp_path)
    (tmp_path / "other.png").write_bytes(b"x")
    path = staging.put("a.png", io.BytesIO(b"x"))

    assert staging.find("a.png") == path
    assert staging.find("../other.png") is None
    assert staging.find("gone.png") is None
    staging.remove([path, tmp_path / "other.png"])
    assert (path.exists(), (tmp_path / "other.png").exists()) == (False, True)


def test_a_staging_folder_is_found_by_its_name_and_stale_ones_go(tmp_path: Path) -> None:
    old, fresh = open_staging(tmp_path), open_staging(tmp_path)
    then = time.time() - STALE - 60
    os.utime(old.path, (then, then))

    newest = open_staging(tmp_path)

    assert (old.path.exists(), fresh.path.exists()) == (False, True)
    assert find_staging(tmp_path, newest.name).path == newest.path
    for name in (old.name, "..", "0" * 16, ""):
        with pytest.raises(NotFound, match="staging_gone"):
            find_staging(tmp_path, name)


def test_a_list_with_unknown_headers_is_read_as_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("第一集;;\n镜中;机位;第几\n雨夜;推;7\n".encode("gb18030"))

    (look,) = inspect_sheet(path)
    assert (look.usable, look.columns) == (False, ("镜中", "机位", "第几"))
    with pytest.raises(InputError, match="list_without_header"):
        read_sources([path])
    choice = ListChoice(columns={"prompt": "镜中", "shot": "第几"})
    plan = read_sources([path], choices={path: choice})
    assert [(shot.line, shot.number, shot.prompt, shot.extra) for shot in plan.shots] == [
        (3, "7", "雨夜", {"机位": "推"})
    ]


def test_another_sheet_and_other_columns_can_be_chosen(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, rows in {"说明": [["x"]], "一": [["prompt", "note"], ["a", "b"]], "二": [["prompt"], ["c"]]}.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    path = tmp_path / "list.xlsx"
    book.save(path)

    looks = inspect_sheet(path)

    assert [(look.title, look.usable) for look in looks] == [("说明", False), ("一", True), ("二", True)]
    assert looks[1].guess == {"prompt": "prompt"}

    def prompts(choice: ListChoice) -> list[str]:
        return [shot.prompt for shot in read_sources([path], choices={path: choice}).shots]

    assert prompts(ListChoice()) == ["a"]
    assert prompts(ListChoice(sheets=("二",))) == ["c"]
    assert prompts(ListChoice(sheets=("一",), columns={"prompt": "note"})) == ["b"]


def test_keys_of_a_storyboard_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    path.write_text('[{"what": "a"}, {"what": "b", "who": "c"}]', encoding="utf-8")

    assert inspect_sheet(path)[0].columns == ("what", "who")
    plan = read_sources([path], choices={path: ListChoice(columns={"prompt": "what"})})
    assert [(shot.prompt, shot.extra) for shot in plan.shots] == [("a", {}), ("b", {"who": "c"})]


def test_a_link_row_is_known_by_its_link_whether_it_was_fetched_or_not(tmp_path: Path) -> None:
    from vidgen_core.services.imports.plan import identity

    (row,) = read_csv(b"image\nhttps://example.com/a.png\n", tmp_path).shots
    fetched = row.model_copy(update={"image": tmp_path / "a.png", "image_key": "k.png"})

    assert identity(row, None) == identity(fetched, "k.png")
