"""A list that is exported with its pictures takes the project's characters along, and an import brings what is lacking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vidgen_core.domain.characters import MOST_CHARACTERS, Character, References
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.services.exports.film import Format, Options
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.imports.plan import ImportPlan


@pytest.fixture
def face(app: Vidgen, tmp_path: Path) -> str:
    path = tmp_path / "face.png"
    Image.new("RGB", (320, 240), "teal").save(path)
    return app.shots.keep_image(path)


def library_beside(folder: Path, **content: Any) -> list[Path]:
    """A list of one shot with a library of characters beside it."""
    folder.mkdir()
    (folder / "shots.csv").write_text("shot,prompt\n1,@Ann waves\n", encoding="utf-8")
    (folder / "characters.json").write_text(json.dumps(content), encoding="utf-8")
    return [folder / "shots.csv", folder / "characters.json"]


@pytest.mark.parametrize("kind", [Format.CSV, Format.XLSX, Format.JSON])
@pytest.mark.parametrize("unpacked", [False, True])
def test_what_was_exported_comes_back_with_its_characters(
    app: Vidgen, project: Project, face: str, tmp_path: Path, kind: Format, unpacked: bool
) -> None:
    app.shots.add(project.id, "1.0", "@小明 waves", Path(app.shots.image_path(face)))
    library = References(
        style="ink",
        style_images=(face,),
        characters=(Character(name="小明", description="红围巾", voice="童声", images=(face,)), Character(name="Ann")),
    )
    app.pictures.set_references(project.id, library)
    exported = app.exports.write(project.id, kind, tmp_path / "list.zip", Options(pictures=True))
    other = app.projects.ensure("ep02")
    with app.imports.temporary_staging() as staging:
        plan = app.imports.plan(app.imports.unpack(exported, staging) if unpacked else [exported])
        assert [(note.code, note.params) for note in plan.notes] == [("characters_come", {"n": 2})]
        app.imports.apply(other.id, plan)

    assert [view.shot.prompt for view in app.shots.page(other.id).items] == ["@小明 waves"]
    assert app.pictures.references(other.id) == library


def bring(app: Vidgen, project: Project, plan: ImportPlan) -> References:
    app.imports.apply(project.id, plan)
    return app.pictures.references(project.id)


def test_what_the_project_has_stays_as_it_is(app: Vidgen, project: Project, tmp_path: Path) -> None:
    app.characters.save(project.id, "Ann", description="grey coat")
    paths = library_beside(
        tmp_path / "in", style="ink", characters=[{"name": "@ANN", "description": "red coat"}, {"name": "Bo"}]
    )

    brought = bring(app, project, app.imports.plan(paths))

    assert [(one.name, one.description) for one in brought.characters] == [("Ann", "grey coat"), ("Bo", "")]
    assert brought.style == "ink"


def test_what_cannot_be_used_of_a_library_stops_no_list(app: Vidgen, project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    Image.new("RGB", (64, 64)).save(outside)
    bad = [
        7, None, {}, {"name": "  @ "}, {"name": "x" * 81}, {"name": "Long", "description": "y" * 2_001},
        {"name": "Bo", "images": ["../outside.png", str(outside), "gone.png", "broken.png", 3]},
        {"name": "bo"}, *({"name": f"c{n}"} for n in range(60)),
    ]  # fmt: skip
    paths = library_beside(tmp_path / "in", style=["?"], style_images="no", characters=bad)
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")

    brought = bring(app, project, app.imports.plan(paths))

    assert [one.name for one in brought.characters[:3]] == ["Bo", "c0", "c1"]
    assert len(brought.characters) == MOST_CHARACTERS
    assert brought.characters[0].images == ()
    assert len(app.shots.page(project.id).items) == 1


def test_a_storyboard_of_that_name_is_a_list(app: Vidgen, project: Project, tmp_path: Path) -> None:
    path = tmp_path / "characters.json"
    path.write_text(json.dumps({"characters": [{"name": "Ann"}], "shots": [{"shot": "1", "prompt": "@Ann"}]}))

    shots: list[Shot] = list(app.imports.apply(project.id, app.imports.plan([path])).added)

    assert [shot.prompt for shot in shots] == ["@Ann"]
