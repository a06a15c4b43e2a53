"""Script files as text: plain, Markdown, Word, Fountain, Final Draft, and what subtitles say."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from vidgen_core.domain.errors import InputError
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.imports.decoding import decodings
from vidgen_core.services.imports.readers.bounds import Broken, TooMuch, check_package

_SUBTITLES: Final = (".srt", ".vtt", ".ass", ".ssa")
#: Endings that can be read.
SCRIPT_ENDINGS: Final = (".txt", ".md", ".markdown", ".docx", ".fountain", ".spmd", ".fdx", *_SUBTITLES)
#: Bytes of a file, and of a Word file's text once it is unpacked; a feature film has about 200,000 characters.
LARGEST: Final = 20 * 1024 * 1024
#: Characters of a script.
LONGEST: Final = 1_000_000


def read_script(source: Path | bytes, name: str) -> str:
    """The text of a script file, by the ending of its name; lines end with a line feed.

    :raises InputError: script_kind_unknown (name, kinds), script_unreadable (name), script_too_large (name, limit),
        script_empty (name)
    """
    ending = Path(name).suffix.lower()
    if ending not in SCRIPT_ENDINGS:
        raise InputError("script_kind_unknown", name=name, kinds=" ".join(SCRIPT_ENDINGS))
    data = _bytes(source, name)
    text = {".docx": _docx, ".fdx": _final_draft}.get(ending, _decoded)(data, name)
    if ending in (".fountain", ".spmd"):
        text = from_fountain(text)
    elif ending in (".md", ".markdown"):
        text = from_markdown(text)
    elif ending in _SUBTITLES:
        text = _spoken(text, name)
    return tidy(text, name)


def _spoken(text: str, name: str) -> str:
    """What subtitles say, a paragraph each, with the speakers that ASS names."""
    # For the first file of this kind alone.
    import pysubs2

    try:
        events = pysubs2.SSAFile.from_string(text, format_=Path(name).suffix.lower()[1:]).events
    except (pysubs2.exceptions.Pysubs2Error, ValueError) as error:
        raise InputError("script_unreadable", name=name) from error
    said = ((event.name.strip(), event.plaintext.strip()) for event in events if not event.is_comment)
    return "\n\n".join(f"{who}: {line}" if who else line for who, line in said if line)


def tidy(text: str, name: str = "") -> str:
    """A pasted or read script without what no line should hold.

    :raises InputError: script_empty (name), script_too_large (name, limit)
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "").replace("\u2028", "\n")
    text = "\n".join(line.rstrip() for line in clean_text(text).split("\n")).strip("\n")
    if not text.strip():
        raise InputError("script_empty", name=name)
    if len(text) > LONGEST:
        raise InputError("script_too_large", name=name, limit=f"{LONGEST:,}")
    return text


def _bytes(source: Path | bytes, name: str) -> bytes:
    try:
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        if size > LARGEST:
            raise InputError("script_too_large", name=name, limit=f"{LARGEST >> 20} MB")
        return source.read_bytes() if isinstance(source, Path) else source
    except (OSError, ValueError) as error:
        raise InputError("script_unreadable", name=name) from error


def _decoded(data: bytes, name: str) -> str:
    for text in decodings(data):
        return text
    raise InputError("script_unreadable", name=name)


def _docx(data: bytes, name: str) -> str:
    """Paragraphs and cells of tables in the order of the document."""
    # Word files are rare, and their library takes a while to load.
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError
    from docx.table import Table
    from docx.text.paragraph import Paragraph
    from lxml.etree import LxmlError

    try:
        check_package(data, is_workbook=False)
        lines: list[str] = []
        for block in Document(io.BytesIO(data)).iter_inner_content():
            if isinstance(block, Paragraph):
                lines.append(block.text)
            elif isinstance(block, Table):
                lines += [" ".join(dict.fromkeys(cell.text for cell in row.cells)) for row in block.rows]
    except TooMuch as error:
        raise InputError(error.code, name=name, limit=error.limit) from None
    except (Broken, PackageNotFoundError, LxmlError, KeyError, ValueError, OSError) as error:
        raise InputError("script_unreadable", name=name) from error
    return "\n".join(lines)


#: Marks that say what a paragraph of Final Draft is, as Fountain writes them.
_MARKS: Final = {"Scene Heading": ".", "Character": "@", "Transition": "> ", "Action": "!", "General": "!", "Shot": "!"}


def _final_draft(data: bytes, name: str) -> str:
    """The paragraphs of a Final Draft document, which is XML."""
    try:
        root = ET.fromstring(data)  # noqa: S314 - expat ends what grows out of proportion
    except (ET.ParseError, ValueError, LookupError) as error:
        raise InputError("script_unreadable", name=name) from error
    lines: list[str] = []
    for paragraph in root.iterfind("Content/Paragraph"):
        text = " ".join("".join(part.text or "" for part in paragraph.iter("Text")).split())
        kind = paragraph.get("Type", "")
        if text:
            lines += [] if kind in ("Dialogue", "Parenthetical") else [""]
            lines.append(_MARKS.get(kind, "") + text)
    return "\n".join(lines)


#: ``Title: …`` at the very beginning of a Fountain file, up to the first empty line (fountain.io/syntax, Title Page).
_TITLE_KEY: Final = re.compile(r"^[A-Za-z][\w ]*:")
_NOTE: Final = re.compile(r"\[\[(?:[^\[\]\n]|\n(?!\n))*+\]\]")
#: No longer than a paragraph, so that a mark without its counterpart does not look through the whole line.
_EMPHASIS: Final = re.compile(r"(?<!\\)(\*{1,3}|_)(?=\S)(.{1,400}?)(?<=\S)(?<!\\)\1")
_SCENE_NUMBER: Final = re.compile(r"#[\w.\-)]+#$")
#: Bold in italics in underlined.
_NESTED: Final = 3


def without(text: str, opens: str, closes: str) -> str:
    """A text without what stands between two marks; a mark that is never closed stays."""
    kept, at = [], 0
    while (start := text.find(opens, at)) >= 0 and (end := text.find(closes, start + len(opens))) >= 0:
        kept.append(text[at:start])
        at = end + len(closes)
    return "".join([*kept, text[at:]])


def from_fountain(text: str) -> str:
    """A Fountain screenplay as plain lines: without title page, boneyard, notes, sections, synopses and emphasis.

    Forced elements (``.heading``, ``@character``, ``!action``) keep their mark, which the splitter knows, too.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\n ")
    head, empty, rest = text.partition("\n\n")
    if empty and _TITLE_KEY.match(head) and not head.upper().startswith(("FADE", "CUT")):
        text = rest
    text = _NOTE.sub("", without(text, "/*", "*/"))
    return "\n".join(_fountain_line(line) for line in text.split("\n"))


def _fountain_line(line: str) -> str:
    bare = line.strip()
    if re.match(r"#{1,6}|={1,2}(?!=)|={3,}$", bare):
        return ""
    if bare.startswith(">") and bare.endswith("<"):
        bare = bare[1:-1].strip()
    bare = bare.removeprefix("~").removesuffix("^").rstrip()
    return _plain_words(_SCENE_NUMBER.sub("", bare).rstrip())


def from_markdown(text: str) -> str:
    """Markdown without its marks; headings keep theirs, which begin scenes."""
    lines = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        bare = re.sub(r"^\s*(?:>\s?)+", "", line)
        bare = re.sub(r"^\s*[-*+]\s+(?=\S)", "", bare)
        if re.fullmatch(r"\s*([-*_]\s*){3,}|\s*```.*", bare):
            bare = ""
        bare = re.sub(r"!?\[([^\[\]]*)\]\((?:[^()]|\([^()]*\))*+\)", r"\1", bare)
        lines.append(_plain_words(bare))
    return "\n".join(lines)


def _plain_words(line: str) -> str:
    for _ in range(_NESTED):
        line = _EMPHASIS.sub(r"\2", line)
    return re.sub(r"\\([*_#>~`\[\]])", r"\1", line)
