"""The plain splitter: what lines mean, and that none is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts.sample_scripts import LIGHTHOUSE, SCREENPLAY
from vidgen_core.media.camera_words import choose_moves
from vidgen_core.services.scripts.cameras import CAMERAS
from vidgen_core.services.scripts.planning import board_offline
from vidgen_core.services.scripts.splitting import Kind, bare, content_of, pieces_of, read_lines, sentences, split


def kinds(text: str) -> list[tuple[Kind, int, str]]:
    return [(line.kind, line.scene, line.text) for line in read_lines(text)]


@pytest.mark.parametrize(
    "heading",
    [
        "INT. HOUSE - NIGHT",
        "ext. garden - day",
        "INT./EXT. CAR - DUSK",
        "第3场 外景 河边 夜",
        "第十二集",
        "场景：废弃工厂",
        "场景一",
        "【内景】",
        "内景 客厅 日",
        "1. 内景 客厅 日",
        "3-2 客厅 夜 内",
        "1、村口 清晨",
        "## The harbour",
        ".SNIPER SCOPE POV",
    ],
)
def test_scene_headings_begin_scenes(heading: str) -> None:
    assert [line.scene for line in read_lines(f"{heading}\n他走进来。")] == [1, 1]
    assert read_lines(heading)[0].kind is Kind.HEADING


@pytest.mark.parametrize(
    "line", ["场上一片寂静。", "第三次敲门，没有人应。", "外面下着雨。", "Interior monologue.", "3 个人走进来。"]
)
def test_words_that_only_look_like_headings_are_seen(line: str) -> None:
    assert kinds(line) == [(Kind.ACTION, 0, line)]


def test_a_chinese_script_is_understood_line_by_line() -> None:
    lines = {line.number: line for line in read_lines(LIGHTHOUSE)}

    assert lines[1].kind is Kind.ABOUT
    assert lines[6].kind is Kind.ABOUT
    assert (lines[9].kind, lines[9].text[:4]) == (Kind.ACTION, "海浪拍打")
    assert (lines[10].kind, lines[10].speaker, lines[10].text) == (Kind.SPEECH, "小满", "爷爷，等等我！")
    assert lines[31].kind is Kind.TRANSITION
    assert lines[34].scene == 5


def test_names_over_speech_and_asides_are_no_shots_of_their_own() -> None:
    cuts = [(cut.scene, cut.line.speaker, cut.text) for cut in split(SCREENPLAY)]

    assert cuts == [
        (1, "", "Mr. Smith walks in at 3.5 mph. He stops."),
        (1, "SMITH", "Is anyone here? I can't see."),
        (1, "", "A shadow moves."),
        (2, "", "The gate stands open."),
    ]


def test_shots_are_numbered_by_scene() -> None:
    numbers = [shot.number for shot in board_offline("灯塔.txt", LIGHTHOUSE).plan.shots]

    assert numbers[:6] == ["1.0", "1.1", "1.2", "1.3", "1.4", "2.0"]
    assert numbers[-1] == "5.1"
    assert board_offline("灯塔.txt", LIGHTHOUSE, first=8).plan.shots[0].number == "8.0"


def test_every_offline_shot_has_both_prompts_and_a_length() -> None:
    shots = board_offline("灯塔.txt", LIGHTHOUSE, style="水墨风格").plan.shots

    assert len(shots) == 22
    for shot in shots:
        assert shot.prompt
        assert shot.picture_prompt.endswith("水墨风格。")
        assert shot.params.duration is not None
        assert 3 <= shot.params.duration <= 10


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_local_renderer_understands_every_camera_move(name: str, language: str) -> None:
    move, words = CAMERAS[name]
    for sentence in ("{}", "海浪拍打礁石。{}。", "The door opens. {}."):
        assert choose_moves(sentence.format(words[language])) == (move,)


_WORDS = st.text(alphabet="老陈走进灯塔海浪的光。！？……，、；：“”《》△abcXYZ .,!?'\"()（）0123:", max_size=60)
_LINES = st.one_of(
    _WORDS,
    st.sampled_from(
        ["", "第2场 内景 灯塔 夜", "INT. HOUSE - NIGHT", "SMITH", "(quietly)", "小满：等等我！", "切至：", "时间：夜"]
    ),
)
_SCRIPTS = st.lists(_LINES, max_size=30).map("\n".join)


@given(_SCRIPTS)
def test_no_line_is_lost_and_none_is_invented(text: str) -> None:
    shown = [bare(cut.text) for cut in split(text)]
    wanted = [bare(line.text) for line in content_of(read_lines(text))]

    assert "".join(shown) == "".join(wanted)


@given(_SCRIPTS, st.integers(1, 120))
def test_pieces_are_the_script_cut_between_lines(text: str, size: int) -> None:
    pieces = pieces_of(text, size)
    rows = text.split("\n")

    for piece in pieces:
        assert piece.text == "\n".join(rows[piece.first_line - 1 : piece.last_line])
    covered = [number for piece in pieces for number in range(piece.first_line, piece.last_line + 1)]
    assert covered == sorted(set(covered))
    assert {number for number, row in enumerate(rows, start=1) if row.strip()} <= set(covered)


@given(_WORDS)
def test_sentences_put_together_are_the_line(text: str) -> None:
    assert "".join(sentences(text)) == text


@given(_SCRIPTS)
def test_the_offline_board_shows_every_content_line(text: str) -> None:
    board = board_offline("x", text)
    wanted = {line.number for line in content_of(read_lines(text)) if bare(line.text)}

    assert wanted <= set(board.shown)
    assert all(shot.verdict != "rejected" for shot in board.plan.shots)
