"""A shot's pictures and options on the Shots screen, without a browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from screens import Screen, open_screen

from vidgen_core.dashboard.shots import dialogs, material, table
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, NewShot, PictureSlot, ReferenceRole, Shot, ShotParams
from vidgen_core.i18n import get_text
from vidgen_core.providers.capabilities import Capabilities

TAKES_ALL = "bytedance/seedance-2-5"
TAKES_ONE = "hailuo/2-3-image-to-video-pro"


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        screen.give_key(ProviderId("kie"))
        yield screen


def picture(color: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (90, 160), color).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def shot(screen: Screen) -> Shot:
    params = ShotParams(provider=ProviderId("kie"), model=TAKES_ONE)
    with screen.app.store.write() as tx:
        [shot] = tx.shots.add(screen.project.id, [NewShot(prompt="rain", params=params)])
    screen.app.shots.put_picture(shot.id, PictureSlot.IMAGE, picture("red"))
    return screen.app.shots.put_picture(shot.id, PictureSlot.LAST_FRAME, picture("blue"))


def test_staging_shows_what_is_there_and_takes_it_away(screen: Screen, shot: Shot) -> None:
    screen.app.shots.put_picture(shot.id, PictureSlot.REFERENCE, picture("green"), ReferenceRole.STYLE)
    screen.run()
    assert "Last frame" in screen.words()
    assert "Style 1" in screen.words()
    screen.press(f"open_material_{shot.id}")
    assert "takes no last frame" in screen.words()
    [drop] = [
        button.key for button in screen.at.button if (button.key or "").startswith(f"remove_{shot.id}_last_frame")
    ]
    screen.press(drop)
    assert screen.app.shots.get(shot.id).last_frame is None


def test_what_the_model_does_not_take_is_greyed_with_its_reason(screen: Screen, shot: Shot) -> None:
    screen.run()
    screen.press(f"open_material_{shot.id}")
    greyed = screen.at.button(key="material_slot_last_frame")
    assert greyed.disabled
    assert "takes no last frame" in greyed.help
    assert not screen.at.button(key="material_slot_image").disabled


def test_an_order_that_the_model_does_not_take_is_refused_on_the_card(screen: Screen, shot: Shot) -> None:
    screen.run()
    assert "takes no last frame" in screen.words()
    screen.do(do="generate", shot=shot.id)
    assert not screen.app.tasks.ids(screen.project.id)


def test_options_that_the_model_does_not_take_are_not_offered(screen: Screen, shot: Shot) -> None:
    screen.app.shots.edit(shot.id, params=ShotParams(provider=ProviderId("local")))
    screen.run()
    screen.act(lambda: dialogs.ask_for_parameters(shot.id))
    key = f"params_{shot.id}_"
    # The Local renderer is silent and knows no negative prompt: neither can be asked for.
    assert screen.at.selectbox(key=f"{key}sound").options == ["As set (the model decides)", "without sound"]
    assert "makes no sound" in screen.words()
    assert screen.at.text_area(key=f"{key}negative_prompt").disabled


def test_options_of_a_shot_are_kept(screen: Screen, shot: Shot) -> None:
    key = f"params_{shot.id}_"
    screen.app.shots.edit(shot.id, params=ShotParams(provider=ProviderId("yunwu")))
    screen.run()
    screen.act(lambda: dialogs.ask_for_parameters(shot.id))
    screen.at.selectbox(key=f"{key}sound").set_value(True)
    screen.at.selectbox(key=f"{key}mode").set_value(GenerationMode.FIRST_FRAME)
    screen.at.text_area(key=f"{key}negative_prompt").set_value(" rain ")
    screen.at.button(key=f"{key}save").click().run()
    kept = screen.app.shots.get(shot.id).params
    assert (kept.sound, kept.mode, kept.negative_prompt) == (True, GenerationMode.FIRST_FRAME, "rain")


def test_the_table_edits_them(screen: Screen, shot: Shot) -> None:
    screen.run()
    from vidgen_core.dashboard.session import Visit

    visit = Visit(screen.app, screen.project, get_text("en"))
    table.save(visit, shot.id, {"sound": True, "negative_prompt": "rain", "mode": "first_frame"})
    params = screen.app.shots.get(shot.id).params
    assert (params.sound, params.negative_prompt, params.mode) == (True, "rain", GenerationMode.FIRST_FRAME)
    row = table.frame(table.rows(visit, screen.app.shots.page(screen.project.id).items)).iloc[0]
    assert row["sound"]
    assert "/reference/" in row["last_frame"]


def test_a_first_frame_is_no_mistake_where_it_may_be_a_reference() -> None:
    can = Capabilities(model="m", aspect_ratios=(), sizes=(), modes=frozenset({GenerationMode.REFERENCES}))
    t = get_text("en")
    assert material.against_slot(t, can, PictureSlot.IMAGE) is None
    assert (
        material.against_slot(t, can, PictureSlot.LAST_FRAME)
        == "m takes no last frame. Remove it, or choose another model."
    )
