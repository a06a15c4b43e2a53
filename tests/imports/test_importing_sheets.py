"""Sheets as spreadsheets keep them: merged cells, pictures over and inside of cells, dates, zeros, what is hidden."""

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from importing_factories import codes, draw, read_xlsx
from openpyxl.drawing.image import Image as Drawn
from openpyxl.drawing.spreadsheet_drawing import AbsoluteAnchor, AnchorMarker, OneCellAnchor, TwoCellAnchor
from openpyxl.drawing.xdr import XDRPoint2D, XDRPositiveSize2D
from openpyxl.styles import Font
from openpyxl.utils.units import pixels_to_EMU as emu

from vidgen_core.services.imports.columns import ListChoice
from vidgen_core.services.imports.plan import ImportPlan

HEADER = ["镜号", "参考图", "提示词", "比例"]


def book_of(*rows: list[Any]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def read(book: openpyxl.Workbook, folder: Path, choice: ListChoice | None = None) -> ImportPlan:
    return read_xlsx(saved(book), folder, choice=choice or ListChoice())


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_parts(data: bytes, more: dict[str, str | bytes], changed: dict[str, tuple[str, str]]) -> bytes:
    """A workbook with further parts, and with words of others replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as made:
        for name in archive.namelist():
            part = archive.read(name)
            if name in changed:
                old, new = changed[name]
                assert old.encode() in part
                part = part.replace(old.encode(), new.encode())
            made.writestr(name, part)
        for name, content in more.items():
            made.writestr(name, content)
    return out.getvalue()


def pictures(plan: ImportPlan) -> list[bytes | None]:
    return [shot.image_data or (shot.image.read_bytes() if shot.image else None) for shot in plan.shots]


@pytest.fixture
def two(folder: Path) -> tuple[Path, Path]:
    return draw(folder / "one.png", (64, 96)), draw(folder / "two.png", (96, 64))


def test_what_is_merged_down_belongs_to_every_row(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(
        HEADER, ["1", "one.png", "she turns", "9:16"], ["2", None, None, None], ["3", None, "she sits", None]
    )
    for cells in ("B2:B4", "C2:C3", "D2:D4"):
        book.active.merge_cells(cells)

    plan = read(book, folder)

    assert [(shot.image, shot.prompt, shot.params.aspect_ratio) for shot in plan.shots] == [
        (two[0], "she turns", "9:16"),
        (two[0], "she turns", "9:16"),
        (two[0], "she sits", "9:16"),
    ]


@pytest.mark.parametrize("mark", ["同上", "〃", '"', "Ditto", "（同上）", "same as above", "↑", "同上。"])
def test_a_cell_that_points_at_the_one_above_has_its_value(folder: Path, two: tuple[Path, Path], mark: str) -> None:
    book = book_of(
        HEADER, ["1", "one.png", "she turns", "9:16"], [mark, mark, "she sits", mark], ["3", mark, mark, mark]
    )

    plan = read(book, folder)

    assert [(shot.number, shot.image, shot.prompt, shot.params.aspect_ratio) for shot in plan.ok] == [
        ("1", two[0], "she turns", "9:16"),
        (None, two[0], "she sits", "9:16"),
        ("3", two[0], "she sits", "9:16"),
    ]


def test_a_cell_that_points_at_a_placed_picture_has_it(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(HEADER, ["1", None, "she turns", None], ["2", "同上", "she sits", None])
    book.active.add_image(Drawn(str(two[0])), "B2")

    assert pictures(read(book, folder)) == [two[0].read_bytes()] * 2


def test_a_merged_title_between_rows_is_no_prompt(folder: Path) -> None:
    book = book_of(HEADER, ["1", None, "a", None], ["第二场 街道", None, None, None], ["2", None, "b", None])
    book.active.merge_cells("A3:D3")

    plan = read(book, folder)

    assert [shot.prompt for shot in plan.ok] == ["a", "b"]


def placed(kind: str, row: int, column: int, size: tuple[int, int]) -> Any:
    """An anchor of each kind that begins a few pixels into a cell."""
    mark = AnchorMarker(col=column, row=row, colOff=emu(3), rowOff=emu(3))
    ext = XDRPositiveSize2D(emu(size[0]), emu(size[1]))
    if kind == "oneCell":
        return OneCellAnchor(_from=mark, ext=ext)
    if kind == "twoCell":
        return TwoCellAnchor(_from=mark, to=AnchorMarker(col=column, row=row, colOff=emu(60), rowOff=emu(70)))
    # Rows of 80 points, columns of 20 letters.
    return AbsoluteAnchor(pos=XDRPoint2D(emu(145 * column + 3), int(80 * 12700 * row + emu(3))), ext=ext)


@pytest.mark.parametrize("kind", ["oneCell", "twoCell", "absolute"])
def test_a_picture_over_a_cell_belongs_to_its_row(folder: Path, two: tuple[Path, Path], kind: str) -> None:
    book = book_of(HEADER, *[[str(row), None, f"p{row}", None] for row in (1, 2, 3)])
    sheet = book.active
    for row in range(1, 5):
        sheet.row_dimensions[row].height = 80
    for column in "ABCD":
        sheet.column_dimensions[column].width = 20
    for row, path in ((1, two[0]), (3, two[1])):
        drawn = Drawn(str(path))
        drawn.anchor = placed(kind, row, 1, (60, 70))
        sheet.add_image(drawn)

    plan = read(book, folder)

    assert pictures(plan) == [two[0].read_bytes(), None, two[1].read_bytes()]
    assert [shot.verdict for shot in plan.shots] == ["ok"] * 3


def test_a_picture_that_begins_on_the_edge_above_belongs_to_the_row_it_covers(
    folder: Path, two: tuple[Path, Path]
) -> None:
    book = book_of(HEADER, ["1", None, "a", None], ["2", None, "b", None])
    for row in (1, 2, 3):
        book.active.row_dimensions[row].height = 80
    drawn = Drawn(str(two[0]))
    drawn.anchor = TwoCellAnchor(
        _from=AnchorMarker(col=1, row=1, rowOff=76 * 12700), to=AnchorMarker(col=1, row=2, rowOff=70 * 12700)
    )
    book.active.add_image(drawn)

    assert pictures(read(book, folder)) == [None, two[0].read_bytes()]


def test_further_pictures_of_a_row_become_references(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(HEADER, ["1", None, "a", None])
    book.active.add_image(Drawn(str(two[1])), "D2")
    book.active.add_image(Drawn(str(two[0])), "B2")

    plan = read(book, folder)

    assert pictures(plan) == [two[0].read_bytes()]
    [further] = plan.shots[0].pictures
    assert (further.slot, further.role, further.image_data) == ("reference", "character", two[1].read_bytes())
    assert codes(plan) == [(2, "warning", ["pictures_as_references"])]


def test_a_picture_over_a_merged_cell_belongs_to_all_its_rows(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(HEADER, ["1", None, "a", None], ["2", None, "b", None], ["3", None, "c", None])
    book.active.merge_cells("B2:B3")
    book.active.add_image(Drawn(str(two[0])), "B2")

    assert pictures(read(book, folder)) == [two[0].read_bytes()] * 2 + [None]


def test_pictures_of_a_group_belong_to_the_rows_they_lie_on(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(HEADER, ["1", None, "a", None], ["2", None, "b", None])
    for row in (1, 2, 3):
        book.active.row_dimensions[row].height = 60
    for path in two:
        book.active.add_image(Drawn(str(path)), "B2")
    data = saved(book)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        drawing = archive.read("xl/drawings/drawing1.xml").decode()

    def pic(rid: str, y: int) -> str:
        return (
            f'<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="{y + 5}" name="p"/><xdr:cNvPicPr/></xdr:nvPicPr><xdr:blipFill>'
            f'<a:blip r:embed="{rid}"/></xdr:blipFill><xdr:spPr><a:xfrm><a:off x="0" y="{y}"/><a:ext cx="500" cy="1000"/>'
            "</a:xfrm></xdr:spPr></xdr:pic>"
        )

    group = (
        '<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><xdr:twoCellAnchor>'
        "<xdr:from><xdr:col>1</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>1</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:from>"
        "<xdr:to><xdr:col>2</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>3</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:to>"
        '<xdr:grpSp><xdr:nvGrpSpPr><xdr:cNvPr id="2" name="g"/><xdr:cNvGrpSpPr/></xdr:nvGrpSpPr><xdr:grpSpPr><a:xfrm>'
        '<a:off x="0" y="0"/><a:ext cx="500" cy="2000"/><a:chOff x="0" y="0"/><a:chExt cx="500" cy="2000"/></a:xfrm></xdr:grpSpPr>'
        f"{pic('rId1', 0)}{pic('rId2', 1000)}</xdr:grpSp><xdr:clientData/></xdr:twoCellAnchor></xdr:wsDr>"
    )
    data = with_parts(data, {}, {"xl/drawings/drawing1.xml": (drawing, group)})

    assert pictures(read_xlsx(data, folder)) == [path.read_bytes() for path in two]


def test_pictures_inside_of_cells_as_wps_keeps_them(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(HEADER, ["1", '=DISPIMG("ID_A",1)', "a", None], ["2", '=_xlfn.DISPIMG("ID_B",1)', "b", None])
    held = "".join(
        f'<etc:cellImage><xdr:pic><xdr:nvPicPr><xdr:cNvPr id="{n}" name="ID_{name}"/></xdr:nvPicPr><xdr:blipFill>'
        f'<a:blip r:embed="rId{n}"/></xdr:blipFill></xdr:pic></etc:cellImage>'
        for n, name in ((1, "A"), (2, "B"))
    )
    images = (
        '<etc:cellImages xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        f'xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData">{held}</etc:cellImages>'
    )
    relations = relations_of(["media/image1.png", "media/image2.png"])
    parts: dict[str, str | bytes] = {
        "xl/cellimages.xml": images,
        "xl/_rels/cellimages.xml.rels": relations,
        **{f"xl/media/image{n}.png": path.read_bytes() for n, path in enumerate(two, start=1)},
    }

    plan = read_xlsx(with_parts(saved(book), parts, {}), folder)

    assert pictures(plan) == [path.read_bytes() for path in two]


def relations_of(targets: list[str]) -> str:
    held = "".join(
        f'<Relationship Id="rId{n}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" '
        f'Target="{target}"/>'
        for n, target in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{held}</Relationships>'


def test_pictures_inside_of_cells_as_excel_keeps_them(folder: Path, two: tuple[Path, Path]) -> None:
    book = book_of(HEADER, ["1", "PLACE1", "a", None], ["2", "PLACE2", "b", None])
    data = saved(book)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    cells = {f"B{row}": f'<c r="B{row}" t="e" vm="{row - 1}"><v>#VALUE!</v></c>' for row in (2, 3)}
    changed = sheet
    for place, cell in cells.items():
        start = changed.index(f'<c r="{place}"')
        changed = changed[:start] + cell + changed[changed.index("</c>", start) + 4 :]
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rich = "http://schemas.microsoft.com/office/spreadsheetml/2017/richdata"
    blocks = "".join(f'<bk><extLst><ext><x:rvb xmlns:x="{rich}" i="{n}"/></ext></extLst></bk>' for n in (0, 1))
    parts: dict[str, str | bytes] = {
        "xl/metadata.xml": f'<metadata xmlns="{main}"><metadataTypes count="1"><metadataType name="XLRICHVALUE"/>'
        f'</metadataTypes><futureMetadata name="XLRICHVALUE" count="2">{blocks}</futureMetadata><valueMetadata count="2">'
        '<bk><rc t="1" v="0"/></bk><bk><rc t="1" v="1"/></bk></valueMetadata></metadata>',
        "xl/richData/rdrichvalue.xml": f'<rvData xmlns="{rich}"><rv s="0"><v>0</v><v>5</v></rv><rv s="0"><v>1</v><v>5</v></rv></rvData>',
        "xl/richData/rdrichvaluestructure.xml": f'<rvStructures xmlns="{rich}"><s t="_localImage">'
        '<k n="_rvRel:LocalImageIdentifier" t="i"/><k n="CalcOrigin" t="i"/></s></rvStructures>',
        "xl/richData/richValueRel.xml": '<richValueRels xmlns="http://schemas.microsoft.com/office/spreadsheetml/2022/richvaluerel" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><rel r:id="rId1"/><rel r:id="rId2"/>'
        "</richValueRels>",
        "xl/richData/_rels/richValueRel.xml.rels": relations_of(["../media/image1.png", "../media/image2.png"]),
        **{f"xl/media/image{n}.png": path.read_bytes() for n, path in enumerate(two, start=1)},
    }

    plan = read_xlsx(with_parts(data, parts, {"xl/worksheets/sheet1.xml": (sheet, changed)}), folder)

    assert pictures(plan) == [path.read_bytes() for path in two]
    assert [shot.verdict for shot in plan.shots] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("value", "shown", "number", "said"),
    [
        (dt.datetime.fromisoformat("2026-01-02"), "d-mmm", "1-2", ["number_was_date"]),
        (dt.datetime.fromisoformat("2026-11-12"), 'm"月"d"日"', "11-12", ["number_was_date"]),
        (dt.date(1945, 3, 1), "mmm-yy", "3-45", ["number_was_date"]),
        (dt.datetime.fromisoformat("2026-01-02"), "yyyy-mm-dd h:mm:ss", "1-2", ["number_was_date"]),
        (1, "000", "001", []),
        (7, '"S"00', "S07", []),
        (1, "0.0", "1.0", []),
        (1.5, "General", "1.5", []),
        ("第十镜", "@", "10", []),
        ("２０", "@", "20", []),
        ("001", "@", "001", []),
    ],
)
def test_numbers_are_those_that_a_person_reads_or_typed(
    folder: Path, value: Any, shown: str, number: str, said: list[str]
) -> None:
    book = book_of(HEADER, [value, None, "a", None])
    book.active["A2"].number_format = shown

    (shot,) = read(book, folder).shots

    assert (shot.number, [reason.code for reason in shot.reasons]) == (number, said)


def test_a_zero_that_a_spreadsheet_cut_off_is_put_back(folder: Path) -> None:
    book = book_of(HEADER, *[[number, None, "a", None] for number in (1.1, 1.8, 1.9, 1.1, 1.11)])

    assert [shot.number for shot in read(book, folder).shots] == ["1.1", "1.8", "1.9", "1.10", "1.11"]


def test_numbers_that_begin_anew_in_each_scene_are_told_apart_by_it(folder: Path) -> None:
    book = book_of(["场次", "镜号", "提示词"], [1, 1, "a"], [None, 2, "b"], [2, 1, "c"], [None, 2, "d"])
    book.active.merge_cells("A2:A3")
    book.active.merge_cells("A4:A5")

    plan = read(book, folder)

    assert [shot.number for shot in plan.shots] == ["1-1", "1-2", "2-1", "2-2"]
    assert {shot.verdict for shot in plan.shots} == {"ok"}


def test_an_error_of_a_formula_is_no_prompt(folder: Path) -> None:
    book = book_of(HEADER, ["1", None, "#N/A", None], ["2", None, "b", None])
    book.active["C2"].data_type = "e"

    assert codes(read(book, folder)) == [(2, "rejected", ["row_empty_shot", "cell_error"]), (3, "ok", [])]


def test_a_row_that_is_struck_out_as_a_whole_is_left_out_like_a_hidden_one(folder: Path) -> None:
    book = book_of(HEADER, ["1", None, "a", None], ["2", None, "struck", None], ["3", None, "in part", None])
    for cell in (*book.active[3], book.active["C4"]):
        cell.font = Font(strike=True)

    plan = read(book, folder)

    assert [shot.prompt for shot in plan.shots] == ["a", "in part"]
    assert [(note.code, note.params["count"]) for note in plan.notes] == [("rows_hidden", 1)]
    assert [shot.prompt for shot in read(book, folder, ListChoice(hidden=True)).shots] == ["a", "struck", "in part"]


RUNS = (
    '<r><t xml:space="preserve">an </t></r><r><rPr><strike/></rPr><t xml:space="preserve">old </t></r><r><t>fox</t></r>'
)
SHARED = (
    f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>x</t></si><si>{RUNS}</si></sst>'
)
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


@pytest.mark.parametrize("shared", [True, False])
def test_letters_that_are_struck_out_within_a_cell_are_left_out_and_said(folder: Path, shared: bool) -> None:
    data = saved(book_of(HEADER, ["1", None, "text", None], ["2", None, "b", None]))
    sheet = "xl/worksheets/sheet1.xml"
    cell = '<c r="C2" t="inlineStr"><is><t>text</t></is></c>'
    if shared:
        kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
        changed = {
            sheet: (cell, '<c r="C2" t="s"><v>1</v></c>'),
            "[Content_Types].xml": ("</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPE}"/></Types>'),
            "xl/_rels/workbook.xml.rels": (
                "</Relationships>", f'<Relationship Id="rIdS" Type="{kind}" Target="sharedStrings.xml"/></Relationships>',
            ),
        }  # fmt: skip
        struck = with_parts(data, {"xl/sharedStrings.xml": SHARED}, changed)
    else:
        struck = with_parts(data, {}, {sheet: ("<is><t>text</t></is>", f"<is>{RUNS}</is>")})

    plan = read_xlsx(struck, folder)

    assert [shot.prompt for shot in plan.shots] == ["an fox", "b"]
    assert [[(reason.code, reason.params) for reason in shot.reasons] for shot in plan.shots] == [
        [("letters_struck", {"text": "old"})],
        [],
    ]


def test_hidden_rows_and_columns_and_other_sheets_are_spoken_of(folder: Path) -> None:
    book = book_of(HEADER, ["1", None, "a", None], ["2", None, "hidden", None])
    book.active.title = "EP01"
    book.active.row_dimensions[3].hidden = True
    book.active.column_dimensions["D"].hidden = True
    for title in ("EP02", "说明"):
        book.create_sheet(title).append(["镜号", "提示词"] if title == "EP02" else ["x"])
    book["EP02"].append(["9", "z"])

    plan = read(book, folder)

    assert [shot.prompt for shot in plan.shots] == ["a"]
    assert [(note.code, note.params) for note in plan.notes] == [
        ("rows_hidden", {"source": "xlsx", "count": 1}),
        ("columns_hidden", {"source": "xlsx", "columns": "D"}),
        ("sheets_left", {"source": "xlsx", "sheet": "EP01", "others": "EP02"}),
    ]
    every = read(book, folder, ListChoice(sheets=("*",), hidden=True))
    assert [shot.prompt for shot in every.shots] == ["a", "hidden", "z"]
    assert [note.code for note in every.notes] == ["columns_hidden"]
