"""Content first, and nothing moves under the hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from browser_studio import Studio, Visitors, add_tasks, card, go, until
from playwright.sync_api import Locator, Page, Route, expect

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project
from vidgen_core.domain.tasks import Failure, TaskStatus
from vidgen_core.providers.base import Connection
from vidgen_core.services.generation.planning import GenerateOptions

#: Begins to add up what the browser says of layout shifts that no input has caused.
WATCH_SHIFTS = """() => {
  window.shifts = []
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value)
  }).observe({ type: "layout-shift", buffered: true })
}"""

#: Streamlit's sign of a running script, which comes when one takes long: with a button that stops it.
SHOW_RUNNING = """() => {
  const sign = document.createElement("div")
  sign.dataset.testid = "stStatusWidget"
  sign.innerHTML = '<button style="position: fixed; top: 0; right: 0; width: 100vw; height: 50px">Stop</button>'
  document.querySelector('[data-testid="stHeader"]').append(sign)
}"""
IS_ON_TOP = """(button) => {
  const box = button.getBoundingClientRect()
  return button.contains(button.getRootNode().elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))
}"""


def top(node: Locator) -> float:
    box = node.bounding_box()
    assert box is not None
    return box["y"]


def height(node: Locator) -> float:
    box = node.bounding_box()
    assert box is not None
    return box["height"]


def drawn(page: Page, count: int) -> Page:
    """Return when all cards of the page stand where they stay."""
    expect(page.get_by_role("button", name="Generate 3")).to_have_count(count)
    expect(page.locator(".st-key-header_line").get_by_role("button", name="Stop")).to_be_visible()
    return page


@pytest.mark.parametrize(("width", "high", "begins"), [(1440, 900, 170), (1920, 1080, 170), (390, 844, 230)])
def test_content_begins_high_on_the_page(studio: Studio, visitor: Visitors, width: int, high: int, begins: int) -> None:
    project = studio.project("first content", 3)
    page = drawn(go(visitor(width=width, height=high), studio.at(project)), 3)
    [first, *_] = studio.vidgen.shots.ids(project.id)
    assert top(card(page, first)) <= begins
    assert height(page.locator(".st-key-header_line")) <= 56
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width
    page.evaluate(SHOW_RUNNING)
    buttons = page.locator(".st-key-header_line").get_by_role("button").all()
    assert buttons
    assert all(button.evaluate(IS_ON_TOP) for button in buttons)


#: What each of the other pages is opened for, below its tools.
FIRST_CONTENT = {
    "tasks": "[data-testid=stDataFrame]",
    "log": ".st-key-log_list",
    "export": ".st-key-export_nothing",
    "analytics": "[data-testid=stMetric]",
    "settings": ".st-key-form_provider_local",
    "script": "[data-testid=stTextArea]",
    "storyboard": ".st-key-storyboard",
}


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize(("width", "high", "begins"), [(1440, 900, 170), (390, 844, 230)])
def test_every_page_begins_with_its_content(
    studio: Studio, visitor: Visitors, width: int, high: int, begins: int, locale: str
) -> None:
    project = studio.project("begins", 1)
    studio.vidgen.tasks.generate(project.id, studio.vidgen.shots.ids(project.id), GenerateOptions(takes=1))
    page = visitor(width=width, height=high, locale=locale)
    until(page, lambda: studio.vidgen.tasks.counts(project.id)[TaskStatus.COMPLETED] == 1, "a take")
    for name, content in FIRST_CONTENT.items():
        go(page, studio.at(project, name))
        expect(page.locator(content).first).to_be_visible()
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        assert top(page.locator(content).first) <= begins, name
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width, name


#: Whether nothing in a box is cut off by it, or stands out of it.
STAYS_INSIDE = """(box) => {
  const outer = box.getBoundingClientRect()
  return [...box.querySelectorAll(":not([popover])")].map((one) => one.getBoundingClientRect()).every((inner) =>
    !inner.width || (inner.right <= outer.right + 1 && inner.top >= outer.top - 3 && inner.bottom <= outer.bottom + 3))
}"""


@pytest.fixture(scope="module")
def crowd(studio: Studio) -> Project:
    """12,345 tasks in a project and shots whose names have sixty characters that no line breaks between."""
    project = studio.project("雨夜旧城区天台追逐长镜头" * 5, 2)
    shots = studio.vidgen.shots.ids(project.id)
    for place, shot in enumerate(shots):
        studio.vidgen.shots.edit(shot, number=f"第十二集天台追逐{place}_" * 6, prompt="Supercalifragilistic" * 40)
    studio.vidgen.tasks.generate(project.id, shots, GenerateOptions(takes=1))
    add_tasks(studio, project, 12_345)
    return project


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize(("width", "high", "begins"), [(1440, 900, 170), (390, 844, 230)])
def test_long_names_and_large_numbers_make_no_page_wider(
    studio: Studio, crowd: Project, visitor: Visitors, width: int, high: int, begins: int, locale: str
) -> None:
    page = visitor(width=width, height=high, locale=locale)
    until(page, lambda: studio.vidgen.tasks.counts(crowd.id)[TaskStatus.COMPLETED] == 2, "two takes")
    for name in ("", "add", "pick", *FIRST_CONTENT):
        go(page, studio.at(crowd, name))
        expect(page.locator(".st-key-header_line")).to_be_visible()
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width, name
        main = page.get_by_test_id("stMain")
        assert main.evaluate("main => main.scrollWidth <= main.clientWidth"), name
        assert height(page.locator(".st-key-header_line")) <= 56, name
        if name == "pick":
            expect(page.locator(".st-key-review .take")).to_have_count(1)
            assert page.locator(".st-key-review .head").evaluate(STAYS_INSIDE)
        if name in FIRST_CONTENT:
            expect(page.locator(FIRST_CONTENT[name]).first).to_be_visible()
            assert top(page.locator(FIRST_CONTENT[name]).first) <= begins, name


def meet(studio: Studio, connection: Connection) -> None:
    """Note what the paid provider said last."""
    with studio.vidgen.store.write() as tx:
        kept = {"connection": connection.model_dump(mode="json"), "at": tx.now().isoformat()}
        tx.state.put("connection.yunwu", kept)


def failed(kind: ErrorKind) -> Connection:
    return Connection(ok=False, failure=Failure(kind=kind, code=kind.value))


RICH = Connection(ok=True, balance=Money(amount=Decimal("12345.67"), currency="CNY"))
AWAY = "app => { app.dataset.testConnectionState = 'DISCONNECTED' }"
BACK = "app => { app.dataset.testConnectionState = 'CONNECTED' }"
#: States of the header, each with what brings it about and the class or words by which it is known.
STATES: dict[str, tuple[Callable[[Studio, Page], object], str]] = {
    "no key": (lambda studio, _: studio.vidgen.settings_file.change({"providers.yunwu.keys": None}), ".connection.red"),
    "not checked": (lambda studio, _: studio.vidgen.settings_file.change(A_KEY), ".connection.gray"),
    "connected": (lambda studio, _: meet(studio, RICH), ".connection.green"),
    "refused": (lambda studio, _: meet(studio, failed(ErrorKind.AUTH)), ".connection.red"),
    "no network": (lambda studio, _: meet(studio, failed(ErrorKind.NETWORK)), ".connection.red"),
    "paused": (lambda studio, _: studio.vidgen.worker.pause(), ".pause.on"),
    "offline": (lambda _, page: page.get_by_test_id("stApp").evaluate(AWAY), ".connection.gray"),
    "back": (lambda _, page: page.get_by_test_id("stApp").evaluate(BACK), ".connection.red"),
}
A_KEY = {"providers.yunwu.keys": [{"name": "main", "secret": "sk-browser-0001"}]}


@pytest.mark.usefixtures("yunwu_key")
@pytest.mark.parametrize(
    ("width", "high", "begins", "locale"),
    [(1440, 900, 170, "en-US"), (1920, 1080, 170, "zh-CN"), (390, 844, 230, "en-US"), (390, 844, 230, "zh-CN")],
)
def test_the_header_keeps_its_height_whatever_it_has_to_say(
    studio: Studio, crowd: Project, visitor: Visitors, width: int, high: int, begins: int, locale: str
) -> None:
    page = go(visitor(width=width, height=high, locale=locale), studio.at(crowd))
    line = page.locator(".st-key-header_line")
    first = card(page, studio.vidgen.shots.ids(crowd.id)[0])
    expect(first).to_be_visible()
    place = top(first)
    assert place <= begins
    studio.vidgen.settings_file.change({"mode": ProviderId("yunwu")})
    try:
        for name, (begin, sign) in STATES.items():
            begin(studio, page)
            expect(line.locator(sign)).to_be_visible()
            if name == "not checked":
                # Prices and models on the cards are those of the paid provider by now.
                page.evaluate(WATCH_SHIFTS.replace("true", "false"))
            assert (height(line) <= 56, top(first)) == (True, place), name
            assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width, name
            line.locator(".count").evaluate_all(
                "all => all.forEach((one) => { one.textContent = one.textContent.replace(/\\d+/, '12K') })"
            )
            assert line.locator(".bar").evaluate(STAYS_INSIDE), name
            # That all is well is said by the dot alone on a phone.
            cut = line.locator(".connection:not(.green)" if width == 390 else ".connection")
            assert cut.evaluate_all("all => all.every((one) => one.scrollWidth <= one.clientWidth)"), name
    finally:
        studio.vidgen.worker.resume()
        studio.vidgen.settings_file.change({"mode": ProviderId("local")})
        with studio.vidgen.store.write() as tx:
            tx.state.put("connection.yunwu", None)
    assert sum(page.evaluate("() => window.shifts")) <= 0.02


#: What the window cuts off of a row of filters, and hints that their field has no room for.
CUT = """() => {
  const within = (box, inner) => inner.getBoundingClientRect().right <= box.getBoundingClientRect().right + 1
  const pen = document.createElement("canvas").getContext("2d")
  const fits = (field) => {
    const style = getComputedStyle(field)
    pen.font = style.font
    return pen.measureText(field.placeholder).width <= field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
  }
  const pills = [...document.querySelectorAll('[class*="st-key-tool_left_"]')].flatMap((row) => [...row.querySelectorAll("button")].filter((one) => !within(row, one)))
  const fields = [...document.querySelectorAll('[class*="st-key-tool_row_"] input')].filter((one) => !fits(one))
  return [...pills.map((one) => one.textContent), ...fields.map((one) => one.placeholder)]
}"""


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_every_way_to_add_is_readable_whole_on_a_phone(studio: Studio, visitor: Visitors, locale: str) -> None:
    page = go(visitor(width=390, height=844, locale=locale), studio.at(studio.project("ways", 0), "add"))
    ways = page.locator(".st-key-add_way button")
    expect(ways).to_have_count(3)
    for way in ways.all():
        box = way.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390 - 18, way.inner_text()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_states_of_very_many_tasks_stay_in_their_row_and_can_be_reached(
    studio: Studio, visitor: Visitors, width: int, locale: str
) -> None:
    project = studio.project("crowded", 0)
    page = go(visitor(width=width, height=900, locale=locale), studio.at(project, "tasks"))
    row, pills = (page.locator(f".st-key-tool_left_tasks{inner}") for inner in ("", " button"))
    expect(pills).to_have_count(7)
    before = row.bounding_box()
    pills.locator("p").evaluate_all(
        "all => all.forEach((one) => { one.lastChild.data = one.textContent.replace(/0$/, '12,345') })"
    )
    after = row.bounding_box()
    assert after == before
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width
    # By a pointer that has no sideways wheel: by the scrollbar below the states.
    if width == 1440:
        assert row.evaluate("one => getComputedStyle(one).scrollbarWidth") == "thin"
    pills.last.focus()
    last = pills.last.bounding_box()
    assert before is not None
    assert last is not None
    assert last["x"] + last["width"] <= before["x"] + before["width"] + 1


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_filters_and_search_fields_are_readable_whole(studio: Studio, visitor: Visitors, locale: str) -> None:
    project = studio.project("readable", 3)
    page = visitor(width=1440, height=900, locale=locale)
    for name in ("", "tasks", "log"):
        go(page, studio.at(project, name))
        expect(page.locator("[class*=st-key-tool_row_] input").first).to_be_visible()
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        assert page.evaluate(CUT) == [], name


#: Where everything stands that has a name and can be seen.
PLACES = """() => Object.fromEntries([...document.querySelectorAll('[class*="st-key-"]')].map((node) => {
  const { x, y, height } = node.getBoundingClientRect()
  return [node.className.match(/st-key-\\S+/)[0], height && [x, y]]
}).filter(([, place]) => place))"""


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize(("width", "high"), [(1440, 900), (390, 844)])
@pytest.mark.parametrize("name", ["", "add", "tasks", "pick", "storyboard"])
def test_a_page_that_opens_stays_where_it_is(
    studio: Studio, visitor: Visitors, name: str, width: int, high: int, locale: str
) -> None:
    project = studio.project("opened", 3)
    page = visitor(width=width, height=high, locale=locale)
    page.add_init_script(f"({WATCH_SHIFTS})()")
    late: list[Route] = []
    page.route("**/part/*.js*", lambda route: late.append(route))
    go(page, studio.at(project, name))
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    until(page, lambda: bool(late), "the code of the components")
    before = page.evaluate(PLACES)

    # What is drawn by code that comes late has its place: a click that meets it is not lost.
    page.route("**/part/*.js*", lambda route: route.continue_())
    for code in late:
        code.continue_()
    expect(page.locator(".st-key-header_line .pause")).to_be_visible()
    if name == "add":
        expect(page.locator(".st-key-add_drop_files .zone")).to_be_visible()

    after = page.evaluate(PLACES)
    assert {name: (place, after[name]) for name, place in before.items() if place != after[name]} == {}
    assert sum(page.evaluate("() => window.shifts")) <= 0.02


@pytest.mark.parametrize("width", [1440, 390])
def test_a_card_with_a_last_frame_shows_its_takes_whole(studio: Studio, visitor: Visitors, width: int) -> None:
    project = studio.project("last frame", 2)
    first, second = studio.vidgen.shots.ids(project.id)
    studio.vidgen.shots.edit(first, last_frame=studio.vidgen.shots.get(second).image)
    page = drawn(go(visitor(width=width, height=900), studio.at(project)), 2)
    expect(card(page, first).get_by_alt_text("Last frame")).to_be_visible()
    whole, seen = card(page, first).evaluate("card => [card.scrollHeight, card.clientHeight]")
    assert whole <= seen


def test_the_menu_of_a_project_is_no_wider_for_a_long_name(studio: Studio, page: Page) -> None:
    go(page, studio.at(studio.project("Long" * 25, 0)))
    page.locator(".st-key-new_project_box button").click()
    expect(page.get_by_role("button", name="Rename")).to_be_visible()
    box = page.get_by_test_id("stPopoverBody").bounding_box()
    assert box is not None
    assert box["width"] <= 320


def test_a_whole_run_moves_nothing(studio: Studio, page: Page) -> None:
    project = studio.project("a run", 4)
    shots = studio.vidgen.shots.ids(project.id)
    drawn(go(page, studio.at(project)), 4)
    places = [top(card(page, shot)) for shot in shots]
    page.evaluate(WATCH_SHIFTS.replace("true", "false"))
    for shot in shots[:2]:
        card(page, shot).get_by_role("button", name="Generate 3").click()
    expect(page.locator(".st-key-header_line").get_by_role("button", name="Done 6")).to_be_visible()
    expect(card(page, shots[1]).get_by_role("button", name="Play")).to_have_count(3)
    assert sum(page.evaluate("() => window.shifts")) <= 0.02
    assert [top(card(page, shot)) for shot in shots] == places
    assert len({height(card(page, shot)) for shot in shots}) == 1
    assert height(page.locator(".st-key-header_line")) <= 56


@pytest.mark.parametrize("shots", [1, 10])
def test_ten_clicks_where_the_buttons_stood_make_thirty_tasks(studio: Studio, visitor: Visitors, shots: int) -> None:
    project = studio.project("ten clicks", shots)
    studio.vidgen.worker.pause()
    try:
        page = drawn(go(visitor(width=1920, height=3200), studio.at(project)), shots)
        boxes = [button.bounding_box() for button in page.get_by_role("button", name="Generate 3").all()]
        for click in range(10):
            box = boxes[click % shots]
            assert box is not None
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.wait_for_timeout(200)
        until(page, lambda: studio.vidgen.tasks.counts(project.id)[TaskStatus.QUEUED] >= 30, "thirty tasks")
        expect(page.locator(".st-key-header_line").get_by_role("button", name="Queued 30")).to_be_visible()
        assert studio.vidgen.tasks.counts(project.id)[TaskStatus.QUEUED] == 30
    finally:
        studio.vidgen.worker.resume()


def test_messages_come_and_go_in_their_own_place(studio: Studio, page: Page) -> None:
    project = studio.project("messages", 2)
    [first, _] = studio.vidgen.shots.ids(project.id)
    drawn(go(page, studio.at(project)), 2)
    before = top(card(page, first))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: nothing new is sent")).to_be_visible()
    assert top(card(page, first)) == before
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Paused: nothing new is sent")).to_have_count(0)
    card(page, first).get_by_role("checkbox").click(force=True)
    expect(page.get_by_text("1 shot selected")).to_be_visible()
    assert top(card(page, first)) == before
    # Both lines stay in view, and nothing that is done in them moves the page.
    page.set_viewport_size({"width": 1440, "height": 500})
    page.get_by_test_id("stMain").evaluate("page => page.scrollTo(0, 300)")
    until(page, lambda: top(card(page, first)) < before, "the page to scroll")
    scrolled = top(card(page, first))
    more = page.locator(".st-key-selected_more button").first
    more.evaluate("button => button.click()")
    expect(page.get_by_role("button", name="Until one passes")).to_be_visible()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    assert (top(page.locator(".st-key-header_line")), top(card(page, first))) == (0, scrolled)


def test_a_count_of_the_header_leads_to_those_tasks(studio: Studio, page: Page) -> None:
    project = studio.project("counts", 1)
    studio.vidgen.worker.pause()
    try:
        studio.vidgen.tasks.generate(project.id, studio.vidgen.shots.ids(project.id))
        go(page, studio.at(project))
        page.locator(".st-key-header_line").get_by_role("button", name="Queued 3").click()
        page.wait_for_url("**/tasks*")
        expect(page.get_by_role("button", name="Queued", pressed=True)).to_be_visible()
    finally:
        studio.vidgen.worker.resume()
