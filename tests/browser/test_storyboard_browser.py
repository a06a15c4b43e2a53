"""The storyboard as somebody uses it: frames dragged by mouse, finger and key, and played as stills."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_studio import Studio, Visitors, go, picture, until
from playwright.sync_api import CDPSession, FloatRect, Locator, Page, expect

from vidgen_core.domain.shots import NewShot, Project, ShotParams


def film(studio: Studio, name: str, count: int) -> Project:
    """Shots of a second each, with a line of the script and a picture that differs."""
    project = studio.project(name, 0)
    keys = [studio.vidgen.shots.keep_image(picture(index * 20)) for index in range(min(count, 12))]
    with studio.vidgen.store.write() as tx:
        tx.shots.add(
            project.id,
            [
                NewShot(script=f"line {index + 1}", image=keys[index % 12], params=ShotParams(duration=1.0))
                for index in range(count)
            ],
        )
    return project


def frame(page: Page, number: str) -> Locator:
    return page.locator(".cell .frame").filter(has=page.locator(".number").get_by_text(number, exact=True))


def numbers(studio: Studio, project: Project) -> list[str]:
    return [view.shot.number for view in studio.vidgen.shots.page(project.id, limit=500).items]


def drag(page: Page, what: Locator, to: Locator, side: float = 0.1) -> None:
    """With the mouse; ``side`` 0–1 is where on the other frame it is let go."""
    begin, end = what.bounding_box(), to.bounding_box()
    assert begin
    assert end
    page.mouse.move(begin["x"] + begin["width"] / 2, begin["y"] + 30)
    page.mouse.down()
    page.mouse.move(begin["x"] + begin["width"] / 2 + 12, begin["y"] + 40)
    page.mouse.move(end["x"] + end["width"] * side, end["y"] + end["height"] / 2, steps=4)
    page.mouse.up()


@pytest.mark.smoke
def test_frames_are_dragged_carried_and_put_back(
    studio: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    project = film(studio, "wall", 6)
    page = go(visitor(), studio.at(project, "storyboard"))
    expect(page.locator(".cell")).to_have_count(6)
    expect(page.get_by_text("6 frames · 6 sec")).to_be_visible()

    # Two drops at once, quicker than the server answers.
    drag(page, frame(page, "5.0"), frame(page, "1.0"))
    drag(page, frame(page, "1.0"), frame(page, "6.0"), 0.9)
    moved = ["5.0", "2.0", "3.0", "4.0", "6.0", "1.0"]
    expect(page.locator(".cell .number")).to_have_text(moved)
    until(page, lambda: numbers(studio, project) == moved, "the new order")
    keep_picture(page, "storyboard-moved")

    # By keyboard: lifted, carried two places, put down; lifted and put back.
    frame(page, "5.0").focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    until(page, lambda: numbers(studio, project)[:3] == ["2.0", "3.0", "5.0"], "the carried frame")
    expect(frame(page, "5.0")).to_be_focused()
    for key in ("Space", "End", "Escape"):
        page.keyboard.press(key)
    expect(page.locator(".cell .number")).to_have_text(["2.0", "3.0", "5.0", "4.0", "6.0", "1.0"])

    page.keyboard.press("Control+z")
    until(page, lambda: numbers(studio, project) == moved, "the order before")
    page.get_by_role("button", name="Undo move").click()
    page.get_by_role("button", name="Undo move").click()
    until(page, lambda: numbers(studio, project) == [f"{n}.0" for n in range(1, 7)], "the first order")
    expect(page.get_by_role("button", name="Undo move")).to_be_hidden()

    grave = [one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert grave == []


def test_links_are_pressed_dragged_and_taken_back(
    studio: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    project = film(studio, "links", 4)
    page = go(visitor(), studio.at(project, "storyboard"))
    expect(page.locator(".cell")).to_have_count(4)

    def chained() -> list[list[str]]:
        return [[one.shot.number for one in view.shots] for view in studio.vidgen.chains.of_project(project.id)]

    def is_chained(wanted: list[list[str]]) -> bool:
        return chained() == wanted

    def join(number: str) -> Locator:
        cell = page.locator(".cell").filter(has=page.locator(".number").get_by_text(number, exact=True))
        return cell.locator("button.join")

    def carry(number: str, onto: str) -> None:
        join(number).hover()
        page.mouse.down()
        end = frame(page, onto).bounding_box()
        assert end
        page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=4)

    join("2.0").click()
    until(page, lambda: chained() == [["1.0", "2.0"]], "the pressed link")
    carry("4.0", "2.0")
    expect(page.locator(".cell.onto")).to_have_count(1)
    keep_picture(page, "storyboard-link-dragged")
    page.mouse.up()
    expect(page.locator(".cell.onto")).to_have_count(0)
    until(page, lambda: chained() == [["1.0", "2.0", "4.0"]], "the dragged link")

    # Onto a later frame: one sentence, and nothing is linked.
    carry("2.0", "3.0")
    page.mouse.up()
    expect(page.get_by_text("Shot 2.0 stands before shot 3.0", exact=False).first).to_be_visible()
    # A drag that the system ends, or that ends beside all frames, links nothing, nor does the press after it.
    carry("3.0", "1.0")
    join("3.0").dispatch_event("lostpointercapture")
    page.mouse.up()
    frame(page, "1.0").click()
    assert chained() == [["1.0", "2.0", "4.0"]]

    expect(join("3.0")).to_be_visible()
    join("3.0").focus()
    page.keyboard.press("Enter")
    until(page, lambda: chained() == [["1.0", "2.0", "3.0", "4.0"]], "the link by keyboard")
    undone: list[list[list[str]]] = [[["1.0", "2.0", "4.0"]], [["1.0", "2.0"]], []]
    for left in undone:
        page.get_by_role("button", name="Undo move").click()
        until(page, functools.partial(is_chained, left), "the links before")


def test_the_frames_play_as_stills_with_their_lines(
    studio: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    project = film(studio, "animatic", 3)
    page = go(visitor(locale="zh-CN", scheme="dark"), studio.at(project, "storyboard"))
    page.get_by_role("button", name="播放", exact=False).first.click()
    player = page.locator("dialog:not(.seams)")
    expect(player.get_by_text("line 1")).to_be_visible()
    # It goes on by itself, to the end, and stays there.
    expect(player.get_by_text("line 2")).to_be_visible()
    keep_picture(page, "storyboard-player-dark")
    expect(player.get_by_text("0:03 / 0:03")).to_be_visible()
    expect(player.get_by_role("button", name="播放")).to_be_visible()
    page.keyboard.press("Home")
    expect(player.get_by_text("0:00 / 0:03")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(player.get_by_text("line 2")).to_be_visible()
    # A script that changes meanwhile is read anew; what is shown stays.
    second = studio.vidgen.shots.ids(project.id)[1]
    studio.vidgen.shots.edit(second, script="第二句")
    expect(player.get_by_text("第二句")).to_be_visible()
    page.keyboard.press("Escape")
    expect(player).to_be_hidden()
    expect(frame(page, "2.0")).to_be_focused()


def finger(session: CDPSession, kind: str, x: float, y: float) -> None:
    points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def at_rest(page: Page, place: Locator) -> FloatRect:
    """Where something is, once nothing above it grows any more."""
    seen: list[FloatRect | None] = []

    def still() -> bool:
        seen.append(place.bounding_box())
        return len(seen) > 5 and all(box == seen[-1] for box in seen[-5:])

    until(page, still, "a page at rest")
    assert seen[-1]
    return seen[-1]


def test_a_finger_scrolls_five_hundred_frames_and_drags_one_after_resting_on_it(
    studio: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    project = film(studio, "five hundred", 500)
    page = go(visitor(width=390, height=844, touch=True), studio.at(project, "storyboard"))
    expect(page.locator(".cell")).to_have_count(500)
    expect(page.locator(".cell img").first).to_be_visible()
    asked = page.evaluate("performance.getEntriesByType('resource').filter(e => e.name.includes('/image/')).length")
    assert asked < 120, "pictures far below are not asked for"
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= 390
    first, third = frame(page, "1.0"), frame(page, "3.0")
    # Not at the edge of the window, where a drag scrolls.
    first.evaluate("node => node.scrollIntoView({ block: 'center' })")
    keep_picture(page, "storyboard-phone")
    begin, end = at_rest(page, first), at_rest(page, third)
    session = page.context.new_cdp_session(page)
    x, y = begin["x"] + 40, begin["y"] + 40

    finger(session, "touchStart", x, y)
    expect(page.locator(".dragged")).to_be_visible()
    for part in (0.3, 0.6, 1.0):
        finger(session, "touchMove", x + (end["x"] + end["width"] - 8 - x) * part, y)
    # The page says where the frame would land; a finger lifted before that drops it elsewhere.
    expect(page.locator(".cell:nth-child(3).after, .cell:nth-child(4).before")).to_have_count(1)
    finger(session, "touchEnd", 0, 0)

    expect(page.locator(".cell .number").nth(2)).to_have_text("1.0")
    until(page, lambda: numbers(studio, project)[:4] == ["2.0", "3.0", "1.0", "4.0"], "the dragged frame")
