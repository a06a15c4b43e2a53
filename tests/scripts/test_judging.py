"""What a model proposes, held against the script."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.scripts.sample_scripts import LIGHTHOUSE
from vidgen_core.services.scripts.planning import board_of_answers
from vidgen_core.services.scripts.proposals import ProposedShot, UnreadableAnswer, json_of, read_prompt, read_shots
from vidgen_core.services.scripts.splitting import Piece, pieces_of, split
from vidgen_core.services.scripts.storyboard_check import check_storyboard


def proposed(*scripts: str, **more: object) -> list[ProposedShot]:
    return [ProposedShot(number=place, script=words, **more) for place, words in enumerate(scripts, start=1)]


def codes(text: str, shots: list[ProposedShot]) -> list[list[str]]:
    return [[reason.code for reason in one.reasons] for one in check_storyboard(text, shots).shots]


TEXT = "第1场 内景 灯塔 夜\n灯室里堆满旧信。\n小满：这些信，都是写给谁的？\n窗外一道闪电。灯灭了！"


def test_a_storyboard_that_keeps_to_the_script_passes() -> None:
    shots = proposed("灯室里堆满旧信。", "小满：这些信，都是写给谁的？", "窗外一道闪电。", "灯灭了！")
    verdict = check_storyboard(TEXT, shots)

    assert codes(TEXT, shots) == [[], [], [], []]
    assert verdict.lost == []
    assert verdict.shown == {2: [0], 3: [1], 4: [2, 3]}


def test_small_slips_of_a_model_are_forgiven() -> None:
    shots = proposed("灯室里堆满了旧信", "小满: 这些信都是写给谁的", "窗外 一道闪电，灯灭了")

    assert codes(TEXT, shots) == [[], [], []]
    assert check_storyboard(TEXT, shots).lost == []


def test_an_invented_shot_is_caught() -> None:
    shots = proposed(
        "灯室里堆满旧信。", "一艘飞船降落在灯塔旁边。", "小满：这些信，都是写给谁的？", "窗外一道闪电。灯灭了！"
    )

    assert codes(TEXT, shots) == [[], ["script_line_invented"], [], []]


def test_short_words_must_stand_in_the_script_letter_for_letter() -> None:
    assert codes(TEXT, proposed("灯亮了")) == [["script_line_invented"]]


def test_a_shot_of_nothing_is_invented() -> None:
    assert codes(TEXT, proposed("", "……")) == [["script_line_invented"], ["script_line_invented"]]


def test_lost_lines_are_caught() -> None:
    verdict = check_storyboard(TEXT, proposed("灯室里堆满旧信。", "窗外一道闪电。"), first_line=11)

    assert [(line.number, line.text) for line in verdict.lost] == [
        (13, "这些信，都是写给谁的？"),
        (14, "灯灭了！"),
    ]


def test_numbers_out_of_order_and_double_ones_are_caught() -> None:
    shots = [
        ProposedShot(number=1, script="灯室里堆满旧信。"),
        ProposedShot(number=4, script="小满：这些信，都是写给谁的？"),
        ProposedShot(number=2, script="窗外一道闪电。"),
        ProposedShot(number=4, script="灯灭了！"),
    ]

    assert codes(TEXT, shots) == [[], [], ["script_number_out_of_order"], ["script_number_twice"]]


def test_shots_that_go_back_in_the_script_are_caught() -> None:
    assert codes(TEXT, proposed("窗外一道闪电。", "灯室里堆满旧信。")) == [[], ["script_line_out_of_order"]]


def test_lengths_and_ratios_out_of_range_are_caught_and_left_to_the_settings() -> None:
    one = check_storyboard(TEXT, [ProposedShot(number=1, script="灯灭了！", seconds=900, ratio="hexagonal")]).shots[0]

    assert {reason.code for reason in one.reasons} == {"script_seconds_out_of_range", "ratio_invalid"}
    assert (one.seconds, one.ratio) == (None, None)


def test_lines_that_are_said_twice_are_shown_twice() -> None:
    text = "小满：灯呢？\n老陈：在这里。\n小满：灯呢？"

    assert check_storyboard(text, proposed("灯呢？", "在这里。", "灯呢？")).shown == {1: [0], 2: [1], 3: [2]}


def test_the_plan_leaves_invented_shots_out_and_lost_lines_in() -> None:
    piece = pieces_of(LIGHTHOUSE, 100_000)[0]
    shots = proposed("海浪拍打礁石，灯塔在暮色里亮起第一束光。", "外星人降落在海滩上，举起武器。", "海面上升起太阳。")
    board = board_of_answers("灯塔.txt", LIGHTHOUSE, [(piece, shots)], writer="m")

    verdicts = [shot.verdict for shot in board.plan.shots]
    assert (board.invented, verdicts.count("rejected"), verdicts[0]) == (1, 1, "ok")
    assert board.lost[:3] == (9, 10, 11)
    assert 34 not in board.lost
    assert [
        line.number for line in check_storyboard(LIGHTHOUSE, [_as_proposed(shot.script) for shot in board.plan.ok]).lost
    ] == []
    numbers = [shot.number for shot in board.plan.ok]
    assert numbers == sorted(set(numbers), key=lambda number: [int(part) for part in str(number).split(".")])


def test_a_piece_without_an_answer_is_split_plainly_and_says_so() -> None:
    pieces = [(piece, None) for piece in pieces_of(LIGHTHOUSE, 150)]
    board = board_of_answers("灯塔.txt", LIGHTHOUSE, pieces)

    assert [shot.script for shot in board.plan.shots][:1] == ["海浪拍打礁石，灯塔在暮色里亮起第一束光。"]
    assert {reason.code for shot in board.plan.shots for reason in shot.reasons} == {"script_piece_unanswered"}
    assert len(board.plan.shots) == len(split(LIGHTHOUSE))


def _as_proposed(script: str) -> ProposedShot:
    return ProposedShot(number=1, script=script)


@given(st.lists(st.sampled_from([cut.text for cut in split(LIGHTHOUSE)]), max_size=30))
def test_whatever_a_model_leaves_out_the_plan_has_every_line(scripts: list[str]) -> None:
    piece = Piece(1, LIGHTHOUSE.count("\n") + 1, LIGHTHOUSE)
    board = board_of_answers("x", LIGHTHOUSE, [(piece, proposed(*scripts))])

    assert check_storyboard(LIGHTHOUSE, [_as_proposed(shot.script) for shot in board.plan.ok]).lost == []


# --- reading answers


def test_json_is_found_among_words_and_fences() -> None:
    answer = '<think>{"shots": [</think>Sure!\n```json\n{"shots": [{"number": "镜头1", "script": "灯灭了", "seconds": "5秒"}]}\n```\nDone.'

    assert read_shots(answer) == [ProposedShot(number=1, script="灯灭了", seconds=5)]


def test_an_answer_that_was_cut_off_is_none() -> None:
    whole = '{"shots": [{"number": 1, "script": "a"}, {"number": 2, "script": "b"}]}'
    for length in range(len(whole)):
        try:
            found = json_of(whole[:length])
        except UnreadableAnswer:
            continue
        raise AssertionError(f"half an answer was taken for {found}")


def test_a_prompt_may_come_as_json_or_bare() -> None:
    assert read_prompt('{"prompt": " 镜头推进。 "}') == "镜头推进。"
    assert read_prompt("“镜头推进。”") == "镜头推进。"
