"""Settings as a user meets them: typed over a living page, checked at the save, in force at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_studio import Studio, Visitors, go, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions

SECRET = "sk-abcdefghijklmx4KR"


@pytest.fixture
def put_back(studio: Studio) -> object:
    """Other tests share the server: its settings are left as they were."""
    before = studio.vidgen.settings()
    yield
    studio.vidgen.settings_file.change(
        {
            "mode": before.mode,
            "runner.poll_interval": before.runner.poll_interval,
            "runner.takes_per_shot": before.runner.takes_per_shot,
            "providers.yunwu.keys": [],
        }
    )


def open_dialog(page: Page) -> None:
    page.get_by_role("button", name="Video settings").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    settled(page)


@pytest.mark.usefixtures("put_back")
def test_a_half_typed_dialog_outlives_the_takes_that_finish_around_it(
    studio: Studio, page: Page, keep_picture: Callable[[Page, str], None]
) -> None:
    studio.vidgen.settings_file.change({"mode": ProviderId("yunwu")})
    project = studio.project("dialog", 2)
    go(page, studio.at(project))
    open_dialog(page)
    dialog = page.get_by_role("dialog")
    key = dialog.get_by_label("API key", exact=True)
    key.press_sequentially("sk-half-typ")

    studio.vidgen.tasks.generate(
        project.id, studio.vidgen.shots.ids(project.id), GenerateOptions(takes=2, provider=ProviderId("local"))
    )
    until(
        page,
        lambda: studio.vidgen.tasks.counts(project.id).get(TaskStatus.COMPLETED) == 4,
        "four takes that finish",
    )
    expect(page.locator(".st-key-header_line").get_by_role("button", name="Done 4")).to_be_visible()

    expect(key).to_have_value("sk-half-typ")
    expect(key).to_have_attribute("type", "password")
    keep_picture(page, "video-settings")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert not studio.vidgen.settings().providers.yunwu.keys


@pytest.mark.usefixtures("put_back")
@pytest.mark.smoke
def test_the_dialog_saves_and_a_wrong_value_is_named(studio: Studio, page: Page) -> None:
    go(page, studio.at(studio.project("saving", 1)))
    open_dialog(page)
    dialog = page.get_by_role("dialog")
    interval = dialog.get_by_label("Poll interval (seconds)", exact=True)

    interval.fill("0")
    interval.press("Enter")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("“Poll interval (seconds)” is not right")).to_be_visible()
    assert studio.vidgen.settings().runner.poll_interval == 10

    interval.fill("4.5")
    interval.press("Enter")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert studio.vidgen.settings().runner.poll_interval == 4.5


@pytest.mark.parametrize(
    ("width", "orientation", "on", "back"),
    [(1440, "vertical", "ArrowDown", "ArrowUp"), (390, "horizontal", "ArrowRight", "ArrowLeft")],
)
def test_arrow_keys_walk_the_sections_in_the_direction_they_stand(
    studio: Studio, visitor: Visitors, width: int, orientation: str, on: str, back: str
) -> None:
    page = go(visitor(width=width), studio.at(studio.project("sections", 0), "settings"))
    first, second = (page.get_by_role("tab", name=name) for name in ("Providers and keys", "Pictures"))
    expect(page.get_by_role("tablist").filter(has=first).first).to_have_attribute("aria-orientation", orientation)
    first.focus()
    page.keyboard.press(on)
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-selected", "true")
    page.keyboard.press(back)
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-selected", "true")


@pytest.mark.usefixtures("put_back")
def test_a_saved_key_never_comes_back_to_a_browser(studio: Studio, page: Page) -> None:
    received: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(frame)))
    go(page, studio.at(studio.project("keys", 1), "settings"))
    page.get_by_role("tab", name="Yunwu API").click()
    panel = page.get_by_role("tabpanel").filter(has=page.get_by_text("API keys")).last

    panel.get_by_label("API key", exact=True).fill(SECRET)
    panel.get_by_role("button", name="Add", exact=True).click()
    until(page, lambda: bool(studio.vidgen.settings().providers.yunwu.keys), "the saved key")
    settled(page)

    go(page, studio.at(studio.project("keys", 0), "settings"))
    page.get_by_role("tab", name="Yunwu API").click()
    expect(page.locator("table[role=grid]").filter(has_text="sk-****x4KR")).to_have_count(1)
    frames = [frame.encode() if isinstance(frame, str) else frame for frame in received]
    assert any(b"sk-****x4KR" in frame for frame in frames)
    assert SECRET not in page.content()
    assert not any(SECRET.encode() in frame for frame in frames)
