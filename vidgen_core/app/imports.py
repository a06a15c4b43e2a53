"""Imports: from a plan that was looked at to shots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidgen_core.app.vidgen import Vidgen


class Imports:
    """Lists and pictures that become shots."""

    def __init__(self, app: Vidgen) -> None:
        self._app = app
