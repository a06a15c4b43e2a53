"""Pictures on the screens: asked for with their price, compared, chosen; who draws them; style and characters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from screens import Screen, open_screen

from vidgen_core.dashboard.shots import picture_dialogs
from vidgen_core.domain.characters import Character, References
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import NewCandidate, NewShot, Shot, ShotParams
from vidgen_core.domain.tasks import Failure, TaskKind, TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        yield screen


def add(screen: Screen, **asked_for: Any) -> Shot:
    with screen.app.store.write() as tx:
        return tx.shots.add(screen.project.id, [NewShot(**{"picture_prompt": "rainy street", **asked_for})])[0]


def picture(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (90, 160), colour).save(stream, "PNG")
    return stream.getvalue()


def candidates(screen: Screen, shot: Shot, *colours: str) -> list[int]:
    keys = [screen.app.shots.keep_image(picture(colour)) for colour in colours]
    with screen.app.store.write() as tx:
        made = [
            tx.candidates.add(NewCandidate(project_id=shot.project_id, shot_id=shot.id, number=number, image=key)).id
            for number, key in enumerate(keys, start=1)
        ]
        tx.shots.set_image(shot.id, keys[0])
    return made


def drawings(screen: Screen) -> int:
    return screen.app.tasks.page(screen.project.id, TaskFilter(output=TaskKind.IMAGE)).total


def test_a_shot_without_a_picture_offers_one_with_its_price_and_queues_it_at_once(screen: Screen) -> None:
    shot = add(screen)
    screen.run()
    assert screen.at.button(key=f"draw_{shot.id}").label == "Draw · free"

    screen.press(f"draw_{shot.id}")

    assert drawings(screen) == 1
    [task] = screen.app.tasks.page(screen.project.id, TaskFilter(output=TaskKind.IMAGE)).items
    assert screen.takes()["p1"]["task"] == task.id
    assert not any(button.key == f"draw_{shot.id}" for button in screen.at.button), "no second click pays twice"


def test_candidates_stand_side_by_side_and_one_is_chosen(screen: Screen) -> None:
    shot = add(screen)
    red, blue = candidates(screen, shot, "red", "blue")
    screen.run()
    assert screen.at.button(key=f"choose_picture_{red}").disabled

    screen.press(f"choose_picture_{blue}")

    assert screen.app.pictures.get(blue).chosen
    assert screen.at.button(key=f"choose_picture_{blue}").disabled
    assert not screen.at.button(key=f"choose_picture_{red}").disabled


def test_a_candidate_that_was_put_aside_can_be_taken_back(screen: Screen) -> None:
    shot = add(screen)
    _, blue = candidates(screen, shot, "red", "blue")
    screen.run()
    screen.press(f"reject_picture_{blue}")
    assert not any(button.key == f"choose_picture_{blue}" for button in screen.at.button)

    screen.press(f"rejected_pictures_{shot.id}")
    screen.press(f"reject_picture_{blue}")

    assert not screen.app.pictures.get(blue).rejected


def test_one_chosen_picture_needs_no_strip(screen: Screen) -> None:
    shot = add(screen)
    [only] = candidates(screen, shot, "red")
    screen.run()
    assert not any(button.key == f"choose_picture_{only}" for button in screen.at.button)


def test_a_failed_picture_says_why_and_offers_the_ways_on(screen: Screen) -> None:
    shot = add(screen)
    screen.give_key(ProviderId("images"))
    [task] = screen.app.pictures.draw(
        screen.project.id, [shot.id], GenerateOptions(provider=ProviderId("images"))
    ).tasks
    screen.submit(task, "t1-a1")
    failure = Failure(kind=ErrorKind.MODERATION, code="content_refused", params={"provider": "images", "said": "no"})
    with screen.app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.FAILED, failure=failure)
    screen.run()
    shown = screen.takes()["p1"]
    assert "submit_again" in [name for name, _ in shown["steps"]]
    assert "Image provider" in shown["why"]


def test_what_a_picture_does_not_follow_is_said_before_the_click_and_marked_after_it(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__KEYS", '[{"name":"a","secret":"sk-pictures-01"}]')
    add(screen, params=ShotParams(seed=7, aspect_ratio="9:16"))
    marked = add(screen)
    with screen.app.store.write() as tx:
        key = screen.app.shots.keep_image(picture("red"))
        tx.candidates.add(
            NewCandidate(
                project_id=marked.project_id, shot_id=marked.id, number=1, image=key, warnings=("ratio_differs",)
            )
        )
    screen.run()
    assert "Another aspect ratio than asked for" in screen.words()

    screen.press("draw_missing")

    said = screen.words()
    assert "takes no seed" in said
    assert "as 1024x1536, which is another aspect ratio" in said


def test_pictures_for_all_that_miss_one_are_counted_priced_and_queued(screen: Screen) -> None:
    add(screen), add(screen), add(screen, picture_prompt="")
    screen.run()
    assert screen.at.button(key="draw_missing").label == "3 without a picture"

    screen.press("draw_missing")

    assert "2 pictures for 2 shots." in screen.words()
    assert "1 shot has nothing to draw yet." in screen.words()
    assert screen.at.button(key="missing_act").label == "Make pictures · 2 · free"
    screen.at.button(key="missing_act").click().run()
    screen.check()
    assert drawings(screen) == 2


def test_what_goes_out_is_shown_before_the_click(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__KEYS", '[{"name":"a","secret":"sk-pictures-01"}]')
    shot = add(screen, picture_prompt="Ann on the bridge")
    face = screen.app.shots.keep_image(picture("red"))
    known = References(style="ink wash", characters=(Character(name="Ann", description="grey coat", images=(face,)),))
    screen.app.pictures.set_references(screen.project.id, known)
    screen.run()

    screen.act(lambda: picture_dialogs.ask_for_drawing(shot.id))

    assert [code.value for code in screen.at.code] == ["Ann on the bridge\nAnn: grey coat\nink wash"]
    assert "Image provider · gpt\\-image\\-2 · 9\\:16" in screen.words()
    assert screen.at.button(key="drawing_act").label == "Make pictures · 1 · ≈¥0.30"


def test_style_and_characters_are_kept_for_the_project(screen: Screen) -> None:
    shot = add(screen, picture_prompt="@Ann waves")
    screen.run()
    screen.press("open_references")
    next(area for area in screen.at.text_area if (area.key or "").endswith("_style")).set_value("ink wash")
    screen.press("references_save")
    assert screen.app.pictures.references(screen.project.id) == References(style="ink wash")

    screen.app.pictures.set_references(screen.project.id, References(characters=(Character(name="Ann"),)))
    screen.run()
    screen.press("open_references")
    name = next(box for box in screen.at.text_input if "_name_0" in (box.key or ""))
    assert name.value == "Ann"
    name.set_value("Bo")
    screen.press("references_save")
    assert screen.app.shots.get(shot.id).picture_prompt == "@Bo waves"
    assert screen.app.pictures.references(screen.project.id) == References(characters=(Character(name="Bo"),))


def test_the_image_provider_has_a_button_and_a_panel_of_its_own(screen: Screen) -> None:
    screen.run()
    screen.head(do="pictures")
    key = next(box for box in screen.at.text_input if (box.key or "").endswith("_key"))
    key.set_value("sk-pictures-0001")
    screen.at.selectbox(key=next(b.key for b in screen.at.selectbox if (b.key or "").endswith(".way"))).select("chat")
    screen.press("images_save")

    images = screen.app.settings().providers.images
    assert (images.way, [key.secret.get_secret_value() for key in images.keys]) == ("chat", ["sk-pictures-0001"])
    assert screen.app.settings().draws is ProviderId("images")
    assert screen.app.settings().mode is ProviderId("local")


def test_a_video_provider_that_draws_offers_its_picture_models(screen: Screen) -> None:
    screen.app.settings_file.change({"providers.images.drawn_by": "kie"})
    screen.run()
    screen.head(do="pictures")
    box = next(one for one in screen.at.selectbox if (one.key or "").endswith(".drawn_by_model"))
    assert {"Its usual one (nano-banana-2-1)", "nano-banana-2"} <= set(box.options)
    box.select("nano-banana-2")
    screen.press("images_save")

    assert screen.app.settings().providers.images.drawn_by_model == "nano-banana-2"


def test_the_list_of_tasks_is_narrowed_to_pictures(screen: Screen) -> None:
    shot = add(screen, prompt="rain")
    screen.app.pictures.draw(screen.project.id, [shot.id], GenerateOptions(takes=2))
    screen.app.tasks.generate(screen.project.id, [shot.id], GenerateOptions(takes=3))
    screen.open("tasks")
    assert "5 tasks" in screen.words()

    screen.at.selectbox(key="tasks_makes").select("image").run()

    screen.check()
    assert "2 tasks" in screen.words()
    assert screen.at.dataframe[0].value["number"].tolist() == ["1.0 picture 2", "1.0 picture 1"]


def test_the_settings_page_has_a_part_for_pictures(screen: Screen) -> None:
    screen.open("settings")
    assert any((box.key or "") == "provider_images_0_providers.images.model" for box in screen.at.selectbox)
