"""What somebody typed is text on every screen: no picture, no link, no markup of it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import Screen, open_screen

from vidgen_core.domain.errors import ErrorKind

HOSTILE = "![x](http://evil.example/p.png) [y](http://evil.example) <b>z</b>"
#: Kinds of elements that draw what they hold as plain text: fields, options, tables, and our own components.
PLAIN = {
    "dataframe",
    "text_area",
    "text_input",
    "selectbox",
    "arrow_data_frame",
    "bidi_component",
    "multiselect",
    "code",
    "html",
}


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        screen.project = screen.app.projects.ensure(HOSTILE)
        shot = screen.app.shots.add(screen.project.id, number=HOSTILE[:60], prompt=HOSTILE, picture_prompt=HOSTILE)
        screen.app.shots.edit(shot.id, script=HOSTILE, extra={HOSTILE: HOSTILE})
        screen.fail(screen.add_tasks(prompt=HOSTILE)[0], ErrorKind.PROVIDER)
        yield screen


def drawn(node: Any) -> Iterator[tuple[str, bytes]]:
    for child in getattr(node, "children", {}).values():
        yield from drawn(child)
    proto = getattr(node, "proto", None)
    if proto is not None and node.type not in PLAIN and hasattr(proto, "SerializeToString"):
        yield node.type, proto.SerializeToString()


@pytest.mark.parametrize("page", ["shots", "tasks", "script", "storyboard", "pick", "log", "analytics", "settings"])
def test_no_screen_draws_typed_text_as_markup(screen: Screen, page: str) -> None:
    screen.at.query_params["project"] = HOSTILE
    at = screen.open(page)
    found = [(kind, data) for kind, data in drawn(at._tree) if b"![x](" in data or b" [y](http" in data]
    assert found == []
