"""Two tabs of one project on the same shot: neither costs the other a word, a click or a choice."""

from __future__ import annotations

import re
import time

import pytest
from browser_studio import Studio, Visitors, card, go, until
from playwright.sync_api import Locator, Page, expect

from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.fixture
def tabs(visitor: Visitors) -> tuple[Page, Page]:
    """Two tabs of one browser."""
    return visitor(), visitor()


def click_together(*buttons: Locator) -> None:
    """Click in several tabs at the same moment."""
    moment = 1000 * time.time() + 500
    for button in buttons:
        button.evaluate("(button, moment) => { setTimeout(() => button.click(), moment - Date.now()) }", moment)


def made(studio: Studio, project: str, takes: int, page: Page) -> tuple[str, int]:
    """A project with one shot and its takes."""
    film = studio.project(project, 1)
    [shot] = studio.vidgen.shots.ids(film.id)
    studio.vidgen.tasks.generate(film.id, [shot], GenerateOptions(takes=takes))
    until(page, lambda: len(studio.vidgen.takes.takes_of(shot)) == takes, "the takes")
    until(page, lambda: all(take.verdict for take in studio.vidgen.takes.takes_of(shot)), "the checks")
    return film.name, shot


def chosen(studio: Studio, shot: int) -> int | None:
    return next((take.number for take in studio.vidgen.takes.takes_of(shot) if take.chosen), None)


def slot(page: Page, shot: int, number: int) -> Locator:
    return card(page, shot).get_by_role("article", name=f"v{number} ")


def test_what_is_half_typed_in_one_tab_outlives_what_the_other_does_to_its_shot(
    studio: Studio, tabs: tuple[Page, Page]
) -> None:
    project = studio.project("one shot, two tabs", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    left, right = (go(page, studio.at(project)) for page in tabs)
    mine, theirs = (card(page, shot).get_by_role("textbox") for page in (left, right))
    mine.click()
    mine.press("End")
    mine.press_sequentially(", half a sen")

    theirs.fill("theirs")
    card(right, shot).get_by_role("button", name="Generate 3").click()
    expect(card(left, shot).get_by_text("“theirs”")).to_be_visible()
    for page in (left, right):
        expect(card(page, shot).get_by_role("button", name="Play")).to_have_count(3)
    slot(right, shot, 2).get_by_role("button", name="Choose").click()
    for page in (left, right):
        expect(slot(page, shot, 2).get_by_role("button", name="Chosen", exact=True)).to_be_visible()

    expect(mine).to_be_focused()
    mine.press_sequentially("tence")
    expect(mine).to_have_value("shot 1, camera slowly zooms in, half a sentence")
    assert studio.vidgen.shots.get(shot).prompt == "theirs"
    assert {task.params.prompt for task in studio.vidgen.shots.view(shot).tasks} == {"theirs"}
    card(left, shot).get_by_role("button", name="Keep mine").click()
    # Now the other tab has an older wording in its box, and is told so.
    expect(card(right, shot).get_by_text("half a sentence")).to_be_visible()
    expect(theirs).to_have_value("theirs")
    assert studio.vidgen.shots.get(shot).prompt == "shot 1, camera slowly zooms in, half a sentence"
    assert chosen(studio, shot) == 2


def test_the_same_click_in_two_tabs_is_one_order_each_and_one_choice(studio: Studio, tabs: tuple[Page, Page]) -> None:
    name, shot = made(studio, "same click", 2, tabs[0])
    project = studio.vidgen.projects.ensure(name)
    left, right = (go(page, studio.at(project)) for page in tabs)
    studio.vidgen.worker.pause()
    try:
        click_together(*(card(page, shot).get_by_role("button", name="Generate 3") for page in (left, right)))
        for page in (left, right):
            expect(card(page, shot).get_by_role("button", name="Queued")).to_have_count(6)
            expect(card(page, shot).get_by_text("Queued 6")).to_be_visible()
        assert studio.vidgen.tasks.counts(project.id)[TaskStatus.QUEUED] == 6
        assert sorted(task.take for task in studio.vidgen.shots.view(shot).tasks) == list(range(1, 9))
    finally:
        studio.vidgen.worker.stop_unsubmitted(project.id)
        studio.vidgen.worker.resume()
    go(left, studio.at(project, "pick"))
    go(right, studio.at(project, "pick"))
    for page in (left, right):
        expect(page.locator("video")).to_have_count(2)
    # Each another take: one of them is the later choice, and both tabs show it.
    click_together(*(page.locator(".take .choose").nth(place) for place, page in enumerate((left, right))))
    until(left, lambda: chosen(studio, shot) is not None, "a choice")
    for page in (left, right):
        expect(page.get_by_label("1 of 1 chosen")).to_be_visible()
        until(page, lambda page=page: shown_as_chosen(page) == [chosen(studio, shot)], "the same choice")


def shown_as_chosen(page: Page) -> list[int]:
    """Numbers of the takes that the review room shows as chosen."""
    return [
        int(words[1:]) for words in page.locator(".take.chosen").evaluate_all("all => all.map(one => one.ariaLabel)")
    ]


def test_undo_takes_back_its_own_choice_and_no_other(studio: Studio, tabs: tuple[Page, Page]) -> None:
    name, shot = made(studio, "own undo", 3, tabs[0])
    project = studio.vidgen.projects.ensure(name)
    left, right = (go(page, studio.at(project, "pick")) for page in tabs)
    for page in (left, right):
        expect(page.locator("video")).to_have_count(3)
        page.get_by_role("checkbox", name="Auto-advance").uncheck()

    def choose(page: Page, number: int) -> None:
        page.get_by_role("article", name=f"v{number}").get_by_role("button", name="Choose").click()
        for one in (left, right):
            until(one, lambda one=one: shown_as_chosen(one) == [number], f"v{number}")
        assert chosen(studio, shot) == number

    choose(left, 1)
    choose(right, 2)
    left.keyboard.press("z")
    # It would have taken back v1, which is chosen no more.
    expect(left.get_by_test_id("stToast")).to_contain_text("was changed elsewhere meanwhile")
    assert shown_as_chosen(left) == shown_as_chosen(right) == [2]
    assert chosen(studio, shot) == 2
    # What was undone of the other tab's is what that tab did.
    right.keyboard.press("z")
    until(right, lambda: chosen(studio, shot) == 1, "the choice before")
    for one in (left, right):
        until(one, lambda one=one: shown_as_chosen(one) == [1], "the choice before")


def test_a_new_prompt_in_the_review_room_replaces_no_other_unseen(studio: Studio, tabs: tuple[Page, Page]) -> None:
    name, shot = made(studio, "reworded twice", 1, tabs[0])
    project = studio.vidgen.projects.ensure(name)
    left, right = (go(page, studio.at(project, "pick")) for page in tabs)
    for page in (left, right):
        expect(page.locator("video")).to_have_count(1)
        page.keyboard.press("e")
    mine, theirs = (page.get_by_role("textbox", name="New prompt") for page in (left, right))
    mine.fill("half a sen")
    theirs.fill("theirs")
    right.get_by_role("button", name="Save and make one more").click()
    for page in (left, right):
        expect(page.locator("video")).to_have_count(2)

    expect(mine).to_be_focused()
    mine.press_sequentially("tence")
    expect(left.locator(".ask")).to_contain_text("“theirs”")
    expect(mine).to_have_value("half a sentence")
    assert studio.vidgen.shots.get(shot).prompt == "theirs"
    left.get_by_role("button", name="Save and make one more").click()
    for page in (left, right):
        expect(page.locator("video")).to_have_count(3)
        expect(page.locator(".st-key-review .prompt")).to_have_text("half a sentence")
    assert [task.params.prompt for task in studio.vidgen.shots.view(shot).tasks][1:] == ["theirs", "half a sentence"]


def test_a_new_prompt_that_is_refused_is_asked_for_again(studio: Studio, page: Page) -> None:
    name, shot = made(studio, "refused prompt", 1, page)
    # The page does not hear of what others do.
    page.route_web_socket(re.compile("/api/ws"), lambda _socket: None)
    go(page, studio.at(studio.vidgen.projects.ensure(name), "pick"))
    expect(page.locator("video")).to_have_count(1)
    page.keyboard.press("e")
    mine = page.get_by_role("textbox", name="New prompt")
    mine.fill("mine")
    studio.vidgen.shots.edit(shot, prompt="theirs")
    save = page.get_by_role("button", name="Save and make one more")
    save.click()
    expect(page.get_by_test_id("stToast")).to_contain_text("changed elsewhere meanwhile")
    expect(page.locator(".ask")).to_contain_text("“theirs”")
    expect(mine).to_have_value("mine")
    assert studio.vidgen.shots.get(shot).prompt == "theirs"
    assert len(studio.vidgen.shots.view(shot).tasks) == 1
    save.click()
    until(page, lambda: len(studio.vidgen.shots.view(shot).tasks) == 2, "one more take")
    assert studio.vidgen.shots.get(shot).prompt == "mine"
