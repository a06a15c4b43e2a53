"""Shot lists that import again to the same shots: CSV and XLSX under the headers of shot lists, JSON as storyboard."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from vidgen_core.domain.shots import Shot
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.exports.film import Format
from vidgen_core.services.exports.task_list import write_csv, write_xlsx
from vidgen_core.services.imports.columns import FIELDS, header_names, plain_header
from vidgen_core.services.imports.formulas import guard_apostrophe

#: Where the picture of a key lies, as the list names it.
PictureCell = Callable[[str], str]
_KNOWN: Final = frozenset(plain_header(name) for names in FIELDS.values() for name in names)
#: Widths of columns in letters.
_WIDTHS: Final = {"shot": 8, "image": 28, "prompt": 60, "script": 40, "picture_prompt": 40}


def shot_list(shots: Iterable[Shot], kind: Format, language: str, project: str, where: PictureCell) -> bytes:
    """The list in one of the formats ``csv``, ``xlsx``, ``json``.

    :param language: of the headers; ``zh`` or ``en``
    """
    every = list(shots)
    extras = list(dict.fromkeys(header for shot in every for header in shot.extra))
    # Where an extra column is called like a field, the field's own name has to stand beside it, the English one, which counts.
    ambiguous = not {plain_header(name) for name in extras}.isdisjoint(_KNOWN)
    headers = header_names("en" if kind is Format.JSON or ambiguous else language)
    # A header that a field has already keeps a blank behind it, for no object of JSON has two of one name.
    taken = set(headers.values())
    columns = [f"{name} " if (name := clean_text(header)) in taken else name for header in extras]
    rows = [_row(shot, where, extras) for shot in every]
    if kind is Format.JSON:
        return _json(clean_text(project), [*headers.values(), *columns], rows, whole=ambiguous)
    table, file = [[*headers.values(), *columns], *rows], io.BytesIO()
    if kind is Format.CSV:
        write_csv(table, file)
    else:
        widths = [_WIDTHS.get(field, 12) for field in FIELDS]
        write_xlsx({"shots": table}, file, widths=widths, guard=guard_apostrophe)
    return file.getvalue()


def _row(shot: Shot, where: PictureCell, extras: Sequence[str]) -> list[str]:
    def cell(key: str | None, link: str | None) -> str:
        return where(key) if key else link or ""

    values: dict[str, Any] = {
        **shot.params.model_dump(mode="json"),
        **shot.model_dump(include={"prompt", "script", "picture_prompt", "chain"}),
        "shot": shot.number,
        "image": cell(shot.image, shot.image_url),
        "last_frame": cell(shot.last_frame, shot.last_frame_url),
        "references": "\n".join(f"{one.role}: {cell(one.image, one.image_url)}" for one in shot.references),
        "sound": {True: "on", False: "off", None: None}[shot.params.sound],
    }
    cells = [values[field] for field in FIELDS] + [shot.extra.get(header) for header in extras]
    return [
        "" if value is None else f"{value:g}" if isinstance(value, float) else clean_text(str(value)) for value in cells
    ]


def _json(project: str, headers: Sequence[str], rows: Iterable[Sequence[str]], *, whole: bool) -> bytes:
    shots = [{name: cell for name, cell in zip(headers, row, strict=True) if cell or whole} for row in rows]
    return json.dumps({"project": project, "shots": shots}, ensure_ascii=False, indent=1).encode()


def picture_names(shots: Iterable[Shot]) -> dict[str, str]:
    """What the pictures of shots are called beside their list, by their keys; one that several shots use is there once."""
    names: dict[str, str] = {}
    for place, shot in enumerate(shots, start=1):
        others = ((f"-ref{n}", one.image) for n, one in enumerate(shot.references, start=1))
        for part, key in (("", shot.image), ("-last", shot.last_frame), *others):
            if key:
                names.setdefault(key, f"images/{place:04d}{part}{Path(key).suffix}")
    return names
