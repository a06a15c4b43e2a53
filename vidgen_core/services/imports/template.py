"""A list to begin with."""

from __future__ import annotations

import csv
import io

from vidgen_core.i18n import get_text
from vidgen_core.services.imports.columns import FIELDS


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
