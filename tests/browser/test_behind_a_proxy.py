"""An installed Vidgen below a path of another server: signed in to, looked at, pushed to, played, dropped into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser_studio import PATIENCE, Studio, Visitors, card, go, plays
from playwright.sync_api import Page, expect
from reverse_proxy import proxied
from team import sign_in, team, with_passwords
from test_add_screen import draw, drop

from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.planning import GenerateOptions

PATH = "/team/studio"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A server below a path of a proxy, with a password for each role."""
    with (
        team(tmp_path_factory.mktemp("shared"), with_passwords, PATH) as studio,
        proxied(urlsplit(studio.url).port or 0, PATH) as url,
    ):
        yield replace(studio, url=url)


def loaded(page: Page) -> None:
    """Every picture of the page has come."""
    page.wait_for_function(
        "() => [...document.images].length && [...document.images].every(i => i.complete && i.naturalWidth > 0)",
        timeout=PATIENCE,
    )


def test_a_day_of_work_below_a_path(shared: Studio, visitor: Visitors, tmp_path: Path) -> None:
    page = visitor()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    project = shared.project("below", 2)
    shot = shared.vidgen.shots.ids(project.id)[0]

    sign_in(page, shared.at(project), "Li", Role.OWNER)
    assert page.url.startswith(f"{shared.url}/")
    expect(card(page, shot)).to_be_visible()
    loaded(page)

    # The other process makes takes; the page hears of them by itself.
    shared.vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1))
    play = card(page, shot).get_by_role("button", name="Play")
    expect(play).to_have_count(1)
    loaded(page)
    play.click()
    plays(page)
    with page.expect_download() as download:
        card(page, shot).get_by_role("link", name="Download").click()
    assert download.value.path().stat().st_size > 1000

    for name in ("tasks", "storyboard", "pick", "export"):
        go(page, shared.at(project, name))
        expect(page.get_by_test_id("stException")).to_have_count(0)
        if name in ("storyboard", "pick"):
            loaded(page)

    go(page, shared.at(project, "add"))
    drop(page, draw(tmp_path / "two", ["7.1.jpg", "7.2.jpg"]))
    page.get_by_role("button", name="Add 2 shots").click()
    expect(page.get_by_text("2 shots added.")).to_be_visible()

    page.goto(f"{shared.url}/api/docs")
    expect(page.get_by_text("/shots/{shot_id}", exact=False).first).to_be_visible()
    astray = [url for url in asked if not urlsplit(url).path.startswith(PATH) and url.startswith(("http", "ws"))]
    assert astray == []
