"""The Add screen's logic: orders become plans, plans become shots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from PIL import Image
from screens import Screen, open_screen

from vidgen_core.dashboard.add import drop, forms, request
from vidgen_core.domain.tasks import TaskStatus


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        opened.open("add")
        yield opened


def draw(path: Path) -> Path:
    Image.new("RGB", (90, 160), tuple(path.name.encode().ljust(3, b"x")[:3])).save(path)
    return path


def bring(screen: Screen, way: str, *paths: Path) -> None:
    """Let the browser say that files have come into this session's tray."""
    came = {"pictures": forms._pictures_came, "list": forms._list_came}[way]

    def act() -> None:
        staging = request.staging()
        names = []
        for path in paths:
            with path.open("rb") as file:
                names.append(staging.put(path.name, file).relative_to(staging.path).as_posix())
        drop.receive({"files": names, "failed": 0}, came)

    screen.act(act)


def prompts(screen: Screen) -> list[tuple[str, str]]:
    shots = screen.app.shots
    return [(shots.get(id_).number, shots.get(id_).prompt) for id_ in shots.ids(screen.project.id)]


def test_pictures_are_looked_at_before_they_are_added(screen: Screen, tmp_path: Path) -> None:
    bring(screen, "pictures", draw(tmp_path / "1.10.png"), draw(tmp_path / "1.2.png"))
    words = screen.words()

    assert "90 × 160 · PNG" in words
    assert "sent as a JPEG copy" in words
    assert prompts(screen) == []
    screen.press("add_act")
    assert prompts(screen) == [("1.2", ""), ("1.10", "")]
    assert "2 shots added." in screen.words()


def test_prompts_typed_beside_pictures_are_paired_as_chosen(screen: Screen, tmp_path: Path) -> None:
    bring(screen, "pictures", draw(tmp_path / "1.png"), draw(tmp_path / "2.png"))
    screen.at.radio(key="add_pairing").set_value("by_order").run()
    screen.at.text_area(key="add_prompts").set_value("a\nb\nc").run()
    screen.check()

    assert "No picture found for this prompt" in screen.words().replace("\\", "")
    screen.press("add_act")
    assert prompts(screen) == [("1", "a"), ("2", "b")]


def test_adding_and_generating_shows_its_price_and_queues(screen: Screen, tmp_path: Path) -> None:
    bring(screen, "pictures", draw(tmp_path / "1.png"))
    assert "free" in screen.at.button(key="add_act_generate").label

    screen.press("add_act_generate")

    assert screen.app.tasks.counts(screen.project.id)[TaskStatus.QUEUED] == 3
    assert "3 takes queued." in screen.words()


def test_a_paid_provider_shows_what_generating_costs(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("prompt,provider,takes\nx,yunwu,2\ny,yunwu,1\n", encoding="utf-8")

    bring(screen, "list", source)

    assert "≈¥1.20" in screen.at.button(key="add_act_generate").label


def test_a_list_is_added_once_and_again_when_asked(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_bytes("编号,提示词,备注\n1.0,推,远景\n1.1,,\n".encode("gb18030"))
    bring(screen, "list", source)
    words = screen.words()
    assert "1 ready" in words
    assert "1 refused" in words
    assert "备注" in words
    screen.press("add_act")
    bring(screen, "list", source)
    assert "already there" in screen.words()
    assert screen.at.button(key="add_act").disabled

    screen.at.toggle(key="add_again").set_value(True).run()
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "推"), ("1.0", "推")]


def test_columns_with_unknown_headers_can_be_named(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("画面,机位\n雨夜,推\n", encoding="utf-8")
    bring(screen, "list", source)
    assert "headers are not known" in screen.words()

    screen.at.selectbox(key="add_column__prompt_list.csv").set_value("画面").run()
    screen.check()
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "雨夜")]


def test_another_sheet_of_a_workbook_can_be_chosen(screen: Screen, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title in ("一", "二"):
        sheet = book.create_sheet(title)
        sheet.append(["prompt"])
        sheet.append([f"of {title}"])
    book.save(tmp_path / "list.xlsx")
    bring(screen, "list", tmp_path / "list.xlsx")

    screen.at.selectbox(key="add_sheet_list.xlsx").set_value("二").run()
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "of 二")]


def test_pictures_without_a_list_are_said_to_be_no_list(screen: Screen, tmp_path: Path) -> None:
    bring(screen, "list", draw(tmp_path / "1.png"))

    assert "There is no list among these files" in screen.toasts()


def test_a_list_that_is_broken_is_answered_by_a_sentence(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.xlsx"
    source.write_bytes(b"PK\x03\x04 nothing")

    bring(screen, "list", source)

    assert "list.xlsx" in "\n".join(error.value for error in screen.at.error)


def test_links_into_the_own_network_are_refused_with_the_way_out(screen: Screen) -> None:
    screen.at.text_area(key="add_links").set_value("http://127.0.0.1:9/a.jpg zoom").run()
    screen.press("add_fetch")

    assert "lies in a private network" in screen.words()
    assert screen.at.button(key="add_act").disabled


def test_a_folder_on_the_server_is_read_where_it_lies(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    draw(tmp_path / "shots" / "1.0.png")
    (tmp_path / "shots" / "1.0.txt").write_text("pan", encoding="utf-8")
    screen.at.text_input(key="add_folder").set_value(str(tmp_path / "shots")).run()
    screen.press("add_folder_once")
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "pan")]
    assert (tmp_path / "shots" / "1.0.png").exists()


def test_a_folder_that_is_not_there_is_answered_by_a_sentence(screen: Screen, tmp_path: Path) -> None:
    screen.at.text_input(key="add_folder").set_value(str(tmp_path / "gone")).run()
    screen.press("add_folder_once")
    assert "gone" in screen.at.error[0].value

    screen.press("add_watch_start")
    assert "There is no folder" in screen.toasts()


def test_a_watched_folder_shows_what_it_does_and_can_be_left(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    screen.at.text_input(key="add_folder").set_value(str(tmp_path / "inbox")).run()
    screen.press("add_watch_start")
    assert screen.app.watched_folders.get(screen.project.id) is not None
    assert "Waiting for the runner" in screen.words()

    screen.press("add_watch_stop")

    assert screen.app.watched_folders.get(screen.project.id) is None


def test_starting_over_forgets_the_files(screen: Screen, tmp_path: Path) -> None:
    bring(screen, "pictures", draw(tmp_path / "1.png"))
    screen.press("add_start_over")

    assert "Preview" not in screen.words()
    assert list((tmp_path / "home" / "incoming").rglob("*.png")) == []


def test_files_that_got_lost_on_the_way_are_told_of(screen: Screen) -> None:
    screen.act(lambda: drop.receive({"files": ["gone.png"], "failed": 1}, forms._pictures_came))

    assert "2 files could not be brought in" in screen.toasts()
