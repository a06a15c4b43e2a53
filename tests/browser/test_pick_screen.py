"""The Pick screen, as somebody chooses with the keyboard."""

from __future__ import annotations

import pytest
from browser_studio import Studio, Visitors, go, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import Project
from vidgen_core.domain.takes import Take
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.fixture(scope="module")
def project(studio: Studio) -> Project:
    """Three shots with takes: three, one and five of them; and one without."""
    made = studio.project("picking", 4)
    shots = studio.vidgen.shots.ids(made.id)
    for shot, takes in zip(shots, (3, 1, 5), strict=False):
        studio.vidgen.tasks.generate(made.id, [shot], GenerateOptions(takes=takes))
    return made


@pytest.fixture
def shots(studio: Studio, project: Project, page: Page) -> list[int]:
    """The shots, unchosen and unrejected, as soon as all takes are there."""
    vidgen = studio.vidgen
    ids = vidgen.shots.ids(project.id)
    until(page, lambda: sum(len(takes(studio, shot)) for shot in ids) == 9, "nine takes")
    for shot in ids:
        vidgen.takes.choose(shot, None)
        for take in takes(studio, shot):
            vidgen.takes.reject(take.id, None)
    return ids


def takes(studio: Studio, shot: int) -> list[Take]:
    return studio.vidgen.takes.takes_of(shot)


def chosen(studio: Studio, shot: int) -> int | None:
    return next((take.number for take in takes(studio, shot) if take.chosen), None)


def test_takes_play_in_step_and_again_from_the_start(
    studio: Studio, project: Project, shots: list[int], page: Page
) -> None:
    go(page, studio.at(project, "pick"))
    expect(page.locator("video")).to_have_count(3)
    spread = """() => { const t = [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [...e.shadowRoot.querySelectorAll('video')] : []).map(v => v.currentTime); return t.length === 3 ? [Math.max(...t) - Math.min(...t), Math.max(...t)] : null }"""
    until(page, lambda: (page.evaluate(spread) or [9, 0])[1] > 0.1, "the takes to play")
    times = [0.0]

    def began_again() -> bool:
        times.append(page.evaluate(spread)[1])
        return times[-1] < times[-2]

    until(page, began_again, "the takes to begin again")
    until(page, began_again, "the takes to begin a third time")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=False).first).to_be_visible()
    apart, _ = page.evaluate(spread)
    assert apart < 0.25


@pytest.mark.smoke
def test_keys_choose_reject_and_go_on(studio: Studio, project: Project, shots: list[int], page: Page) -> None:
    first, second, third, _ = shots
    go(page, studio.at(project, "pick"))
    expect(page.get_by_text("0 of 3 chosen")).to_be_visible()
    expect(page.locator("video")).to_have_count(3)
    page.keyboard.press("2")
    expect(page.get_by_text("★ chosen")).to_be_visible()
    until(page, lambda: chosen(studio, first) == 2, "the choice")
    expect(page.get_by_text("1 of 3 chosen")).to_be_visible()

    page.keyboard.press("ArrowLeft")
    page.keyboard.press("x")
    expect(page.get_by_text("Why is v1 rejected?")).to_be_visible()
    page.keyboard.press("1")
    until(page, lambda: takes(studio, first)[0].rejected == "Motion wrong", "the reason")
    expect(page.get_by_text("✕ rejected")).to_be_visible()
    assert chosen(studio, first) == 2

    page.keyboard.press("j")
    expect(page.locator("video")).to_have_count(1)
    page.keyboard.press("1")
    until(page, lambda: chosen(studio, second) == 1, "the choice of the second")
    page.keyboard.press("j")
    expect(page.locator("video")).to_have_count(5)
    page.keyboard.press("5")
    until(page, lambda: chosen(studio, third) == 5, "the choice of the third")
    page.keyboard.press("5")
    until(page, lambda: chosen(studio, third) is None, "the choice taken back")
    page.keyboard.press("k")
    expect(page.locator("video")).to_have_count(1)
    assert len(studio.vidgen.shots.ids(project.id, ShotFilter(state="chosen"))) == 2


def test_the_strip_says_which_shots_wait_and_leads_to_them(
    studio: Studio, project: Project, shots: list[int], page: Page
) -> None:
    studio.vidgen.takes.choose_number(shots[0], 1)
    go(page, studio.at(project, "pick"))
    settled(page)

    expect(page.get_by_role("button", name="1.0, chosen")).to_be_visible()
    expect(page.get_by_role("button", name="4.0, to review")).to_have_count(0)
    page.get_by_role("button", name="3.0, to review").click()
    expect(page.locator("video")).to_have_count(5)


def test_letters_typed_into_a_field_choose_nothing(
    studio: Studio, project: Project, shots: list[int], page: Page
) -> None:
    go(page, studio.at(project, "pick"))
    expect(page.locator("video")).to_have_count(3)
    page.keyboard.press("x")
    own = page.get_by_role("textbox", name="another reason")
    own.press_sequentially("2 kjx")
    own.press("Enter")

    until(page, lambda: takes(studio, shots[0])[0].rejected == "2 kjx", "the reason in one's own words")
    assert chosen(studio, shots[0]) is None


def test_on_a_phone_the_takes_stand_in_one_column(
    studio: Studio, project: Project, shots: list[int], visitor: Visitors
) -> None:
    page = go(visitor(width=390, height=844, scheme="dark", locale="zh-CN"), studio.at(project, "pick"))
    videos = page.locator("video")
    expect(videos).to_have_count(3)
    boxes = [videos.nth(place).bounding_box() for place in range(3)]

    assert len({round(box["x"]) for box in boxes if box}) == 1
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    for take in page.locator(".take").all():
        whole, inside = take.bounding_box(), take.get_by_role("button").last.bounding_box()
        assert whole is not None
        assert inside is not None
        assert inside["y"] + inside["height"] <= whole["y"] + whole["height"], (
            "nothing of a take lies on what is below it"
        )
    page.get_by_role("button", name="★ 选定").first.click()
    until(page, lambda: chosen(studio, shots[0]) == 1, "the choice")
