"""The task table as a user meets it: found, ticked, dealt with, and read, while takes finish around it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from browser_studio import Studio, add_tasks, fail, go, until
from playwright.sync_api import Locator, Page, expect

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import NewShot, Project, Shot
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus

#: Pixels of the grid: the boxes at the left, the head, a row.
BOX, HEAD, ROW = 16, 18, 52
#: Centre of the *Open* buttons: boxes, then the number, then half a button.
OPEN = 33 + 96 + 42


def grid(page: Page) -> Locator:
    return page.locator("[data-testid=stDataFrame]").first


def click_grid(page: Page, x: float, y: float) -> None:
    wait_for_cells(page, bool, "the rows")
    grid(page).click(position={"x": x, "y": y})


def cells(page: Page) -> str:
    """The rows as a screen reader finds them; the grid itself is painted."""
    return page.locator("table[role=grid]").first.text_content() or ""


def wait_for_cells(page: Page, condition: Callable[[str], bool], what: str) -> None:
    until(page, lambda: condition(cells(page)), what)


@pytest.mark.usefixtures("yunwu_key")
@pytest.mark.smoke
def test_thirty_failed_takes_go_again_with_their_price_shown(
    studio: Studio, page: Page, keep_picture: Callable[[Page, str], None]
) -> None:
    project = studio.project("retry", 0)
    tasks = add_tasks(studio, project, 34)
    fail(studio, tasks[:30], ErrorKind.PROVIDER)
    fail(studio, tasks[30:], ErrorKind.MODERATION)
    go(page, studio.at(project, "tasks") + "&status=failed")
    expect(page.get_by_text("34 tasks")).to_be_visible()

    click_grid(page, BOX, HEAD)
    page.get_by_role("button", name="Generate again 34").click()

    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name=re.compile("Provider failed · 30 · ≈¥12.00"))).to_be_checked()
    expect(dialog.get_by_role("checkbox", name=re.compile("Moderation · 4 · ≈¥1.60"))).not_to_be_checked()
    keep_picture(page, "retry")
    studio.vidgen.worker.pause()
    try:
        dialog.get_by_role("button", name="Generate 30 again · ≈¥12.00").click()
        # More than twenty are gone through on a sheet first.
        dialog.get_by_role("button", name="Generate 30 (≈¥12.00)").click()
        expect(dialog).to_be_hidden()
        again = TaskFilter(statuses=frozenset({TaskStatus.QUEUED}))
        until(page, lambda: len(studio.vidgen.tasks.ids(project.id, again)) == 30, "thirty queued tasks")
        expect(page.get_by_text("Retrying 30 tasks")).to_be_visible()
    finally:
        studio.vidgen.worker.stop_unsubmitted(project.id)
        studio.vidgen.worker.resume()


def test_deleted_rows_come_back(studio: Studio, page: Page) -> None:
    project = studio.project("undo", 0)
    add_tasks(studio, project, 3)
    go(page, studio.at(project, "tasks"))
    expect(page.get_by_text("3 tasks")).to_be_visible()

    table = page.get_by_test_id("stDataFrame")
    before = table.bounding_box()
    click_grid(page, BOX, HEAD + HEAD + ROW / 2)
    expect(page.get_by_role("button", name="Delete 1")).to_be_visible()
    assert table.bounding_box() == before
    page.get_by_role("button", name="Delete 1").click()
    expect(page.get_by_text("2 tasks")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_text("3 tasks")).to_be_visible()


def test_a_row_opens_its_history_and_keeps_what_is_typed_there(
    studio: Studio, page: Page, keep_picture: Callable[[Page, str], None]
) -> None:
    project = studio.project("history", 0)
    tasks = add_tasks(studio, project, 2)
    fail(studio, tasks, ErrorKind.TIMEOUT)
    go(page, studio.at(project, "tasks"))

    click_grid(page, OPEN, HEAD + HEAD + ROW / 2)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("grok:" + str(tasks[-1].id))).to_be_visible()
    dialog.get_by_text("Attach a remote id").click()
    field = dialog.get_by_label("Remote id")
    field.press_sequentially("grok:half")
    with studio.vidgen.store.write() as tx:
        tx.tasks.note(tasks[-1].id, polled_at=studio.vidgen.tasks.get(tasks[-1].id).created_at)
    expect(dialog.get_by_text("Last polled")).to_be_visible()

    expect(field).to_have_value("grok:half")
    keep_picture(page, "history")


def test_values_go_on_by_themselves_while_rows_stand_still(studio: Studio, page: Page) -> None:
    project = studio.project("live", 0)
    first, _ = add_tasks(studio, project, 2)
    go(page, studio.at(project, "tasks"))
    wait_for_cells(page, lambda text: text.count("Waiting") == 2, "two waiting tasks")

    fail(studio, [first], ErrorKind.NETWORK)
    add_tasks(studio, project, 1, prompt="a newer one")

    wait_for_cells(page, lambda text: text.count("Failed") == 1, "the failed task")
    assert "a newer one" not in cells(page)
    page.get_by_role("button", name="The list has changed: refresh").click()
    wait_for_cells(page, lambda text: "a newer one" in text, "the newer task")


def add_many(studio: Studio, name: str, shots: int) -> Project:
    """A project with fifty tasks a shot."""
    project = studio.project(name, 0)
    with studio.vidgen.store.write() as tx:
        added = tx.shots.add(
            project.id, [NewShot(number=None, prompt=f"scene {one}, slow zoom") for one in range(shots)]
        )
    for half in range(2):
        with studio.vidgen.store.write() as tx:
            tx.tasks.add([_waiting(project.id, shot, half) for shot in added for _ in range(25)])
    return project


def _waiting(project_id: int, shot: Shot, half: int) -> NewTask:
    return NewTask(
        project_id=project_id,
        shot_id=shot.id,
        provider=ProviderId("kie") if half else ProviderId("yunwu"),
        model="grok-video-3",
        params=GenerationParams(prompt=shot.prompt, aspect_ratio="9:16", size="1080P"),
        status=TaskStatus.PENDING,
    )


def look_through(page: Page, address: str, total: str) -> float:
    """Search, filter and turn pages; return the seconds until each answer stood there, in sum."""
    go(page, address)
    expect(page.get_by_text(f"{total} tasks")).to_be_visible()
    search = page.get_by_placeholder("Search")
    begun = time.monotonic()
    search.fill("scene 7,")
    expect(page.get_by_text("50 tasks")).to_be_visible()
    page.get_by_role("button", name="Waiting").click()
    wait_for_cells(page, lambda text: "8.0 v50" in text, "the found rows")
    search.fill("")
    expect(page.get_by_text(f"{total} tasks")).to_be_visible()
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("button", name="Descending").click()
    page.keyboard.press("Escape")
    wait_for_cells(page, lambda text: "1.0 v1" in text, "the oldest rows")
    page.locator("[class*=st-key-tasks_page_]").get_by_text("2", exact=True).click()
    wait_for_cells(page, lambda text: "1.0 v1" not in text, "the second page")
    return time.monotonic() - begun


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_searched_sorted_and_paged(
    studio: Studio, page: Page, record_property: Callable[[str, object], None]
) -> None:
    many = add_many(studio, "many", 2_000)
    record_property("seconds", round(look_through(page, studio.at(many, "tasks"), "100,000"), 2))
