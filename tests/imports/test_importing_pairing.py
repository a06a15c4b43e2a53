"""Pictures and rows that came separately."""

from pathlib import Path

import pytest
from importing_factories import codes, draw

from vidgen_core.services.imports.pairing import Spare
from vidgen_core.services.imports.readers.reader import read_sources


def shots(folder: Path, text: str, names: list[str], spare: Spare = Spare.SHOTS) -> list[tuple[str | None, str, str]]:
    """Number, prompt and picture of each shot that a list and pictures elsewhere become."""
    path = folder / "list.txt"
    path.write_text(text, encoding="utf-8")
    pictures = [draw(folder / "pictures" / name) for name in names]
    plan = read_sources([path, *pictures], spare=spare)
    return [(shot.number, shot.prompt, shot.image.name if shot.image else "") for shot in plan.shots]


def test_prompts_are_lines_or_paragraphs(tmp_path: Path) -> None:
    def prompts(text: str) -> list[str]:
        return [prompt for _, prompt, _ in shots(tmp_path, text, [])]

    assert prompts("one\n\r\n") == ["one"]
    assert prompts("one\ntwo\n three ") == ["one", "two", "three"]
    assert prompts("one\nstill one\n\n \ntwo") == ["one\nstill one", "two"]


@pytest.mark.parametrize("spare", list(Spare))
def test_a_picture_goes_to_the_row_that_names_it_or_bears_its_number(tmp_path: Path, spare: Spare) -> None:
    text = "shot,image,prompt\n001,,one\n2,gone.png,two\n第十镜,,ten\n4,beach.png,four\n"

    assert shots(tmp_path, text, ["第一镜.png", "镜头2.jpg", "10.png", "beach.png"], spare) == [
        ("001", "one", "第一镜.png"),
        ("2", "two", "镜头2.jpg"),
        ("10", "ten", "10.png"),
        ("4", "four", "beach.png"),
    ]


@pytest.mark.parametrize("spare", list(Spare))
@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "b.png", "c.png"],
        ["0001.png", "0001-last.png", "0001-ref1.png"],
        ["1_first.png", "1_last.png", "2.png"],
    ],
)
def test_a_picture_that_a_row_names_as_its_last_frame_or_reference_is_no_shot(
    tmp_path: Path, names: list[str], spare: Spare
) -> None:
    first, last, reference = names
    text = f"shot,image,last_frame,references,prompt\n1,{first},{last},{reference},one\n2,,{last},,two\n"
    assert shots(tmp_path, text, names, spare) == [("1", "one", first), ("2", "two", "")]


def test_the_last_frame_beside_a_picture_that_a_row_names_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("shot,image,prompt\n1,1_first.png,one\n2,2_first.png,two\n3,2_last.png,three\n", encoding="utf-8")
    names = ["1_first.png", "1_last.png", "2_first.png", "2_last.png"]
    plan = read_sources([path, *(draw(tmp_path / "pictures" / name) for name in names)])
    ends = [[one.image.name for one in shot.pictures if one.image] for shot in plan.shots]
    assert ends == [["1_last.png"], [], []]


def test_a_line_that_begins_with_a_picture_or_a_link_is_its_prompt(tmp_path: Path) -> None:
    text = "beach.png：waves\nb 1.jpg\tthe second\nhttps://example.com/a.png pan"

    assert shots(tmp_path, text, ["beach.png", "b 1.jpg"]) == [
        (None, "waves", "beach.png"),
        (None, "the second", "b 1.jpg"),
        (None, "pan", ""),
    ]


def test_a_shorter_name_takes_no_line_of_a_longer_one(tmp_path: Path) -> None:
    assert shots(tmp_path, "12: twelve\n3: three", ["1.jpg", "12.jpg"]) == [
        ("12", "twelve", "12.jpg"),
        ("3", "three", ""),
        ("1", "", "1.jpg"),
    ]


def test_pictures_that_no_row_names_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    text, names = "a\nb", ["x10.jpg", "x2.jpg", "y.png"]

    assert shots(tmp_path, text, names, Spare.ORDER) == [
        (None, "a", "x2.jpg"),
        (None, "b", "x10.jpg"),
        (None, "", "y.png"),
    ]
    assert [row[1:] for row in shots(tmp_path, text, names[:2], Spare.EACH)] == [
        ("a", "x2.jpg"),
        ("b", "x2.jpg"),
        ("a", "x10.jpg"),
        ("b", "x10.jpg"),
    ]
    assert [row[2] for row in shots(tmp_path, text, names, Spare.SHOTS)] == ["", "", "x2.jpg", "x10.jpg", "y.png"]


def test_pictures_that_nobody_has_placed_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("a\nb", encoding="utf-8")

    plan = read_sources([path, draw(tmp_path / "x.png")], spare=Spare.ASK)

    assert [shot.has_picture for shot in plan.shots] == [False, False]
    assert [(note.code, note.params["count"]) for note in plan.notes] == [("pictures_spare", 1)]


def test_a_picture_that_is_none_is_refused_beside_a_list(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("shot,prompt\n1,a\n", encoding="utf-8")
    (tmp_path / "1.png").write_text("no picture")

    plan = read_sources([path, tmp_path / "1.png"])

    assert codes(plan) == [(2, "ok", []), (None, "rejected", ["image_not_a_picture"])]


def test_a_folder_with_a_list_in_it_is_that_list_with_its_pictures(tmp_path: Path) -> None:
    draw(tmp_path / "ep" / "1.png")
    draw(tmp_path / "ep" / "2.png")
    (tmp_path / "ep" / "list.csv").write_text("shot,prompt\n1,a\n2,b\n", encoding="utf-8")

    plan = read_sources([tmp_path / "ep"])

    assert [(shot.number, shot.prompt, shot.has_picture) for shot in plan.shots] == [("1", "a", True), ("2", "b", True)]
