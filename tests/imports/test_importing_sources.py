"""Workbooks, storyboards, templates, and any path at all."""

import datetime as dt
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from importing_factories import codes, draw, read_csv, read_storyboard, read_xlsx

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import ShotParams
from vidgen_core.services.imports.columns import template_csv
from vidgen_core.services.imports.plan import PlannedShot, identity
from vidgen_core.services.imports.readers.reader import lists_among, read_sources


def workbook(*sheets: list[list[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_sources([path])
    return caught.value.code


def test_a_workbook_with_a_merged_title_and_empty_rows_is_read(folder: Path) -> None:
    book = workbook(
        [
            ["第一集 镜头表", None, None, None],
            [None],
            ["编号", "参考图", "提示词", "比例", "备注"],
            [1.0, "a.png", "镜头缓缓推进", dt.time(9, 16), "远景"],
            [None, None, None, None],
            ["1.1", "b.jpg", None, "16:9", None],
            [2, "gone.jpg", None, None, None],
        ]
    )
    book.worksheets[0].merge_cells("A1:E1")
    book.worksheets[0]["A4"].number_format = "0.0"

    plan = read_xlsx(saved(book), folder)

    assert codes(plan) == [(4, "ok", []), (6, "ok", []), (7, "rejected", ["image_missing"])]
    assert [shot.number for shot in plan.shots] == ["1.0", "1.1", "2"]
    assert [shot.params.aspect_ratio for shot in plan.shots] == ["9:16", "16:9", None]
    assert plan.shots[0].extra == {"备注": "远景"}


def test_the_first_sheet_with_a_header_is_taken(folder: Path) -> None:
    plan = read_xlsx(saved(workbook([["notes"], ["x"]], [], [["prompt"], ["wanted"]], [["prompt"], ["not"]])), folder)

    assert [shot.prompt for shot in plan.shots] == ["wanted"]


def test_a_workbook_without_a_header_or_damaged_is_refused_by_a_code(tmp_path: Path) -> None:
    whole = saved(workbook([["colour"], ["red"]]))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x", "w", force_zip64=True) as entry:
        for _ in range(301):
            entry.write(bytes(1 << 20))
    broken = io.BytesIO()
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("[Content_Types].xml", "<not xml")
    files = {
        "plain.xlsx": (whole, "list_without_header"),
        "half.xlsx": (whole[: len(whole) // 2], "xlsx_broken"),
        "broken.xlsx": (broken.getvalue(), "xlsx_broken"),
        "bomb.xlsx": (bomb.getvalue(), "list_too_large"),
        "text.xlsx": (b"colour,size\nred,5\n", "list_without_header"),
        "empty.xlsx": (b"", "list_empty"),
        "old.xls": (b"\xd0\xcf\x11\xe0", "xls_old"),
        "old.xml": (
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
            "xls_old",
        ),
        "list.numbers": (b"PK\3\4", "document_unread"),
        "script.pdf": (b"%PDF-1.7", "document_unread"),
        "mail.eml": (b"Subject: shots\r\n\r\n<table>", "document_unread"),
        "page.xls": (b"From: x\r\nMIME-Version: 1.0\r\n\r\n<table>", "document_unread"),
        "script.txt": (b"%PDF-1.7\nA fox", "document_unread"),
    }
    for name, (data, code) in files.items():
        (tmp_path / name).write_bytes(data)

        assert refusal(tmp_path / name) == code, name


STORYBOARD: dict[str, Any] = {
    "project": "ep01",
    "shots": [
        {"shot": "1.0", "image": "a.png", "prompt": "推进", "script": "清晨。", "aspect_ratio": "9:16", "mood": "calm"},
        {"编号": 2, "提示词": "平移", "画面提示词": "雨夜的街", "takes": 2, "provider": "kie", "tags": ["x", "y"]},
        {},
        "not a shot",
        {"shot": "5", "image": None, "prompt": None},
        {"shot": "6", "prompt": "bad \ud800 half"},
    ],
}


@pytest.mark.parametrize("bare", [False, True])
def test_a_storyboard_is_read_with_or_without_its_frame(folder: Path, bare: bool) -> None:
    board = STORYBOARD["shots"] if bare else STORYBOARD

    plan = read_storyboard(json.dumps(board).encode(), folder)

    assert plan.project == (None if bare else "ep01")
    assert codes(plan) == [
        (1, "ok", []),
        (2, "ok", []),
        (3, "rejected", ["row_empty_shot"]),
        (4, "rejected", ["row_not_an_object"]),
        (5, "rejected", ["row_empty_shot"]),
        (6, "warning", ["letters_lost"]),
    ]
    first, second = plan.shots[:2]
    assert (first.number, first.image, first.script, first.extra) == (
        "1.0",
        folder / "a.png",
        "清晨。",
        {"mood": "calm"},
    )
    assert (second.number, second.prompt, second.params) == (
        "2",
        "平移",
        ShotParams(takes=2, provider=ProviderId("kie")),
    )
    assert second.picture_prompt == "雨夜的街"
    assert second.extra == {"tags": '["x", "y"]'}
    assert plan.shots[5].prompt == "bad \ufffd half"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"shots": [\n{"shot": 1]}\n', "storyboard_broken"),
        ('{"scenes": []}', "storyboard_without_shots"),
        ('{"shots": {}}', "storyboard_without_shots"),
        ('"shots"', "storyboard_without_shots"),
        ("[" * 100_000, "storyboard_broken"),
        ('{"shots": ' + "9" * 5000 + "}", "storyboard_without_shots"),
    ],
)
def test_what_is_no_storyboard_is_refused_by_a_code(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "board.json").write_text(text)

    assert refusal(tmp_path / "board.json") == code


def test_the_line_of_broken_json_is_told(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_storyboard(b'{"shots": [\n{"shot": 1 "prompt": 2}\n]}', folder)

    assert caught.value.params["line"] == 2


def test_every_kind_of_source_is_read_by_its_path(folder: Path) -> None:
    (folder / "list.csv").write_text("image,prompt\na.png,x\n")
    (folder / "list.tsv").write_text("image\tprompt\na.png\tx\n")
    (folder / "LIST.TXT").write_text("prompt\nx\n")
    (folder / "board.json").write_text('[{"prompt": "x"}]')
    (folder / "list.xlsx").write_bytes(saved(workbook([["prompt"], ["x"]])))

    read = {
        name: read_sources([folder / name]) for name in ("list.csv", "list.tsv", "LIST.TXT", "board.json", "list.xlsx")
    }

    assert {name: (plan.source, len(plan.ok)) for name, plan in read.items()} == {name: (name, 1) for name in read}
    assert len(read_sources([folder]).ok) == 3, "its lists, one of them twice, and the picture that none of them names"
    assert len(read_sources([folder / "a.png"]).ok) == 1


def test_a_list_in_two_formats_is_read_once(folder: Path) -> None:
    (folder / "list.csv").write_text("shot,prompt\n1,rain\n2,sea\n")
    (folder / "list.json").write_text('[{"shot": "1", "prompt": "rain"}, {"shot": "2", "prompt": "sea"}]')
    (folder / "more.csv").write_text("shot,prompt\n1,rain\n3,fox\n")

    plan = read_sources([folder / name for name in ("list.json", "list.csv", "more.csv")])

    assert [shot.source for shot in plan.shots] == ["list.json"] * 2 + ["more.csv"] * 2
    assert [(note.code, note.params) for note in plan.notes] == [
        ("list_repeated", {"source": "list.csv", "other": "list.json"})
    ]


def test_several_sources_become_one_plan(folder: Path) -> None:
    (folder / "one.csv").write_text("image,prompt,注\na.png,x,y\n")
    (folder / "two.json").write_text('{"project": "ep02", "shots": [{"prompt": "y"}]}')

    plan = read_sources([folder / "b.jpg", folder / "one.csv", folder / "a.png", folder / "two.json"])

    assert [shot.source for shot in plan.shots] == ["one.csv", "two.json", "b.jpg"], "a.png is the first row's"
    assert (plan.project, plan.unknown) == ("ep02", ("注",))
    assert len(plan.ok) == 3


def test_one_that_cannot_be_read_stops_no_other(folder: Path) -> None:
    (folder / "one.csv").write_text("prompt\nx\n")
    (folder / "bad.xlsx").write_bytes(b"PK\3\4")
    (folder / "empty.csv").touch()

    plan = read_sources([folder / "bad.xlsx", folder / "one.csv", folder / "empty.csv"])

    assert [shot.prompt for shot in plan.ok] == ["x"]
    assert [(note.code, note.params["source"]) for note in plan.notes] == [
        ("xlsx_broken", "bad.xlsx"),
        ("list_empty", "empty.csv"),
    ]
    with pytest.raises(InputError, match="xlsx_broken"):
        read_sources([folder / "bad.xlsx", folder / "empty.csv"])


def test_what_programs_leave_beside_a_list_is_passed_over(folder: Path) -> None:
    pictures = folder / "film"
    for name in ("list.csv", "~$list.xlsx", "desktop.ini"):
        draw(pictures / "a.png")
        (pictures / name).write_bytes(b"image,prompt\na.png,x\n" if name == "list.csv" else b"\5Ada\0\0")

    plan = read_sources([pictures])

    assert ([shot.prompt for shot in plan.shots], plan.notes) == (["x"], ())


def test_a_workbook_with_a_password_is_told_from_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(5000) + "EncryptedPackage".encode("utf-16-le"))

    assert refusal(path) == "xlsx_locked"


def test_the_text_beside_a_picked_picture_is_its_prompt_and_no_list(folder: Path) -> None:
    texts = [folder / "a.txt", folder / "b.jpg.txt", folder / "list.txt"]
    for text in texts:
        text.write_text("prompt\npan left")

    plan = read_sources([folder / "a.png", *texts, folder / "b.jpg"])

    assert [(shot.source, shot.prompt) for shot in plan.shots] == [
        ("list.txt", "pan left"),
        ("a.png", "prompt\npan left"),
        ("b.jpg", "prompt\npan left"),
    ]
    assert lists_among([folder / "a.png", *texts]) == [folder / "b.jpg.txt", folder / "list.txt"]


def test_a_relative_path_counts_from_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "list.csv").write_text("image\na.png\n")
    monkeypatch.chdir(folder)

    assert len(read_sources([Path("list.csv")]).ok) == 1


@pytest.mark.parametrize(("name", "code"), [("gone.csv", "source_missing"), ("film.mp4", "source_unknown")])
def test_a_path_that_leads_nowhere_is_refused_by_a_code(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "film.mp4").touch()

    assert refusal(tmp_path / name) == code


@pytest.mark.parametrize(("lang", "header"), [("zh", "编号"), ("en", "shot")])
def test_the_template_opens_in_excel_and_imports_as_it_is(tmp_path: Path, lang: str, header: str) -> None:
    data = template_csv(lang)

    plan = read_csv(data, tmp_path)

    assert data.startswith(b"\xef\xbb\xbf")
    assert plan.recognised[header] == "shot"
    assert plan.unknown == ()
    assert [(shot.number, shot.verdict) for shot in plan.shots] == [("1.0", "ok"), ("1.1", "ok")]


def test_the_same_row_read_again_has_the_same_identity() -> None:
    first = PlannedShot(source="a.csv", line=2, number="1.0", prompt="pan")
    moved = PlannedShot(source="b.csv", line=9, number="1.0", prompt="pan", script="said", extra={"a": "b"})

    assert identity(first, "k.png") == identity(moved, "k.png")


@pytest.mark.parametrize(
    "other",
    [
        PlannedShot(source="a", number="1.1", prompt="pan"),
        PlannedShot(source="a", number=None, prompt="pan"),
        PlannedShot(source="a", number="1.0", prompt="tilt"),
        PlannedShot(source="a", number="1.0", prompt="pan", image_url="https://example.com/k.png"),
    ],
)
def test_another_number_prompt_or_picture_is_another_row(other: PlannedShot) -> None:
    row = PlannedShot(source="a", number="1.0", prompt="pan")

    assert identity(row, None) != identity(other, None)
    assert identity(row, "k.png") != identity(row, "l.png")


def test_pictures_are_checked_once_however_many_rows_name_them(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    told: list[tuple[int, int]] = []

    plan = read_csv(b"image,prompt\na.png,x\na.png,y\n", tmp_path, progress=lambda *done: told.append(done))

    assert (len(plan.ok), told) == (2, [(1, 1)])


def test_rows_with_nothing_but_a_picture_prompt_are_shots_of_their_own(folder: Path) -> None:
    board = [{"picture_prompt": "雨夜的街"}, {"picture_prompt": "清晨的海"}, {"image_prompt": "雨夜的街"}]

    plan = read_storyboard(json.dumps(board).encode(), folder)

    assert codes(plan) == [(1, "ok", []), (2, "ok", []), (3, "warning", ["row_repeated"])]


@pytest.mark.parametrize("ending", ["srt", "vtt", "txt", "ass"])
def test_subtitles_are_no_list_of_prompts(tmp_path: Path, ending: str) -> None:
    text = "[Script Info]\nTitle: x\n" if ending == "ass" else "1\n00:00:00.000 --> 00:00:05.000\nHello\n"
    (tmp_path / f"p.{ending}").write_text(text)

    assert refusal(tmp_path / f"p.{ending}") == "document_unread"


def test_markup_is_no_prompt(tmp_path: Path) -> None:
    (tmp_path / "p.xml").write_text("<shots><shot><prompt>a</prompt></shot></shots>")

    assert refusal(tmp_path / "p.xml") == "list_without_header"
