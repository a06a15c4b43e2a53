"""Lists with last frames, reference pictures, sound, negative prompts and modes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.domain.shots import GenerationMode, PictureSlot
from vidgen_core.services.imports.plan import PlannedShot
from vidgen_core.services.imports.readers.reader import read_sources

LAST, REFERENCE = PictureSlot.LAST_FRAME, PictureSlot.REFERENCE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for color in ("red", "blue", "green", "orange"):
        Image.new("RGB", (64, 64), color).save(tmp_path / f"{color}.png")
    return tmp_path


def read(folder: Path, header: list[str], *rows: list[str]) -> tuple[PlannedShot, ...]:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    (folder / "list.csv").write_text(text.getvalue(), encoding="utf-8")
    return read_sources([folder / "list.csv"]).shots


def pictures(shot: PlannedShot) -> list[tuple[str, str, str | None]]:
    return [(one.slot, one.role, one.image.name if one.image else one.image_url) for one in shot.pictures]


@pytest.mark.parametrize("header", ["last_frame", "尾帧", "Last Frame", "end_frame", "尾帧图"])
def test_a_last_frame_is_found_beside_the_list(folder: Path, header: str) -> None:
    [shot] = read(folder, ["镜号", "首帧", header, "提示词"], ["1", "red.png", "blue.png", "run"])
    assert (shot.verdict, pictures(shot)) == ("ok", [(LAST, "character", "blue.png")])
    assert shot.image is not None
    assert shot.image.name == "red.png"


@pytest.mark.parametrize(
    "headers",
    [("参考图", "参考图2", "参考图3"), ("reference", "Reference 2", "reference_3"), ("image", "image2", "image3")],
)
def test_numbered_columns_are_references_behind_the_first_picture(folder: Path, headers: tuple[str, ...]) -> None:
    cells = ["1", "red.png", "blue.png", "https://example.com/c.png", "run"]
    [shot] = read(folder, ["shot", *headers, "prompt"], cells)
    assert shot.image is not None
    assert shot.image.name == "red.png"
    assert pictures(shot) == [
        (REFERENCE, "character", "blue.png"),
        (REFERENCE, "character", "https://example.com/c.png"),
    ]
    assert shot.extra == {}


@pytest.mark.parametrize(
    "cell",
    [
        "blue.png\nstyle: green.png\n物品：orange.png",
        "blue.png; 风格: green.png ;object:orange.png",
        json.dumps(["blue.png", {"image": "green.png", "role": "style"}, {"url": "orange.png", "role": "object"}]),
    ],
)
def test_one_column_may_name_several_with_what_they_show(folder: Path, cell: str) -> None:
    [shot] = read(folder, ["shot", "references", "prompt"], ["1", cell, "run"])
    assert pictures(shot) == [
        (REFERENCE, "character", "blue.png"),
        (REFERENCE, "style", "green.png"),
        (REFERENCE, "object", "orange.png"),
    ]


def test_columns_may_be_called_after_what_the_pictures_show(folder: Path) -> None:
    [shot] = read(folder, ["镜号", "角色参考图", "风格参考图", "提示词"], ["1", "red.png", "blue.png", "run"])
    assert pictures(shot) == [(REFERENCE, "character", "red.png"), (REFERENCE, "style", "blue.png")]


@pytest.mark.parametrize(
    ("cell", "meant"), [("on", True), ("有", True), ("是", True), ("FALSE", False), ("静音", False)]
)
@pytest.mark.parametrize("header", ["sound", "音频", "声音"])
def test_sound_is_said_in_many_words(folder: Path, header: str, cell: str, meant: bool) -> None:
    [shot] = read(folder, ["shot", header, "prompt"], ["1", cell, "run"])
    assert (shot.params.sound, shot.reasons) == (meant, ())


def test_a_column_that_describes_the_sound_stays_beside_the_shot(folder: Path) -> None:
    [shot] = read(folder, ["镜号", "声音", "提示词"], ["1", "海浪拍岸", "run"])
    assert (shot.verdict, shot.params.sound, shot.extra) == ("warning", None, {"声音": "海浪拍岸"})
    assert [reason.code for reason in shot.reasons] == ["sound_unclear"]


@pytest.mark.parametrize(
    ("cell", "mode"),
    [
        ("首尾帧", "first_last_frame"),
        ("First frame", "first_frame"),
        ("文生视频", "text"),
        ("references", "references"),
    ],
)
def test_mode_and_negative_prompt_are_read(folder: Path, cell: str, mode: str) -> None:
    [shot] = read(folder, ["shot", "生成方式", "负面提示词", "prompt"], ["1", cell, "雨, 雪", "run"])
    assert (shot.params.mode, shot.params.negative_prompt) == (GenerationMode(mode), "雨, 雪")


def test_a_last_frame_that_is_not_there_refuses_its_row_alone(folder: Path) -> None:
    good, bad = read(folder, ["shot", "尾帧", "prompt"], ["1", "blue.png", "run"], ["2", "gone.png", "walk"])
    assert (good.verdict, bad.verdict) == ("ok", "rejected")
    assert [reason.code for reason in bad.reasons] == ["image_missing"]


def test_a_row_of_references_alone_is_a_shot(folder: Path) -> None:
    [shot] = read(folder, ["shot", "prompt", "references"], ["1", "", "blue.png"])
    assert shot.verdict == "ok"


def test_more_references_than_a_shot_takes_refuse_the_row_and_lose_none(folder: Path) -> None:
    links = [f"https://example.com/{number}.png" for number in range(31)]
    shots = read(
        folder, ["shot", "更多参考图", "prompt"], ["1", ";".join(links), "run"], ["2", ";".join(links[:30]), "run"]
    )
    assert [(shot.verdict, len(shot.pictures)) for shot in shots] == [("rejected", 31), ("ok", 30)]
    assert [(one.code, one.params) for one in shots[0].reasons] == [("references_over_limit", {"most": 30})]
