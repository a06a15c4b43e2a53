"""Where things stand on Lovart's page: a file in the data home that people can mend."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from vidgen_core.domain.errors import Delivery, HandOver
from vidgen_core.media.disk import translate_os_errors

DELIVERED: Final = Path(__file__).with_name("selectors.toml")
#: What a take cannot be made without.
NEEDED: Final = ("prompt", "attach", "send", "message", "answer", "generating", "result")
#: What only a person can do, in the order in which it is searched for.
WALLS: Final = ("sign_in", "captcha", "paywall", "price")


class Selectors:
    """Selectors by name, as they stand in ``file``.

    :raises HandOver: ``selectors_unreadable`` (file, why), ``selector_missing`` (selector, file)
    :raises FileError: the delivered file cannot be copied there
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            with translate_os_errors(file):
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(DELIVERED, file)
        self._by_name = _read(file)
        for name in NEEDED:
            if not self[name]:
                raise self.trouble("selector_missing", name)

    def __getitem__(self, name: str) -> str:
        """The selector of that name; empty where the page has no such thing."""
        found = self._by_name.get(name, "")
        return found if isinstance(found, str) else ""

    def items(self) -> Iterator[tuple[str, str]]:
        """Names and selectors of what is on the page."""
        return ((name, self[name]) for name in self._by_name if self[name])

    def trouble(self, code: str, name: str, **params: Any) -> HandOver:
        """An error about one selector, naming it and the file; nothing was sent."""
        return HandOver(code, delivery=Delivery.NOT_SENT, selector=name, css=self[name], file=str(self.file), **params)


def _read(file: Path) -> dict[str, Any]:
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise HandOver("selectors_unreadable", delivery=Delivery.NOT_SENT, file=str(file), why=why) from error
    return {
        name: value for section in sections.values() if isinstance(section, dict) for name, value in section.items()
    }
