"""Every screen in both languages, both looks, at a desk and on a phone: nothing sticks out, nothing complains.

With ``VIDGEN_SCREENSHOTS`` set, each is kept as a picture.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_studio import Studio, Visitors, card, go, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.shots import Project
from vidgen_core.domain.tasks import TaskStatus

PAGES = ("shots", "tasks", "add", "storyboard", "pick", "export", "log", "analytics", "settings")
#: Buttons that a screen reader has no word for: no text, no label, no picture with one.
NAMELESS = """() => [...document.querySelectorAll('section.stMain button, [data-testid=stMain] button')]
    .filter(one => one.checkVisibility() && !one.textContent.trim() && !one.ariaLabel && !one.title
        && !one.getAttribute('aria-labelledby') && !one.querySelector('img[alt]:not([alt=""]), [aria-label]'))
    .map(one => one.closest('[class*=st-key-]')?.className + ' ' + one.outerHTML.slice(0, 200))"""
LOOKS = (
    pytest.param("light", "en-US", 1440, id="light-en-1440"),
    pytest.param("dark", "zh-CN", 1440, id="dark-zh-1440"),
    pytest.param("light", "zh-CN", 390, id="light-zh-390"),
    pytest.param("dark", "en-US", 390, id="dark-en-390"),
)


@pytest.fixture(scope="module")
def rehearsed(studio: Studio) -> Project:
    """A project in the middle of the day: takes made, one chosen."""
    project = studio.project("ep01 雨夜", 4)
    shots = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, shots[:3])
    return project


@pytest.mark.parametrize(("scheme", "locale", "width"), LOOKS)
def test_every_screen_fits_in_every_look(
    studio: Studio,
    visitor: Visitors,
    rehearsed: Project,
    keep_picture: Callable[[Page, str], None],
    scheme: str,
    locale: str,
    width: int,
) -> None:
    page = visitor(width=width, height=1000 if width > 400 else 844, scheme=scheme, locale=locale)
    until(page, lambda: studio.vidgen.tasks.counts(rehearsed.id).get(TaskStatus.COMPLETED) == 9, "nine takes")
    first = studio.vidgen.shots.ids(rehearsed.id)[0]
    studio.vidgen.takes.choose(first, studio.vidgen.takes.takes_of(first)[0].id)
    for name in PAGES:
        go(page, studio.at(rehearsed, "" if name == "shots" else name))
        expect(page.locator(".st-key-header_line")).to_be_visible()
        if name == "shots":
            expect(card(page, first).locator("img[src*=poster]")).to_have_count(3)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width
        assert page.evaluate(NAMELESS) == []
        expect(page.get_by_test_id("stException")).to_have_count(0)
        keep_picture(page, f"{name}-{scheme}-{locale[:2]}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_cards_can_be_read_and_named(studio: Studio, visitor: Visitors, rehearsed: Project, scheme: str) -> None:
    page = visitor(scheme=scheme)
    until(page, lambda: studio.vidgen.tasks.counts(rehearsed.id).get(TaskStatus.COMPLETED) == 9, "nine takes")
    go(page, studio.at(rehearsed))
    first = studio.vidgen.shots.ids(rehearsed.id)[0]
    expect(card(page, first).locator("img[src*=poster]")).to_have_count(3)
    found = Axe().run(page, context=".st-key-header_line, [class*=st-key-shot_]")
    grave = [
        (violation["id"], target)
        for violation in found.response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
        for target in node["target"]
    ]
    assert grave == []
