"""Characters of a project: how prompts name them, what a model gets of them, and what a change leaves to be made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_doubles import add_take
from PIL import Image

from vidgen_core.domain.characters import Character, References, find, rename
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, Project, ReferenceRole, Shot, ShotParams, ShotReference
from vidgen_core.domain.tasks import ChainLink, GenerationParams, TaskStatus
from vidgen_core.providers.capabilities import Capabilities
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.characters import resolve
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.worker.chain import digest

AddShot = Callable[..., Shot]
MODES = frozenset(GenerationMode)
TEXT, FRAME = GenerationMode.TEXT, GenerationMode.FIRST_FRAME

# --- names in a text


@pytest.mark.parametrize(
    ("text", "sent", "known", "unknown"),
    [
        ("@小明跑过桥，@小红在后", "小明跑过桥，小红在后", ["小明", "小红"], []),
        ("＠小明 runs", "小明 runs", ["小明"], []),
        ("镜头跟着@小明明跑", "镜头跟着小明明跑", ["小明"], []),
        ("@大小明 runs", "大小明 runs", ["大小明"], []),
        ("A@小明", "A小明", ["小明"], []),
        ("@Ann Lee and @ann", "Ann Lee and ann", ["Ann Lee", "Ann"], []),
        ("@Ann   Lee", "Ann   Lee", ["Ann Lee"], []),
        ("@Ann's coat, @Ann.", "Ann's coat, Ann.", ["Ann"], []),
        ("@Ann跑", "Ann跑", ["Ann"], []),
        ("@Anna, @Ann-Marie and @Ann2", "@Anna, @Ann-Marie and @Ann2", [], ["Anna", "Ann-Marie", "Ann2"]),
        ("write to ann@ann.com or me@小明.com", "write to ann@ann.com or me@小明.com", [], []),
        ("see https://x.com/@Ann/video and x/@Ann", "see https://x.com/@Ann/video and x/@Ann", [], []),
        ("@Bob waves, 24fps@1080p, @50mm, at 5 @ noon", "@Bob waves, 24fps@1080p, @50mm, at 5 @ noon", [], ["Bob"]),
        ("@image1 @图片2 @Element3", "@image1 @图片2 @Element3", [], []),
        ("@@Ann", "@@Ann", [], []),
        ("@Ann@Ann Lee@C++@小明", "AnnAnn LeeC++小明", ["Ann", "Ann Lee", "C++", "小明"], []),
        ("写信给小红@ann.com 或 Jörg@小明.cn.com", "写信给小红@ann.com 或 Jörg@小明.cn.com", [], []),
        ("看@Ann.She runs", "看Ann.She runs", ["Ann"], []),
        ("@Zoe\u0301 and @Zo\u00e9", "Zoe\u0301 and Zo\u00e9", ["Zo\u00e9"], []),
        ("@민수가 웃는다", "민수가 웃는다", ["민수"], []),
        ("@C++ (robot)", "C++ (robot)", ["C++"], []),
        ("nobody", "nobody", [], []),
    ],
)
def test_names_are_found_as_people_write_them(text: str, sent: str, known: list[str], unknown: list[str]) -> None:
    names = ["Ann", "小明", "Ann Lee", "大小明", "小红", "Zo\u00e9", "민수", "C++"]
    found = find(text, names)
    assert (found.text, [names[place] for place in found.known], list(found.unknown)) == (sent, known, unknown)


def test_without_the_mark_names_count_as_words_and_the_longest_counts() -> None:
    names = ["Ann", "Ann Lee", "小明"]
    found = find("Ann Lee meets 小明, an annual fair, @小明", names, bare=True)
    assert [names[place] for place in found.known] == ["Ann Lee", "小明"]
    assert found.text == "Ann Lee meets 小明, an annual fair, 小明"


def test_a_long_text_is_read_at_once() -> None:
    found = find("a" * 20_000 + " " + "@x" * 5_000 + "@Ann", ["Ann"])
    assert found.known == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@小红明天见@小红。", "@小明 明天见@小明。"),
        ("＠小红跑，@小明明跑", "＠小明跑，@小明明跑"),
        ("@小刚runs，x@小刚", "@Bob runs，x @Bob"),
        ("@ann waves, annual, ann@ann.com, @Anna", "@安 waves, annual, ann@ann.com, @Anna"),
        ("@小刚@小红", "@Bob@小明"),
        ("nobody", "nobody"),
    ],
)
def test_a_rename_reaches_every_mention_and_each_is_read_as_before(text: str, expected: str) -> None:
    before, new = ["小红", "小明明", "小刚", "Ann"], {"小红": "小明", "小刚": "Bob", "Ann": "安"}
    after = [new.get(name, name) for name in before]
    assert rename(text, new, before, after) == expected
    assert find(expected, after).known == find(text, before).known


# --- what a model gets


def able(**more: Any) -> Capabilities:
    return Capabilities(**{"model": "m", "aspect_ratios": (), "sizes": (), "modes": MODES, "max_references": 3, **more})


def params(prompt: str, **more: Any) -> GenerationParams:
    return GenerationParams(prompt=prompt, aspect_ratio="9:16", size="720P", **more)


CAST = References(
    characters=(
        Character(name="小明", description="十岁，红围巾", images=("a1.png", "a2.png"), voice="童声"),
        Character(name="Ann", images=("b1.png", "b2.png")),
        Character(name="Bo", description="grey coat"),
    )
)


def test_pictures_go_along_up_to_what_the_model_takes_the_first_of_each_before_the_second_of_any() -> None:
    sent, said = resolve(params("@小明 and @Ann meet @Bo"), CAST, able())
    assert [(one.image, one.role) for one in sent.references] == [
        ("a1.png", ReferenceRole.CHARACTER),
        ("a2.png", ReferenceRole.CHARACTER),
        ("b1.png", ReferenceRole.CHARACTER),
    ]
    assert sent.prompt.splitlines() == [
        "小明 and Ann meet Bo",
        "小明: 十岁，红围巾",
        "Bo: grey coat",
        "[image 1] = 小明",
        "[image 2] = 小明",
        "[image 3] = Ann",
    ]
    assert [(one.name, one.images, one.words) for one in sent.characters] == [
        ("小明", ("a1.png", "a2.png"), True),
        ("Ann", ("b1.png",), False),
        ("Bo", (), True),
    ]
    assert said == ()
    assert able().settle(sent).mode is GenerationMode.REFERENCES


def test_the_shots_own_references_come_first_and_are_counted() -> None:
    own = (ShotReference(image="x.png", role=ReferenceRole.STYLE), ShotReference(image="b1.png"))
    sent, _ = resolve(params("@Ann and @小明", references=own), CAST, able())
    assert [one.image for one in sent.references] == ["x.png", "b1.png", "a1.png"]
    assert sent.prompt.splitlines()[-1] == "[image 3] = 小明"


@pytest.mark.parametrize(
    ("can", "own"),
    [
        (able(modes=frozenset({TEXT, FRAME})), {}),
        (able(modes=frozenset({TEXT, FRAME}), unsure_modes=frozenset({GenerationMode.REFERENCES})), {}),
        (able(), {"image": "f.png"}),
        (able(), {"image": "f.png", "last_frame": "l.png"}),
        (able(references_with_frame=None), {"image": "f.png"}),
        (able(), {"link": ChainLink(shot=1)}),
        (able(), {"mode": TEXT}),
        (able(image_transport="url"), {}),
        (able(roles=frozenset({ReferenceRole.STYLE})), {}),
    ],
    ids=[
        "no references",
        "perhaps",
        "first frame",
        "both frames",
        "perhaps together",
        "chain",
        "text",
        "links alone",
        "role",
    ],
)
def test_where_no_picture_can_go_words_do(can: Capabilities, own: dict[str, Any]) -> None:
    sent, said = resolve(params("@小明 and @Ann", **own), CAST, can)
    assert sent.references == ()
    assert sent.prompt.splitlines() == ["小明 and Ann", "小明: 十岁，红围巾"]
    assert [(one.code, one.params["names"], one.fatal) for one in said] == [
        ("character_as_words", "小明", False),
        ("character_by_name", "Ann", False),
    ]
    assert can.settle(sent).mode is can.settle(params("x", **own)).mode


def test_pictures_go_beside_a_first_frame_or_behind_it_where_the_model_takes_both() -> None:
    beside, _ = resolve(params("@Ann", image="f.png"), CAST, able(references_with_frame=True))
    assert [one.image for one in beside.references] == ["b1.png", "b2.png"]
    folded = params("@Ann", image="f.png", mode=GenerationMode.REFERENCES)
    behind, _ = resolve(folded, CAST, able())
    assert behind.prompt.splitlines()[1:] == ["[image 2] = Ann", "[image 3] = Ann"]
    assert len(able().settle(behind).references) == 3


@pytest.mark.parametrize(
    ("sound", "asked", "said"), [("optional", None, True), ("optional", False, False), ("no", None, False)]
)
def test_a_voice_is_described_where_there_is_sound(sound: Any, asked: bool | None, said: bool) -> None:
    sent, _ = resolve(params("@小明", sound=asked), CAST, able(sound=sound))
    assert ("小明 (voice): 童声" in sent.prompt) is said


def test_a_name_that_nobody_has_is_left_and_said() -> None:
    sent, said = resolve(params("@Zed and @小明 @Zed"), CAST, able())
    assert sent.prompt.startswith("@Zed and 小明 @Zed")
    assert [(one.code, one.params["names"]) for one in said] == [("character_unknown", "@Zed")]


# --- in a project


@pytest.fixture
def face(app: Vidgen, tmp_path: Path) -> str:
    path = tmp_path / "face.png"
    Image.new("RGB", (80, 80), "red").save(path)
    return app.shots.keep_image(path)


KIE = ShotParams(provider=ProviderId("kie"), model="veo-3-1")


@pytest.fixture
def kie_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')


def test_takes_and_pictures_are_ordered_with_the_same_character(
    app: Vidgen, project: Project, add_shot: AddShot, face: str, kie_key: None
) -> None:
    app.characters.save(project.id, "@小明", description="红围巾", more_images=[face])
    shot = add_shot("1.0", "@小明跑过桥", params=KIE)
    assert app.tasks.estimate(project.id, [shot.id]).problems == ()

    [task] = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1)).tasks

    assert [(one.image, one.role) for one in task.params.references] == [(face, ReferenceRole.CHARACTER)]
    assert task.params.prompt == "小明跑过桥\n小明: 红围巾\n[image 1] = 小明"
    ordered = task.params.model_copy(update={"warned": None})
    assert app.characters.preview(app.shots.get(shot.id)).plan.params == ordered
    assert app.pictures.wording(shot).text == "小明跑过桥\n小明: 红围巾"


def test_every_interface_counts_the_pictures_and_letters_of_characters_before_money(
    app: Vidgen, project: Project, add_shot: AddShot, face: str, kie_key: None, tmp_path: Path
) -> None:
    app.characters.save(project.id, "小明", description="红围巾" * 600, more_images=[face])
    omni, prompt = "kling-3.0-omni/reference-to-video", "@小明" + "x" * 1_300
    shot = add_shot("1.0", prompt, params=ShotParams(provider=ProviderId("kie"), model=omni, duration=5))
    listed = tmp_path / "list.csv"
    listed.write_text(f"shot,prompt,provider,model,duration\n2.0,{prompt},kie,{omni},5\n", encoding="utf-8")

    assert [one.problem.code for one in app.tasks.estimate(project.id, [shot.id]).problems] == ["prompt_over_limit"]
    assert "prompt_over_limit" in {one.code for one in app.tasks.preflight(project.id, [shot.id]).problems}
    assert [one.code for one in app.tasks.generate(project.id, [shot.id]).refused] == ["prompt_over_limit"]
    rows = app.imports.review(project.id, app.imports.plan([listed])).rows
    assert "prompt_over_limit" in {reason.code for row in rows for reason in row.reasons}


def test_what_was_not_sent_follows_the_library_and_the_shot(
    app: Vidgen, project: Project, add_shot: AddShot, face: str, kie_key: None
) -> None:
    shot = add_shot("1.0", "@小明跑过桥", params=KIE)
    [task] = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1), release=False).tasks
    assert (task.params.prompt, task.params.characters) == ("@小明跑过桥", ())

    app.characters.save(project.id, "小明", description="红围巾", more_images=[face])
    followed = app.tasks.get(task.id).params
    assert followed.prompt.startswith("小明跑过桥\n小明: 红围巾")
    assert [one.image for one in followed.references] == [face]

    app.shots.edit(shot.id, prompt="@小明坐下")
    assert app.tasks.get(task.id).params.prompt.startswith("小明坐下\n小明: 红围巾")
    app.shots.set_image(shot.id, Path(app.shots.image_path(face)))
    # Veo takes no references beside a first frame.
    assert app.tasks.get(task.id).params.references == ()

    gone = app.characters.delete(project.id, "小明")
    assert [one.number for one in gone.shots] == ["1.0"]
    assert app.tasks.get(task.id).params.prompt == "@小明坐下"


def test_after_a_change_it_says_what_is_old_and_what_making_it_again_costs(
    app: Vidgen, project: Project, add_shot: AddShot, face: str, kie_key: None, tmp_path: Path
) -> None:
    app.characters.save(project.id, "小明", description="红围巾")
    named, other = add_shot("1.0", "@小明", params=KIE), add_shot("2.0", "a lake", params=KIE)
    for shot in (named, other):
        take = add_take(app, project, shot, tmp_path)
        with app.store.write() as tx:
            for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
                tx.tasks.move(take.task_id, status)
    (use,) = app.characters.uses(project.id)
    assert ([one.number for one in use.shots], use.old_takes) == (["1.0"], ())

    use = app.characters.save(project.id, "小明", description="蓝围巾")

    assert use.old_takes == (named.id,)
    assert use.redo_takes.tasks == 1
    assert use.redo_takes.money is not None
    again = app.characters.save(project.id, "小明", description="红围巾")
    assert again.old_takes == ()


def test_a_renamed_character_keeps_its_shots_its_takes_and_its_chain(
    app: Vidgen, project: Project, add_shot: AddShot, kie_key: None, tmp_path: Path
) -> None:
    app.characters.save(project.id, "小明", description="红围巾")
    app.characters.save(project.id, "小明明", description="绿围巾")
    first = add_shot("1.0", "@小明跑，@小明明看", params=KIE)
    app.shots.edit(first.id, picture_prompt="@小明和小明")
    second = add_shot("1.1", "@小明明坐下", params=KIE)
    app.chains.link(second.id)
    for shot in (first, second):
        take = add_take(app, project, app.shots.get(shot.id), tmp_path)
        app.takes.choose(shot.id, take.id)
        with app.store.write() as tx:
            task = tx.tasks.get(take.task_id)
            if shot is second:
                begun = tx.shots.get(first.id)
                link = ChainLink(shot=first.id, take=begun.chosen_take_id, words=digest(begun.prompt))
                tx.tasks.note(task.id, params=task.params.model_copy(update={"link": link}))
    [waiting] = app.tasks.generate(project.id, [first.id], GenerateOptions(takes=1), release=False).tasks
    assert app.chains.stale(project.id) == {}

    use = app.characters.save(project.id, "小明", new_name="Ann")

    shot = app.shots.get(first.id)
    assert (shot.prompt, shot.picture_prompt) == ("@Ann跑，@小明明看", "@Ann和小明")
    assert [one.number for one in use.shots] == ["1.0"]
    assert use.old_takes == ()
    assert app.tasks.get(waiting.id).params.prompt.startswith("Ann跑，小明明看\nAnn: 红围巾")
    assert app.chains.stale(project.id) == {}
    assert [view.version.text for view in app.prompts.versions(first.id)][:2] == [shot.prompt, first.prompt]
    app.characters.save(project.id, "Ann", new_name="小明")
    assert app.shots.get(first.id).prompt == first.prompt


def test_two_characters_that_change_names_change_them_in_the_prompts(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    for name in ("Ann", "Bo"):
        app.characters.save(project.id, name, description=f"as {name} looks")
    shot = add_shot("1.0", "@Ann waves to @bo")
    known = app.pictures.references(project.id)
    names = {"Ann": "Bo", "Bo": "Ann"}
    turned = tuple(one.model_copy(update={"name": names[one.name]}) for one in known.characters)

    app.pictures.set_references(project.id, known.model_copy(update={"characters": turned}), names)

    assert app.shots.get(shot.id).prompt == "@Bo waves to @Ann"


def test_what_cannot_be_kept_is_refused_with_its_reason(app: Vidgen, project: Project, face: str) -> None:
    app.characters.save(project.id, "Ann")
    for code, act in {
        "character_name_empty": lambda: app.characters.save(project.id, " @ "),
        "character_twice": lambda: app.characters.save(project.id, "Bo", new_name="ann"),
        "reference_image_unknown": lambda: app.characters.save(project.id, "Ann", images=["../vidgen.toml"]),
        "character_text_too_long": lambda: app.characters.save(project.id, "Ann", voice="x" * 501),
        "character_not_there": lambda: app.characters.delete(project.id, "Bo"),
    }.items():
        with pytest.raises(InputError, match=code):
            act()
    assert [one.character.name for one in app.characters.uses(project.id)] == ["Ann"]


def test_a_copy_of_the_project_has_its_characters(app: Vidgen, project: Project, face: str) -> None:
    app.characters.save(project.id, "Ann", description="grey coat", voice="low", more_images=[face])
    copy = app.projects.copy(project.id, "ep02")
    assert app.pictures.references(copy.id) == app.pictures.references(project.id)
    assert json.loads(app.pictures.references(copy.id).model_dump_json())["characters"][0]["voice"] == "low"
