"""The Add screen's logic: orders become plans, plans become shots."""

from __future__ import annotations

import zipfile
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


def bring(screen: Screen, *paths: Path) -> None:
    """Let the browser say that files have come into this session's staging folder."""

    def act() -> None:
        staging = request.staging()
        names = []
        for path in paths:
            with path.open("rb") as file:
                target = staging.replace(path.name)
                target.write_bytes(file.read())
                names.append(target.relative_to(staging.path).as_posix())
        drop.receive({"files": names, "failed": 0}, forms._came)

    screen.act(act)


def prompts(screen: Screen) -> list[tuple[str, str]]:
    shots = screen.app.shots
    return [(shots.get(id_).number, shots.get(id_).prompt) for id_ in shots.ids(screen.project.id)]


def test_pictures_are_looked_at_before_they_are_added(screen: Screen, tmp_path: Path) -> None:
    bring(screen, draw(tmp_path / "1.10.png"), draw(tmp_path / "1.2.png"))
    words = screen.words()

    assert "90 × 160 · PNG" in words
    assert "sent as a JPEG copy" in words
    assert prompts(screen) == []
    screen.press("add_act")
    assert prompts(screen) == [("1.2", ""), ("1.10", "")]
    assert "2 shots added." in screen.words()


def test_prompts_that_come_after_the_pictures_are_paired_as_said(screen: Screen, tmp_path: Path) -> None:
    bring(screen, draw(tmp_path / "x1.png"), draw(tmp_path / "x2.png"))
    screen.at.pills(key="add_way").set_value("paste").run()
    screen.at.text_area(key="add_paste").set_value("a\nb\nc").run()
    screen.press("add_paste_go")
    assert "3 without a picture" in screen.words()

    screen.at.segmented_control(key="add_spare").set_value("order").run()
    screen.check()
    assert "1 without a picture" in screen.words()
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "a"), ("2.0", "b"), ("3.0", "c")]
    assert screen.app.shots.page(screen.project.id).items[0].shot.image is not None


def test_pictures_dropped_after_the_list_go_to_its_rows(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("shot,image,prompt\n1,a.png,x\n2,,y\n", encoding="utf-8")
    bring(screen, source)
    assert "1 row names a picture that is not here" in screen.words()

    bring(screen, draw(tmp_path / "a.png"), draw(tmp_path / "第二镜.png"))
    screen.press("add_act")

    views = screen.app.shots.page(screen.project.id).items
    assert [(view.shot.number, view.shot.image is not None) for view in views] == [("1", True), ("2", True)]


def test_a_document_of_another_program_is_named_and_stops_nothing(screen: Screen, tmp_path: Path) -> None:
    names = {"表.numbers": b"PK", "script.pdf": b"%PDF-1.7", "board.json": b'[{"prompt": "a fox"}, {"prompt": "a h'}
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    bring(screen, *(tmp_path / name for name in names))
    words = screen.words()

    assert "表.numbers cannot be read as a list" in words
    assert "script.pdf cannot be read as a list" in words
    assert "The file breaks off in line 1" in words
    screen.press("add_act")
    assert prompts(screen) == [("1.0", "a fox")]


def test_a_list_whose_pictures_are_not_here_is_added_without_them_on_a_word(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("shot,image,prompt\n1,a.png,x\n2,b.png,y\n", encoding="utf-8")
    bring(screen, source)
    assert screen.at.button(key="add_act").disabled

    screen.at.toggle(key="add_without_pictures").set_value(True).run()
    screen.press("add_act")

    assert prompts(screen) == [("1", "x"), ("2", "y")]


def test_the_same_file_again_takes_the_place_of_the_one_before(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("shot,prompt\n1,x\n", encoding="utf-8")
    bring(screen, source)
    source.write_text("shot,prompt\n1,x\n2,y\n", encoding="utf-8")
    bring(screen, source)
    screen.press("add_act")

    assert prompts(screen) == [("1", "x"), ("2", "y")]


def test_rows_that_look_like_shots_that_are_here_ask_what_they_are(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("shot,prompt\n001,x\n002,y\n", encoding="utf-8")
    bring(screen, source)
    screen.press("add_act")
    source.write_text("shot,prompt\n1,x\n2,y slowly\n", encoding="utf-8")
    bring(screen, source)
    assert screen.at.button(key="add_act").disabled

    screen.at.segmented_control(key="add_existing").set_value("update").run()
    screen.press("add_act")

    assert prompts(screen) == [("001", "x"), ("002", "y slowly")]
    assert "1 shot changed." in screen.words()


def test_refused_rows_stay_as_a_list_after_adding(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("shot,prompt,takes\n1,x,\n2,y,99\n", encoding="utf-8")
    bring(screen, source)
    screen.press("add_act")

    assert "1 was refused." in screen.words()
    assert "list.csv, line 3" in screen.words()
    assert screen.at.get("download_button")


def test_an_archive_is_its_list_with_its_pictures(screen: Screen, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ep.zip", "w") as archive:
        archive.writestr("ep/list.csv", "shot,image,prompt\n1,pics/a.png,x\n")
        archive.writestr("ep/pics/a.png", draw(tmp_path / "a.png").read_bytes())
        archive.writestr("__MACOSX/ep/._list.csv", b"\0")
    bring(screen, tmp_path / "ep.zip")
    screen.press("add_act")

    (view,) = screen.app.shots.page(screen.project.id).items
    assert (view.shot.number, view.shot.image is not None) == ("1", True)


def test_a_script_is_sent_to_its_page(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "ep.fountain").write_text("INT. ROOM - DAY\n\nShe turns.\n", encoding="utf-8")
    bring(screen, tmp_path / "ep.fountain")

    assert "is a script" in screen.words().replace("\\", "")
    assert screen.at.button(key="add_to_script")


def test_adding_and_generating_shows_its_price_and_queues(screen: Screen, tmp_path: Path) -> None:
    bring(screen, draw(tmp_path / "1.png"))
    assert "Add and generate 3 (free)" in screen.at.button(key="add_act_generate").label

    screen.press("add_act_generate")

    assert screen.app.tasks.counts(screen.project.id)[TaskStatus.QUEUED] == 3
    assert "3 takes queued." in screen.words()


def test_a_paid_provider_shows_what_generating_costs(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("prompt,provider,takes\nx,yunwu,2\ny,yunwu,1\n", encoding="utf-8")

    bring(screen, source)

    assert "≈¥1.20" in screen.at.button(key="add_act_generate").label


def test_a_list_is_added_once_and_again_when_asked(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_bytes("编号,提示词,备注\n1.0,推,远景\n1.1,,\n".encode("gb18030"))
    bring(screen, source)
    words = screen.words()
    assert "1 ready" in words
    assert "1 refused" in words
    assert "备注" in words
    screen.press("add_act")
    bring(screen, source)
    assert "already there" in screen.words()
    assert screen.at.button(key="add_act").disabled

    screen.at.toggle(key="add_again").set_value(True).run()
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "推"), ("1.0", "推")]


def test_columns_with_unknown_headers_are_named_once(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    source.write_text("镜中,机位\n雨夜,推\n", encoding="utf-8")
    bring(screen, source)
    assert "headers are not known" in screen.words()
    assert "雨夜" in screen.words(), "its first values are shown"

    screen.at.selectbox(key="add_column__0_list.csv").set_value("prompt").run()
    screen.check()
    screen.press("add_act")
    assert prompts(screen) == [("1.0", "雨夜")]

    other = tmp_path / "other.csv"
    other.write_text("镜中,机位\n清晨,拉\n", encoding="utf-8")
    bring(screen, other)
    screen.press("add_act")
    assert prompts(screen)[1] == ("2.0", "清晨"), "known by its headers"


def test_other_sheets_of_a_workbook_can_be_chosen(screen: Screen, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title in ("一", "二"):
        sheet = book.create_sheet(title)
        sheet.append(["prompt"])
        sheet.append([f"of {title}"])
    book.save(tmp_path / "list.xlsx")
    bring(screen, tmp_path / "list.xlsx")

    screen.at.pills(key="add_sheet_list.xlsx").set_value(["一", "二"]).run()
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "of 一"), ("2.0", "of 二")]


def test_a_list_that_is_broken_is_answered_by_a_sentence(screen: Screen, tmp_path: Path) -> None:
    source = tmp_path / "list.xlsx"
    source.write_bytes(b"PK\x03\x04 nothing")

    bring(screen, source)

    assert "list.xlsx" in "\n".join(error.value for error in screen.at.error)


def test_links_into_the_own_network_are_refused_with_the_way_out(screen: Screen) -> None:
    screen.at.pills(key="add_way").set_value("paste").run()
    screen.at.text_area(key="add_paste").set_value("http://127.0.0.1:9/a.jpg zoom").run()
    screen.press("add_paste_go")

    assert "is in a private network" in screen.words()
    assert screen.at.button(key="add_act").disabled


def test_a_folder_on_the_server_is_read_where_it_lies(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    draw(tmp_path / "shots" / "1.0.png")
    (tmp_path / "shots" / "1.0.txt").write_text("pan", encoding="utf-8")
    screen.at.pills(key="add_way").set_value("folder").run()
    screen.at.text_input(key="add_folder").set_value(str(tmp_path / "shots")).run()
    screen.press("add_folder_once")
    screen.press("add_act")

    assert prompts(screen) == [("1.0", "pan")]
    assert (tmp_path / "shots" / "1.0.png").exists()


def test_a_folder_that_is_not_there_is_answered_by_a_sentence(screen: Screen, tmp_path: Path) -> None:
    screen.at.pills(key="add_way").set_value("folder").run()
    screen.at.text_input(key="add_folder").set_value(str(tmp_path / "gone")).run()
    screen.press("add_folder_once")
    assert "gone" in screen.at.error[0].value

    screen.press("add_watch_start")
    assert "There is no folder" in screen.toasts()


def test_a_watched_folder_shows_what_it_does_and_can_be_left(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    screen.at.pills(key="add_way").set_value("folder").run()
    screen.at.text_input(key="add_folder").set_value(str(tmp_path / "inbox")).run()
    screen.press("add_watch_start")
    assert screen.app.watched_folders.get(screen.project.id) is not None
    assert "Waiting for the worker" in screen.words()

    screen.press("add_watch_stop")

    assert screen.app.watched_folders.get(screen.project.id) is None


def test_starting_over_forgets_the_files(screen: Screen, tmp_path: Path) -> None:
    bring(screen, draw(tmp_path / "1.png"))
    screen.press("add_start_over")

    assert "Preview" not in screen.words()
    assert list((tmp_path / "home" / "incoming").rglob("*.png")) == []


def test_what_the_browser_says_again_until_it_was_heard_is_taken_once(screen: Screen) -> None:
    came: list[str] = []

    def act() -> None:
        for name in ("a.png", "b.png"):
            request.staging().replace(name).write_bytes(b"x")
        first, second = {"n": 1, "files": ["a.png"], "failed": 0}, {"n": 2, "files": ["b.png"], "failed": 0}
        for acts in ([first], [first, second], [second]):
            drop.carry_out("add_drop_files", acts, lambda paths: came.extend(path.name for path in paths))

    screen.act(act)

    assert came == ["a.png", "b.png"]


def test_files_that_got_lost_on_the_way_are_told_of(screen: Screen) -> None:
    screen.act(lambda: drop.receive({"files": ["gone.png"], "failed": 1}, forms._came))

    assert "2 files could not be uploaded" in screen.toasts()


def test_a_single_shot_comes_with_its_frames_references_and_options(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = {"form": ["a.png"], "last_frame": ["z.png"], "references": ["b.png", "c.png"]}
    monkeypatch.setattr(request, "received", lambda name: [draw(tmp_path / one) for one in came[name]])
    screen.at.pills(key="add_way").set_value("form").run()
    screen.at.text_area(key="add_form_prompt").set_value("the boat lands")
    screen.at.selectbox(key="add_form_mode").set_value("first_last_frame")
    screen.at.selectbox(key="add_form_sound").set_value("off")
    screen.at.text_area(key="add_form_negative_prompt").set_value("rain")
    next(button for button in screen.at.button if button.label == "Preview").click().run()
    screen.check()
    screen.press("add_act")

    [shot] = [screen.app.shots.get(id_) for id_ in screen.app.shots.ids(screen.project.id)]
    assert (shot.image is not None, shot.last_frame is not None, len(shot.references)) == (True, True, 2)
    assert (shot.params.sound, shot.params.negative_prompt, shot.params.mode) == (False, "rain", "first_last_frame")
