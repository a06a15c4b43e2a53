"""Which header means which field: the table of the public interface."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

#: Field → headers in either language, the best known first: where two columns mean one field, the earlier name has it.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "shot": ("shot", "number", "no", "id", "编号", "镜号", "镜头", "序号"),
    "image": ("image", "image_url", "reference", "参考图", "图片", "图"),
    "prompt": ("prompt", "text", "提示词", "视频提示词", "描述"),
    "aspect_ratio": ("aspect_ratio", "ratio", "比例", "长宽比"),
    "takes": ("takes", "count", "n", "数量", "视频数"),
    "seed": ("seed", "种子"),
    "model": ("model", "模型"),
    "size": ("size", "尺寸"),
    "duration": ("duration", "时长"),
    "watermark": ("watermark", "水印"),
    "callback_url": ("callback_url", "回调"),
    "provider": ("provider", "供应商"),
    "script": ("script", "脚本"),
}


def plain_header(header: str) -> str:
    """Without regard to case, space, underscore and the width of letters."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(letter for letter in folded if not letter.isspace() and letter not in "_\ufeff")


_RANKS: Final = {
    plain_header(name): (rank, field) for field, names in FIELDS.items() for rank, name in enumerate(names)
}


class Columns(NamedTuple):
    """What the columns of a list mean."""

    #: Field → index of its column.
    fields: dict[str, int]
    #: Index of every other column → its header.
    unknown: dict[int, str]

    @property
    def usable(self) -> bool:
        """Without a picture or a prompt no row could become a shot."""
        return "image" in self.fields or "prompt" in self.fields


def match_columns(headers: Sequence[str]) -> Columns:
    """Find the fields among headers; a column without a header is called by its place, e.g. ``#7``."""
    best: dict[str, tuple[int, int]] = {}
    for index, header in enumerate(headers):
        known = _RANKS.get(plain_header(header))
        if known and (known[1] not in best or known[0] < best[known[1]][0]):
            best[known[1]] = known[0], index
    fields = {field: index for field, (_, index) in best.items()}
    taken = set(fields.values())
    unknown = {index: header.strip() for index, header in enumerate(headers) if index not in taken}
    return Columns(fields, {index: header or f"#{index + 1}" for index, header in unknown.items()})


def find_header(rows: Sequence[Sequence[str]]) -> tuple[int, Columns] | None:
    """The first of the rows with most known headers (a merged title may stand above it); None without a usable one."""
    matched = [(index, match_columns(row)) for index, row in enumerate(rows)]
    usable = [(index, columns) for index, columns in matched if columns.usable]
    return max(usable, key=lambda found: len(found[1].fields), default=None)
