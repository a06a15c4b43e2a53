"""Pictures whose names say that one is the first and one the last frame are one shot."""

from __future__ import annotations

from pathlib import Path

import pytest
from importing_factories import draw

from vidgen_core.domain.shots import PictureSlot
from vidgen_core.services.imports.readers.folder import read_folder
from vidgen_core.services.imports.readers.reader import read_sources


def shots(folder: Path, *names: str) -> list[tuple[str | None, str, str]]:
    """Number, first and last frame of each shot that a folder becomes."""
    for name in names:
        draw(folder / name)
    found = []
    for shot in read_folder(folder).shots:
        assert all(one.slot is PictureSlot.LAST_FRAME and one.image_key for one in shot.pictures)
        last = [one.image.name for one in shot.pictures if one.image]
        found.append((shot.number, shot.image.name if shot.image else "", "".join(last)))
    return found


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("1.0_first.png", "1.0_last.png"),
        ("1.0-Start.png", "1.0-End.jpg"),
        ("1.0 first frame.png", "1.0 last frame.png"),
        ("1.0首帧.png", "1.0尾帧.png"),
        ("1.0_首帧.png", "1.0_末帧.png"),
        ("1.0（首帧）.png", "1.0（尾帧）.png"),
        ("first_1.0.png", "last_1.0.png"),
        ("首帧1.0.png", "尾帧1.0.png"),
        ("1.0.png", "1.0_last.png"),
    ],
)
def test_a_pair_is_one_shot(tmp_path: Path, first: str, last: str) -> None:
    assert shots(tmp_path, first, last) == [("1.0", first, last)]


def test_pairs_stand_between_other_pictures_and_the_text_of_either_is_the_prompt(tmp_path: Path) -> None:
    (tmp_path / "2_last.txt").write_text("the boat lands", encoding="utf-8")
    assert shots(tmp_path, "1.png", "2_first.png", "2_last.png", "10.png") == [
        ("1", "1.png", ""),
        ("2", "2_first.png", "2_last.png"),
        ("10", "10.png", ""),
    ]
    assert [shot.prompt for shot in read_folder(tmp_path).shots] == ["", "the boat lands", ""]


@pytest.mark.parametrize(
    "names",
    [
        ["1_first.png", "2_last.png"],
        ["3_last.png"],
        ["lastrada.png", "firstling.png"],
        ["weekend.png", "week.png"],
        ["1_first.png", "1_start.png", "1_last.png"],
    ],
    ids=["other shots", "alone", "words", "end of a word", "two firsts"],
)
def test_what_is_no_pair_stays_shots_of_their_own(tmp_path: Path, names: list[str]) -> None:
    assert sorted(first for _, first, last in shots(tmp_path, *names) if not last) == sorted(names)


def test_a_last_frame_that_is_no_picture_is_refused_by_itself(tmp_path: Path) -> None:
    draw(tmp_path / "1_first.png")
    (tmp_path / "1_last.png").write_bytes(b"no picture")
    assert sorted((shot.verdict, len(shot.pictures)) for shot in read_folder(tmp_path).shots) == [
        ("ok", 0),
        ("rejected", 0),
    ]


def test_a_pair_goes_to_the_row_of_its_number(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("shot,prompt\n1.0,the boat lands\n", encoding="utf-8")
    pictures = [draw(tmp_path / name) for name in ("1.0_first.png", "1.0_last.png")]
    (shot,) = read_sources([tmp_path / "list.csv", *pictures]).shots
    assert (shot.prompt, shot.image, [one.image for one in shot.pictures]) == (
        "the boat lands",
        pictures[0],
        [pictures[1]],
    )
