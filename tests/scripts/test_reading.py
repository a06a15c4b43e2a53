"""Script files as people have them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from docx import Document

from tests.scripts.sample_scripts import LIGHTHOUSE
from vidgen_core.domain.errors import InputError
from vidgen_core.services.scripts.script_files import LONGEST, read_script
from vidgen_core.services.scripts.splitting import Kind, read_lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_plain_text_is_read_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "灯塔.txt"
    path.write_bytes(LIGHTHOUSE.replace("\n", "\r\n").encode(encoding))

    assert read_script(path, path.name) == LIGHTHOUSE.strip("\n")


def test_word_documents_are_read_paragraph_by_paragraph_and_row_by_row() -> None:
    document = Document()
    document.add_paragraph("第一场 内景 灯塔 夜")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text = "小满："
    table.rows[0].cells[1].text = "等等我！"
    document.add_paragraph("灯灭了。")
    file = io.BytesIO()
    document.save(file)

    assert read_script(file.getvalue(), "灯塔.docx") == "第一场 内景 灯塔 夜\n小满： 等等我！\n灯灭了。"


def test_markdown_keeps_its_headings_and_loses_its_marks() -> None:
    text = "# 灯塔\n\n> **海浪**拍打*礁石*。\n\n- 小满：[等等我](x)！\n\n---\n"

    assert read_script(text.encode(), "灯塔.md").split("\n")[0] == "# 灯塔"
    assert [line.text for line in read_lines(read_script(text.encode(), "灯塔.md"))] == [
        "灯塔",
        "海浪拍打礁石。",
        "等等我！",
    ]


FOUNTAIN = """Title: The Lighthouse
Author: L. X.

# Act one

= What happens here

INT. LAMP ROOM - NIGHT #3#

/* cut
this */
Old letters [[ask about them]] fill the *room*.

@McAVOY
(softly)
They are _coming_ back. ^

.THE SEA

!SCREAMING WIND

> CUT TO:

> THE END <
"""


def test_fountain_is_read_without_what_is_not_to_be_seen() -> None:
    lines = [(line.kind, line.speaker, line.text) for line in read_lines(read_script(FOUNTAIN.encode(), "l.fountain"))]

    assert lines == [
        (Kind.HEADING, "", "INT. LAMP ROOM - NIGHT"),
        (Kind.ACTION, "", "Old letters  fill the room."),
        (Kind.CUE, "McAVOY", "@McAVOY"),
        (Kind.CUE, "", "(softly)"),
        (Kind.SPEECH, "McAVOY", "They are coming back."),
        (Kind.HEADING, "", "THE SEA"),
        (Kind.ACTION, "", "SCREAMING WIND"),
        (Kind.TRANSITION, "", "CUT TO:"),
        (Kind.TRANSITION, "", "THE END"),
    ]


FINAL_DRAFT = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<FinalDraft DocumentType="Script" Version="5"><Content>
<Paragraph Number="1" Type="Scene Heading"><Text>INT. LAMP ROOM - NIGHT</Text></Paragraph>
<Paragraph Type="Action"><Text>Old letters fill the </Text><Text Style="Bold">room</Text><Text>.</Text></Paragraph>
<Paragraph Type="Character"><Text>小满</Text></Paragraph>
<Paragraph Type="Parenthetical"><Text>(softly)</Text></Paragraph>
<Paragraph Type="Dialogue"><Text>They are coming back.</Text></Paragraph>
<Paragraph Type="Action"><Text/></Paragraph>
<Paragraph Type="Transition"><Text>CUT TO:</Text></Paragraph>
</Content><TitlePage><Content><Paragraph><Text>The Lighthouse</Text></Paragraph></Content></TitlePage></FinalDraft>"""


def test_final_draft_is_read_paragraph_by_paragraph() -> None:
    lines = [(line.kind, line.speaker, line.text) for line in read_lines(read_script(FINAL_DRAFT.encode(), "l.fdx"))]

    assert lines == [
        (Kind.HEADING, "", "INT. LAMP ROOM - NIGHT"),
        (Kind.ACTION, "", "Old letters fill the room."),
        (Kind.CUE, "小满", "@小满"),
        (Kind.CUE, "", "(softly)"),
        (Kind.SPEECH, "小满", "They are coming back."),
        (Kind.TRANSITION, "", "CUT TO:"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.pdf", b"%PDF", "script_kind_unknown"),
        ("a.fdx", b"<FinalDraft><Content>", "script_unreadable"),
        ("a.fdx", b"<FinalDraft/>", "script_empty"),
        ("a.txt", b" \n\0 ", "script_empty"),
        ("a.docx", b"PK\x03\x04 no zip at all", "script_unreadable"),
        ("a.docx", b"", "script_unreadable"),
        ("a.txt", b"x" * (LONGEST + 1), "script_too_large"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, data: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_script(data, name)
    assert caught.value.code == code


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="script_unreadable"):
        read_script(tmp_path / "gone.txt", "gone.txt")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.srt", "1\n00:00:00,000 --> 00:00:05,000\n<i>Hello</i>\nthere\n\n2\n00:00:05,000 --> 00:00:06,000\n走\n"),
        ("l.vtt", "WEBVTT\n\n00:00.000 --> 00:05.000\nHello\nthere\n\n00:05.000 --> 00:06.000\n走\n"),
    ],
)  # fmt: skip
def test_what_subtitles_say_is_a_script(name: str, text: str) -> None:
    assert read_script(text.encode(), name) == "Hello\nthere\n\n走"


def test_the_speakers_of_subtitles_are_those_of_the_script() -> None:
    text = (
        "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:00.00,0:00:05.00,Default,小红,0,0,0,,{\\i1}你好{\\i0}\\N再见\n"
    )

    assert read_script(text.encode(), "l.ass") == "小红: 你好\n再见"
