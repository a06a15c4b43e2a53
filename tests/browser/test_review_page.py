"""A review link on three phones at once: each votes, chooses and comments, and all of it stands in the review room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from browser_studio import Studio, Visitors, go, until
from playwright.sync_api import Page, expect

from vidgen_core.services.generation.planning import GenerateOptions

#: Where pictures of the page are kept, if anywhere.
PICTURES = os.environ.get("VIDGEN_SCREENSHOTS")
PHONE: Any = {"width": 390, "height": 844, "touch": True}


def photograph(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def name_me(page: Page, name: str) -> None:
    box = page.locator("dialog")
    box.locator("input").fill(name)
    box.locator("button").click()
    expect(box).to_have_count(0)


def test_three_reviewers_at_once(studio: Studio, visitor: Visitors) -> None:
    vidgen = studio.vidgen
    project = studio.project("client cut", 2)
    first, second = vidgen.shots.ids(project.id)
    vidgen.tasks.generate(project.id, [first], GenerateOptions(takes=2))
    vidgen.tasks.generate(project.id, [second], GenerateOptions(takes=1))
    locked, link = vidgen.reviews.share(project.id, password="long enough"), vidgen.reviews.share(project.id)
    url = f"{studio.url}/review/{vidgen.reviews.token(link)}"
    ann = visitor(**PHONE)
    bo = visitor(**PHONE, locale="zh-CN", scheme="dark")
    cy = visitor(**PHONE, scheme="dark")
    until(ann, lambda: len(vidgen.takes.takes_of(first)) == 2 and vidgen.takes.takes_of(second), "three takes")
    for page in (ann, bo, cy):
        page.goto(url)
        expect(page.locator("video")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not page.context.cookies()

    guest = visitor(**PHONE)
    guest.goto(f"{studio.url}/review/{vidgen.reviews.token(locked)}")
    guest.locator("#password").fill("long enough")
    guest.locator("button.primary").click()
    expect(guest.locator("video")).to_have_count(2)
    guest.goto("about:blank")
    vidgen.reviews.revoke(locked.id)

    ann.get_by_role("button", name="Good").first.click()
    name_me(ann, "Ann")
    ann.get_by_role("button", name="Best").first.click()
    bo.get_by_role("button", name="不行").first.click()
    name_me(bo, "小波")
    cy.locator(".say input").first.fill("the hand <b>is</b> odd")
    cy.locator(".say button").first.click()
    name_me(cy, "Cy")

    # Each sees what the others said, as text.
    for page in (ann, bo, cy):
        expect(page.locator(".said .words").first).to_contain_text("the hand <b>is</b> odd")
        expect(page.locator(".others").first).to_contain_text("👎")
        expect(page.locator(".others").first).to_contain_text("👍★")
    for page, name in ((ann, "review-link-en-light"), (bo, "review-link-zh-dark"), (cy, "review-link-en-dark")):
        photograph(page, name)

    # A tablet is handed on: whoever writes another name is somebody else, and a name that is taken is not theirs.
    cy.get_by_role("button", name="Cy", exact=True).click()
    name_me(cy, "ann")
    cy.get_by_role("button", name="Good").first.click()
    expect(cy.get_by_text("Somebody else gives feedback as “ann” already")).to_be_visible()
    name_me(cy, "Di")
    expect(cy.get_by_role("button", name="Good").first).to_have_attribute("aria-pressed", "false")
    cy.get_by_role("button", name="Good").first.click()
    expect(ann.locator(".others").first).to_contain_text("Di 👍")
    expect(ann.locator(".said .words").first).to_contain_text("Cy")

    # The other shot is a finger away, and a vote survives a new visit.
    bo.get_by_role("button", name="下一个镜头").click()
    expect(bo.locator("video")).to_have_count(1)
    ann.reload()
    expect(ann.locator("button[aria-pressed=true]")).to_have_count(2)

    # The room shows it.
    room = visitor()
    go(room, studio.at(project, "pick"))
    expect(room.get_by_text("Ann 👍★")).to_be_visible()
    expect(room.get_by_text("小波 👎")).to_be_visible()
    expect(room.get_by_role("button", name="Cy: the hand")).to_be_visible()
    photograph(room, "review-room-votes")
    room.get_by_role("button", name="Share for feedback").click()
    expect(room.get_by_role("button", name="Revoke")).to_be_visible()
    photograph(room, "review-share-dialog")
    room.get_by_role("button", name="Revoke").click()
    until(room, lambda: vidgen.reviews.links(project.id)[0].revoked_at, "the link revoked")
    expect(ann.get_by_text("This link no longer works")).to_be_visible()
    for page in (ann, bo, cy):
        expect(page.locator("video")).to_have_count(0)
    # What the browser says of a page that is gone is no fault of the page.
    visitor.complaints[:] = [one for one in visitor.complaints if "/review/" not in one]
