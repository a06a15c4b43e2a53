"""Lists with last frames, reference pictures, sound, negative prompts and modes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.domain.shots import GenerationMode, PictureSlot
from vidgen_core.services.imports.columns import match_columns
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


@pytest.mark.parametrize(
    ("headers", "first", "references"),
    [
        (("首帧", "参考图", "尾帧"), "red.png", ["blue.png"]),
        (("参考图", "首帧", "尾帧"), "blue.png", ["red.png"]),
        (("first_frame", "reference", "last_frame"), "red.png", ["blue.png"]),
        (("首帧图", "参考图1", "参考图2"), "red.png", ["blue.png", "green.png"]),
        (("start image", "ref 1", "ref 2"), "red.png", ["blue.png", "green.png"]),
        (("图片", "参考图", "参考图2"), "red.png", ["blue.png", "green.png"]),
        (("参考图", "图片", "尾帧"), "blue.png", ["red.png"]),
        (("首帧", "图1", "图2"), "red.png", ["blue.png", "green.png"]),
    ],
)
def test_a_picture_for_reference_beside_a_first_frame_is_a_reference(
    folder: Path, headers: tuple[str, ...], first: str, references: list[str]
) -> None:
    [shot] = read(folder, ["镜号", *headers, "提示词"], ["1", "red.png", "blue.png", "green.png", "run"])
    assert shot.image is not None
    assert shot.image.name == first
    assert [name for slot, _, name in pictures(shot) if slot == REFERENCE] == references
    assert shot.extra == {}


@pytest.mark.parametrize("header", ["参考图二", "图2", "图片二", "参考图②", "Reference Image 2", "ref_img_2"])
def test_numbers_of_references_are_written_in_many_ways(folder: Path, header: str) -> None:
    [shot] = read(folder, ["镜号", "首帧", header, "提示词"], ["1", "red.png", "blue.png", "run"])
    assert pictures(shot) == [(REFERENCE, "character", "blue.png")]


@pytest.mark.parametrize("between", [",", "，", "、", ";", "\n", "，\n"])
@pytest.mark.parametrize("header", ["references", "参考图2", "风格参考图"])
def test_pictures_of_one_cell_are_told_apart_by_any_mark(folder: Path, header: str, between: str) -> None:
    [shot] = read(folder, ["shot", header, "prompt"], ["1", f"blue.png{between}物品：green.png", "run"])
    role = "style" if header == "风格参考图" else "character"
    assert pictures(shot) == [(REFERENCE, role, "blue.png"), (REFERENCE, "object", "green.png")]


def test_links_of_one_cell_are_told_apart_and_a_comma_in_one_is_not(folder: Path) -> None:
    two, one = "https://example.com/a.png,https://example.com/b.png", "https://example.com/a.png?size=1,2"
    first, second = read(folder, ["shot", "references", "prompt"], ["1", two, "run"], ["2", one, "run"])
    assert [name for _, _, name in pictures(first)] == two.split(",")
    assert [name for _, _, name in pictures(second)] == [one]


def test_a_name_with_a_comma_in_it_is_one_reference(folder: Path) -> None:
    (folder / "red.png").rename(folder / "blue.png,green.png")
    [shot] = read(folder, ["shot", "references", "prompt"], ["1", "blue.png,green.png", "run"])
    assert [name for _, _, name in pictures(shot)] == ["blue.png,green.png"]


@pytest.mark.parametrize("between", [",", "、", "\n"])
def test_two_last_frames_in_one_cell_refuse_the_row_as_two(folder: Path, between: str) -> None:
    [shot] = read(folder, ["shot", "尾帧", "prompt"], ["1", f"blue.png{between}green.png", "run"])
    assert [reason.code for reason in shot.reasons] == ["last_frames_several"]


@pytest.mark.parametrize("word", ["无", "-", "—", "none", "N/A", "/", "没有", "null", "無"])
@pytest.mark.parametrize("header", ["参考图", "尾帧", "更多参考图", "参考图2", "负面提示词", "台词", "水印", "回调"])
def test_a_word_for_nothing_is_nothing(folder: Path, header: str, word: str) -> None:
    [shot] = read(folder, ["镜号", header, "提示词"], ["1", word, "run"])
    [empty] = read(folder, ["镜号", header, "提示词"], ["1", "", "run"])
    assert shot == empty


@pytest.mark.parametrize(
    "held",
    [
        [{"image": "blue.png", "role": "character"}, {"image": "green.png", "role": "style"}],
        [{"url": "blue.png"}, {"path": "green.png", "type": "风格"}],
        {"character": "blue.png", "style": ["green.png"]},
        ["blue.png", "style: green.png"],
    ],
)
def test_a_storyboard_says_what_its_references_show(folder: Path, held: object) -> None:
    text = json.dumps({"shots": [{"shot": "1", "prompt": "run", "references": held}]})
    (folder / "board.json").write_text(text, encoding="utf-8")
    [shot] = read_sources([folder / "board.json"]).shots
    assert (shot.verdict, pictures(shot)) == (
        "ok",
        [(REFERENCE, "character", "blue.png"), (REFERENCE, "style", "green.png")],
    )


@pytest.mark.parametrize("role", ["", "Alice"])
def test_a_reference_with_another_role_shows_a_character(folder: Path, role: str) -> None:
    held = {"image": "blue.png", "role": role}
    (folder / "board.json").write_text(json.dumps([{"shot": "1", "prompt": "run", "references": held}]))
    [shot] = read_sources([folder / "board.json"]).shots
    assert pictures(shot) == [(REFERENCE, "character", "blue.png")]


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("有声音", True), ("无音频", False), ("有音频", True), ("是的", True), ("enabled", True), ("disabled", False),
        ("with audio", True), ("No audio", False), ("no sound", False), ("需要声音", True), ("不需要声音", False),
        ("无配音", False), ("1.0", True), ("0.0", False), ("自动", None), ("Auto", None),
    ],
)  # fmt: skip
def test_sound_is_said_with_its_noun_as_well(folder: Path, cell: str, meant: bool | None) -> None:
    [shot] = read(folder, ["shot", "音频", "prompt"], ["1", cell, "run"])
    assert (shot.params.sound, shot.reasons) == (meant, ())


@pytest.mark.parametrize(
    ("cell", "mode"),
    [
        ("首尾帧生视频", "first_last_frame"), ("首帧+尾帧", "first_last_frame"), ("首尾帧模式", "first_last_frame"),
        ("FIRST_AND_LAST_FRAMES_2_VIDEO", "first_last_frame"), ("start-end-frame", "first_last_frame"),
        ("REFERENCE_2_VIDEO", "references"), ("参考图生视频", "references"), ("reference2video", "references"),
        ("TEXT_2_VIDEO", "text"), ("text2video", "text"), ("img2video", "first_frame"), ("首帧模式", "first_frame"),
        ("自动", None), ("auto", None),
    ],
)  # fmt: skip
def test_modes_are_called_as_services_call_them(folder: Path, cell: str, mode: str | None) -> None:
    [shot] = read(folder, ["shot", "mode", "prompt"], ["1", cell, "run"])
    assert (shot.params.mode, shot.reasons) == (mode and GenerationMode(mode), ())


@pytest.mark.parametrize(
    ("header", "cell", "field", "value"),
    [
        ("分辨率", "７２０Ｐ", "size", "720P"), ("分辨率", "1920×1080", "size", "1920x1080"), ("清晰度", "自动", "size", "auto"),
        ("时长", "自动", "duration", None), ("时长", "auto", "duration", None), ("模型", "ｖｅｏ３", "model", "veo3"),
    ],
)  # fmt: skip
def test_options_are_read_in_any_width(folder: Path, header: str, cell: str, field: str, value: str | None) -> None:
    [shot] = read(folder, ["shot", header, "prompt"], ["1", cell, "run"])
    assert (getattr(shot.params, field), shot.reasons) == (value, ())


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("end_image_url", "last_frame"), ("end frame image", "last_frame"), ("最后一帧", "last_frame"),
        ("末帧图", "last_frame"), ("reference_image_urls", "references"), ("ref_image_urls", "references"),
        ("有无声音", "sound"), ("Audio On/Off", "sound"), ("enable_audio", "sound"), ("原生音频", "sound"),
        ("负向", "negative_prompt"), ("生成类型", "mode"),
    ],
)  # fmt: skip
def test_headers_of_the_material_have_many_names(header: str, field: str) -> None:
    assert match_columns(["shot", header, "prompt"]).fields.get(field) == 1
