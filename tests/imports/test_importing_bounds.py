"""Small files that hold more than any list: each ends in one sentence, soon and without filling the memory."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.readers import bounds
from vidgen_core.services.imports.readers.reader import inspect_sheet, read_sources
from vidgen_core.services.scripts.script_files import read_script

SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
STYLES = "xl/styles.xml"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>prompt</t></is></c></row>'


def workbook(parts: dict[str, Iterator[bytes]], also: dict[str, bytes] | None = None) -> bytes:
    """A workbook of openpyxl's with some of its parts written anew, piece by piece."""
    plain = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["shot", "prompt"])
    book.active.append(["1", "rain"])
    book.save(plain)
    made = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            if entry.filename not in parts:
                target.writestr(entry.filename, source.read(entry))
        for name, blocks in parts.items():
            with target.open(name, "w", force_zip64=True) as file:
                for block in blocks:
                    file.write(block)
        for name, data in (also or {}).items():
            target.writestr(name, data)
    return made.getvalue()


def sheet(rows: Iterator[str]) -> Iterator[bytes]:
    yield f"<worksheet {NS}><sheetData>{HEADER}".encode()
    for row in rows:
        yield row.encode()
    yield b"</sheetData></worksheet>"


def repeated(head: str, piece: str, times: int, end: str) -> Iterator[bytes]:
    block = (piece * 1000).encode()
    yield head.encode()
    for _ in range(times // 1000):
        yield block
    yield end.encode()


def millions_of_cells() -> bytes:
    cells = (f'<row r="{n}">{"<c><v>1</v></c>" * 1000}</row>' for n in range(2, 7002))
    return workbook({SHEET: sheet(cells)})


def millions_of_empty_cells() -> bytes:
    return workbook({SHEET: sheet(f'<row r="{n}">{"<c/>" * 1000}</row>' for n in range(2, 7002))})


def millions_of_strings() -> bytes:
    return workbook({STRINGS: repeated(f"<sst {NS}>", "<si><t>a</t></si>", 3_000_000, "</sst>")})


def prefixed_strings() -> bytes:
    head = '<x:sst xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    return workbook({STRINGS: repeated(head, "<x:si/>", 2_000_000, "</x:sst>")})


def many_rows() -> bytes:
    return workbook(
        {SHEET: sheet(f'<row r="{n}"><c t="inlineStr"><is><t>p</t></is></c></row>' for n in range(2, 190_000))}
    )


def a_row_far_below() -> bytes:
    return workbook({SHEET: sheet(iter(['<row r="1048576"><c t="inlineStr"><is><t>p</t></is></c></row>']))})


def many_sheets() -> bytes:
    also = {f"xl/worksheets/other{n}.xml": b"<worksheet/>" for n in range(bounds.MOST_PARTS + 1)}
    return workbook({}, also)


def huge_styles() -> bytes:
    return workbook({STYLES: repeated(f"<styleSheet {NS}><cellXfs>", "<xf/>", 500_000, "</cellXfs></styleSheet>")})


def merged_everywhere() -> bytes:
    head = f"<worksheet {NS}><sheetData>{HEADER}</sheetData><mergeCells>"
    return workbook({SHEET: repeated(head, '<mergeCell ref="A1:XFD1048576"/>', 300_000, "</mergeCells></worksheet>")})


def one_long_name() -> bytes:
    # Takes a minute to be taken to pieces, and less than a kilobyte.
    head = f'<workbook {NS}><definedNames><definedName name="_xlnm.Print_Area" localSheetId="0">'
    return workbook(
        {"xl/workbook.xml": repeated(head, "$A$1:", 30_000, "<x/></definedName></definedNames></workbook>")}
    )


def many_long_names() -> bytes:
    name = f'<definedName name="_xlnm.Print_Titles" localSheetId="0">{"$" * 8000}</definedName>'
    head = f"<workbook {NS}><definedNames>"
    return workbook({"xl/workbook.xml": repeated(head, name, 1000, "</definedNames></workbook>")})


def one_list_of_many_ranges() -> bytes:
    head = f'<worksheet {NS}><sheetData>{HEADER}</sheetData><conditionalFormatting sqref="'
    return workbook({SHEET: repeated(head, "A1:B2 ", 3_000_000, '"/></worksheet>')})


def nested() -> bytes:
    return workbook({SHEET: iter([f"<worksheet {NS}>".encode(), b"<x>" * 100_000])})


def zeros() -> bytes:
    return workbook({"xl/media/image1.png": (bytes(1 << 20) for _ in range(400))})


def blank_xml() -> bytes:
    return workbook({SHEET: repeated(f"<worksheet {NS}>", " " * 1000, 150_000, "</worksheet>")})


def nested_entities() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<!DOCTYPE l [<!ENTITY l0 "lol">{entities}]><sst {NS}><si><t>&l9;</t></si></sst>'
    return workbook({STRINGS: iter([text.encode()])})


def reading_the_server() -> bytes:
    text = f'<!DOCTYPE l [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst {NS}><si><t>&e;</t></si></sst>'
    return workbook({STRINGS: iter([text.encode("utf-16")])})


def a_sheet_called_a_picture() -> bytes:
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="media/s.png"/>'
        "</Relationships>"
    )
    many = sheet(f"<row>{'<c><v>1</v></c>' * 1000}</row>" for _ in range(7_000))
    return workbook({"xl/_rels/workbook.xml.rels": iter([rels.encode()]), "xl/media/s.png": many})


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "cells": (millions_of_cells, "list_too_many_cells"),
    "empty cells": (millions_of_empty_cells, "list_too_many_cells"),
    "strings": (millions_of_strings, "list_too_many_cells"),
    "strings with a prefix": (prefixed_strings, "list_too_many_cells"),
    "rows": (many_rows, "list_too_many_rows"),
    "a row far below": (a_row_far_below, "list_too_many_rows"),
    "sheets": (many_sheets, "list_too_many_parts"),
    "styles": (huge_styles, "list_too_many_formats"),
    "merged ranges": (merged_everywhere, "list_too_many_formats"),
    "a long name": (one_long_name, "list_formulas_long"),
    "long names": (many_long_names, "list_formulas_long"),
    "a list of ranges": (one_list_of_many_ranges, "list_too_many_formats"),
    "nesting": (nested, "list_too_deep"),
    "zeros": (zeros, "list_too_large"),
    "blanks": (blank_xml, "list_too_large"),
    "entities": (nested_entities, "xlsx_broken"),
    "files of the server": (reading_the_server, "xlsx_broken"),
    "a sheet called a picture": (a_sheet_called_a_picture, "list_too_many_cells"),
}


#: What takes a second and more to make and to read.
SLOW = {"a list of ranges", "zeros", "merged ranges", "blanks"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.extended if name in SLOW else ()) for name in BOMBS]
)
def test_a_small_workbook_that_holds_too_much_is_refused_by_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, code = BOMBS[name]
    path = tmp_path / "list.xlsx"
    path.write_bytes(make())
    assert path.stat().st_size < 2 << 20

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was built")

    # Nothing is built from it before it has been counted.
    monkeypatch.setattr(openpyxl, "load_workbook", never)
    for read in (lambda path: read_sources([path]), inspect_sheet):
        with pytest.raises(InputError) as refused:
            read(path)
        assert refused.value.code == code
        assert refused.value.params["name"] == "list.xlsx"


def test_a_list_at_the_limit_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_ROWS", 3)
    for count, ok in ((2, True), (3, False)):
        book = openpyxl.Workbook()
        book.active.append(["shot", "prompt"])
        for n in range(count):
            book.active.append([str(n), f"shot {n}"])
        # Formatted, but empty.
        book.active.cell(500, 3).number_format = "0.00"
        path = tmp_path / f"{count}.xlsx"
        book.save(path)
        if ok:
            assert [shot.line for shot in read_sources([path]).shots] == [2, 3]
        else:
            with pytest.raises(InputError, match="list_too_many_rows"):
                read_sources([path])


@pytest.mark.parametrize(
    ("ending", "content", "code"),
    [
        ("csv", b"prompt\n" + b"p\n" * 190_000, "list_too_many_rows"),
        ("csv", b"prompt,x\n" + b"," * 7_000_000, "list_too_many_cells"),
        pytest.param(
            "json",
            json.dumps([{"prompt": "p"}] * 190_000).encode(),
            "list_too_many_rows",
            marks=pytest.mark.extended,
        ),
        ("json", b"[" + b"[]," * 7_000_000 + b"[]]", "list_too_many_cells"),
        ("json", b"[" * 200_000, "storyboard_broken"),
    ],
)
def test_text_lists_have_the_same_limits(tmp_path: Path, ending: str, content: bytes, code: str) -> None:
    path = tmp_path / f"list.{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=code):
        read_sources([path])


def document(body: str) -> bytes:
    from docx import Document

    plain, made = io.BytesIO(), io.BytesIO()
    Document().save(plain)
    head = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            is_body = entry.filename == "word/document.xml"
            target.writestr(entry.filename, f"{head}{body}</w:body></w:document>" if is_body else source.read(entry))
    return made.getvalue()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<w:p/>" * 4_000_000, "list_too_many_cells"),
        ("<w:p>" * 10_000, "list_too_deep"),
        (
            '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="100000000"/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>',
            "list_too_many_cells",
        ),
    ],
)
def test_a_document_that_holds_too_much_is_refused_by_a_sentence(body: str, code: str) -> None:
    with pytest.raises(InputError, match=code):
        read_script(document(body), "script.docx")
