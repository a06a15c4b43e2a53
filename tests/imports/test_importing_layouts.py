"""Sheets as people lay them out: on their side, in blocks, with headings and sums, with links, times and pictures in them."""

from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from importing_factories import draw
from openpyxl.drawing.image import Image
from openpyxl.worksheet.worksheet import Worksheet

from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.reader import inspect_sheet, read_sources


def book(folder: Path, rows: list[list[Any]], more: Callable[[Worksheet], None] = lambda _: None) -> ImportPlan:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(row)
    more(sheet)
    workbook.save(folder / "list.xlsx")
    return read_sources([folder / "list.xlsx"])


def shots(plan: ImportPlan) -> list[tuple[str | None, str]]:
    return [(shot.number, shot.prompt) for shot in plan.shots]


@pytest.mark.parametrize(
    ("rows", "expected", "left_out"),
    [
        ([["场次", "镜号", "画面"], ["1", "1", "走"], [None, "2", "跑"], ["2", "1", "飞"]], [("1-1", "走"), ("1-2", "跑"), ("2-1", "飞")], 0),
        ([["镜号", "画面", None, "镜号", "画面"], [1, "走", None, 3, "飞"], [2, "跑", None, None, None]], [("1", "走"), ("2", "跑"), ("3", "飞")], 0),
        ([["镜号", "画面", "时长"], ["第一场 咖啡馆"], [1, "走", 5], ["第二场 街道"], [1, "跑", 5], ["镜号", "画面", "时长"], [2, "飞", 5], ["合计", None, 15]], [("1-1", "走"), ("2-1", "跑"), ("2-2", "飞")], 4),
        ([["镜号", "画面"], ["1", "走"], ["", "第一场雨落下"], ["", "Scene 3 fades in"]], [("1", "走"), (None, "第一场雨落下"), (None, "Scene 3 fades in")], 0),
        ([["场次", "镜号", "画面"], ["1", "1", "走"], [None, "2", "跑"]], [("1", "走"), ("2", "跑")], 0),
        ([["镜号", "画面描述", "台词"], ["No.", "Description", "Dialogue"], [1, "走", "好"]], [("1", "走")], 1),
        ([["镜号", "画面", "时长"], ["(编号)", "（文字）", "(秒)"], [1, "（走）", 5]], [("1", "（走）")], 1),
        ([["镜号", "画面", "时长"], ["必填", "必填，不超过500字", "单位：秒"], [1, "走", 5]], [("1", "走")], 1),
        ([["镜号", "画面", "时长"], ["场景一：咖啡馆（日/内）"], [1, "走", 5], ["场景二：街道"], [1, "跑", 5]], [("1-1", "走"), ("2-1", "跑")], 2),
        ([["镜号", "画面", "时长"], ["示例", "一只狐狸", 5], [1, "走", 5]], [("1", "走")], 1),
        ([["镜号", "画面"], [1, "走"], [], ["角色", "描述"], ["小红", "红衣"]], [("1", "走")], 2),
        ([["镜号", "画面", "时长"], [1, "走", 5], ["合计", "1 镜", 5]], [("1", "走")], 1),
        ([[1, "https://x.test/a.png", "她转身走开"], [2, "", "雨夜的街道"]], [("1", "她转身走开"), ("2", "雨夜的街道")], 0),
        ([["分镜脚本"], ["Shot", "001", "002"], ["Visual", "girl", "boy"], ["Dialogue", "hi", ""]], [("001", "girl"), ("002", "boy")], 0),
    ],
)  # fmt: skip
def test_a_sheet_is_read_however_it_is_laid_out(
    tmp_path: Path, rows: list[list[Any]], expected: list[Any], left_out: int
) -> None:
    plan = book(tmp_path, rows)

    assert (shots(plan), plan.rejected) == (expected, ())
    assert [note.params["count"] for note in plan.notes if note.code == "rows_no_shots"] == (
        [left_out] if left_out else []
    )


def test_a_row_of_formulas_that_nobody_has_reckoned_is_named(tmp_path: Path) -> None:
    plan = book(tmp_path, [["镜号", "画面"], ["=ROW()", '=CONCATENATE("a", "b")'], [2, "跑"]])

    assert [(shot.line, shot.verdict, [reason.code for reason in shot.reasons]) for shot in plan.shots] == [
        (2, "rejected", ["cell_unreckoned"]),
        (3, "ok", []),
    ]


def test_pictures_of_a_sheet_on_its_side_belong_to_their_columns(tmp_path: Path) -> None:
    pictures = [draw(tmp_path / name) for name in ("a.png", "b.png")]

    def place(sheet: Worksheet) -> None:
        for column, picture in zip("BC", pictures, strict=True):
            sheet.add_image(Image(str(picture)), f"{column}3")

    plan = book(tmp_path, [["镜号", 1, 2], ["画面描述", "走", "跑"], ["图片", None, None], ["时长", 5, "6s"]], place)

    assert [(shot.number, shot.prompt, shot.params.duration) for shot in plan.shots] == [("1", "走", 5), ("2", "跑", 6)]
    assert [shot.image_data for shot in plan.shots] == [picture.read_bytes() for picture in pictures]


def test_a_wall_of_pictures_is_a_shot_each_with_the_text_beneath(tmp_path: Path) -> None:
    places = {"A1": "a.png", "B1": "b.png", "A4": "c.png"}

    def place(sheet: Worksheet) -> None:
        for cell, name in places.items():
            sheet.add_image(Image(str(draw(tmp_path / name))), cell)

    plan = book(tmp_path, [[], ["镜头1", "镜头2"], ["她转身", "她走开"], [], ["镜头3"], ["她回来"]], place)

    assert shots(plan) == [("1", "她转身"), ("2", "她走开"), ("3", "她回来")]
    assert [shot.image_data for shot in plan.shots] == [(tmp_path / name).read_bytes() for name in places.values()]


def test_a_link_is_the_picture_whatever_its_cell_shows(tmp_path: Path) -> None:
    def link(sheet: Worksheet) -> None:
        sheet["C2"].hyperlink = "https://x.test/a.png"
        sheet["B2"].hyperlink = "https://x.test/notes"

    plan = book(
        tmp_path,
        [
            ["镜号", "画面", "参考图"],
            [1, "走", "看图"],
            [2, "跑", '=HYPERLINK("https://x.test/b.png","图")'],
            [3, "飞", "a.png"],
            [4, "停", "=IMAGE($D5, 1)", "https://x.test/c.png"],
        ],
        link,
    )

    assert [shot.image_url for shot in plan.shots] == [
        "https://x.test/a.png",
        "https://x.test/b.png",
        None,
        "https://x.test/c.png",
    ]
    assert plan.shots[0].prompt == "走"


def test_lengths_that_a_sheet_takes_for_times_are_seconds(tmp_path: Path) -> None:
    rows = [
        [place, "x", length] for place, length in enumerate([time(0, 5), time(0, 0, 5), timedelta(seconds=5), "0:05"])
    ]

    plan = book(tmp_path, [["shot", "prompt", "duration"], *rows])

    assert [shot.params.duration for shot in plan.shots] == [5, 5, 5, 5]


def test_a_formula_without_a_result_is_said(tmp_path: Path) -> None:
    plan = book(tmp_path, [["shot", "prompt", "duration"], [1, "a", "=2+3"]])

    assert [(reason.code, reason.params) for reason in plan.shots[0].reasons] == [("cell_unreckoned", {"column": "C"})]


def test_a_list_without_a_header_shows_what_its_columns_were_taken_for(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name)
    path = tmp_path / "list.csv"
    path.write_text("a.png,girl walks in the rain,5s\nb.png,boy turns around,4s\n")

    assert [
        (shot.image and shot.image.name, shot.prompt, shot.params.duration) for shot in read_sources([path]).shots
    ] == [
        ("a.png", "girl walks in the rain", 5),
        ("b.png", "boy turns around", 4),
    ]
    assert inspect_sheet(path)[0].guess == {"image": "image", "prompt": "prompt", "duration": "duration"}


def test_a_comma_in_a_text_without_quotes_loses_nothing_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("shot,prompt,duration\n1,walks, runs, stops,5\n2,fine,4\n")
    first, second = read_sources([path]).shots

    assert (first.prompt, first.params.duration) == ("walks, runs, stops", 5)
    assert [reason.code for reason in first.reasons] == ["cells_joined"]
    assert second.verdict == "ok"
