"""The whole way by clicks alone, in Chinese, without any key: from a pasted script to a rough cut."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import av
import pytest
from browser_studio import Studio, Visitors, go, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.tasks import TaskStatus

SCRIPT = "第一场 内景 灯塔 夜\n老陈划亮火柴。\n小满：爷爷，他们要回来了。\n海面上升起太阳。"


@pytest.fixture
def one_take(studio: Studio) -> Iterator[None]:
    """One take a shot is enough here; the other tests of this server want what it usually makes."""
    usual = studio.vidgen.settings().runner.takes_per_shot
    studio.vidgen.settings_file.change({"runner.takes_per_shot": 1})
    yield
    studio.vidgen.settings_file.change({"runner.takes_per_shot": usual})


def press(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").locator("visible=true").first.click()


def follow(page: Page, step: str, leads_to: str) -> None:
    """Take the step that the sidebar marks as the next one."""
    # What has a tip is there twice, for fingers and for mice; one of them is hidden.
    link = page.locator(".st-key-sidebar_pages a", has_text=step).locator("visible=true")
    expect(link).to_contain_text("下一步")
    link.click()
    page.wait_for_url(f"**/{leads_to}*")
    settled(page)


@pytest.mark.usefixtures("one_take")
def test_a_chinese_script_becomes_a_rough_cut_by_clicks_alone(
    studio: Studio, visitor: Visitors, keep_picture: Callable[[Page, str], None]
) -> None:
    vidgen, project = studio.vidgen, studio.project("灯塔", shots=0)
    page = go(visitor(locale="zh-CN"), studio.at(project, "script"))

    page.get_by_role("textbox", name="粘贴剧本").fill(SCRIPT)
    page.get_by_role("textbox", name="粘贴剧本").blur()
    press(page, "script_go")
    page.get_by_role("button", name="将 3 个镜头加入分镜").click()
    until(page, lambda: len(vidgen.shots.ids(project.id)) == 3, "three shots")
    shots = vidgen.shots.ids(project.id)
    expect(page.locator(".st-key-sidebar_pages")).to_contain_text("分镜 3")

    keep_picture(page, "way-script")
    follow(page, "参考图 0/3", "")
    press(page, "shots_work")
    press(page, "draw_missing")
    page.get_by_role("dialog").get_by_role("slider").press("ArrowRight")
    page.get_by_role("button", name="生成 6").click()
    until(page, lambda: sum(len(vidgen.pictures.of_shot(shot)) for shot in shots) == 6, "six pictures")
    other = next(one for one in vidgen.pictures.of_shot(shots[0]) if not one.chosen)
    # The way there has left only shots without a picture.
    page.get_by_role("radio", name=re.compile("^全部")).click()
    press(page, f"choose_picture_{other.id}")
    until(page, lambda: vidgen.shots.get(shots[0]).image == other.image, "the choice of a picture")

    press(page, "tick_all")
    press(page, "ticked_prompts_box")
    page.get_by_text("全部 3 个镜头").click()
    page.get_by_role("combobox", name="运镜").click()
    page.get_by_role("option", name="环绕", exact=False).first.click()
    press(page, "ticked_prompts_begin")
    until(page, lambda: "环绕" in vidgen.shots.get(shots[2]).prompt, "the prompts")
    keep_picture(page, "way-shots")
    page.keyboard.press("Escape")

    press(page, "selected_generate")
    until(page, lambda: vidgen.tasks.counts(project.id)[TaskStatus.COMPLETED] == 9, "three takes beside six pictures")

    follow(page, "选片", "pick")
    for place in range(3):
        page.get_by_role("button", name="★ 选定").first.click()
        until(page, lambda place=place: len(vidgen.takes.chosen(project.id)) == place + 1, "the choice")  # type: ignore[misc]
        settled(page)

    expect(page.locator(".st-key-sidebar_pages")).not_to_contain_text("待选")
    follow(page, "导出", "export")
    press(page, "export_start_mp4")
    link = page.get_by_role("link", name="下载")
    expect(link).to_be_visible()
    film = page.request.get(studio.url + str(link.get_attribute("href"))).body()
    takes = vidgen.takes.chosen(project.id)
    with av.open(io.BytesIO(film)) as video:
        frames = sum(1 for _ in video.decode(video=0))
    assert frames == round(sum(take.seconds for take in takes) * 8)
    expect(page.locator(".st-key-sidebar_pages")).to_contain_text("导出 1")
    keep_picture(page, "way-export")
