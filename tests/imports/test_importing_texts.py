"""Texts that people have instead of a sheet: prompts one a line, Markdown, nested JSON, JSON lines; and paths as they paste them."""

import json
from pathlib import Path
from typing import Any

import pytest
from importing_factories import draw

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.numbers import loose, natural_key
from vidgen_core.services.imports.readers.reader import read_sources


def shots_of(folder: Path, name: str, text: str | bytes) -> list[tuple[str | None, str]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(shot.number, shot.prompt) for shot in read_sources([path]).shots]


@pytest.mark.parametrize(
    ("name", "text", "shots"),
    [
        ("p.txt", "A dragon, over snow\nA sunset; a beach\n", [(None, "A dragon, over snow"), (None, "A sunset; a beach")]),
        ("p.txt", "1. A dragon\n2. A sunset\n10) City lights\n", [("1", "A dragon"), ("2", "A sunset"), ("10", "City lights")]),
        ("p.txt", "第一镜：她转身\n第二镜：她走开\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.txt", "镜头1、她转身\n镜头2、她走开\n".encode("gbk"), [("1", "她转身"), ("2", "她走开")]),
        ("p.txt", "- one\n- two\n", [(None, "one"), (None, "two")]),
        ("p.txt", "first\nstill first\n\nsecond\n", [(None, "first\nstill first"), (None, "second")]),
        ("p.txt", "3 cats play\n2 dogs run\n", [(None, "3 cats play"), (None, "2 dogs run")]),
        ("p.txt", "她走，他看\n9:16 的画面".encode("utf-16"), [(None, "她走，他看"), (None, "9:16 的画面")]),
        ("p.csv", "prompt\nA dragon\nA sunset, at the beach\n", [(None, "A dragon"), (None, "A sunset, at the beach")]),
        ("p.csv", 'prompt\n"A sunset, ""at"" the beach"\n', [(None, 'A sunset, "at" the beach')]),
        ("p", '镜号\t提示词\n1\t"第一行\n第二行"\n2\t走\n', [("1", "第一行\n第二行"), ("2", "走")]),
        ("p.md", "# EP01\n\n| 镜号 | 提示词 |\n|:---|---|\n| **1** | a \\| b |\n| 2 | c<br>d |\n", [("1", "a | b"), ("2", "c\nd")]),
        ("p.json", '{"scenes":[{"scene":1,"shots":[{"prompt":"a"},{"prompt":"b"}]},{"scene":2,"shots":[{"prompt":"c"}]}]}', [(None, "a"), (None, "b"), (None, "c")]),
        ("p.json", '{"data":{"storyboard":[{"镜号":"1","画面描述":"a"}]}}', [("1", "a")]),
        ("p.json", '{"episodes":[{"title":"x","scenes":[{"id":1,"clips":[{"no":1,"video_prompt":"a"}]},{"id":2,"clips":[{"no":1,"video_prompt":"b"}]}]}]}', [("1-1", "a"), ("2-1", "b")]),
        ("p.json", '["a", "b"]', [(None, "a"), (None, "b")]),
        ("p.json", '{"1": {"prompt": "a"}, "2": {"prompt": "b"}}', [("1", "a"), ("2", "b")]),
        ("p.json", '[{"prompt": "a", "dialogue": [{"who": "x", "text": "y"}]}]', [(None, "a")]),
        ("p.json", '```json\n[{"prompt": "a"}]\n```', [(None, "a")]),
        ("p.jsonl", '{"prompt": "a"}\n\n{"prompt": "b"}\n', [(None, "a"), (None, "b")]),
        ("p.txt", '[{"prompt": "a"}]', [(None, "a")]),
        ("p.md", 'Here it is:\n```json\n[{"prompt": "a"},\n{"prompt": "b"}]\n```\nAnything else?', [(None, "a"), (None, "b")]),
        ("p.txt", "1. a red car\n2. a blue car\n\n3) the end\n", [("1", "a red car"), ("2", "a blue car"), ("3", "the end")]),
        ("p.xls", "<html><body><table><tr><th>镜号</th><th>提示词</th></tr><tr><td>1</td><td>雨<br>夜</td></tr></table></body></html>", [("1", "雨\n夜")]),
        ("p.xls", "<table><tr><td>场次</td><td>镜号</td><td>提示词</td></tr><tr><td rowspan=2>一</td><td>1</td><td>雨</td></tr><tr><td>2</td><td>风</td></tr></table>", [("1", "雨"), ("2", "风")]),
    ],
)  # fmt: skip
def test_a_text_is_read_as_what_it_is(folder: Path, name: str, text: str | bytes, shots: list[Any]) -> None:
    assert shots_of(folder, name, text) == shots


@pytest.mark.parametrize(
    ("length", "seconds"), [("5", 5), ("4,5", 4.5), ("0:04", 4), ("00:01:05", 65), ("3秒", 3), ("3.5 sec", 3.5)]
)
def test_a_length_is_read_as_people_write_it(folder: Path, length: str, seconds: float) -> None:
    path = folder / "p.csv"
    path.write_text(f"prompt;duration\na;{length}\nb;3\n")

    assert read_sources([path]).shots[0].params.duration == seconds


@pytest.mark.parametrize(
    ("cell", "first", "others"),
    [
        ("a.png、b.png", "a.png", 1),
        ("a.png b.png", "a.png", 1),
        ("a.png (https://example.com/attachment)", "a.png", 0),
        ("my holiday.png", "my holiday.png", 0),
    ],
)
def test_a_cell_names_pictures_as_other_programs_write_them(folder: Path, cell: str, first: str, others: int) -> None:
    for name in ("a.png", "b.png", "my holiday.png"):
        draw(folder / name)
    path = folder / "p.csv"
    path.write_text(f'shot;附件;prompt\n1;"{cell}";a\n2;;b\n')

    shot = read_sources([path]).shots[0]

    assert (shot.image and shot.image.name, len(shot.pictures)) == (first, others)


def test_a_file_of_settings_is_no_list_of_prompts(folder: Path) -> None:
    path = folder / "p.yaml"
    path.write_text("shots:\n  - id: 1\n    prompt: a\n")
    with pytest.raises(InputError, match="source_unknown"):
        read_sources([path])


def test_a_line_that_is_no_json_is_refused_by_its_place(folder: Path) -> None:
    path = folder / "p.jsonl"
    path.write_text('{"prompt": "a"}\n{"prompt": \n{"prompt": "c"}\n')

    plan = read_sources([path])

    assert [(shot.line, shot.verdict) for shot in plan.shots] == [(1, "ok"), (2, "rejected"), (3, "ok")]


@pytest.mark.parametrize(
    "cell",
    [
        '"J:\\ai\\output\\主角 1.png"', "'J:\\ai\\主角 1.png'", "“J:\\ai\\主角 1.png”", "file:///J:/ai/%E4%B8%BB%E8%A7%92%201.png",
        "\u202aJ:\\ai\\主角 1.png", "\\\\nas\\share\\主角 1.png", "file://nas/share/主角 1.png", "~/pictures/主角 1.png", "主角%201.png",
        "主角 1.PNG", "主角 1", "J:\\ai\\主角 1.png,J:\\ai\\b.jpg", "主角 1.png; b.jpg", "主角 1.png\nb.jpg", "sub\\主角 1.png",
    ],
)  # fmt: skip
def test_a_path_is_found_however_it_was_pasted(folder: Path, cell: str) -> None:
    wanted = draw(folder / "主角 1.png")
    path = folder / "p.json"
    path.write_text(json.dumps([{"image": cell, "prompt": "x"}]))

    (shot,) = read_sources([path]).shots

    assert shot.image == wanted, shot.reasons


def test_names_are_sorted_as_people_read_them() -> None:
    names = [
        "第十镜.png",
        "第二镜.png",
        "第一镜.png",
        "第二十一镜.png",
        "1.png",
        "1 (2).png",
        "2.png",
        "１０.png",
        "٣.png",
    ]

    assert sorted(names, key=natural_key) == [
        "1.png", "1 (2).png", "2.png", "٣.png", "１０.png", "第一镜.png", "第二镜.png", "第十镜.png", "第二十一镜.png",
    ]  # fmt: skip


@pytest.mark.parametrize("number", ["1", "001", "1.0", "第一镜", "Shot 1", "镜头１", "#1"])
def test_what_people_take_for_one_number_is_one(number: str) -> None:
    assert loose(number) == "1"
    assert loose("1.1") != loose("1.10")
