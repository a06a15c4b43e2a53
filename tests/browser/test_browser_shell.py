"""The frame around every screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_studio import (
    Studio,
    Visitors,
    card,
    free_port,
    go,
    picture,
    plays,
    settled,
    start_server,
    stop_server,
    until,
)
from playwright.sync_api import Page, Route, WebSocket, expect

from vidgen_core.config.paths import Locations
from vidgen_core.dashboard.shell.shell import PAGES
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.i18n import get_text
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.mark.extended
def test_a_fresh_server_may_be_met_by_a_deep_link_to_any_screen(tmp_path: Path, visitor: Visitors) -> None:
    home, t = tmp_path / "home", get_text("en")
    with Vidgen.open(Locations(home)) as vidgen:
        project = vidgen.projects.ensure("ep01")
    process, url = start_server(home, tmp_path / "log")
    try:
        # The very first visitor comes by one that is not the start; the start comes last.
        for name in reversed(PAGES):
            page = go(visitor(), f"{url}/{'' if name == 'shots' else name}?project={project.name}")
            sidebar = page.get_by_test_id("stSidebar")
            for other in PAGES:
                expect(sidebar.get_by_role("link", name=re.compile(f"^{t(f'shell.page.{other}')}"))).to_be_visible()
            expect(sidebar.get_by_label("Project")).to_have_value("ep01")
            expect(page.locator(".st-key-header_line")).to_be_visible()
            expect(page).to_have_title(f"{t(f'shell.page.{name}')} · Vidgen")
            expect(page.get_by_test_id("stException")).to_have_count(0)
            page.close()
    finally:
        stop_server(process)
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.smoke
def test_two_tabs_of_one_browser_keep_their_own_language_filter_and_project(studio: Studio, visitor: Visitors) -> None:
    one, other = studio.project("tab one", 2), studio.project("tab two", 2)
    left = go(visitor(), studio.at(one))
    right = go(visitor(), studio.at(other))
    right.get_by_role("radio", name="中文").click()
    right.get_by_role("radio", name="未生成").click()
    left.get_by_role("radio", name="Failed").click()
    expect(left.get_by_text("No shot matches")).to_be_visible()
    right.get_by_role("checkbox").first.click(force=True)
    expect(right.get_by_text("已勾选 1 个镜头")).to_be_visible()
    for tab in (left, right):
        tab.get_by_role("link", name=re.compile("Tasks|任务")).click()
        tab.get_by_role("link", name=re.compile("^(Shots|镜头)")).click()
        settled(tab)
    expect(left.get_by_role("radio", name="English")).to_be_checked()
    expect(right.get_by_role("radio", name="中文")).to_be_checked()
    expect(left.get_by_test_id("stSidebar").get_by_label("Project")).to_have_value(one.name)
    expect(right.get_by_test_id("stSidebar").get_by_label("项目")).to_have_value(other.name)
    expect(right.get_by_text("已勾选 1 个镜头")).to_be_visible()


def test_two_visitors_speak_their_own_language(studio: Studio, visitor: Visitors) -> None:
    project = studio.project("languages", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    english, chinese = go(visitor(), studio.at(project)), go(visitor(locale="zh-CN"), studio.at(project))
    expect(card(english, shot).get_by_role("button", name="Generate 3")).to_be_visible()
    expect(card(chinese, shot).get_by_role("button", name="生成 3 条")).to_be_visible()
    assert [page.evaluate("document.documentElement.lang") for page in (english, chinese)] == ["en", "zh-CN"]
    english.get_by_role("radio", name="中文").click()
    expect(card(english, shot).get_by_role("button", name="生成 3 条")).to_be_visible()
    expect(english.locator("html")).to_have_attribute("lang", "zh-CN")
    chinese.get_by_role("radio", name="English").click()
    expect(card(chinese, shot).get_by_role("button", name="Generate 3")).to_be_visible()
    expect(card(english, shot).get_by_role("button", name="生成 3 条")).to_be_visible()
    english.get_by_role("link", name="任务").click()
    settled(english)
    expect(english.get_by_role("link", name=re.compile("^镜头"))).to_be_visible()


def test_the_sidebar_says_which_page_is_open_and_which_comes_next(studio: Studio, page: Page) -> None:
    sidebar = page.locator(".st-key-sidebar_pages")
    opened = sidebar.locator("a[aria-current=page]").filter(visible=True)
    coming = sidebar.locator("a").filter(visible=True).filter(has_text="Next")
    go(page, studio.at(studio.project("next", 1)))
    for name in ("Shots", "Export"):
        sidebar.get_by_role("link", name=name).filter(visible=True).click()
        expect(opened).to_have_count(1)
        expect(opened).to_contain_text(name)
        expect(coming).to_have_count(1)
        expect(coming).to_contain_text("Shots")
        # As a tab of its own opens it.
        assert coming.evaluate("link => link.pathname") == "/"
    weights = "links => new Set(links.map((link) => getComputedStyle(link.querySelector('p')).fontWeight)).size"
    others = sidebar.locator("a:not([aria-current])").filter(visible=True)
    assert others.evaluate_all(weights) == 1
    assert coming.locator("strong").count() == 0


def test_a_new_project_is_made_in_the_sidebar_and_the_address_names_it(studio: Studio, page: Page) -> None:
    go(page, studio.url)
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name of the new project").fill("雨夜 ep02")
    page.get_by_role("button", name="Create project").click()
    until(page, lambda: studio.vidgen.projects.find("雨夜 ep02") is not None, "the project")
    chosen = page.get_by_test_id("stSidebar").get_by_label("Project", exact=True)
    expect(chosen).to_have_value("雨夜 ep02")
    expect(page.get_by_text("No shots yet")).to_be_visible()
    page.wait_for_url("**project=*")
    page.reload()
    expect(chosen).to_have_value("雨夜 ep02")


def test_the_address_names_the_project_after_a_button_led_to_another_page(studio: Studio, page: Page) -> None:
    older = studio.project("older of two", 1)
    studio.project("newer of two", 1)
    go(page, studio.at(older))
    page.locator(".st-key-header_line").get_by_role("button", name="done").click()
    page.wait_for_url("**/tasks?*project=older*")
    page.reload()
    expect(page.get_by_test_id("stSidebar").get_by_label("Project", exact=True)).to_have_value(older.name)


def test_a_project_is_renamed_copied_archived_and_deleted_with_its_files(studio: Studio, page: Page) -> None:
    vidgen, project = studio.vidgen, studio.project("to tidy up", 1)
    [shot] = vidgen.shots.ids(project.id)
    vidgen.tasks.generate(project.id, [shot], GenerateOptions(takes=1))
    until(page, lambda: bool(vidgen.takes.takes_of(shot)), "a take")
    [take] = vidgen.takes.takes_of(shot)
    go(page, studio.at(project))
    chosen = page.get_by_test_id("stSidebar").get_by_label("Project", exact=True)
    # Not the menu that the dialog is chosen in: it is being closed while the dialog comes.
    dialog = page.get_by_test_id("stDialog")

    def act(verb: str) -> None:
        page.get_by_role("button", name="New project").click()
        page.locator(f".st-key-project_{verb} button").click()

    act("rename")
    dialog.get_by_label("Project name").fill("tidied up")
    dialog.get_by_role("button", name="Rename").click()
    expect(chosen).to_have_value("tidied up")
    act("copy")
    dialog.get_by_role("button", name="Copy").click()
    expect(chosen).to_have_value("tidied up copy")
    copy = vidgen.projects.find("tidied up copy")
    assert copy is not None
    assert [vidgen.shots.get(one).prompt for one in vidgen.shots.ids(copy.id)] == [vidgen.shots.get(shot).prompt]
    act("archive")
    until(page, lambda: vidgen.projects.get(copy.id).archived, "the archived project")
    expect(chosen).not_to_have_value("tidied up copy")
    go(page, f"{studio.url}/?project=tidied+up")
    act("delete")
    expect(dialog).to_contain_text("1 shot and 1 take will be deleted.")
    dialog.get_by_text("Delete the video files, too: frees").click()
    dialog.get_by_role("button", name="Delete").click()
    until(page, lambda: vidgen.projects.find("tidied up") is None, "the project to go")
    expect(dialog).to_be_hidden()
    assert not vidgen.takes.file(take).exists()


def test_pausing_holds_the_queue_and_resuming_lets_it_go(studio: Studio, page: Page) -> None:
    project = studio.project("pause", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    go(page, studio.at(project))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    card(page, shot).get_by_role("button", name="Generate 3").click()
    expect(page.get_by_role("button", name="Queued 3")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Done 3").first).to_be_visible()


def test_what_was_not_submitted_is_cancelled_free_of_charge(studio: Studio, page: Page) -> None:
    project = studio.project("stop", 1)
    studio.vidgen.worker.pause()
    try:
        studio.vidgen.tasks.generate(project.id, studio.vidgen.shots.ids(project.id))
        go(page, studio.at(project))
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("menuitem", name="Cancel 3 not submitted").click()
        expect(page.get_by_test_id("stToast")).to_contain_text("3 tasks cancelled")
        counts = studio.vidgen.tasks.counts(project.id)
        assert {status: number for status, number in counts.items() if number} == {TaskStatus.CANCELLED: 3}
    finally:
        studio.vidgen.worker.resume()


@pytest.mark.smoke
def test_giving_up_says_what_it_may_cost_and_stops_waiting(tmp_path: Path, visitor: Visitors) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    with RehearsalServer(RehearsalOptions(videos="shared", job_seconds=(300, 300))) as provider:
        with Vidgen.open(Locations(home)) as vidgen:
            yunwu = {"base_url": provider.url, "keys": [{"name": "main", "secret": "sk-good-aaaa1111"}]}
            vidgen.settings_file.change({f"providers.yunwu.{name}": value for name, value in yunwu.items()})
            vidgen.settings_file.change({"mode": ProviderId("yunwu"), "runner.takes_per_shot": 2})
            project = vidgen.projects.ensure("give up")
            shot = vidgen.shots.add(project.id, prompt="rain", image=picture())
        process, url = start_server(home, log)
        try:
            page = go(visitor(), f"{url}/?project=give+up")
            card(page, shot.id).get_by_role("button", name="Generate 2").click()
            expect(page.locator(".st-key-header_line").get_by_role("button", name="Generating 2")).to_be_visible()
            page.get_by_role("button", name="Stop").click()
            page.get_by_role("menuitem", name="Give up waiting for 2").click()
            question = page.get_by_test_id("stDialog")
            expect(question).to_contain_text("2 takes are being made (≈¥0.80). They may still be charged.")
            question.get_by_role("button", name="Give up waiting").click()
            expect(page.get_by_test_id("stToast").first).to_contain_text("2")
            expect(card(page, shot.id).get_by_role("button", name="Cancelled")).to_have_count(2)
            assert provider.stats()["submits_total"] == 2
            assert "Traceback" not in log.read_text()
            # A page that is left without its server complains.
            page.close()
        finally:
            stop_server(process)


def test_a_server_that_comes_back_finds_its_page_waiting(tmp_path: Path, visitor: Visitors) -> None:
    home, log, port = tmp_path / "home", tmp_path / "log", free_port()
    with Vidgen.open(Locations(home)) as vidgen:
        project = vidgen.projects.ensure("ep01")
        shot = vidgen.shots.add(project.id, prompt="before")
    process, url = start_server(home, log, port)
    page = go(visitor(), f"{url}/?project=ep01")
    expect(card(page, shot.id).get_by_role("textbox")).to_have_value("before")
    stop_server(process)
    with Vidgen.open(Locations(home)) as vidgen:
        vidgen.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1))
        vidgen.worker.pause()
    process, _ = start_server(home, log, port)
    try:
        expect(card(page, shot.id).get_by_text("Queued").first).to_be_visible()
        assert "Traceback" not in log.read_text()
    finally:
        stop_server(process)
        # While the server was away the page could only complain.
        page.close()
        visitor.complaints.clear()


def test_an_address_names_its_project_once_however_many_links_were_followed(studio: Studio, page: Page) -> None:
    project = studio.project("named once", 1)
    go(page, studio.at(project))
    for name, path in (("Export", "export"), ("Tasks", "tasks"), ("Export", "export")):
        # Off the link before, whose tip would lie over this one.
        page.mouse.move(700, 500)
        page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()
        until(page, lambda path=path: page.url == f"{studio.url}/{path}?project=named+once", "the address")


def test_what_could_not_be_fetched_is_drawn_when_it_can(studio: Studio, visitor: Visitors) -> None:
    project = studio.project("fetched later", 1)
    page = visitor()
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        route.abort()

    page.route("**/part/*", lose)
    go(page, studio.at(project))
    until(page, lambda: {"header.js", "takes.js"} <= {url.rsplit("/", 1)[1].split("?")[0] for url in lost}, "the code")
    page.unroute("**/part/*")

    expect(page.locator(".st-key-header_line .pause")).to_be_visible()
    [shot] = studio.vidgen.shots.ids(project.id)
    expect(card(page, shot).get_by_role("button", name="Generate").first).to_be_visible()
    visitor.complaints.clear()


def test_what_is_typed_when_the_server_goes_is_kept_when_it_comes_back(tmp_path: Path, visitor: Visitors) -> None:
    home, log, port = tmp_path / "home", tmp_path / "log", free_port()
    with Vidgen.open(Locations(home)) as vidgen:
        project = vidgen.projects.ensure("ep01")
        typed, changed = (vidgen.shots.add(project.id, prompt=prompt) for prompt in ("rain", "hail"))
    process, url = start_server(home, log, port)
    page = go(visitor(), f"{url}/?project=ep01")
    box = card(page, typed.id).get_by_role("textbox")
    box.press("End")
    box.press_sequentially(" at night")
    process.kill()
    process.wait()
    expect(box).to_be_disabled()
    # Also to who cannot see it; the header claims nothing meanwhile.
    header = page.locator(".st-key-header_line")
    expect(header.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(header.locator(".connection")).to_have_text("● Offline")
    with Vidgen.open(Locations(home)) as vidgen:
        vidgen.shots.edit(changed.id, prompt="snow")
    process, _ = start_server(home, log, port)
    try:
        with Vidgen.open(Locations(home)) as vidgen:
            until(page, lambda: vidgen.shots.get(typed.id).prompt == "rain at night", "what was typed")
            expect(box).to_be_focused()
            expect(box).to_have_value("rain at night")
            # The other box has what is out of date: nothing is made of it unseen.
            expect(card(page, changed.id)).to_contain_text("“snow”")
            assert vidgen.shots.get(changed.id).prompt == "snow"
        expect(header.get_by_role("alert")).to_have_count(0)
        expect(header.locator(".connection")).to_have_text("● Ready")
        assert "Traceback" not in log.read_text()
    finally:
        stop_server(process)
        page.close()
        visitor.complaints.clear()


@pytest.mark.smoke
def test_a_phone_goes_from_shot_to_playing_take(studio: Studio, visitor: Visitors) -> None:
    project = studio.project("phone", 1)
    [shot] = studio.vidgen.shots.ids(project.id)
    page = go(visitor(width=390, height=844, scheme="dark", locale="zh-CN"), studio.at(project))
    card(page, shot).get_by_role("button", name="生成 3 条").click()
    play = card(page, shot).get_by_role("button", name="播放")
    expect(play).to_have_count(3)
    play.first.click()
    plays(page)
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= 390


def test_an_idle_page_asks_for_nothing(studio: Studio, page: Page) -> None:
    project = studio.project("idle", 2)
    frames: list[object] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(frame))

    page.on("websocket", listen)
    go(page, studio.at(project))
    page.wait_for_timeout(500)
    frames.clear()
    page.wait_for_timeout(4000)
    # The slow timer of the header may fall into it, nothing else.
    assert len(frames) < 40
