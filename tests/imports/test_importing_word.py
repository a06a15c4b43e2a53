"""Tables of Word documents: merged cells, pictures and links in cells, tracked changes; what has no table is a script."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from docx import Document
from docx.oxml import OxmlElement
from docx.shared import Cm
from importing_factories import draw

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import ListChoice
from vidgen_core.services.imports.readers.reader import inspect_sheet, is_script, read_sources

HEADER = ["场次", "镜号", "参考图", "提示词", "时长"]


def document_of(*rows: list[str]):
    document = Document()
    document.add_heading("分镜表", 1)
    table = document.add_table(rows=0, cols=len(rows[0]))
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    return document


def saved(document, folder: Path, name: str = "分镜.docx") -> Path:
    path = folder / name
    document.save(str(path))
    return path


def test_a_table_of_a_document_is_a_list(tmp_path: Path) -> None:
    document = document_of(HEADER, ["1", "001", "", "雨夜的街\n镜头推进", "5"], ["1", "002", "", "清晨的海", "8"])

    plan = read_sources([saved(document, tmp_path)])

    assert [(shot.number, shot.prompt, shot.params.duration) for shot in plan.shots] == [
        ("001", "雨夜的街\n镜头推进", 5),
        ("002", "清晨的海", 8),
    ]


def test_merged_cells_pictures_and_links_are_those_of_their_rows(tmp_path: Path) -> None:
    document = document_of(
        ["镜号", "参考图", "提示词", "备注"], ["1", "", "rain", ""], ["2", "", "sea", ""], ["3", "", "fox", "x"]
    )
    (table,) = document.tables
    table.cell(1, 1).paragraphs[0].add_run().add_picture(str(draw(tmp_path / "a.png")), width=Cm(2))
    table.cell(1, 1).merge(table.cell(2, 1))
    table.cell(1, 2).merge(table.cell(1, 3))
    link = table.cell(3, 1).paragraphs[0]
    target = document.part.relate_to(
        "https://cdn.example/fox.png",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    around = OxmlElement("w:hyperlink")
    around.set("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id", target)
    around.append(link.add_run("fox")._r)
    link._p.append(around)

    plan = read_sources([saved(document, tmp_path)])

    assert [(shot.number, shot.prompt) for shot in plan.shots] == [("1", "rain"), ("2", "sea"), ("3", "fox")]
    assert [shot.has_picture for shot in plan.shots] == [True, True, True]
    assert str(plan.shots[2].image_url) == "https://cdn.example/fox.png"


def test_what_a_tracked_change_deleted_is_not_read(tmp_path: Path) -> None:
    document = document_of(["镜号", "提示词"], ["1", "rain"], ["2", "sea"], ["3", "fox"])
    (table,) = document.tables
    properties = table.rows[2]._tr.get_or_add_trPr()
    properties.append(OxmlElement("w:del"))
    gone = OxmlElement("w:del")
    gone.append(table.cell(3, 1).paragraphs[0].add_run(" and hound")._r)
    table.cell(3, 1).paragraphs[0]._p.append(gone)

    plan = read_sources([saved(document, tmp_path)])

    assert [(shot.number, shot.prompt) for shot in plan.shots] == [("1", "rain"), ("3", "fox")]


def test_of_several_tables_those_are_read_that_are_chosen(tmp_path: Path) -> None:
    document = document_of(["角色", "年龄"], ["小满", "9"])
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([*table.rows[0].cells, *table.rows[1].cells], ["镜号", "提示词", "1", "rain"], strict=True):
        cell.text = text
    path = saved(document, tmp_path)

    assert [sheet.title for sheet in inspect_sheet(path)] == ["1", "2"]
    assert [shot.prompt for shot in read_sources([path]).shots] == ["rain"]
    with pytest.raises(InputError, match="list_without_header"):
        read_sources([path], choices={path: ListChoice(sheets=("1",))})


def test_a_document_without_a_table_of_shots_is_a_script(tmp_path: Path) -> None:
    script, cast = Document(), document_of(["角色", "年龄"], ["小满", "9"])
    script.add_paragraph("第一场 内景 灯塔 夜")
    shots = document_of(["镜号", "提示词"], ["1", "rain"])

    assert is_script(saved(script, tmp_path, "script.docx"))
    assert is_script(saved(cast, tmp_path, "cast.docx"))
    assert not is_script(saved(shots, tmp_path, "shots.docx"))
    with pytest.raises(InputError, match="document_unread"):
        read_sources([tmp_path / "script.docx"])


@pytest.mark.parametrize("data", [b"PK\3\4 no archive", b"half", b"empty"])
def test_a_damaged_document_is_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    path = saved(document_of(["镜号", "提示词"], ["1", "rain"]), tmp_path)
    if data == b"half":
        data = path.read_bytes()[: path.stat().st_size // 2]
    elif data == b"empty":
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("word/document.xml", "<w:document")
        data = made.getvalue()
    path.write_bytes(data)

    assert not is_script(path)
    with pytest.raises(InputError, match="docx_broken"):
        read_sources([path])


def test_letters_that_are_struck_out_or_hidden_are_no_prompt(tmp_path: Path) -> None:
    document = document_of(["镜号", "提示词"], ["1", "a "], ["2", ""])
    (table,) = document.tables
    for text, name in (("red ", "strike"), ("blue ", "double_strike"), ("secret ", "hidden"), ("fox", "bold")):
        setattr(table.cell(1, 1).paragraphs[0].add_run(text).font, name, True)
    for cell, text in zip(table.rows[2].cells, ("2", "gone"), strict=True):
        cell.text = ""
        cell.paragraphs[0].add_run(text).font.strike = True

    plan = read_sources([saved(document, tmp_path)])

    assert [(shot.prompt, [reason.params for reason in shot.reasons]) for shot in plan.shots] == [
        ("a fox", [{"text": "red … blue"}])
    ]
    assert [note.code for note in plan.notes] == ["rows_hidden"]
