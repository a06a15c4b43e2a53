"""Texts of the program, in Chinese and English.

Messages have symbolic ids (``error.kind.network``); their sentences are in ``catalogues/<language>/<area>.po``. All files
of a language are one catalogue. Add an id to the same file of both languages; tests compare them.
"""

from vidgen_core.i18n.status import STATUS_COLOURS, STATUS_ICONS, VERDICT_COLOURS, VERDICT_ICONS
from vidgen_core.i18n.text import LANGUAGES, Language, Text, choose_language, get_text

__all__ = [
    "LANGUAGES", "STATUS_COLOURS", "STATUS_ICONS", "VERDICT_COLOURS", "VERDICT_ICONS", "Language", "Text",
    "choose_language", "get_text",
]  # fmt: skip
