"""Characters that no list or timeline can write: kept out where they are typed, and left out where they are written."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.shots import Shot, ShotParams
from vidgen_core.domain.takes import Take
from vidgen_core.services.exports.cut import lay_out
from vidgen_core.services.exports.film import Film, FilmClip, Format
from vidgen_core.services.exports.shot_list import shot_list
from vidgen_core.services.exports.timelines.timeline import build, to_edl, to_fcpxml, to_otio, to_premiere
from vidgen_core.services.facade import Vidgen

ODD = ["\x00", "\x01", "\x0b", "\x1b", "\x7f", "\x85", "\ufffe", "\uffff", "\ud83d"]


@pytest.fixture
def app(locations: Locations) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as app:
        yield app


@pytest.mark.parametrize("odd", ODD)
def test_what_is_typed_is_kept_without_them(app: Vidgen, odd: str) -> None:
    project = app.projects.ensure(f"ep{odd}01")
    shot = app.shots.add(project.id, number=f"1{odd}\n2", prompt=f"rain{odd}\nand wind")
    shot = app.shots.edit(shot.id, number=f"1{odd}3", script=f"a{odd}b", extra={f"k{odd}": f"v{odd}"})
    for text in (project.name, shot.number, shot.prompt, shot.script, *shot.extra, *shot.extra.values()):
        assert odd not in text
    assert "\n" in shot.prompt


def old_shot(odd: str) -> Shot:
    """As an earlier version may have kept it."""
    return Shot(
        id=1, project_id=1, number=f"1{odd}\n* FROM", position=1, prompt=f"rain{odd}<&>", params=ShotParams(),
        extra={f"k{odd}": f"v{odd}"}, script=odd, created_at=datetime(2026, 1, 1).astimezone(),
    )  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_what_is_there_already_breaks_no_list(odd: str) -> None:
    for kind in (Format.CSV, Format.JSON, Format.XLSX):
        written = shot_list([old_shot(odd)], kind, "en", f"p{odd}", lambda _: "")
        if kind is Format.XLSX:
            cells = [cell for row in openpyxl.load_workbook(io.BytesIO(written)).active.values for cell in row]
            assert "v" in str(cells)
        elif kind is Format.JSON:
            assert odd not in json.dumps(json.loads(written), ensure_ascii=False)
        else:
            assert odd not in written.decode("utf-8-sig")


@pytest.mark.parametrize("odd", ODD)
def test_what_is_there_already_breaks_no_timeline(odd: str, small_video: Path) -> None:
    take = Take.model_construct(id=1, number=2, warnings=())
    clip = FilmClip(order=1, shot=old_shot(odd), take=take, source=small_video)
    film = Film(project=f"p{odd}\nq", at=datetime(2026, 1, 1).astimezone(), clips=(clip,))
    timeline = build(film, lay_out(film, 3.0), {1: small_video.as_uri()})
    xml = to_fcpxml(timeline)
    names = [element.get("name") for element in ET.fromstring(xml).iter("asset-clip")]  # noqa: S314 - written here
    assert len(names) == 1
    assert odd not in xml
    assert odd not in to_premiere(timeline)
    json.loads(to_otio(timeline))
    to_otio(timeline).encode()
    assert len([line for line in to_edl(timeline).splitlines() if line.startswith("* FROM CLIP NAME")]) == 1
