"""The Shots screen, as somebody uses it for hours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_studio import Studio, Visitors, add_tasks, card, fail, go, picture, plays, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions

GENERATE = "Generate 3"


def statuses(studio: Studio, project_id: int) -> dict[TaskStatus, int]:
    return studio.vidgen.tasks.counts(project_id)


@pytest.mark.smoke
def test_three_clicks_in_a_row_make_nine_takes(studio: Studio, page: Page) -> None:
    project = studio.project("three clicks")
    shots = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    for shot in shots:
        card(page, shot).get_by_role("button", name=GENERATE).click()
    for shot in shots:
        expect(card(page, shot).get_by_role("button", name="Play")).to_have_count(3)
    until(page, lambda: statuses(studio, project.id).get(TaskStatus.COMPLETED) == 9, "nine videos")
    takes = [take for shot in shots for take in studio.vidgen.takes.takes_of(shot)]
    assert len({studio.vidgen.takes.file(take) for take in takes}) == 9
    assert all(studio.vidgen.takes.file(take).is_file() for take in takes)


def test_ten_clicks_in_a_second_lose_none(studio: Studio, page: Page) -> None:
    project = studio.project("ten clicks", 10)
    shots = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    expect(page.get_by_role("button", name=GENERATE)).to_have_count(10)
    studio.vidgen.worker.pause()
    try:
        # From within the page, quicker than any hand.
        page.get_by_role("button", name=GENERATE).evaluate_all("buttons => buttons.forEach(button => button.click())")
        until(page, lambda: statuses(studio, project.id).get(TaskStatus.QUEUED) == 30, "thirty queued tasks")
        for shot in shots:
            expect(card(page, shot).get_by_text("Queued").first).to_be_visible()
    finally:
        studio.vidgen.worker.stop_unsubmitted(project.id)
        studio.vidgen.worker.resume()
    assert sum(statuses(studio, project.id).values()) == 30


@pytest.mark.smoke
def test_a_half_typed_prompt_outlives_the_takes_that_finish_around_it(studio: Studio, page: Page) -> None:
    project = studio.project("typing", 2)
    first, second = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    box = card(page, first).get_by_role("textbox")
    box.click()
    box.press("End")
    box.press_sequentially(", half a sen")
    # Its own card is drawn again and again while it is being typed in.
    studio.vidgen.tasks.generate(project.id, [first, second], GenerateOptions(takes=2))
    expect(card(page, first).get_by_role("button", name="Play")).to_have_count(2)
    expect(card(page, second).get_by_role("button", name="Play")).to_have_count(2)
    expect(box).to_be_focused()
    box.press_sequentially("tence")
    expect(box).to_have_value("shot 1, camera slowly zooms in, half a sentence")
    box.blur()
    until(
        page,
        lambda: studio.vidgen.shots.get(first).prompt == "shot 1, camera slowly zooms in, half a sentence",
        "the saved prompt",
    )


def test_a_prompt_changed_elsewhere_meanwhile_costs_neither_text(studio: Studio, page: Page) -> None:
    project = studio.project("conflict", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    box = card(page, shot).get_by_role("textbox")
    box.fill("mine")
    studio.vidgen.shots.edit(shot, prompt="theirs")
    box.blur()
    expect(card(page, shot).get_by_text("theirs")).to_be_visible()
    expect(box).to_have_value("mine")
    assert studio.vidgen.shots.get(shot).prompt == "theirs"
    card(page, shot).get_by_role("button", name="Keep mine").click()
    until(page, lambda: studio.vidgen.shots.get(shot).prompt == "mine", "mine")
    expect(card(page, shot).get_by_role("button", name="Keep mine")).to_have_count(0)


@pytest.mark.smoke
def test_a_take_plays_in_place_and_only_one_at_a_time(studio: Studio, page: Page) -> None:
    project = studio.project("play", 2)
    first, second = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [first, second], GenerateOptions(takes=1))
    go(page, studio.at(project))
    card(page, first).get_by_role("button", name="Play").click()
    plays(page)
    card(page, second).get_by_role("button", name="Play").click()
    expect(card(page, second).locator("video")).to_have_count(1)
    plays(page)


def test_a_playing_take_plays_on_while_its_card_changes(studio: Studio, page: Page) -> None:
    project = studio.project("play on", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1))
    go(page, studio.at(project))
    card(page, shot).get_by_role("button", name="Play").click()
    plays(page)
    page.locator("video").evaluate("video => { video.dataset.same = 'yes' }")
    card(page, shot).get_by_role("button", name=GENERATE).click()
    expect(card(page, shot).get_by_role("button", name="Play")).to_have_count(3)
    expect(page.locator("video[data-same=yes]")).to_have_count(1)
    assert page.locator("video").evaluate("video => !video.paused")


def test_choosing_marks_one_take(studio: Studio, page: Page) -> None:
    project = studio.project("choose", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=2))
    go(page, studio.at(project))
    choose = card(page, shot).get_by_role("button", name="Choose", exact=True)
    expect(choose).to_have_count(2)
    choose.first.click()
    expect(card(page, shot).get_by_role("button", name="Chosen", exact=True)).to_be_visible()
    expect(choose).to_have_count(1)
    # The star shows at once, before the server has heard of it.
    first = studio.vidgen.takes.takes_of(shot)[0].id
    until(page, lambda: studio.vidgen.shots.get(shot).chosen_take_id == first, "the chosen take")


def test_a_take_is_downloaded_under_its_own_name(studio: Studio, page: Page) -> None:
    project = studio.project("下载", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1))
    go(page, studio.at(project))
    link = card(page, shot).get_by_role("link", name="Download")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    [take] = studio.vidgen.takes.takes_of(shot)
    assert download.value.suggested_filename == studio.vidgen.takes.file(take).name
    assert download.value.path().read_bytes() == studio.vidgen.takes.file(take).read_bytes()


def test_a_deleted_shot_comes_back_by_undo(studio: Studio, page: Page) -> None:
    project = studio.project("undo", 2)
    first, _ = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    card(page, first).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(card(page, first)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(card(page, first)).to_be_visible()


def test_searching_finds_while_typing_and_the_address_keeps_it(studio: Studio, page: Page) -> None:
    project = studio.project("search", 3)
    first, second, _ = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    page.get_by_placeholder("Search").press_sequentially("shot 2")
    expect(card(page, first)).to_have_count(0)
    # While the list shrinks, Streamlit shows a card in its old and its new place for a moment.
    expect(card(page, second)).to_have_count(1)
    page.wait_for_url("**find=shot*")
    page.reload()
    settled(page)
    expect(card(page, second)).to_be_visible()
    expect(card(page, first)).to_have_count(0)


def test_a_filter_is_kept_in_the_address_in_no_language(studio: Studio, visitor: Visitors) -> None:
    project = studio.project("filter", 2)
    page = go(visitor(), studio.at(project))
    page.get_by_role("radio", name="No takes").click()
    page.wait_for_url("**state=without_takes*")
    page.get_by_role("link", name="Tasks").click()
    page.wait_for_url("**/tasks*")
    expect(page.get_by_text("No tasks yet")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("radio", name="No takes")).to_be_checked()
    chinese = go(visitor(locale="zh-CN"), page.url)
    expect(chinese.get_by_role("radio", name="未生成")).to_be_checked()


@pytest.mark.smoke
def test_a_picture_and_a_prompt_become_a_shot(studio: Studio, page: Page) -> None:
    project = studio.project("adding", 0)
    go(page, studio.at(project))
    page.get_by_role("button", name="Add shots").first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(
        [{"name": f"{hue}.jpg", "mimeType": "image/jpeg", "buffer": picture(hue)} for hue in (0, 90)]
    )
    expect(dialog.get_by_text("90.jpg")).to_be_visible()
    dialog.get_by_label("Prompt").fill("rain")
    dialog.get_by_test_id("stBaseButton-primaryFormSubmit").click()
    until(page, lambda: len(studio.vidgen.shots.ids(project.id)) == 2, "two shots")
    for shot in studio.vidgen.shots.ids(project.id):
        expect(card(page, shot).get_by_role("textbox")).to_have_value("rain")
        expect(card(page, shot).get_by_role("img", name="Reference image")).to_be_visible()


def test_a_file_that_is_no_picture_is_answered_by_a_sentence(studio: Studio, page: Page) -> None:
    project = studio.project("no picture", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    before = studio.vidgen.shots.get(shot).image
    go(page, studio.at(project))
    card(page, shot).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Replace picture…").click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(
        {"name": "note.jpg", "mimeType": "image/jpeg", "buffer": b"just some words"}
    )
    expect(page.get_by_test_id("stToast")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_text("Traceback")).to_have_count(0)
    assert studio.vidgen.shots.get(shot).image == before


def test_an_open_dialog_keeps_what_is_typed_while_takes_finish_behind_it(studio: Studio, page: Page) -> None:
    project = studio.project("dialog", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    page.get_by_role("button", name="Add shots").click()
    box = page.get_by_role("dialog").get_by_label("Prompt")
    box.press_sequentially("half a th")
    studio.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=2))
    expect(card(page, shot).get_by_alt_text("First picture")).to_have_count(2)
    expect(box).to_have_value("half a th")
    expect(box).to_be_focused()


@pytest.mark.usefixtures("yunwu_key")
def test_thirty_failed_takes_of_ticked_cards_go_again_with_their_price_shown(
    studio: Studio, page: Page, keep_picture: Callable[[Page, str], None]
) -> None:
    project = studio.project("ticked", 0)
    for count in (20, 10):
        fail(studio, add_tasks(studio, project, count), ErrorKind.PROVIDER)
    add_tasks(studio, project, 1)
    first, second, third = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    for shot in (first, second):
        card(page, shot).get_by_role("checkbox").click(force=True)
    bar = page.locator(".st-key-shots_selected")
    expect(bar.get_by_text("2 shots selected")).to_be_visible()
    keep_picture(page, "shots-ticked")

    bar.get_by_role("button", name="Generate again 30").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name="Provider failed · 30 · ≈¥12.00")).to_be_checked()
    studio.vidgen.worker.pause()
    try:
        dialog.get_by_role("button", name="Generate 30 again · ≈¥12.00").click()
        # More than twenty are gone through on a sheet first.
        dialog.get_by_role("button", name="Generate 30 (≈¥12.00)").click()
        until(page, lambda: statuses(studio, project.id).get(TaskStatus.QUEUED) == 30, "thirty queued tasks")
        expect(card(page, first).get_by_text("Queued").first).to_be_visible()
        # The ticks are still there, also for what comes next.
        bar.get_by_role("button", name="Cancel 30").click()
        until(page, lambda: statuses(studio, project.id).get(TaskStatus.CANCELLED) == 30, "thirty cancelled tasks")
    finally:
        studio.vidgen.worker.stop_unsubmitted(project.id)
        studio.vidgen.worker.resume()
    bar.get_by_role("button", name="Delete 2").click()
    expect(card(page, first)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(card(page, first)).to_be_visible()
    expect(bar.get_by_text("2 shots selected")).to_be_visible()
    expect(card(page, third).get_by_role("checkbox")).not_to_be_checked()


def test_a_half_typed_cell_of_the_table_outlives_the_takes_that_finish_around_it(studio: Studio, page: Page) -> None:
    project = studio.project("cells", 2)
    first, second = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    page.get_by_role("radio", name="Table").click()
    grid = page.get_by_test_id("stDataFrame")
    until(page, lambda: "shot 2" in (grid.locator("table[role=grid]").text_content() or ""), "the rows")
    # The prompt, in the first row under the head.
    grid.dblclick(position={"x": 650, "y": 57})
    cell = page.locator("#portal textarea")
    cell.press("End")
    cell.press_sequentially(", at du")
    studio.vidgen.tasks.generate(project.id, [first, second], GenerateOptions(takes=1))
    expect(page.locator(".st-key-header_line").get_by_role("button", name="Done 2")).to_be_visible()
    cell.press_sequentially("sk")
    expect(cell).to_have_value("shot 1, camera slowly zooms in, at dusk")
    cell.press("Enter")
    until(page, lambda: studio.vidgen.shots.get(first).prompt.endswith(", at dusk"), "the saved cell")


def test_a_row_of_the_table_is_selected_and_generated_and_the_view_is_remembered(studio: Studio, page: Page) -> None:
    project = studio.project("rows", 2)
    go(page, studio.at(project))
    page.get_by_role("radio", name="Table").click()
    grid = page.get_by_test_id("stDataFrame")
    rows = grid.locator("table[role=grid]")
    until(page, lambda: "shot 2" in (rows.text_content() or ""), "the rows")
    grid.click(position={"x": 20, "y": 57})
    expect(page.get_by_text("1 shot selected")).to_be_visible()
    grid.click(position={"x": 365, "y": 57})
    until(page, lambda: "Done 3" in (rows.text_content() or ""), "three takes of the first row")
    assert len(studio.vidgen.takes.takes_of(studio.vidgen.shots.ids(project.id)[0])) == 3
    page.reload()
    until(page, lambda: "Done 3" in (rows.text_content() or ""), "the table again")


def test_keys_add_tick_and_undo_but_not_while_somebody_types(studio: Studio, page: Page) -> None:
    project = studio.project("keys", 2)
    first, second = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    box = card(page, first).get_by_role("textbox")
    box.click()
    box.press("End")
    page.keyboard.type(" navu")
    expect(box).to_have_value("shot 1, camera slowly zooms in navu")
    expect(page.get_by_role("dialog")).to_have_count(0)
    box.blur()
    page.keyboard.press("a")
    expect(page.get_by_text("2 shots selected")).to_be_visible()
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Prompt").fill("half a thought")
    # Out of the field, and yet not a key of the page behind.
    dialog.get_by_text("Add shots").first.click()
    for key in ("v", "a", "n"):
        page.keyboard.press(key)
    expect(dialog.get_by_label("Prompt")).to_have_value("half a thought")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".st-key-shots_selected").get_by_role("button", name="Delete 2").click()
    expect(page.get_by_text("2 shots deleted")).to_be_visible()
    # The button that was pressed is gone; the focus has gone on.
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("u")
    expect(card(page, second)).to_be_visible()


def test_the_menu_of_a_take_opens_its_history_beside_the_card(studio: Studio, page: Page) -> None:
    project = studio.vidgen.projects.ensure("take menu")
    [task] = add_tasks(studio, project, 1)
    fail(studio, [task], ErrorKind.TIMEOUT)
    go(page, studio.at(project))
    page.get_by_role("button", name="v1").click()
    page.get_by_role("menuitem", name="History").click()
    expect(page.get_by_role("dialog").get_by_text(f"grok:{task.id}")).to_be_visible()


def test_the_menu_of_a_take_is_walked_by_keyboard_and_stays_open_while_takes_finish(studio: Studio, page: Page) -> None:
    project = studio.project("open menu", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1))
    go(page, studio.at(project))
    expect(card(page, shot).get_by_role("button", name="Play")).to_have_count(1)
    head = card(page, shot).get_by_role("button", name="v1")
    head.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Extend or enlarge…")).to_be_focused()
    page.keyboard.press("ArrowUp")
    reject = page.get_by_role("menuitem", name="Reject")
    expect(reject).to_be_focused()

    studio.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1))
    expect(card(page, shot).get_by_role("button", name="Play")).to_have_count(2)
    expect(reject).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menuitem")).to_have_count(0)
    expect(head).to_be_focused()

    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(card(page, shot).get_by_role("button", name="v1 Rejected")).to_be_visible()
    [first, _] = studio.vidgen.takes.takes_of(shot)
    assert first.rejected is not None
    # A press on the open menu's own button shuts it.
    head.click()
    expect(page.get_by_role("menuitem", name="Extend or enlarge…")).to_be_visible()
    head.click()
    expect(page.get_by_role("menuitem")).to_have_count(0)


def test_choices_made_faster_than_the_server_answers_all_count(studio: Studio, page: Page) -> None:
    project = studio.project("quick choices", 2)
    first, second = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [first, second], GenerateOptions(takes=2))
    go(page, studio.at(project))
    for shot in (first, second):
        expect(card(page, shot).get_by_role("button", name="Choose", exact=True)).to_have_count(2)
    stars = [card(page, shot).locator(".choose").nth(take) for shot, take in ((first, 0), (second, 0), (first, 1))]
    # From within the page, quicker than any hand.
    for star in stars:
        star.evaluate("button => button.click()")
    assert stars[2].get_attribute("aria-pressed") == "true"
    assert stars[0].get_attribute("aria-pressed") == "false"
    takes = {shot: studio.vidgen.takes.takes_of(shot) for shot in (first, second)}
    wanted = {first: takes[first][1].id, second: takes[second][0].id}
    until(
        page,
        lambda: {shot: studio.vidgen.shots.get(shot).chosen_take_id for shot in (first, second)} == wanted,
        "both choices",
    )
    expect(card(page, first).get_by_role("button", name="v2 Chosen")).to_be_visible()
    expect(card(page, first).get_by_role("button", name="v1 Pass")).to_be_visible()


def test_a_failed_take_goes_its_free_way_by_one_click(studio: Studio, page: Page) -> None:
    project = studio.vidgen.projects.ensure("free way")
    [task] = add_tasks(studio, project, 1)
    fail(studio, [task], ErrorKind.TIMEOUT)
    go(page, studio.at(project))
    studio.vidgen.worker.pause()
    try:
        page.get_by_role("button", name="Look again · free").click()
        until(page, lambda: studio.vidgen.tasks.get(task.id).status is TaskStatus.PROCESSING, "another look")
        expect(page.get_by_role("button", name="Look again · free")).to_have_count(0)
        assert len(studio.vidgen.tasks.attempts(task.id)) == 1
    finally:
        studio.vidgen.worker.give_up(project.id)
        studio.vidgen.worker.resume()


def test_older_takes_of_a_shot_unfold_on_its_card(studio: Studio, page: Page) -> None:
    project = studio.vidgen.projects.ensure("many takes")
    fail(studio, add_tasks(studio, project, 8), ErrorKind.MODERATION)
    go(page, studio.at(project))
    expect(page.locator(".slot")).to_have_count(6)
    page.get_by_role("button", name="Show all 8 takes").click()
    expect(page.locator(".slot")).to_have_count(8)
