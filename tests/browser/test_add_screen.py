"""The Add screen, as somebody fills a project with it."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import psutil
import pytest
from browser_studio import Studio, Visitors, go, picture, settled, until
from playwright.sync_api import Page, expect

from vidgen_core.domain.queries import ShotFilter

MANY = 500
#: Bytes; what a process may have more after the pictures are shots than before they were dragged in.
FLAT = 60 << 20


def drop(page: Page, files: list[Path], place: str = "files") -> None:
    page.locator(f".st-key-add_drop_{place} input[multiple]").set_input_files(files)


def draw(folder: Path, names: list[str]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in names]
    for place, path in enumerate(paths):
        # Comments make every file another picture of its own.
        path.write_bytes(picture(place) + str(path).encode())
    return paths


def numbers(studio: Studio, project_id: int) -> list[str]:
    return [view.shot.number for view in studio.vidgen.shots.page(project_id, ShotFilter(), limit=1000).items]


def test_five_hundred_pictures_become_shots_and_leave_the_memory(studio: Studio, page: Page, tmp_path: Path) -> None:
    project = studio.project("five hundred", 0)
    warm, *paths = draw(tmp_path / "many", [f"{n // 10 + 1}.{n % 10}.jpg" for n in range(MANY + 1)])
    for path in paths:
        path.write_bytes(path.read_bytes() + bytes(400_000))
    process = psutil.Process(studio.process.pid)
    go(page, studio.at(project, "add"))
    # Libraries that look at pictures are loaded by the first one.
    drop(page, [warm])
    page.get_by_role("button", name="Add 1 shot").click()
    expect(page.get_by_text("1 shot added.")).to_be_visible()
    before = process.memory_info().rss

    peak = before
    drop(page, paths)
    add = page.get_by_role("button", name=f"Add {MANY} shots")
    while not add.is_visible():
        peak = max(peak, process.memory_info().rss)
        page.wait_for_timeout(200)
    add.click()
    expect(page.get_by_text(f"{MANY} shots added.")).to_be_visible()

    after = process.memory_info().rss
    assert peak - before < FLAT
    assert len(studio.vidgen.shots.ids(project.id)) == MANY + 1
    assert after - before < FLAT
    left = [path for path in (studio.home / "incoming").rglob("*") if path.is_file() and "thumbnails" not in path.parts]
    assert left == []


@pytest.mark.smoke
def test_a_workbook_is_looked_at_row_by_row_and_added_once(studio: Studio, page: Page, tmp_path: Path) -> None:
    project = studio.project("workbook", 0)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["第一集"], [], ["镜号", "参考图", "视频提示词", "备注"]):
        sheet.append(row)
    for row in (["1.10", "a.jpg", "镜头推进", "远景"], ["1.2", "gone.jpg", "x", ""], ["", "", "只有提示词", ""]):
        sheet.append(row)
    book.save(tmp_path / "list.xlsx")
    files = [tmp_path / "list.xlsx", *draw(tmp_path, ["a.jpg"])]
    go(page, studio.at(project, "add"))
    drop(page, files)
    expect(page.get_by_text("2 ready")).to_be_visible()
    expect(page.get_by_text("1 refused")).to_be_visible()
    expect(page.get_by_text("Columns kept as they are: 备注")).to_be_visible()
    expect(page.get_by_alt_text("Picture of shot 1.10")).to_be_visible()
    page.get_by_role("button", name="Add 2 shots").click()
    expect(page.get_by_text("2 shots added.")).to_be_visible()
    assert numbers(studio, project.id) == ["1.10", "2.0"]

    drop(page, files)
    expect(page.get_by_text("2 already there").first).to_be_visible()
    expect(page.get_by_role("button", name="Add 0 shots")).to_be_disabled()
    assert len(numbers(studio, project.id)) == 2


def drag(page: Page, path: Path, place: str = "files") -> None:
    """By mouse from the desktop, as Chromium hears of it."""
    box = page.locator(f".st-key-add_drop_{place} .zone").bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})


def test_a_folder_dragged_in_brings_everything_below_it(studio: Studio, page: Page, tmp_path: Path) -> None:
    project = studio.project("dragged", 0)
    # Chromium lists a folder a hundred files at a time.
    names = [f"{n}.0.jpg" for n in range(1, 121)]
    paths = draw(tmp_path / "ep01", names)
    draw(tmp_path / "ep01" / "night", ["121.0.jpg"])
    paths[0].with_suffix(".txt").write_text("pan left", encoding="utf-8")
    (tmp_path / "ep01" / "notes.doc").write_bytes(b"not for here")
    go(page, studio.at(project, "add"))

    drag(page, tmp_path / "ep01")
    page.get_by_role("button", name="Add 121 shots").click()
    expect(page.get_by_text("121 shots added.")).to_be_visible()

    assert numbers(studio, project.id) == [f"{n}.0" for n in range(1, 122)]
    first = studio.vidgen.shots.by_number(project.id, "1.0")
    assert first is not None
    assert first.prompt == "pan left"


def paste(page: Page, text: str) -> None:
    """Ctrl+V outside of any field, with this in the clipboard."""
    page.evaluate(
        """text => {
          const data = new DataTransfer()
          data.setData("text/plain", text)
          document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, composed: true }))
        }""",
        text,
    )


def test_cells_pasted_from_a_sheet_take_the_pictures_that_are_here_in_order(
    studio: Studio, page: Page, tmp_path: Path
) -> None:
    project = studio.project("by order", 0)
    go(page, studio.at(project, "add"))
    drop(page, draw(tmp_path, ["x10.jpg", "x2.jpg"]))
    expect(page.get_by_role("button", name="Add 2 shots")).to_be_visible()
    paste(page, '镜号\t提示词\n1\t"the first\nin two lines"\n2\tthe second\n3\tnobody\'s')
    page.get_by_text("To the rows in order").click()
    page.get_by_role("button", name="Add 3 shots").click()
    expect(page.get_by_text("3 shots added.")).to_be_visible()

    views = studio.vidgen.shots.page(project.id, ShotFilter(), limit=10).items
    assert [(view.shot.number, view.shot.prompt, bool(view.shot.image)) for view in views] == [
        ("1", "the first\nin two lines", True),
        ("2", "the second", True),
        ("3", "nobody's", False),
    ]


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_a_newcomer_brings_a_folder_a_sheet_and_a_script_into_an_empty_project(
    studio: Studio, visitor: Visitors, tmp_path: Path, locale: str
) -> None:
    project = studio.project(f"newcomer {locale}", 0)
    page = go(visitor(width=1280, height=900, locale=locale), studio.at(project, "shots"))
    draw(tmp_path / "ep01", ["1.jpg", "2.jpg"])
    book = openpyxl.Workbook()
    for row in (["镜号", "画面描述"], ["3", "雨夜"], ["4", "清晨"]):
        book.active.append(row)
    book.save(tmp_path / "list.xlsx")
    script = tmp_path / "ep.fountain"
    script.write_text("INT. ROOM - DAY\n\nShe turns.\n", encoding="utf-8")

    drag(page, tmp_path / "ep01")
    page.get_by_role("button", name="Add 2 shots").or_(page.get_by_role("button", name="添加 2 个镜头")).click()
    expect(page.get_by_text("2 shots added.").or_(page.get_by_text("已添加 2 个镜头"))).to_be_visible()
    drop(page, [tmp_path / "list.xlsx"])
    page.get_by_role("button", name="Add 2 shots").or_(page.get_by_role("button", name="添加 2 个镜头")).click()
    until(page, lambda: len(numbers(studio, project.id)) == 4, "the shots of the sheet")
    drop(page, [script])
    page.get_by_role("button", name="Open on the Script page").or_(
        page.get_by_role("button", name="到“剧本”页打开")
    ).click()
    expect(page.get_by_role("textbox").first).to_have_value("INT. ROOM - DAY\n\nShe turns.")


def test_a_picture_saved_into_a_watched_folder_becomes_a_shot_and_a_video(
    studio: Studio, page: Page, tmp_path: Path
) -> None:
    project = studio.project("watched", 0)
    folder = tmp_path / "inbox"
    folder.mkdir()
    go(page, studio.at(project, "add"))
    page.get_by_text("Folder", exact=True).click()
    page.get_by_role("textbox", name="Folder on the server").fill(str(folder))
    page.get_by_role("textbox", name="Folder on the server").press("Enter")
    page.locator(".st-key-add_watch_generate label").first.click()
    settled(page)
    page.get_by_role("button", name="Start watching").click()
    expect(page.locator(".st-key-add_watched")).to_contain_text("Watching")

    whole = picture(3)
    (folder / "1.0.txt").write_text("pan left", encoding="utf-8")
    with (folder / "1.0.jpg").open("wb") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        page.wait_for_timeout(2500)
        assert studio.vidgen.shots.ids(project.id) == [], "a picture being written is no shot yet"
        file.write(whole[len(whole) // 2 :])
    until(page, lambda: bool(studio.vidgen.shots.ids(project.id)), "the shot")

    shot = studio.vidgen.shots.get(studio.vidgen.shots.ids(project.id)[0])
    assert (shot.number, shot.prompt) == ("1.0", "pan left")
    expect(page.get_by_text("1 shot added")).to_be_visible()
    until(page, lambda: len(studio.vidgen.takes.takes_of(shot.id)) == 3, "its takes")
    page.get_by_role("button", name="Stop watching").click()
    expect(page.get_by_role("button", name="Start watching")).to_be_visible()


def test_the_screen_can_be_read_in_chinese_on_a_phone(studio: Studio, visitor: Visitors, tmp_path: Path) -> None:
    project = studio.project("phone", 0)
    page = go(visitor(width=390, height=844, scheme="dark", locale="zh-CN"), studio.at(project, "add"))
    drop(page, draw(tmp_path, ["1.jpg"]))
    expect(page.get_by_role("button", name="添加 1 个镜头")).to_be_visible()
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
