"""Twelve sheets in the manners of the programs that people make them with: every picture arrives, and nothing is lost."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing_factories import draw
from openpyxl.drawing.image import Image as Drawn
from test_importing_sheets import placed, relations_of, saved, with_parts

from vidgen_core.domain.shots import Shot
from vidgen_core.services.exports.film import Format
from vidgen_core.services.exports.shot_list import shot_list
from vidgen_core.services.exports.task_list import write_xlsx
from vidgen_core.services.imports.formulas import guard_apostrophe, tame
from vidgen_core.services.imports.readers.reader import read_sources

HEADER = ["镜号", "参考图", "画面描述", "画幅"]
PROMPTS = ["她转身，走开", "雨夜\n第二行", "清晨"]
Maker = Callable[[Path, list[Path]], Path]


def book_with(names: list[str | None]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for place, (name, prompt) in enumerate(zip(names, PROMPTS, strict=True), start=1):
        book.active.append([f"1-{place}", name, prompt, "9:16"])
        book.active.row_dimensions[place + 1].height = 80
    for column in "ABCD":
        book.active.column_dimensions[column].width = 20
    return book


def excel_over_cells(folder: Path, pictures: list[Path], kind: str = "twoCell") -> Path:
    book = book_with([None] * 3)
    book.active.row_dimensions[1].height = 80
    for place, path in enumerate(pictures, start=1):
        drawn = Drawn(str(path))
        drawn.anchor = placed(kind, place, 1, (60, 70))
        book.active.add_image(drawn)
    (folder / "list.xlsx").write_bytes(saved(book))
    return folder / "list.xlsx"


def feishu(folder: Path, pictures: list[Path]) -> Path:
    return excel_over_cells(folder, pictures, "oneCell")


def moved_freely(folder: Path, pictures: list[Path]) -> Path:
    return excel_over_cells(folder, pictures, "absolute")


def excel_file_names(folder: Path, pictures: list[Path]) -> Path:
    (folder / "list.xlsx").write_bytes(saved(book_with([f"C:\\EP01\\{path.name}" for path in pictures])))
    return folder / "list.xlsx"


def wps_in_cells(folder: Path, pictures: list[Path]) -> Path:
    book = book_with([f'=_xlfn.DISPIMG("ID_{place}",1)' for place in range(3)])
    names = "http://schemas.openxmlformats.org"
    held = "".join(
        f'<etc:cellImage><xdr:pic><xdr:nvPicPr><xdr:cNvPr id="{n}" name="ID_{n}"/></xdr:nvPicPr><xdr:blipFill>'
        f'<a:blip r:embed="rId{n + 1}"/></xdr:blipFill></xdr:pic></etc:cellImage>'
        for n in range(3)
    )
    parts: dict[str, str | bytes] = {
        "xl/cellimages.xml": f'<etc:cellImages xmlns:xdr="{names}/drawingml/2006/spreadsheetDrawing" '
        f'xmlns:r="{names}/officeDocument/2006/relationships" xmlns:a="{names}/drawingml/2006/main" '
        f'xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData">{held}</etc:cellImages>',
        "xl/_rels/cellimages.xml.rels": relations_of([f"media/image{n}.png" for n in range(3)]),
        **{f"xl/media/image{n}.png": path.read_bytes() for n, path in enumerate(pictures)},
    }
    (folder / "list.xlsx").write_bytes(with_parts(saved(book), parts, {}))
    return folder / "list.xlsx"


def _text(folder: Path, pictures: list[Path], name: str, delimiter: str, encoding: str, header: list[str]) -> Path:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    for place, (path, prompt) in enumerate(zip(pictures, PROMPTS, strict=True), start=1):
        writer.writerow([f"1-{place}", path.name, prompt, "9:16"])
    (folder / name).write_bytes(out.getvalue().encode(encoding))
    return folder / name


def google_csv(folder: Path, pictures: list[Path]) -> Path:
    return _text(
        folder, pictures, "Shot list - Sheet1.csv", ",", "utf-8", ["Shot #", "First frame", "Video prompt", "Ratio"]
    )


def google_tsv(folder: Path, pictures: list[Path]) -> Path:
    return _text(folder, pictures, "Sheet1.tsv", "\t", "utf-8", ["No.", "Image", "Description", "Aspect Ratio"])


def excel_csv_of_china(folder: Path, pictures: list[Path]) -> Path:
    return _text(folder, pictures, "列表.csv", ",", "gbk", HEADER)


def excel_unicode_text(folder: Path, pictures: list[Path]) -> Path:
    return _text(folder, pictures, "list.txt", "\t", "utf-16", HEADER)


def feishu_csv(folder: Path, pictures: list[Path]) -> Path:
    return _text(folder, pictures, "飞书.csv", ",", "utf-8-sig", ["镜头编号", "分镜图（图片）", "画面内容", "画面比例"])


def libreoffice(folder: Path, pictures: list[Path]) -> Path:
    """As LibreOffice 7 writes it: repeated cells, frames inside of cells, a cell merged down."""
    rows = "".join(
        f'<table:table-row><table:table-cell office:value-type="string"><text:p>1-{n}</text:p></table:table-cell>'
        f'<table:table-cell><draw:frame><draw:image xlink:href="Pictures/{n}.png"/></draw:frame></table:table-cell>'
        '<table:table-cell office:value-type="string">'
        + "".join(f"<text:p>{line}</text:p>" for line in prompt.split("\n"))
        + "</table:table-cell>"
        + (
            '<table:table-cell table:number-rows-spanned="3" office:value-type="time" office:time-value="PT09H16M00S">'
            "<text:p>09:16</text:p></table:table-cell>"
            if n == 1
            else "<table:covered-table-cell/>"
        )
        + '<table:table-cell table:number-columns-repeated="1000"/></table:table-row>'
        for n, prompt in enumerate(PROMPTS, start=1)
    )
    header = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{name}</text:p></table:table-cell>' for name in HEADER
    )
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{names}:office:1.0" xmlns:table="{names}:table:1.0" xmlns:text="{names}:text:1.0" '
        f'xmlns:draw="{names}:drawing:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"><office:body><office:spreadsheet>'
        f'<table:table table:name="EP01"><table:table-row>{header}</table:table-row>{rows}'
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="1024"/>'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(folder / "list.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        for n, path in enumerate(pictures, start=1):
            archive.writestr(f"Pictures/{n}.png", path.read_bytes())
    return folder / "list.ods"


def libreoffice_flat(folder: Path, pictures: list[Path]) -> Path:
    """The same in one file of XML, its pictures between the cells."""
    with zipfile.ZipFile(libreoffice(folder, pictures)) as archive:
        content = archive.read("content.xml").decode().replace("document-content", "document")
    for n, path in enumerate(pictures, start=1):
        held = f"<draw:image><office:binary-data>{base64.encodebytes(path.read_bytes()).decode()}</office:binary-data></draw:image>"
        content = content.replace(f'<draw:image xlink:href="Pictures/{n}.png"/>', held)
    (folder / "list.ods").unlink()
    (folder / "list.fods").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{content}', encoding="utf-8")
    return folder / "list.fods"


def markdown(folder: Path, pictures: list[Path]) -> Path:
    rows = [
        f"| 1-{n} | ![]({path.name}) | {prompt.replace(chr(10), '<br>')} | 9:16 |"
        for n, (path, prompt) in enumerate(zip(pictures, PROMPTS, strict=True), start=1)
    ]
    text = "\n".join(["# EP01", f"| {' | '.join(HEADER)} |", "|---|---|---|---|", *rows])
    (folder / "list.md").write_text(text, encoding="utf-8")
    return folder / "list.md"


MAKERS: list[Maker] = [
    excel_over_cells, feishu, moved_freely, excel_file_names, wps_in_cells, google_csv, google_tsv, excel_csv_of_china,
    excel_unicode_text, feishu_csv, libreoffice, libreoffice_flat, markdown,
]  # fmt: skip


def arrives(source: Path, pictures: list[Path]) -> None:
    plan = read_sources([source])

    held = [shot.image_data or (shot.image.read_bytes() if shot.image else None) for shot in plan.shots]
    assert held == [path.read_bytes() for path in pictures]
    assert [(shot.number, shot.prompt, shot.params.aspect_ratio) for shot in plan.shots] == [
        (f"1-{n}", prompt, "9:16") for n, prompt in enumerate(PROMPTS, start=1)
    ]
    assert plan.rejected == ()
    assert plan.unknown == ()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [draw(tmp_path / name) for name in ("a.png", "b 1.png", "图.png")]


@pytest.mark.parametrize("make", MAKERS)
def test_a_sheet_arrives_whole(make: Maker, tmp_path: Path, pictures: list[Path]) -> None:
    arrives(make(tmp_path, pictures), pictures)


@pytest.mark.slow
@pytest.mark.extended
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("ending", ["ods", "fods", "xlsx"])
def test_a_sheet_that_libreoffice_has_saved_arrives_whole(ending: str, tmp_path: Path, pictures: list[Path]) -> None:
    source = excel_over_cells(tmp_path, pictures)
    profile = (tmp_path / "profile").as_uri()
    command = ["soffice", f"-env:UserInstallation={profile}", "--headless", "--convert-to", ending, "--outdir"]

    subprocess.run([*command, str(tmp_path / "out"), str(source)], check=True, timeout=110, capture_output=True)

    arrives(tmp_path / "out" / f"list.{ending}", pictures)


#: Cells that lists have broken at, each in a column of its own kind.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30) | st.sampled_from(
    ['雨夜, "霓虹"', "a; b | c", "=1+1", "'=x", "第一行\n第二行", "1-2", "001", "@home", "-"]
)  # fmt: skip
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "001", "1-2", "1.10", "第一镜", "S01E02_003", "A-1", ""]),
        TEXTS,
        st.sampled_from(["", "9:16", "16：9", "4x3"]),
        TEXTS,
        TEXTS,
        st.sampled_from(["", "5", "4.5秒", "0:03"]),
        st.sampled_from(["", "on", "无", "雨声"]),
        # A column that nothing is made of, called as exports call the one before it.
        TEXTS,
    ),
    min_size=1,
    max_size=6,
)


@given(
    rows=ROWS,
    kind=st.sampled_from([Format.CSV, Format.XLSX, Format.JSON]),
    source=st.sampled_from(["csv", "xlsx", "json"]),
)
def test_any_sheet_imported_and_exported_imports_to_the_same_shots(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], kind: Format, source: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    header = ["镜号", "提示词", "画幅", "备注", "台词", "时长", "sound", "音频"]
    path = folder / f"first.{source}"
    if source == "json":
        path.write_text(json.dumps([dict(zip(header, row, strict=True)) for row in rows], ensure_ascii=False), "utf-8")
    elif source == "csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows([header, *([tame(cell) for cell in row] for row in rows)])
    else:
        with path.open("wb") as book:
            write_xlsx({"shots": [header, *rows]}, book, guard=guard_apostrophe)
    first = read_sources([path]).ok
    shots = [
        Shot(
            id=place, project_id=1, number=one.number or f"{place + 900}", position=place, prompt=one.prompt, params=one.params,
            script=one.script, extra=one.extra, created_at=datetime.now(UTC),
        )
        for place, one in enumerate(first, start=1)
    ]  # fmt: skip
    again = folder / f"again.{kind}"
    again.write_bytes(shot_list(shots, kind, "zh", "p", lambda _: ""))

    held = read_sources([again]).shots if shots else ()

    assert [(one.number, one.prompt, one.script, one.params, one.extra) for one in held] == [
        (one.number, one.prompt, one.script, one.params, one.extra) for one in shots
    ]
