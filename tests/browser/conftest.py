"""The dashboard as a user meets it: a real server, a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_studio import CHROMIUM, FLAGS, QUICK, SCREENSHOTS, Studio, Visitors, start_server, stop_server
from browser_studio import card as card
from browser_studio import go as go
from browser_studio import picture as picture
from browser_studio import settled as settled
from browser_studio import until as until
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from vidgen_core.config.paths import Locations
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if item.get_closest_marker("smoke") is None:
                item.add_marker(pytest.mark.extended)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One server for all tests of a run; each test brings a project of its own."""
    folder = tmp_path_factory.mktemp("studio")
    home, log = folder / "home", folder / "server.log"
    with Vidgen.open(Locations(home)) as vidgen:
        # A home that has a project draws no sample.
        vidgen.projects.ensure("first")
        vidgen.settings_file.change(QUICK)
        process, url = start_server(home, log)
        try:
            yield Studio(url, home, vidgen, process, log)
        finally:
            stop_server(process)
    said = log.read_text()
    assert "Traceback" not in said
    assert "was created with a default value but also had its value set" not in said


@pytest.fixture(autouse=True)
def _nothing_left_in_the_queue(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test has queued and does not wait for keeps nobody waiting after it."""
    yield
    if "studio" in request.fixturenames:
        vidgen: Vidgen = request.getfixturevalue("studio").vidgen
        with vidgen.store.read() as tx:
            queued = TaskFilter(statuses=frozenset({TaskStatus.QUEUED}))
            left = [id_ for project in tx.projects.all() for id_ in tx.tasks.ids(project.id, queued)]
        vidgen.tasks.cancel(left)


@pytest.fixture
def yunwu_key(studio: Studio) -> Iterator[None]:
    """A key of Yunwu for one test; what is sent with it reaches nobody."""
    key = {"name": "main", "secret": "sk-browser-0001"}
    studio.vidgen.settings_file.change(
        {"providers.yunwu.base_url": "http://127.0.0.1:9", "providers.yunwu.keys": [key]}
    )
    yield
    studio.vidgen.settings_file.change({"providers.yunwu.base_url": None, "providers.yunwu.keys": None})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; for one module only, because while Playwright is open no other event loop can run in its thread."""
    if not CHROMIUM.exists():
        message = f"no Chromium at {CHROMIUM}; set CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> dict[tuple[int, int, str, str, bool], BrowserContext]:
    """One browser context for each look; they end with the browser."""
    return {}


@pytest.fixture
def visitor(browser: Browser, contexts: dict[tuple[int, int, str, str, bool], BrowserContext]) -> Iterator[Visitors]:
    """Opens pages: ``visitor(width=390, scheme="dark", locale="zh-CN")``."""
    visitors = Visitors(browser, contexts, [], [])
    yield visitors
    visitors.leave()
    assert not visitors.complaints


@pytest.fixture
def page(visitor: Visitors) -> Page:
    """One page of an English visitor at a desk."""
    return visitor()


@pytest.fixture
def keep_picture() -> Callable[[Page, str], None]:
    """Keep a picture of a page under a name, when pictures are asked for."""

    def keep(page: Page, name: str) -> None:
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS).absolute()
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{name}.png")

    return keep
