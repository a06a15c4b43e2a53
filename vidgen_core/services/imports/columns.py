"""Which header means which field (``headers.toml``), and a list to begin with."""

from __future__ import annotations

import csv
import io
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.shots import ReferenceRole
from vidgen_core.i18n import get_text

_TABLE: Final = tomllib.loads(Path(__file__).with_name("headers.toml").read_text(encoding="utf-8"))
#: Headers of columns that are kept beside a shot; they help to find the header of a list.
KEPT: Final[tuple[str, ...]] = tuple(_TABLE.pop("kept")["names"])
_REFERENCES: Final = _TABLE.pop("roles")
#: Field → headers in either language, the best known first: where two columns mean one field, the earlier name has it.
FIELDS: Final[dict[str, tuple[str, ...]]] = {field: tuple(names) for field, names in _TABLE.items()}
_BRACKETS: Final = re.compile(r"[(\[{<【《「][^()\[\]{}<>【】《》「」]*+[)\]}>】》」]")


#: Letters of a header; cells with a text, or a picture within them, may have millions.
_HEADER_LETTERS: Final = 1000


def plain_header(header: str) -> str:
    """Without regard to case, punctuation, what stands in brackets, and the width of letters."""
    folded = unicodedata.normalize("NFKC", header[:_HEADER_LETTERS]).casefold().replace("n°", "no")
    bare = "".join(letter for letter in _BRACKETS.sub("", folded) if letter.isalnum())
    # ``#`` alone, or nothing but a bracket.
    return bare or "".join(folded.split())


_RANKS: Final = {
    plain_header(name): (rank, field) for field, names in FIELDS.items() for rank, name in reversed([*enumerate(names)])
}
_KEPT: Final = frozenset(plain_header(name) for name in KEPT)
_ROLES: Final = {plain_header(name): ReferenceRole(role) for role, names in _REFERENCES.items() for name in names}
#: ``参考图2``, ``图二``, ``reference_3``; the first is the shot's own picture unless another column has that.
_NUMBERED: Final = re.compile(
    r"(?:参考图片?|图片?|參考圖|reference(?:image|url)?|ref(?:image|img)?|image)([1-9]|[12]\d|30|[一二三四五六七八九十])"
)
#: Names of the shot's own picture that mean another one, where a column stands beside them that has it.
_OTHER: Final = re.compile(r"参考|參考|参照|참조|r[eé]f|" + _NUMBERED.pattern)
#: Names of the shot's own picture, those first that say that the video begins with it.
_PICTURES: Final = (re.compile(r"首|起始|最初|first|start|첫"), re.compile(rf"(?!{_OTHER.pattern})"), re.compile(""))


def _role_of(header: str) -> ReferenceRole | None:
    """What the reference picture shows that is named under a header; None under another one."""
    plain = plain_header(header)
    is_other = (_known(header) or (0, ""))[1] == "image" and _OTHER.match(plain)
    return ReferenceRole.CHARACTER if is_other or _NUMBERED.fullmatch(plain) else _ROLES.get(plain)


class ListChoice(Frozen):
    """What a person has chosen about a list that was guessed otherwise."""

    #: Titles of the sheets, or ``("*",)`` for every one with a header; empty: the first one with a header.
    sheets: tuple[str, ...] = ()
    #: Field → header as the list writes it (``#7``: a column without one); None: found by their names.
    columns: dict[str, str] | None = None
    #: Whether hidden rows and sheets are meant, too.
    hidden: bool = False


AS_GUESSED: Final = ListChoice()


class Columns(NamedTuple):
    """What the columns of a list mean."""

    #: Field → index of its column.
    fields: dict[str, int]
    #: Index of every column of no use → its header.
    unknown: dict[int, str]
    #: Index of every column with one reference picture → what that shows.
    references: dict[int, ReferenceRole]

    @property
    def meant(self) -> dict[int, str]:
        """Index of every column that is used → its field."""
        return {index: field for field, index in self.fields.items()} | dict.fromkeys(self.references, "references")

    @property
    def usable(self) -> bool:
        """Without a picture or a prompt no row could become a shot."""
        return not {"image", "prompt", "picture_prompt"}.isdisjoint(self.fields)


def labels(headers: Sequence[str]) -> list[str]:
    """What to call the columns; one without a header is called by its place, e.g. ``#7``."""
    return [header.strip() or f"#{index + 1}" for index, header in enumerate(headers)]


def match_columns(headers: Sequence[str], chosen: Mapping[str, str] | None = None) -> Columns:
    """Find the fields among headers.

    :param chosen: field → label, instead of looking at the names
    """
    names = labels(headers)
    fields = _by_name(headers) if chosen is None else _as_chosen(names, chosen)
    taken = set(fields.values())
    rest = {index: name for index, name in enumerate(names) if index not in taken}
    references = {index: role for index, name in rest.items() if (role := _role_of(name))}
    return Columns(fields, {index: name for index, name in rest.items() if index not in references}, references)


_MARKS: Final = re.compile(r"[/／|、,，&\n·+]")
#: Between two names in one header: a mark, a line end, or where one script ends and the other begins.
_PARTS: Final = re.compile(
    _MARKS.pattern + r"|(?<=[a-z.#)\d])\s*+(?=[\u3040-\u9fff])|(?<=[\u3040-\u9fff)])\s*+(?=[a-z#])"
)
#: Words beside a name that do not change what it means: the language, the model that it is written for, what the cell holds.
_BESIDE: Final = (
    *(
        "中文",
        "英文",
        "日文",
        "cn",
        "zh",
        "en",
        "eng",
        "english",
        "chinese",
        "ai",
        "url",
        "urls",
        "path",
        "链接",
        "地址",
        "文件",
        "路径",
        "列表",
    ),
    *(
        "sora",
        "veo",
        "kling",
        "可灵",
        "即梦",
        "jimeng",
        "海螺",
        "hailuo",
        "vidu",
        "runway",
        "wan",
        "万相",
        "seedance",
        "豆包",
    ),
    *("pika", "luma", "grok"),
)
#: Later than any whole name.
_LATER: Final = 1000
#: Letters of a header that is looked at in parts.
_LONGEST: Final = 100


@lru_cache(maxsize=4096)
def _known(header: str) -> tuple[int, str] | None:
    """How well and as which field a header is known: by its whole name, without what stands beside it, or by its parts."""
    known = _as_one(header)
    if known or len(header) > _LONGEST or plain_header(header) in _KEPT:
        return known
    parts = [part for part in _PARTS.split(unicodedata.normalize("NFKC", header).casefold()) if plain_header(part)]
    found = [known for part in parts if (known := _as_one(part))]
    # A part that says something else, as in "negative Prompt", makes another thing of the whole.
    more = [part for part in parts if not _as_one(part)]
    if len({field for _, field in found}) != 1 or any(plain_header(part) not in _KEPT for part in more):
        return None
    if more and not _MARKS.search(header):
        return None
    return found[0][0] + 2 * _LATER, found[0][1]


def _as_one(header: str) -> tuple[int, str] | None:
    plain = plain_header(header)
    if plain in _RANKS or plain in _KEPT:
        return _RANKS.get(plain)
    bare = plain[:_LONGEST]
    while (word := next(filter(bare.endswith, _BESIDE), "")) and bare != word:
        bare = bare.removesuffix(word)
    # A name may begin like such a word: ``end_image``.
    while bare not in _RANKS and (word := next(filter(bare.startswith, _BESIDE), "")) and bare != word:
        bare = bare.removeprefix(word)
    known = _RANKS.get(bare)
    return (known[0] + _LATER, known[1]) if known else None


def _by_name(headers: Sequence[str]) -> dict[str, int]:
    best: dict[str, tuple[int, int, int]] = {}
    for index, header in enumerate(headers):
        if known := _known(header):
            rank, field = known
            best[field] = min(best.get(field, (len(_PICTURES), 0, 0)), (_standing(header, field), rank, index))
    return {field: index for field, (_, _, index) in best.items()}


def _standing(header: str, field: str) -> int:
    """Which of several columns with pictures has the shot's own: one that says so before one that may hold another picture."""
    plain = plain_header(header)
    return next(place for place, says in enumerate(_PICTURES) if field != "image" or says.match(plain))


def _as_chosen(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, int]:
    return {field: names.index(name) for field, name in chosen.items() if name in names}


def find_header(rows: Sequence[Sequence[str]], chosen: Mapping[str, str] | None = None) -> tuple[int, Columns] | None:
    """The first of the rows with most known headers (a merged title may stand above it); None without a usable one."""
    matched = [(index, match_columns(row, chosen)) for index, row in enumerate(rows)]
    usable = [(index, columns) for index, columns in matched if columns.usable]
    return max(usable, key=lambda found: (len(found[1].fields), _kept(found[1])), default=None)


def _kept(columns: Columns) -> int:
    return sum(plain_header(name) in _KEPT for name in columns.unknown.values())


def likely_header(rows: Sequence[Sequence[str]]) -> int | None:
    """Where the header most likely stands: the one with known names, else the first of the rows with most cells."""
    found = find_header(rows)
    if found is not None:
        return found[0]
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    return filled.index(max(filled)) if any(filled) else None


def header_names(lang: str) -> dict[str, str]:
    """Field → its header in one language, as templates and exported lists write it."""
    return {field: _header(names, lang) for field, names in FIELDS.items()}


def _header(names: tuple[str, ...], lang: str) -> str:
    chinese = [name for name in names if not name.isascii()]
    return chinese[0] if lang == "zh" and chinese else names[0]


def template_csv(lang: str) -> bytes:
    """A CSV with all columns and two example rows; with a byte order mark, by which Excel knows UTF-8."""
    t = get_text(lang)
    names = header_names(lang)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(names), restval="")
    writer.writerow(names)
    writer.writerow({"shot": "1.0", "prompt": t("importing.example_zoom"), "aspect_ratio": "9:16", "takes": "3"})
    writer.writerow({"shot": "1.1", "prompt": t("importing.example_pan"), "aspect_ratio": "16:9", "seed": "12345"})
    return out.getvalue().encode("utf-8-sig")
