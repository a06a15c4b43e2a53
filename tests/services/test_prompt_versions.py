"""Every wording of a prompt is kept, with who wrote it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete

from vidgen_core.db.schema.library import prompt_versions
from vidgen_core.domain.scripts import PromptVersion
from vidgen_core.domain.shots import Author, Project, Shot
from vidgen_core.services.facade import Vidgen


def versions(app: Vidgen, shot: Shot) -> list[PromptVersion]:
    with app.store.read() as tx:
        return tx.prompts.of(shot.id)


def test_edits_of_people_become_versions_and_nothing_is_lost(app: Vidgen, add_shot: Callable[..., Shot]) -> None:
    shot = add_shot(prompt="pan left")
    app.shots.edit(shot.id, prompt="pan right")
    app.shots.edit(shot.id, prompt="pan right", number="7.0")
    app.shots.edit(shot.id, prompt="")
    app.shots.edit(shot.id, prompt="pan left")

    found = [(version.number, version.text, version.author) for version in reversed(versions(app, shot))]
    assert found == [(1, "pan left", Author.HUMAN), (2, "pan right", Author.HUMAN), (3, "pan left", Author.HUMAN)]


def test_prompts_of_lists_are_known_as_imported(app: Vidgen, project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("shot,prompt\n1.0,zoom in\n2.0,zoom out\n")
    added = app.imports.apply(project.id, app.imports.plan([path])).added

    assert [[(version.text, version.author) for version in versions(app, shot)] for shot in added] == [
        [("zoom in", Author.IMPORT)],
        [("zoom out", Author.IMPORT)],
    ]


def test_prompts_of_a_script_are_known_as_the_writers(app: Vidgen, project: Project) -> None:
    script = app.scripts.start(project.id, "灯塔亮起第一束光。", "灯塔")
    (shot,) = app.scripts.store(script.id).added

    assert [(version.author, version.writer) for version in versions(app, shot)] == [(Author.MODEL, "template")]


def test_a_prompt_from_before_versions_were_kept_can_be_put_back(app: Vidgen, add_shot: Callable[..., Shot]) -> None:
    shot = add_shot(prompt="as it was")
    with app.store.write() as tx:
        tx.execute(delete(prompt_versions))

    app.shots.edit(shot.id, author=Author.MODEL, writer="m", prompt="anew")

    assert [(version.text, version.author) for version in versions(app, shot)] == [
        ("anew", Author.MODEL),
        ("as it was", Author.HUMAN),
    ]
