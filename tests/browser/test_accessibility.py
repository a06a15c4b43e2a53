"""Every screen under the rules of WCAG 2.2 AA, as axe-core checks them, in light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_studio import Studio, Visitors, add_tasks, card, fail, go, settled
from playwright.sync_api import Page, expect
from test_tasks_browser import HEAD, OPEN, ROW, click_grid, wait_for_cells

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import get_text
from vidgen_core.services.generation.planning import GenerateOptions

PAGES = ("", "tasks", "script", "add", "storyboard", "pick", "export", "log", "analytics", "settings")
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"target-size": {"enabled": True}},
}


def violations(page: Page) -> list[tuple[str, Any, str]]:
    """What axe has against a page: the rule, where, and the element."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [(one["id"], node["target"], node["html"][:160]) for one in found for node in one["nodes"]]


@pytest.fixture(scope="module")
def worked_on(studio: Studio) -> Project:
    """A project in which something is done, chosen and failed."""
    project = studio.project("accessible", 3)
    first, second, _ = studio.vidgen.shots.ids(project.id)
    studio.vidgen.tasks.generate(project.id, [first, second], GenerateOptions(takes=2))
    fail(studio, add_tasks(studio, project, 2), ErrorKind.MODERATION)
    return project


#: What still moves or fades for longer than one frame, in and below the components' own roots.
MOVING = """() => {
  const all = (at) => [...at.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])])
  const long = (times) => times.split(",").some((time) => parseFloat(time) * (time.includes("ms") ? 1 : 1000) > 17)
  return all(document.body).filter((one) => one.checkVisibility()).filter((one) => {
    const style = getComputedStyle(one)
    return long(style.transitionDuration) || (style.animationName !== "none" && long(style.animationDuration))
  }).map((one) => `${one.tagName}.${one.className}`)
}"""


def test_the_link_that_the_keyboard_is_at_can_be_told_from_the_open_page(studio: Studio, page: Page) -> None:
    go(page, studio.at(studio.project("focus", 1)))
    links = page.locator(".st-key-sidebar_pages a:visible")
    expect(links).to_have_count(11)
    page.locator(".st-key-new_project_box button").focus()
    ringed = (
        "all => all.filter((link) => getComputedStyle(link).outlineStyle === 'solid').map((link) => link.innerText)"
    )
    for link in links.all():
        page.keyboard.press("Tab")
        expect(link).to_be_focused()
        assert page.locator("a").evaluate_all(ringed) == [link.inner_text()]


@pytest.mark.extended
def test_who_asks_for_less_motion_and_more_contrast_gets_it(
    studio: Studio, visitor: Visitors, worked_on: Project
) -> None:
    page = visitor()
    page.emulate_media(reduced_motion="reduce", contrast="more")
    try:
        for name in ("", "pick", "storyboard"):
            go(page, studio.at(worked_on, name))
            expect(page.locator(".st-key-header_line .pause")).to_be_visible()
            assert page.evaluate(MOVING) == []
        page.locator(".st-key-header_line .pause").evaluate("button => button.blur()")
        edge = "button => [getComputedStyle(button).borderTopColor, getComputedStyle(button).color]"
        border, text = page.locator(".st-key-header_line .pause").evaluate(edge)
        assert border == text
    finally:
        page.emulate_media(reduced_motion="null", contrast="null")


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-US", 390), ("dark", "zh-CN", 1920)])
def test_the_opened_history_of_a_task_breaks_no_rule(
    studio: Studio, visitor: Visitors, worked_on: Project, scheme: str, locale: str, width: int
) -> None:
    page = go(visitor(scheme=scheme, locale=locale, width=width), studio.at(worked_on, "tasks"))
    wait_for_cells(page, lambda text: " v1" in text, "the rows")
    click_grid(page, OPEN, HEAD + HEAD + ROW / 2)
    expect(page.get_by_role("dialog").get_by_test_id("stTable")).to_be_visible()
    settled(page)
    assert violations(page) == []


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-US", 390), ("dark", "zh-CN", 1440)])
def test_the_opened_menu_of_a_card_breaks_no_rule(
    studio: Studio, visitor: Visitors, worked_on: Project, scheme: str, locale: str, width: int
) -> None:
    first = studio.vidgen.shots.ids(worked_on.id)[0]
    page = go(visitor(scheme=scheme, locale=locale, width=width), studio.at(worked_on))
    for button in (".dots", ".slot .head"):
        card(page, first).locator(button).first.click()
        expect(page.get_by_role("menu")).to_be_visible()
        settled(page)
        assert violations(page) == [], button
        page.keyboard.press("Escape")
        expect(page.get_by_role("menu")).to_have_count(0)


@pytest.mark.extended
@pytest.mark.parametrize(
    ("scheme", "locale", "width"), [("light", "en-US", 1440), ("dark", "zh-CN", 1920), ("light", "zh-CN", 390)]
)
def test_no_page_breaks_a_rule(
    studio: Studio, visitor: Visitors, worked_on: Project, scheme: str, locale: str, width: int
) -> None:
    page = visitor(scheme=scheme, locale=locale, width=width)
    first = studio.vidgen.shots.ids(worked_on.id)[0]
    go(page, studio.at(worked_on))
    expect(card(page, first).locator(".play")).to_have_count(2)
    studio.vidgen.takes.reject(studio.vidgen.takes.takes_of(first)[0].id, "Motion wrong")
    found = {}
    for name in PAGES:
        go(page, studio.at(worked_on, name))
        expect(page.locator(".st-key-header_line .pause")).to_be_visible()
        settled(page)
        if broken := violations(page):
            found[name or "shots"] = broken
    # Small print with links.
    page.get_by_role("tab", name=get_text(locale[:2])("settings.tab.sharing")).click()
    expect(page.locator('a[href$="/api/docs"]')).to_be_visible()
    settled(page)
    assert found | {"sharing": violations(page)} == {"sharing": []}


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "More tools"), ("tasks", "More tools"), ("log", "More tools"), ("", "New project"), ("add", "Template")],
)
def test_an_open_menu_is_named_in_words_and_readable_in_the_dark(
    studio: Studio, visitor: Visitors, worked_on: Project, name: str, words: str
) -> None:
    page = go(visitor(scheme="dark"), studio.at(worked_on, name))
    page.get_by_role("button", name=words).click()
    expect(page.get_by_role("dialog", name=words, exact=words == "Template")).to_be_visible()
    raw = "all => all.map((one) => one.ariaLabel).filter((words) => /:material|!\\[/.test(words))"
    assert page.locator("[aria-label]").evaluate_all(raw) == []
    assert [found for found in violations(page) if found[0] == "color-contrast"] == []
