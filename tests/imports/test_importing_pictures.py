"""Folders and picked pictures."""

from pathlib import Path

import pytest
from importing_factories import codes, draw

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.numbers import number_of
from vidgen_core.services.imports.readers.folder import read_folder, read_images


def test_pictures_come_in_natural_order_with_their_numbers(tmp_path: Path) -> None:
    for name in ("1.10.jpg", "1.2.jpg", "2.png", "镜头12.webp", "shot_03.PNG", "sunset.jpg", "10.jpeg"):
        draw(tmp_path / name)

    plan = read_folder(tmp_path)

    assert [(shot.source, shot.number) for shot in plan.shots] == [
        ("1.2.jpg", "1.2"),
        ("1.10.jpg", "1.10"),
        ("2.png", "2"),
        ("10.jpeg", "10"),
        ("shot_03.PNG", "3"),
        ("sunset.jpg", None),
        ("镜头12.webp", "12"),
    ]
    assert plan.ok == plan.shots
    assert plan.source == tmp_path.name


@pytest.mark.parametrize(
    ("stem", "number"),
    [
        ("1", "1"),
        ("0012", "12"),
        ("1.0", "1.0"),
        ("2.1.3", "2.1.3"),
        ("Shot 7", "7"),
        ("scene-4", "4"),
        ("第 12 镜", "12"),
        ("镜12", "12"),
        ("分镜3", "3"),
        ("#5", "5"),
        ("No.9", "9"),
        ("IMG_20261121", None),
        ("20261121", None),
        ("photo", None),
        ("1 (2)", "1 (2)"),
        ("1 - 副本", "1 (2)"),
        ("第一镜", "1"),
        ("第十一镜", "11"),
        ("镜头１０", "10"),
        ("٣", "3"),
        ("第2场第3镜", "2-3"),
        ("1-2", "1-2"),
        ("12b", "12b"),
        ("S01E02_003", "S01E02_003"),
        ("2026-01-02", None),
        ("一个女孩", None),
        ("v1", None),
        ("1.", None),
    ],
)
def test_a_number_is_read_from_names_that_look_like_one(stem: str, number: str | None) -> None:
    assert number_of(stem) == number


def test_a_text_beside_a_picture_is_its_prompt(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "3.png", "4.png"):
        draw(tmp_path / name)
    (tmp_path / "1.txt").write_text("\ufeffcamera pans left\r\nslowly\n", encoding="utf-8", newline="")
    (tmp_path / "2.png.txt").write_bytes("镜头推进".encode("gbk"))
    (tmp_path / "3.txt").write_bytes(bytes(range(256)))

    plan = read_folder(tmp_path)

    assert [shot.prompt for shot in plan.shots] == ["camera pans left\nslowly", "镜头推进", "", ""]
    assert codes(plan)[2:] == [(None, "warning", ["prompt_unreadable"]), (None, "ok", [])]


def test_a_prompt_without_end_is_not_read(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    (tmp_path / "1.txt").write_bytes(b"x" * 1_000_000)

    assert codes(read_folder(tmp_path)) == [(None, "warning", ["prompt_unreadable"])]


def test_what_is_no_picture_is_passed_over_and_bad_pictures_are_named(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    whole = draw(tmp_path / "2.jpg", (400, 400)).read_bytes()
    (tmp_path / "2.jpg").write_bytes(whole[: len(whole) // 2])
    draw(tmp_path / "3.png", (8, 8))
    (tmp_path / "4.jpg").write_text("not one")
    (tmp_path / "5.psd").write_bytes(b"8BPS")
    (tmp_path / "notes.md").write_text("# notes")
    (tmp_path / "._1.png").write_bytes(b"resource fork")
    (tmp_path / "clip.mp4").write_bytes(b"....ftyp")
    (tmp_path / "6.png").mkdir()

    plan = read_folder(tmp_path)

    assert [(shot.source, [reason.code for reason in shot.reasons]) for shot in plan.shots] == [
        ("1.png", []),
        ("2.jpg", ["image_truncated"]),
        ("3.png", ["image_too_small"]),
        ("4.jpg", ["image_not_a_picture"]),
        ("5.psd", ["image_kind_unsupported"]),
    ]
    assert (len(plan.ok), len(plan.rejected)) == (1, 4)
    assert plan.rejected[0].image is None


def test_two_pictures_of_one_number_are_pointed_out(tmp_path: Path) -> None:
    draw(tmp_path / "1.png")
    draw(tmp_path / "01.jpg")

    assert sorted(codes(read_folder(tmp_path))) == [(None, "ok", []), (None, "warning", ["number_twice"])]


def test_picked_pictures_may_lie_anywhere(tmp_path: Path) -> None:
    picked = [draw(tmp_path / "b" / "2.png"), draw(tmp_path / "a" / "10.png"), tmp_path / "gone.png"]

    plan = read_images(picked)

    assert [(shot.source, shot.verdict) for shot in plan.shots] == [
        ("2.png", "ok"),
        ("10.png", "ok"),
        ("gone.png", "rejected"),
    ]


def test_progress_is_told_picture_by_picture(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for number in range(1, 6):
        draw(tmp_path / f"{number}.png")

    read_folder(tmp_path, progress=lambda done, of: told.append((done, of)))

    assert told == [(done, 5) for done in range(1, 6)]


@pytest.mark.parametrize(("name", "code"), [("gone", "folder_unreadable"), ("empty", "folder_without_pictures")])
def test_a_folder_without_pictures_is_refused_by_a_code(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()

    with pytest.raises(InputError) as caught:
        read_folder(tmp_path / name)

    assert caught.value.code == code
