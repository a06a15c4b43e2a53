"""Video prompts for many shots: only what is nobody's is written, every wording is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.domain.errors import Refused
from vidgen_core.domain.shots import Author, NewShot, Project, Shot
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.camera_words import Move, choose_moves
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.scripts.prompts import Wanted, Writing


def add(app: Vidgen, project: Project, *shots: NewShot) -> list[Shot]:
    with app.store.write() as tx:
        return tx.shots.add(project.id, list(shots))


def write(app: Vidgen, project: Project, shots: list[Shot], **asked_for: object) -> Writing:
    app.prompts.write(project.id, [shot.id for shot in shots], Wanted.model_validate(asked_for))
    assert app.prompts.wait(project.id, 60)
    found = app.prompts.writing(project.id)
    assert found is not None
    return found


def prompts(app: Vidgen, shots: list[Shot]) -> list[str]:
    return [app.shots.get(shot.id).prompt for shot in shots]


EMPTY = NewShot(script="小满：等等我！")
TYPED = NewShot(prompt="我自己写的，别动", script="灯灭了。")
LISTED = NewShot(prompt="来自列表", script="灯灭了。", author=Author.IMPORT)
MODELLED = NewShot(prompt="模型写的", script="灯灭了。", author=Author.MODEL, writer="m")


@pytest.mark.parametrize(
    "asked_for",
    [{"offline": True}, {"offline": True, "camera": "orbit"}, {}, {"translate": "en"}, {"camera": "push_in"}],
    ids=str,
)
def test_what_a_person_wrote_survives_every_bulk_action(
    app: Vidgen, project: Project, asked_for: dict[str, object]
) -> None:
    shots = add(app, project, TYPED, LISTED, MODELLED)
    edited = add(app, project, MODELLED)[0]
    app.shots.edit(edited.id, prompt="人改过的")
    put_back = add(app, project, MODELLED)[0]
    app.shots.edit(put_back.id, author=Author.MODEL, writer="m", prompt="模型第二稿")
    app.prompts.put_back(put_back.id, app.prompts.versions(put_back.id)[1].version.id)

    for _ in range(2):
        write(app, project, [*shots, edited, put_back], **asked_for)

    kept = prompts(app, [*shots, edited, put_back])
    assert [kept[0], kept[1], kept[3], kept[4]] == ["我自己写的，别动", "来自列表", "人改过的", "模型写的"]
    assert kept[2] != "模型写的"
    beside = app.prompts.versions(shots[0].id)
    assert [view.in_use for view in beside] == [False, True]
    assert beside[0].version.author is Author.MODEL


def test_empty_prompts_are_written_offline_from_the_line_and_a_camera_move(app: Vidgen, project: Project) -> None:
    shots = add(app, project, EMPTY, NewShot(script="A door opens."), NewShot(image="x.png"))
    app.scripts.set_style(project.id, "水墨")
    end = write(app, project, shots, offline=True, camera="orbit")

    first, second, third = prompts(app, shots)
    assert (end.written, end.skipped, third) == (2, 1, "")
    assert first == "小满开口说：“等等我！”镜头环绕拍摄。水墨。"
    assert choose_moves(second) == (Move.ORBIT,)
    assert app.prompts.empty(project.id) == [shots[2].id]


def test_a_model_writes_from_the_line_and_the_picture(
    app: Vidgen, project: Project, model: RehearsalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_WRITING__VISION", "true")
    picture = tmp_path / "a.png"
    Image.linear_gradient("L").resize((3000, 2000)).convert("RGB").save(picture)
    key = app.shots.keep_image(picture)
    shots = add(app, project, NewShot(script="灯灭了。", image=key), EMPTY)

    assert write(app, project, shots).written == 2
    assert prompts(app, shots) == ["灯灭了。 镜头缓缓推进。", "小满：等等我！ 镜头缓缓推进。"]
    (seen,) = model.stats()["images"]
    assert max(seen["width"], seen["height"]) == 768
    assert app.prompts.versions(shots[0].id)[0].version.writer == "rehearsal"


def test_prompts_of_a_model_are_translated(app: Vidgen, project: Project) -> None:
    shots = add(app, project, MODELLED)

    write(app, project, shots, translate="en")

    assert prompts(app, shots) == ["English：模型写的"]


def test_translating_without_a_model_is_refused(app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_WRITING__MODEL", "")
    with pytest.raises(Refused, match="writing_model_missing"):
        app.prompts.write(project.id, [1], Wanted(translate="zh"))


def test_a_lost_answer_is_passed_over_until_a_person_says_so(
    app: Vidgen, project: Project, model: RehearsalServer
) -> None:
    shots = add(app, project, NewShot(script="灯灭了。[[chat-lost]]"), EMPTY)
    first = write(app, project, shots)
    assert (first.failed, first.written) == (1, 1)

    assert write(app, project, shots[:1]).skipped == 1
    assert [call.shot_id for call in app.prompts.lost(project.id)] == [shots[0].id]
    assert model.stats()["submits_total"] == 2

    write(app, project, shots[:1], ask_lost=True)
    assert model.stats()["submits_total"] == 3


def test_takes_say_which_version_made_them(app: Vidgen, project: Project) -> None:
    (shot,) = add(app, project, NewShot(prompt="pan left", image_url="http://127.0.0.1/a.png"))
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1))
    app.shots.edit(shot.id, prompt="pan right")

    # The task waits still: it follows the edit, and its take would be made by the second version.
    (task,) = app.shots.view(shot.id).tasks
    assert task.params.prompt == "pan right"
    assert [view.version.number for view in app.prompts.versions(shot.id) if view.in_use] == [2]
