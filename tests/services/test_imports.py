"""From sources to shots: looked at, stored once, never half."""

import base64
import json
import time
from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.domain.shots import GenerationMode, Project, ShotParams
from vidgen_core.media import images
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.imports.columns import template_csv
from vidgen_core.services.imports.plan import Existing
from vidgen_core.services.imports.review import Review


def draw(path: Path, size: tuple[int, int] = (160, 90)) -> Path:
    Image.new("RGB", size, tuple(path.name.encode().ljust(3, b"x")[:3])).save(path)
    return path


def verdicts(review: Review) -> list[tuple[str, list[str]]]:
    return [(row.verdict, [reason.code for reason in row.reasons]) for row in review.rows]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_picture_is_decoded_once_unless_it_has_changed(
    app: Vidgen, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    decode = images._decode
    monkeypatch.setattr(images, "_decode", lambda image, path: (seen.append(Path(path).name), decode(image, path)))
    for name in ("a.png", "b.png", "c.png"):
        draw(tmp_path / name)
    plan = app.imports.plan([write(tmp_path / "list.csv", "shot,image\n1.0,a.png\n2.0,b.png\n3.0,c.png\n")])
    draw(tmp_path / "b.png", (200, 90))
    write(tmp_path / "c.png", "no picture any more")

    done = app.imports.apply(project.id, plan)

    assert sorted(seen) == ["a.png", "b.png", "b.png", "c.png"]
    assert [shot.number for shot in done.added] == ["1.0", "2.0"]
    assert app.shots.image_path(done.added[1].image or "").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert [note.code for note in done.rejected] == ["image_not_a_picture"]


def test_a_list_is_reviewed_stored_and_recognised_when_it_comes_again(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    draw(tmp_path / "a.png")
    source = write(tmp_path / "list.csv", "shot,image,prompt\n1.0,a.png,x\n1.1,gone.png,y\n2.0,,z\n")
    plan = app.imports.plan([source])

    assert verdicts(app.imports.review(project.id, plan)) == [
        ("ok", []),
        ("rejected", ["image_missing"]),
        ("ok", []),
    ]
    done = app.imports.apply(project.id, plan)
    assert [shot.number for shot in done.added] == ["1.0", "2.0"]
    assert [(note.line, note.code) for note in done.rejected] == [(3, "image_missing")]

    again = app.imports.plan([source])
    assert [verdict for verdict, _ in verdicts(app.imports.review(project.id, again))] == ["there", "rejected", "there"]
    second = app.imports.apply(project.id, again)
    assert (second.added, [note.line for note in second.skipped]) == ((), [2, 4])


def test_again_adds_what_is_there_with_a_word_about_the_number(app: Vidgen, project: Project, tmp_path: Path) -> None:
    plan = app.imports.plan([write(tmp_path / "list.csv", "shot,prompt\n1.0,x\n")])
    app.imports.apply(project.id, plan)

    review = app.imports.review(project.id, plan, again=True)

    assert verdicts(review) == [("warning", ["number_in_project"])]
    assert review.new == len(app.imports.apply(project.id, plan, again=True).added) == 1


def test_a_row_that_looks_like_a_shot_that_is_there_asks_instead_of_adding(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    first = write(tmp_path / "list.csv", "shot,prompt,takes\n001,x,2\n002,y,\n1.10,z,\n")
    app.imports.apply(project.id, app.imports.plan([first]))
    # As a spreadsheet saves it again, with one prompt changed and one row more.
    plan = app.imports.plan([write(tmp_path / "again.csv", "shot,prompt\n1,x\n2,y slowly\n1.10,z\n3,new\n")])

    assert verdicts(app.imports.review(project.id, plan)) == [
        ("there", []),
        ("similar", ["shot_similar"]),
        ("there", []),
        ("ok", []),
    ]
    asked = app.imports.apply(project.id, plan)
    assert ([shot.number for shot in asked.added], [note.code for note in asked.skipped].count("shot_similar")) == (
        ["3"],
        1,
    )
    assert len(app.imports.preview(project.id, plan, existing=Existing.UPDATE).updated) == 1

    changed = app.imports.apply(project.id, plan, existing=Existing.UPDATE)
    assert [(shot.number, shot.prompt) for shot in changed.updated] == [("002", "y slowly")]
    assert app.shots.page(project.id).total == 4

    added = app.imports.apply(
        project.id, app.imports.plan([write(tmp_path / "l.csv", "shot,prompt\n1,w\n")]), existing=Existing.ADD
    )
    assert [shot.prompt for shot in added.added] == ["w"]


def test_a_review_says_what_the_model_would_not_take_and_what_it_costs(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    draw(tmp_path / "wide.png", (640, 360))
    text = "image,prompt,provider,aspect_ratio,takes\nwide.png,x,yunwu,9:16,2\nwide.png,y,yunwu,16:9,1\n,z,local,,3\n"
    review = app.imports.review(project.id, app.imports.plan([write(tmp_path / "list.csv", text)]))

    assert verdicts(review) == [("warning", ["picture_ratio_differs"]), ("ok", []), ("ok", [])]
    assert review.estimate.tasks == 6
    assert review.estimate.money is not None
    assert (str(review.estimate.money.amount), review.estimate.free) == ("1.2", False)


def test_a_row_that_its_model_refuses_is_added_and_not_counted(app: Vidgen, project: Project, tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png")
    plan = app.imports.plan_one({"image": str(picture), "provider": "yunwu", "aspect_ratio": "1:1"})

    review = app.imports.review(project.id, plan)

    assert verdicts(review) == [("warning", ["prompt_missing", "picture_ratio_differs"])]
    assert (review.new, review.estimate.tasks) == (1, 0)


def test_what_is_reviewed_costs_what_generating_it_costs(app: Vidgen, project: Project, tmp_path: Path) -> None:
    text = "prompt,provider,takes\nx,yunwu,2\ny,kie,1\n"
    plan = app.imports.plan([write(tmp_path / "list.csv", text)])
    review = app.imports.review(project.id, plan)
    added = app.imports.apply(project.id, plan).added

    assert review.estimate.tasks == app.tasks.estimate(project.id, [shot.id for shot in added]).tasks


def test_one_shot_comes_with_its_material(app: Vidgen, project: Project, picture: Path, tmp_path: Path) -> None:
    last, others = draw(tmp_path / "last; end.png"), [draw(tmp_path / name) for name in ("b.png", "c.png")]
    cells = {
        "image": str(picture), "last_frame": str(last), "references": json.dumps([str(one) for one in others]),
        "sound": "off", "negative_prompt": "rain", "mode": "first_last_frame",
    }  # fmt: skip

    (shot,) = app.imports.apply(project.id, app.imports.plan_one(cells)).added

    assert (shot.last_frame, len(shot.references)) == (app.shots.keep_image(last), 2)
    own = shot.params
    assert (own.sound, own.negative_prompt, own.mode) == (False, "rain", GenerationMode.FIRST_LAST_FRAME)
    gone = app.imports.plan_one({"prompt": "x", "last_frame": str(tmp_path / "gone.png")})
    assert app.imports.review(project.id, gone).count("rejected") == 1


def test_one_shot_comes_with_its_parameters(app: Vidgen, project: Project, picture: Path) -> None:
    cells = {"shot": " 7.0 ", "prompt": "pan", "image": str(picture), "aspect_ratio": "16:9", "takes": "2", "seed": "5"}

    (shot,) = app.imports.apply(project.id, app.imports.plan_one(cells)).added

    assert (shot.number, shot.params) == ("7.0", ShotParams(aspect_ratio="16:9", takes=2, seed=5))
    assert app.imports.review(project.id, app.imports.plan_one({"prompt": "x", "seed": "-7"})).count("rejected") == 1
    assert app.imports.review(project.id, app.imports.plan_one({})).count("rejected") == 1


def test_a_picture_inside_of_a_list_leaves_the_memory(app: Vidgen, project: Project, picture: Path) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    staging = app.imports.open_staging()
    plan = app.imports.plan_one({"image": uri})

    held = app.imports.materialize(project.id, plan, staging)

    assert (held.shots[0].image_data, held.shots[0].verdict) == (None, "ok")
    (shot,) = app.imports.apply(project.id, held).added
    assert shot.image is not None
    assert app.shots.image_path(shot.image).read_bytes() == picture.read_bytes()


def test_links_into_the_own_network_are_refused_unless_settings_allow_them(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    staging = app.imports.open_staging()

    plan = app.imports.materialize(
        project.id, app.imports.plan([write(tmp_path / "links.txt", "http://127.0.0.1:9/a.png x")]), staging
    )

    assert verdicts(app.imports.review(project.id, plan)) == [("rejected", ["link_private"])]


def test_a_picture_that_went_since_the_review_refuses_its_row_only(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    paths = [draw(tmp_path / "1.png"), draw(tmp_path / "2.png")]
    plan = app.imports.plan(paths)
    paths[0].unlink()

    done = app.imports.apply(project.id, plan)

    assert [shot.number for shot in done.added] == ["2"]
    assert [note.code for note in done.rejected] == ["image_missing"]


def test_a_text_beside_a_picture_is_its_prompt(app: Vidgen, tmp_path: Path) -> None:
    plan = app.imports.plan([draw(tmp_path / "1.png"), write(tmp_path / "1.txt", "pan left")])

    assert [(shot.number, shot.prompt) for shot in plan.ok] == [("1", "pan left")]


def test_the_template_filled_in_comes_out_as_the_same_shots(app: Vidgen, project: Project, tmp_path: Path) -> None:
    source = tmp_path / "template.csv"
    source.write_bytes(template_csv("zh"))

    done = app.imports.apply(project.id, app.imports.plan([source]))

    assert [(shot.number, shot.params.aspect_ratio, shot.params.takes) for shot in done.added] == [
        ("1.0", "9:16", 3),
        ("1.1", "16:9", None),
    ]


@pytest.mark.extended
def test_five_thousand_rows_come_in_within_seconds_and_tell_how_far_they_are(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    draw(tmp_path / "a.png")
    rows = "".join(f"{n // 10}.{n % 10},a.png,镜头 {n},local\n" for n in range(5000))
    source = write(tmp_path / "list.csv", f"编号,图片,提示词,供应商\n{rows}")
    told: list[int] = []

    begun = time.process_time()
    plan = app.imports.plan([source])
    review = app.imports.review(project.id, plan)
    done = app.imports.apply(project.id, plan, progress=lambda place, _: told.append(place))

    # Time of the processor: what others do on the machine does not count.
    assert time.process_time() - begun < 10
    assert (review.new, len(done.added)) == (5000, 5000)
    assert (len(told), told[-1]) == (5000, 5000)
