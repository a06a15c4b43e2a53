"""Texts that people have instead of a sheet: prompts one a line, Markdown, nested JSON, JSON lines; and paths as they paste them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from importing_factories import draw

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import ListChoice, match_columns
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
        ("p.txt", "[wide] She turns\n[close] She goes\n", [(None, "[wide] She turns"), (None, "[close] She goes")]),
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
        ("p.json", '{"1": "a", "2": {"prompt": "b"}, "3": "c"}', [("1", "a"), ("2", "b"), ("3", "c")]),
        ("p.json", '[{"prompt": "a", "dialogue": [{"who": "x", "text": "y"}]}]', [(None, "a")]),
        ("p.json", '```json\n[{"prompt": "a"}]\n```', [(None, "a")]),
        ("p.yaml", "project: x\nshots:\n  - number: 1-2\n    prompt: a\n  - {number: 2, prompt: b}\n", [("1-2", "a"), ("2", "b")]),
        ("p.yml", "- prompt: a\n- prompt: b\n", [(None, "a"), (None, "b")]),
        ("p.txt", "Here:\n```yaml\nshots:\n  - id: 1\n    prompt: a\n```\n", [("1", "a")]),
        ("p.json", "{// mine\n shots: [{number: 1, prompt: 'a',},],}", [("1", "a")]),
        ("p.json", "{“shots”: [{“number”: 1, “prompt”: “a”}]}", [("1", "a")]),
        ("p.json", '{"shot": 1, "prompt": "a"}\n\n{"shot": 2,\n "prompt": "b"}', [("1", "a"), ("2", "b")]),
        ("p.md", 'One:\n```json\n[{"shot": 1, "prompt": "a"}]\n```\ntwo:\n```\n[{"shot": 2, "prompt": "b"}]\n```', [("1", "a"), ("2", "b")]),
        ("p.txt", 'Sure!\n{"shots": [{"shot": 1, "prompt": "a"}]}\nAnything else?', [("1", "a")]),
        ("p.json", '{"columns": ["shot", "prompt"], "rows": [[1, "a"], [2, "b"]]}', [("1", "a"), ("2", "b")]),
        ("p.json", '[["shot", "prompt"], [1, "a"]]', [("1", "a")]),
        ("p.json", '{"shot": [1, 2], "prompt": ["a", "b"]}', [("1", "a"), ("2", "b")]),
        ("p.json", '{"shot": {"0": 1}, "prompt": {"0": "a"}}', [("1", "a")]),
        ("p.json", '{"results": [{"properties": {"Shot": {"type": "title", "title": [{"plain_text": "1"}]}, "Prompt": {"type": "rich_text", "rich_text": [{"plain_text": "a"}]}}}]}', [("1", "a")]),
        ("p.json", '[{"shot": 1, "visual": {"description": "a", "camera": "pan"}, "duration": NaN}]', [("1", "a")]),
        ("p.jsonl", '"a"\n"b"\n', [(None, "a"), (None, "b")]),
        ("p.md", "## Shot 1\n- **Image**: a.png\n- **Prompt**: a\n\n## Shot 2\n- **Prompt**: b\n  more\n", [("1", "a"), ("2", "b\nmore")]),
        ("p.txt", "镜号：1\n画面：她转身\n时长：5秒\n\n镜号：2\n画面：她走开\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.txt", "镜号   画面描述        时长\n1      她转身    5s\n2      她走开        3s\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.csv", 'shot,prompt\n1,"Shot:\n{ ""camera"": ""pan"" }"\n2,"```json\n{}\n```"\n', [("1", 'Shot:\n{ "camera": "pan" }'), ("2", "```json\n{}\n```")]),
        ("p", 'shot\tprompt\n1\t"{\n ""camera"": ""pan"" }"\n', [("1", '{\n "camera": "pan" }')]),
        ("p.csv", "镜号，提示词\n1，她转身\n", [("1", "她转身")]),
        ("p.txt", "+----+------+\n| 镜号 | 画面 |\n+====+======+\n| 1 | 走 |\n+----+------+\n", [("1", "走")]),
        ("p.csv", "shot,image,prompt,duration\n1,a.png,walks, then runs,5\n", [("1", "walks, then runs")]),
        ("p.csv", "カット番号,プロンプト\n1,雨の中を歩く\n".encode("cp932"), [("1", "雨の中を歩く")]),
        ("p.csv", "Numéro;Invite;Durée\n1;Une fille à la fenêtre;4,5\n".encode("latin-1"), [("1", "Une fille à la fenêtre")]),
        ("p.csv", "镜号,1,2\n画面描述,她转身,她走开\n时长,5,6\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.csv", "1,a.png,girl walks\n2,b.jpg,boy turns\n", [("1", "girl walks"), ("2", "boy turns")]),
        ("p.htm", "<p>x</p><div><table><tr><th>Shot</th><th>Prompt</th></tr><tr><td>1</td><td>a<ul><li>b</li></ul></td></tr></table></div>", [("1", "a\nb")]),
        ("p.htm", "<table><tr><td><table><tr><th>shot</th><th>prompt</th></tr><tr><td>1</td><td>a</td></tr></table></td></tr></table>", [("1", "a")]),
        ("p.json", '{"storyboard":{"第一场":[{"镜号":1,"画面":"a"},{"镜号":2,"画面":"b"}],"第二场":[{"镜号":1,"画面":"c"}]}}', [("1-1", "a"), ("1-2", "b"), ("2-1", "c")]),
        ("p.json", '{"project":"x","prompts":{"001":"a","002":"b"}}', [("1", "a"), ("2", "b")]),
        ("p.py", "shots = [{'shot': 1, 'prompt': 'a', 'sound': True}, {'shot': 2, 'prompt': \"it's\"}]", [("1", "a"), ("2", "it's")]),
        ("p.js", 'export const shots = [\n  { shot: 1, prompt: "a" },\n];\nexport default shots;', [("1", "a")]),
        ("p.md", "# 分镜\n\n1. **镜头1**（5秒）：她转身\n   - 台词：你好\n2. **镜头2**（4秒）：她走开\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.md", "## 镜头 1｜00:00–00:05\n\n**画面**：她转身\n\n---\n\n## 镜头 2｜00:05–00:09\n\n**画面**：她走开\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.txt", "一、她转身\n二、她走开\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.txt", "① 她转身\n② 她走开\n", [("1", "她转身"), ("2", "她走开")]),
        ("p.json", '{"人物设定":[{"姓名":"小红","描述":"红衣"}],"分镜脚本":[{"镜号":1,"画面":"a"}]}', [("1", "a")]),
        ("p.json", '{"choices":[{"message":{"content":"Sure:\\n```json\\n{\\"shots\\":[{\\"prompt\\":\\"a\\"}]}\\n```"}}]}', [(None, "a")]),
        ("p.json", '{"shots":{"shot_1":{"prompt":"a"},"shot_2":{"prompt":"b"}}}', [("1", "a"), ("2", "b")]),
        ("p.json", '[{"shot":1,"prompts":["a","b"],"image":""}]', [("1", "a\nb")]),
        ("p.md", "## 第一场\n\n| 镜号 | 画面 |\n|---|---|\n| 1 | a |\n\n## 第二场\n\n| 镜号 | 画面 |\n|---|---|\n| 1 | b |\n", [("1-1", "a"), ("2-1", "b")]),
        ("p.md", "# 角色\n\n| 角色 | 描述 |\n|---|---|\n| 小红 | 红衣 |\n\n# 分镜\n\n| 镜号 | 提示词 |\n|---|---|\n| 1 | a |\n", [("1", "a")]),
        ("p.md", "+---+-----+\n|镜号| 画面|\n+===+=====+\n| 1 | 她  |\n|   | 转身|\n+---+-----+\n| 2 | 走  |\n+---+-----+\n", [("1", "她\n转身"), ("2", "走")]),
        ("p.csv", "shot,prompt\n1,a\0b\n2,c\n" + "3,d\n" * 30, [("1", "ab"), ("2", "c"), *[("3", "d")] * 30]),
        ("p.txt", "Prompt: A fox: runs\n", [(None, "A fox: runs")]),
        ("p.txt", "Here you are:\n\n**Prompt:** A fox\nin snow\n\n**Prompt:** A hen\n", [(None, "A fox\nin snow"), (None, "A hen")]),
        ("p.txt", "提示词1：狐狸\n提示词2：母鸡\n", [("1", "狐狸"), ("2", "母鸡")]),
        ("p.txt", '1. Prompt: "a fox"\n2. Prompt = a hen\n', [("1", "a fox"), ("2", "a hen")]),
        ("p.txt", "Shot 3 Prompt: a\nShot 4 Prompt: b\n", [("3", "a"), ("4", "b")]),
        ("p.txt", "Prompt:\nA fox\n\nPrompt:\n\nA hen\n", [(None, "A fox"), (None, "A hen")]),
        ("p.txt", "镜头一：狐狸\n时长：5s\n\n镜头二：母鸡\n时长：4s\n", [("1", "狐狸"), ("2", "母鸡")]),
        ("p.md", "### Shot 1: The fox\n**Prompt:** It runs\n\n### Shot 2: The hen\n**Prompt:** It sleeps\n", [("1", "It runs"), ("2", "It sleeps")]),
        ("p.txt", "【提示词】狐狸\n【提示词】母鸡\n", [(None, "狐狸"), (None, "母鸡")]),
        ("p.txt", "/imagine prompt: a fox --ar 16:9\n/imagine prompt: a hen\n", [(None, "a fox --ar 16:9"), (None, "a hen")]),
        ("p.txt", "Prompts:\nA fox\nA hen\n", [(None, "A fox"), (None, "A hen")]),
        ("p.txt", "1. Prompt: x\n2. Duration: 5s\n\n1. Prompt: y\n2. Duration: 6s\n", [(None, "x"), (None, "y")]),
        ("p.md", "# Board\n\n## Shot 1 (5s)\nA fox\nin snow\n\n## Shot 2 (4s)\nA hen\n", [("1", "A fox\nin snow"), ("2", "A hen")]),
        ("p.md", "## Shot 1\n### Prompt\nA fox\n### Duration\n5s\n\n## Shot 2\n### Prompt\nA hen\n### Duration\n4s\n", [("1", "A fox"), ("2", "A hen")]),
        ("p.jsonl", '{"prompt": "a"}\n\n{"prompt": "b"}\n', [(None, "a"), (None, "b")]),
        ("p.md", "Here:\n\n```csv\nshot,prompt\n1,a fox\n2,a hen\n```\n\nEnjoy, and tell me!\n", [("1", "a fox"), ("2", "a hen")]),
        ("p.txt", "First:\n```\nA fox\nin snow\n```\nSecond:\n```\nA hen\n```\n", [(None, "A fox\nin snow"), (None, "A hen")]),
        ("p.md", "<think>\n| Shot | Prompt |\n|---|---|\n| 9 | draft |\n</think>\n| Shot | Prompt |\n|---|---|\n| 1 | a |\n", [("1", "a")]),
        ("p.json", '<think>{"prompt": "draft"}?</think>\n[{"prompt": "a"}]', [(None, "a")]),
        ("p.txt", "<think>Hm.</think>\n\n1. A fox\n2. A hen\n", [("1", "A fox"), ("2", "A hen")]),
        ("p.txt", "A fox\nin snow\n---\nA hen\n***\nA cow\n", [(None, "A fox\nin snow"), (None, "A hen"), (None, "A cow")]),
        ("p.txt", "Here are your prompts:\n\n1. A fox\n\n2. A hen\n", [("1", "A fox"), ("2", "A hen")]),
        ("p.txt", "1) A fox\n   - camera: pan\n2) A hen\n   - camera: none\n", [("1", "A fox\n- camera: pan"), ("2", "A hen\n- camera: none")]),
        ("p.txt", "Here:\n\n<shots>\n<shot>\n<number>1</number>\n<prompt>A fox\n&amp; hen</prompt>\n</shot>\n<shot><number>2</number><prompt>A hen</prompt></shot>\n</shots>\n", [("1", "A fox\n& hen"), ("2", "A hen")]),
        ("p.md", "Here it is:\n\n<table><tr><th>Shot</th><th>Prompt</th></tr><tr><td>1</td><td>a</td></tr></table>\n", [("1", "a")]),
        ("p.md", "**Shot 1 — The Fox (0:00–0:05)**\nA fox runs.\n\n**Shot 2**: A **hen**\n", [("1", "The Fox (0:00–0:05)\nA fox runs."), ("2", "A **hen**")]),
        ("p.md", "镜头 1 · 5秒\n画面：狐狸\n台词：好\n\n镜头 2 · 4秒\n画面：母鸡\n", [("1", "狐狸"), ("2", "母鸡")]),
        ("p.md", "> | Shot | Prompt |\n> |---|---|\n> | 1 | a |\n", [("1", "a")]),
        ("p.txt", "| Shot | Prompt |\n|------+--------|\n| 1 | a |\n", [("1", "a")]),
        ("p.txt", " shot | prompt\n------+--------\n 1    | a\n", [("1", "a")]),
        ("p.json", json.dumps(json.dumps([{"shot": 1, "prompt": "a"}])), [("1", "a")]),
        ("p.json", json.dumps([{"output": '```json\n[{"prompt": "a"}]\n```'}]), [(None, "a")]),
        ("p.json", json.dumps({"data": {"outputs": {"text": '{"shots": [{"prompt": "a"}]}'}}}), [(None, "a")]),
        ("p.json", json.dumps({"role": "x", "content": [{"type": "thinking", "thinking": "[1]"}, {"type": "text", "text": 'So:\n[{"prompt": "a"}]'}]}), [(None, "a")]),
        ("p.json", json.dumps({"content": [{"type": "text", "text": "So"}, {"type": "tool_use", "input": {"shots": [{"prompt": "a"}]}}]}), [(None, "a")]),
        ("p.json", json.dumps([{"shot": 1, "prompt": '{"action": "runs", "prompt": "x"}'}]), [("1", '{"action": "runs", "prompt": "x"}')]),
        ("p.txt", '[{"prompt": "a"}]', [(None, "a")]),
        ("p.md", 'Here it is:\n```json\n[{"prompt": "a"},\n{"prompt": "b"}]\n```\nAnything else?', [(None, "a"), (None, "b")]),
        ("p.txt", "1. a red car\n2. a blue car\n\n3) the end\n", [("1", "a red car"), ("2", "a blue car"), ("3", "the end")]),
        ("p.html", "<table><tr><th>镜号<th>提示词<tr><td>1<td>a<tr style='display: none'><td>2<td>b<tr><td>3<td>c</table>", [("1", "a"), ("3", "c")]),
        ("p.xls", "<html><body><table><tr><th>镜号</th><th>提示词</th></tr><tr><td>1</td><td>雨<br>夜</td></tr></table></body></html>", [("1", "雨\n夜")]),
        ("p.xls", "<table><tr><td>场次</td><td>镜号</td><td>提示词</td></tr><tr><td rowspan=2>一</td><td>1</td><td>雨</td></tr><tr><td>2</td><td>风</td></tr></table>", [("1", "雨"), ("2", "风")]),
    ],
)  # fmt: skip
def test_a_text_is_read_as_what_it_is(folder: Path, name: str, text: str | bytes, shots: list[Any]) -> None:
    assert shots_of(folder, name, text) == shots


@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_words_behind_a_numbered_list_are_named_and_no_shot(folder: Path, between: str) -> None:
    path = folder / "p.txt"
    path.write_text(between.join(["Your prompts:", "1. A fox", "2. A hen", "Want more?"]))

    plan = read_sources([path])

    assert [(shot.number, shot.prompt) for shot in plan.ok] == [("1", "A fox"), ("2", "A hen")]
    assert [(shot.line, shot.reasons[0].code) for shot in plan.rejected] == [
        (4 if between == "\n" else 7, "row_unnumbered")
    ]
    assert [note.code for note in plan.notes] == ["rows_no_shots"]


@pytest.mark.parametrize("cell", ["<img src='a.png' width=20>", "![[a.png]]", "![[a.png\\|200]]", "![](a.png)"])
def test_pictures_of_a_markdown_table_are_found_however_they_are_written(folder: Path, cell: str) -> None:
    path = folder / "p.md"
    path.write_text(f"| Image | Prompt |\n|---|---|\n| {cell} | a |\n")

    assert read_sources([path]).shots[0].image == folder / "a.png"


@pytest.mark.parametrize(
    ("number", "meant"),
    [
        ("01. Feb", "1-2"),
        ("03-févr", "3-2"),
        ("02-ago", "2-8"),
        ("01월 02일", "1-2"),
        ("01.фев", "1-2"),
        ("2-Jan", "1-2"),
    ],
)
def test_dates_that_spreadsheets_of_other_languages_made_are_numbers_again(
    folder: Path, number: str, meant: str
) -> None:
    path = folder / "p.csv"
    path.write_text(f"shot;prompt\n{number};a\n", encoding="utf-8")

    (shot,) = read_sources([path]).shots

    assert (shot.number, [reason.code for reason in shot.reasons]) == (meant, ["number_was_date"])


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        ("5", 5),
        ("4,5", 4.5),
        ("0:04", 4),
        ("00:01:05", 65),
        ("3秒", 3),
        ("3.5 sec", 3.5),
        ("约五秒", 5),
        ("1分10秒", 70),
        ("1m10s", 70),
        ("5000ms", 5),
        ("5″", 5),
        ("00:00:05:12", 5.48),
        ("５ｓ", 5),
        ("5 sec.", 5),
        ("'5", 5),
        ("PT5S", 5),
        ("3-5s", 5),
        ("5~8秒", 8),
    ],
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
        ("a.png (https://example.com/1),b.png (https://example.com/2)", "a.png", 1),
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


@pytest.mark.parametrize("bomb", ["a: &a [x, x]\nb: &b [*a, *a]\nshots: *b\n", "shots: [" * 2000, "%bad\n- [", "text"])
def test_yaml_that_is_no_storyboard_is_refused(folder: Path, bomb: str) -> None:
    path = folder / "p.yaml"
    path.write_text(bomb)
    with pytest.raises(InputError, match="storyboard_broken"):
        read_sources([path])


@pytest.mark.parametrize(
    ("text", "shots"),
    [
        ('[{"prompt": "a"}, {"prompt": "b", "refs": ["x.png", "y.p', [(None, "a")]),
        ('[{"prompt": "a"}, {"prompt": "b", "refs": [{"url": "x.png"}, {"ur', [(None, "a")]),
        ('{"shots": [{"shot": 1, "prompt": "a"}, {"shot": 2, "prompt": "b"}', [("1", "a"), ("2", "b")]),
        ('{"shots": [{"shot": 1, "prompt": "a"}, {"shot": 2, "prompt": "b", "duration": 1', [("1", "a")]),
        ('{"scenes": [{"scene": 1, "shots": [{"no": 1, "prompt": "a"}]}, {"scene": 2, "shots": [{"no": 1, "prompt": "b"}, {"no"', [("1-1", "a"), ("2-1", "b")]),
        ('{"shots": {"1": {"prompt": "a"}, "2": {"prompt": "b"}, "3": {"pro', [("1", "a"), ("2", "b")]),
        ('{"prompt": "a", "shot": 1}\n{"prompt": "b", "shot": 2}{"pro', [("1", "a"), ("2", "b")]),
        ('[\n// mine\n{"prompt": "a"},\n{"prompt": "b', [(None, "a")]),
        ('["a fox", "a {hen", "the [e', [(None, "a fox"), (None, "a {hen")]),
        ('[["shot", "prompt"], ["1", "a"], ["2", "b"], ["3"', [("1", "a"), ("2", "b")]),
        ('Sure:\n```json\n[{"prompt": "a \\"b\\" ]"}, {"pro', [(None, 'a "b" ]')]),
        ('[{"提示词": "狐狸"}, {"提示词": "母鸡'.encode()[:-1], [(None, "狐狸")]),
    ],
)  # fmt: skip
def test_of_a_storyboard_that_breaks_off_the_whole_shots_are_read(
    folder: Path, text: str | bytes, shots: list[Any]
) -> None:
    assert shots_of(folder, "p.json", text) == shots
    notes = read_sources([folder / "p.json"]).notes
    assert [note.code for note in notes] == ["list_broken_off"]


#: Storyboards that are broken in their midst, with their whole shots and the lines that are named.
BROKEN = [
    ("p.json", '{"project":"Film","shots":[\n{"shot":1,"prompt":"a"},\n{"shot":2 "prompt":"b"},\n{"shot":3,"prompt":"c"}\n]}', ["a", "c"], [3]),
    ("p.json", '{"shots":[\n{"prompt":"a"}\n{"prompt":"she says "hi" and goes"},\n{"prompt":"d"}\n]}', ["a", "d"], [3]),
    ("p.json", '{"shots":[\n{"prompt":"a 5" tall man"},\n{"prompt":"b"},\n]}', ["b"], [2]),
    ("p.json", '{"shots":[\n{"prompt":"a",\n{"prompt":"b"},\n{"prompt":"c"}}]}', ["b", "c"], [2]),
    ("p.json", '{"shots":{"1":{"prompt":"a"},"2":{"prompt":"b" "x":2},"3":{"prompt":"c"}}}', ["a", "c"], [1]),
    ("p.json", '[{"prompt":"a"},"prompt":"b"},\n{"prompt":"c"}]', ["a", "c"], [1]),
    ("p.json", '[{"id":1,"prompt":"x" "dialogue":[{"who":"a","text":"hi"}]},\n{"id":2,"prompt":"y"}]', ["y"], [1]),
    ("p.json", '[{"id":1,"camera":{"move":"pan"},"prompt":"x" "shot":2},\n{"id":2,"prompt":"y"}]', ["y"], [1]),
    ("p.json", '{"shots":[\n{"prompt":"a"},\n{"prompt":"b",\n"refs":[{"url":"a.png"},{"x":"y"}\n},\n{"prompt":"c"}],}', ["a", "c"], [4]),
    ("p.json", '[{"prompt":"a"},\n// {"prompt":"old"},\n{"prompt":"b" "c"}, {"prompt":"d"}]', ["a", "d"], [3]),
    ("p.json", "[{'prompt':'it's a'},\n{'prompt':\"it's b\", 'duration': None},\n{prompt:'c \\'d\\'', // hm\n},]", ["it's b", "c 'd'"], [1]),
    ("p.json", "{“shots”: [{“prompt”: “a “quoted” fox”},\n{“shot”: 2, “prompt” “b”}, {“prompt”: “c”}]}", ["a “quoted” fox", "c"], [2]),
    ("p.json", '[{"prompt": a fox, running},\n{"prompt":"b","note":},\n{"prompt":"c"}]', ["c"], [1, 2]),
    ("p.json", 'Sure! Here is {your} board:\n[{"prompt":"line\nbreak"},{"prompt":"b"}}\nWant {more}?', ["line\nbreak", "b"], []),
    ("p.json", '[{"prompt":"a"},{"prompt":"b"},\n...\n{"prompt":"z"}]', ["a", "b", "z"], []),
    ("p.json", '[{"prompt":"a"}]\n[{"prompt":"c"}]', ["a", "c"], []),
    ("p.json", '["a fox"\n"a hen",\n"a "big" cow",\n"end"]', ["a fox", "a hen", "end"], [3]),
    ("p.json", '[["shot","prompt"],\n["1","a"],\n["2" "b"],\n["3","c"]]', ["a", "c"], [3]),
    ("p.jsonl", '{"prompt":"a"}\n{"prompt":"b"\n{"prompt":"c"}\n\n{"prompt":"e","tags":["x" "y"]}\n', ["a", "c"], [2, 5]),
    ("p.md", 'One:\n```json\n[{"prompt":"a"}]\n```\nTwo:\n```json\n[{"prompt":"b" "x"},\n{"prompt":"c"}]\n```\n', ["a", "c"], [7]),
    ("p.yaml", "project: X\nshots:\n  - prompt: a\n  - shot: 2\n    prompt: b: c: d\n  - prompt: |\n      c\n      - d\n", ["a", "c\n- d"], [4]),
    ("p.yaml", "- prompt: a\n- shot: 2\nprompt: b\n- shot: 3\n\tprompt: c\n- prompt: @ada walks\n- prompt: e\n", ["a", "e"], [2, 4, 6]),
    ("p.json", '[{"prompt": "a"}, {"prompt": "b" "shot": 2},\n{"prompt": "c"', ["a"], [1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "whole", "lines"), BROKEN)
def test_of_a_storyboard_that_is_broken_in_its_midst_the_whole_shots_are_read_and_the_others_named(
    folder: Path, name: str, text: str, whole: list[str], lines: list[int]
) -> None:
    path = folder / name
    path.write_text(text)

    plan = read_sources([path])

    assert [shot.prompt for shot in plan.ok] == whole
    reasons = [reason for shot in plan.rejected for reason in shot.reasons]
    assert [(reason.code, reason.params["line"]) for reason in reasons] == [("row_damaged", line) for line in lines]


SHOTS = [{"shot": 1, "prompt": "a {fox}, red"}, {"shot": 2, "prompt": "狐狸：跑"}, {"shot": 3, "prompt": "it's [c]"}]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("board", [SHOTS, {"project": "F", "scenes": [{"scene": 1, "shots": SHOTS}]}])
def test_whichever_letter_of_a_storyboard_is_missing_two_of_three_shots_arrive_and_the_third_is_not_passed_over(
    folder: Path, board: Any, indent: int | None
) -> None:
    text = json.dumps(board, ensure_ascii=False, indent=indent)
    path = folder / "p.json"
    for place in range(1, len(text) - 1):
        path.write_text(text[:place] + text[place + 1 :])
        plan = read_sources([path])
        whole = [shot.prompt for shot in plan.ok]
        missing = [one["prompt"] for one in SHOTS if one["prompt"] not in whole]
        assert len(missing) < 2, (place, whole)
        assert len(whole) + len(plan.rejected) + len(plan.notes) >= len(SHOTS), (place, whole)


LINES = [{"shot": n, "dialogue": [{"who": "ada", "text": f"line {n}"}], "prompt": f"prompt {n}"} for n in (1, 2, 3)]
PEOPLE = {
    "characters": [{"name": "ada", "description": "red"}],
    "shots": [{"shot": n, "prompt": f"prompt {n}"} for n in (1, 2, 3)],
}


@pytest.mark.parametrize("board", [LINES, PEOPLE])
def test_whichever_mark_of_a_storyboard_is_missing_no_part_of_it_becomes_a_shot(folder: Path, board: Any) -> None:
    text = json.dumps(board)
    path = folder / "p.json"
    for place in (found.start() for found in re.finditer(r"[^\w\s]", text)):
        path.write_text(text[:place] + text[place + 1 :])
        plan = read_sources([path])
        whole = {shot.prompt for shot in plan.ok}
        assert whole <= {"prompt 1", "prompt 2", "prompt 3"}, (place, whole)
        assert len(whole) > 1, (place, whole)
        assert len(whole) + len(plan.rejected) + len(plan.notes) > 2, (place, whole)


@pytest.mark.parametrize(
    ("name", "text", "shots", "script"),
    [
        ("p.json", '{"shots":[{"shot":1,"prompt":"a","dialogue":[{"who":"x","line":"hi"},{"shot":2,"prompt":"b"},{"shot":3,"prompt":"c"}]}', ["a", "b", "c"], "x: hi"),
        ("p.json", '[{"prompt":"a","refs":["a.png",{"prompt":"b","refs":[]}]},{"prompt":"c"}]', ["a", "b", "c"], ""),
        ("p.json", '[{"shot":1,"prompt":"a","sub_shots":[{"shot":"1a","prompt":"b"}]}]', ["a", "b"], ""),
        ("p.yaml", "- shot: 1\n  prompt: a\n  dialogue:\n  - who: x\n    line: hi\n  - shot: 2\n    prompt: b\n- shot: 3\n  prompt: c\n", ["a", "b", "c"], "x: hi"),
        ("p.json", '[{"id":1,"name":"S","description":"a","characters":[{"id":1,"name":"Ada","description":"red"}]}]', ["a"], ""),
    ],
)  # fmt: skip
def test_shots_that_stand_within_another_one_are_shots(
    folder: Path, name: str, text: str, shots: list[str], script: str
) -> None:
    path = folder / name
    path.write_text(text)

    plan = read_sources([path])

    assert [shot.prompt for shot in plan.ok] == shots
    assert (plan.shots[0].script, plan.rejected) == (script, ())


@pytest.mark.parametrize(
    "header",
    [
        "Scene,Shot,Description",
        "SCENE #,Shot #,Action",
        "场号,镜号,画面",
        "Scene No.,Shot No.,Prompt",
        "集,场,镜号,画面",
    ],
)
def test_numbers_that_begin_anew_are_told_apart_by_their_scene_however_it_is_called(folder: Path, header: str) -> None:
    first = "1," if header.count(",") == 3 else ""
    rows = [f"{first}1,1,a", f"{first}1,2,b", f"{first}2,1,c", *(["2,1,1,d"] if first else [])]
    path = folder / "p.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")

    numbers = [shot.number for shot in read_sources([path]).shots]

    assert numbers == (["1-1-1", "1-1-2", "1-2-1", "2-1-1"] if first else ["1-1", "1-2", "2-1"])


@pytest.mark.parametrize("scenes", ["json", "yaml"])
def test_shots_of_a_broken_scene_keep_its_number(folder: Path, scenes: str) -> None:
    path = folder / f"p.{scenes}"
    path.write_text(
        {
            "json": '{"project":"F","scenes":[{"scene":1,"shots":[{"no":1,"prompt":"a"},{"no":2,"prompt":"b" "x":1}]},'
            '{"scene":2,"shots":[{"no":1,"prompt":"c"}]}]}',
            "yaml": 'project: F\nscenes:\n- scene: 1\n  shots:\n  - no: 1\n    prompt: a\n  - no: 2\n    prompt: "b\n- scene: 2\n'
            "  shots:\n  - no: 1\n    prompt: c\nnotes: x: y\n",
        }[scenes]
    )

    plan = read_sources([path])

    assert [(shot.number, shot.prompt) for shot in plan.ok] == [("1-1", "a"), ("2-1", "c")]
    assert len(plan.rejected) == 1
    assert plan.project == "F"


@pytest.mark.parametrize("text", ['{"prompt": "a', "[" * 999, '{"a":' * 4_000, '[{"prompt": "a"]', '[{"a" ' * 4_000])
def test_a_storyboard_of_which_nothing_is_whole_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        shots_of(folder, "p.json", text)
    assert caught.value.code == "storyboard_broken"


@pytest.mark.parametrize(
    ("data", "shots"),
    [
        ("shot,prompt\n1,狐狸在雪里\n2,".encode() + "母鸡".encode("gbk") + "\n3,雪山\n".encode(), ["狐狸在雪里", "母鸡", "雪山"]),
        ("shot,prompt\n1,狐狸\n2,".encode() + "母鸡".encode()[:-1] + b" runs\n", ["狐狸", "母\ufffd runs"]),
        ("shot,prompt\n1,狐狸\n2,".encode() + "café".encode("cp1252") + b"\n", ["狐狸", "café"]),
        ("shot,prompt\n1,联通\n2,狐狸\n".encode("gbk"), ["联通", "狐狸"]),
        ("shot;prompt\n1;des cafés verts\n2;l’été\n".encode("cp1252"), ["des cafés verts", "l’été"]),
    ],
)  # fmt: skip
def test_letters_of_several_encodings_in_one_list_are_read(folder: Path, data: bytes, shots: list[str]) -> None:
    path = folder / "p.csv"
    path.write_bytes(data)

    plan = read_sources([path])

    assert [shot.prompt for shot in plan.ok] == shots
    assert [note.line for note in plan.warnings if note.code == "letters_lost"] == [
        place for place, shot in enumerate(shots, start=2) if "\ufffd" in shot
    ]


def test_tables_of_a_text_have_names_by_which_they_are_chosen(folder: Path) -> None:
    path = folder / "p.html"
    path.write_text("".join(f"<table><tr><th>shot<th>prompt<tr><td>{text}<td>{text}</table>" for text in ("1", "2")))

    plan = read_sources([path])

    assert [(note.code, note.params["sheet"], note.params["others"]) for note in plan.notes] == [
        ("sheets_left", "1", "2")
    ]
    second = read_sources([path], choices={path: ListChoice(sheets=("2",))})
    assert [shot.prompt for shot in second.shots] == ["2"]


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


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["0-3s", "3-7s", "7-10s"], [3, 4, 3]),
        (["00:00-00:05", "00:05-00:09"], [5, 4]),
        (["3-5s", "4-6s"], [5, 6]),
        (["0-3", "", "3-5", "5-9"], [3, None, 2, 4]),
    ],
)
def test_cells_that_say_from_when_to_when_are_lengths(
    folder: Path, cells: list[str], seconds: list[float | None]
) -> None:
    path = folder / "p.csv"
    path.write_text("prompt,时间\n" + "".join(f"{place},{cell}\n" for place, cell in enumerate(cells)))

    assert [shot.params.duration for shot in read_sources([path]).shots] == seconds


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        *[
            ("aspect_ratio", cell, "9:16")
            for cell in ("'9:16", "竖屏", "9:16竖屏", "1080x1920", "0.5625", "portrait", "９∶１６")
        ],
        *[
            ("aspect_ratio", cell, "16:9")
            for cell in ("横屏", "16:9 (横屏)", "1.7778", "1920*1080", "16/9", "landscape")
        ],
        *[("aspect_ratio", cell, "21:9") for cell in ("2.39:1", "21：9")],
        *[("aspect_ratio", cell, None) for cell in ("竖屏/横屏", "4K", "1.85:1")],
        *[("takes", cell, 3) for cell in ("3条", "x3", "三个", "3 takes", "３")],
        *[("takes", cell, None) for cell in ("6条", "0", "some")],
    ],
)
def test_a_cell_is_read_as_people_mean_it(folder: Path, field: str, cell: str, value: object) -> None:
    path = folder / "p.csv"
    path.write_text(f"prompt;{field}\na;{cell}\n")
    (shot,) = read_sources([path]).shots

    assert (getattr(shot.params, field), shot.verdict) == (value, "ok" if value else "rejected")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Shot No. 镜号", "shot"), ("镜号\nShot", "shot"), ("画面/动作", "prompt"), ("Visual / Action", "prompt"),
        ("英文提示词", "prompt"), ("Kling Prompt", "prompt"), ("图片 prompt", "picture_prompt"),
        ("负面 prompt", "negative_prompt"), ("台词/旁白", "script"), ("尾帧 URL", "last_frame"), ("Dur. (s)", "duration"),
        ("プロンプト", "prompt"), ("프롬프트", "prompt"), ("Descripción", "prompt"), ("Beschreibung", "prompt"), ("Длительность", "duration"),
        ("角色描述", None), ("角色 Prompt", None), ("Music / Mood", None),
    ],
)  # fmt: skip
def test_a_header_is_known_by_its_parts_and_in_other_languages(header: str, field: str | None) -> None:
    assert list(match_columns([header]).fields) == ([field] if field else [])


@pytest.mark.parametrize("word", ["默认", "不限", "default", "-", "—", "N/A", "无"])
def test_a_word_for_nothing_sets_nothing(folder: Path, word: str) -> None:
    path = folder / "p.csv"
    path.write_text(f"prompt;时长;比例;条数;模型;种子\na;{word};{word};{word};{word};{word}\n")
    (shot,) = read_sources([path]).shots

    assert (shot.verdict, shot.params.model_dump(exclude_none=True)) == ("ok", {})


@pytest.mark.parametrize(
    ("word", "sound"), [("需要", True), ("☑", True), ("不需要", False), ("❌", False), ("无", False), ("默认", None)]
)
def test_words_for_sound_are_read(folder: Path, word: str, sound: bool | None) -> None:
    path = folder / "p.csv"
    path.write_text(f"prompt;是否有声\na;{word}\n")
    (shot,) = read_sources([path]).shots

    assert (shot.verdict, shot.params.sound) == ("ok", sound)


def test_pictures_are_found_as_tables_of_the_cloud_name_them(folder: Path) -> None:
    path = folder / "p.csv"
    path.write_text('Name,Prompt,Files & media\n1,x,b.jpeg\n2,y,"=HYPERLINK(""https://x.test/a.png"";""x"")"\n')

    first, second = read_sources([path]).shots

    assert first.image == folder / "b.jpg"
    assert [reason.code for reason in first.reasons] == ["image_found_beside"]
    assert second.image_url == "https://x.test/a.png"


@pytest.mark.parametrize(
    "text",
    [
        "00:00-00:05 她转身\n00:05-00:09 她走开\n",
        "- [0s-5s] 她转身\n- [5s-9s] 她走开\n",
        "镜头1（5秒）：她转身\n镜头2（4秒）：她走开\n",
        "## 镜头 1｜00:00–00:05\n她转身\n\n## 镜头 2｜00:05–00:09\n她走开\n",
        '[{"prompt": "她转身", "time_range": "0-5s"}, {"prompt": "她走开", "time_range": "5-9s"}]',
    ],
)
def test_lengths_are_read_where_texts_say_them(folder: Path, text: str) -> None:
    path = folder / "p.txt"
    path.write_text(text)

    shots = read_sources([path]).shots

    assert [(shot.prompt, shot.params.duration) for shot in shots] == [("她转身", 5), ("她走开", 4)]


def test_speakers_and_lines_of_objects_are_spoken_lines(folder: Path) -> None:
    path = folder / "p.json"
    path.write_text('[{"画面": "a", "对白": [{"角色": "小红", "台词": "你好"}]}]')

    assert read_sources([path]).shots[0].script == "小红: 你好"


PAGE = "<style>.x1{{color:red;text-decoration:line-through}}</style><table><tr><th>shot<th>prompt{}</table>"
FLAT = (
    '<office:document xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:style="s"><office:automatic-styles>'
    '<style:style style:name="T1"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    '<style:style style:name="T2"><style:text-properties style:text-line-through-style="none"/></style:style>'
    '</office:automatic-styles><table:table table:name="S">{}</table:table></office:document>'
)
FLAT_ROW = "<table:table-row>{}</table:table-row>"
FLAT_CELL = "<table:table-cell><text:p>{}</text:p></table:table-cell>"


def flat_row(*cells: str) -> str:
    return FLAT_ROW.format("".join(map(FLAT_CELL.format, cells)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.html", PAGE.format("<tr><td>1<td>a <s>red</s> fox<tr><td><del>2</del><td><del>b</del>")),
        ("p.html", PAGE.format("<tr><td>1<td>a <span style='text-decoration: line-through'>red</span> fox")),
        ("p.html", PAGE.format("<tr><td>1<td>a <span class='x1'>red</span> fox<tr class='x1'><td>2<td>b")),
        ("p.md", "| shot | prompt |\n|---|---|\n| 1 | a ~~red~~ fox |\n| ~~2~~ | ~~b~~ |\n"),
        (
            "p.fods",
            FLAT.format(
                flat_row("shot", "prompt")
                + flat_row(
                    "1",
                    'a <text:span text:style-name="T1">red</text:span> <text:span text:style-name="T2">fox</text:span>',
                )
                + flat_row(
                    '<text:span text:style-name="T1">2</text:span>', '<text:span text:style-name="T1">b</text:span>'
                )
            ),
        ),
    ],
)
def test_letters_that_are_struck_out_are_left_out_and_said(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)

    (shot,) = read_sources([path]).shots

    assert (shot.prompt, [(one.code, one.params) for one in shot.reasons]) == (
        "a fox",
        [("letters_struck", {"text": "red"})],
    )


def test_zeros_that_a_disk_has_left_behind_a_list_are_none_of_its_letters(folder: Path) -> None:
    assert shots_of(folder, "p.csv", b"shot,prompt\n1,a\n2,b\n" + bytes(70_000)) == [("1", "a"), ("2", "b")]


def test_what_a_page_does_not_show_is_no_prompt(folder: Path) -> None:
    rows = "<tr hidden><td>1<td>a<tr><td>2<td>b<span style='display:none'> secret</span><template>t</template><p hidden>u</p>!"

    assert shots_of(folder, "p.html", PAGE.format(rows)) == [("2", "b!")]


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("('a.png',)", ["a.png"]),
        ("['a.png', 'b.png']", ["a.png", "b.png"]),
        ("[PosixPath('b.png')]", ["b.png"]),
        ("{'url': 'https://x.test/c.png'}", ["https://x.test/c.png"]),
        ('[{"name": "b.png", "url": "https://x.test/b"}, {"file": "a.png"}]', ["b.png", "a.png"]),
        ("[{'name': 'gone.png', 'tmp_url': 'https://x.test/c.png'}]", ["https://x.test/c.png"]),
        ("{}", []),
        ("[None]", []),
        ('=IFERROR(IMAGE("https://x.test/c.png"),"")', ["https://x.test/c.png"]),
    ],
)
def test_a_cell_that_a_program_wrote_names_its_pictures(folder: Path, cell: str, named: list[str]) -> None:
    for name in ("a.png", "b.png"):
        draw(folder / name)
    quoted = cell.replace('"', '""')
    (folder / "p.csv").write_text(f'shot,prompt,image\n1,x,"{quoted}"\n')

    (shot,) = read_sources([folder / "p.csv"]).shots

    every = [shot, *shot.pictures]
    assert [one.image.name if one.image else one.image_url for one in every if one.image or one.image_url] == named


@pytest.mark.parametrize("cell", ['=IMAGE("https://x.test/"&A2&".png")', "=ARRAYFORMULA(IMAGE(D2:D9))", "=IMAGE(D5)"])
def test_a_part_of_a_link_is_no_link(folder: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    (folder / "p.csv").write_text(f'shot,prompt,image\n1,x,"{quoted}"\n')

    (shot,) = read_sources([folder / "p.csv"]).shots

    assert ([reason.code for reason in shot.reasons], shot.image_url) == (["image_embedded"], None)
