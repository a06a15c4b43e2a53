"""Pictures and prompts that came separately."""

from pathlib import Path

import pytest
from importing_factories import codes, draw

from vidgen_core.services.imports.pairing import Pairing, pair
from vidgen_core.services.imports.readers.csv_list import split_prompts


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [draw(tmp_path / name) for name in ("1.10.jpg", "1.2.jpg", "beach.png")]


def prompts(pictures: list[Path], text: str, how: Pairing) -> list[tuple[str, str | None, str]]:
    return [(shot.source, shot.number, shot.prompt) for shot in pair(pictures, text, how).shots]


def test_prompts_are_lines_or_paragraphs() -> None:
    assert split_prompts("one\n\r\n") == ["one"]
    assert split_prompts("one\ntwo\n three ") == ["one", "two", "three"]
    assert split_prompts("one\nstill one\n\n \ntwo") == ["one\nstill one", "two"]


def test_by_name_a_line_goes_to_the_picture_it_begins_with(pictures: list[Path]) -> None:
    text = "beach.png：waves\n1.2, the second\n1.10 the tenth"

    assert prompts(pictures, text, Pairing.BY_NAME) == [
        ("1.2.jpg", "1.2", "the second"),
        ("1.10.jpg", "1.10", "the tenth"),
        ("beach.png", None, "waves"),
    ]


def test_by_name_a_shorter_name_takes_no_line_of_a_longer_one(tmp_path: Path) -> None:
    pictures = [draw(tmp_path / name) for name in ("1.jpg", "12.jpg")]

    assert prompts(pictures, "12: twelve", Pairing.BY_NAME) == [("1.jpg", "1", ""), ("12.jpg", "12", "twelve")]


def test_by_name_a_line_of_no_picture_is_refused_by_its_place(pictures: list[Path]) -> None:
    plan = pair(pictures, "1.2: a\n1.10: b\nbeach: c\nsunset: d", Pairing.BY_NAME)

    assert codes(plan)[-1] == (4, "rejected", ["prompt_without_picture"])
    assert len(plan.ok) == 3


def test_by_name_a_text_beside_the_picture_is_its_prompt(pictures: list[Path]) -> None:
    pictures[0].with_suffix(".txt").write_text("from the file", encoding="utf-8")

    plan = pair(pictures, "1.2: typed", Pairing.BY_NAME)

    assert [shot.prompt for shot in plan.shots] == ["typed", "from the file", ""]
    assert codes(plan)[2] == (None, "warning", ["picture_without_prompt"])


def test_by_order_the_first_goes_with_the_first_in_natural_order(pictures: list[Path]) -> None:
    assert [row[::2] for row in prompts(pictures, "a\nb\nc", Pairing.BY_ORDER)] == [
        ("1.2.jpg", "a"),
        ("1.10.jpg", "b"),
        ("beach.png", "c"),
    ]


def test_by_order_what_is_left_over_on_either_side_is_said(pictures: list[Path]) -> None:
    assert codes(pair(pictures, "a\nb", Pairing.BY_ORDER))[2] == (None, "warning", ["picture_without_prompt"])
    assert codes(pair(pictures, "a\nb\nc\nd", Pairing.BY_ORDER))[3] == (4, "rejected", ["prompt_without_picture"])


def test_one_picture_makes_a_shot_of_each_prompt_without_its_number(pictures: list[Path]) -> None:
    plan = pair(pictures[:1], "a\nb\nc", Pairing.ONE_PICTURE)

    assert [(shot.number, shot.prompt) for shot in plan.shots] == [(None, "a"), (None, "b"), (None, "c")]
    assert {shot.image_key for shot in plan.shots} == {plan.shots[0].image_key}
    assert [shot.verdict for shot in plan.shots] == ["ok"] * 3


def test_one_prompt_goes_to_every_picture_with_its_lines(pictures: list[Path]) -> None:
    assert {prompt for _, _, prompt in prompts(pictures, "a\n\nb", Pairing.ONE_PROMPT)} == {"a\n\nb"}


@pytest.mark.parametrize("how", list(Pairing))
def test_without_a_prompt_pictures_come_as_they_are(pictures: list[Path], how: Pairing) -> None:
    assert [shot.verdict for shot in pair(pictures, " \n", how).shots] == ["ok"] * 3


def test_a_broken_picture_stays_refused_whatever_its_prompt(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"\xff\xd8\xff nothing")

    plan = pair([tmp_path / "1.jpg"], "a", Pairing.BY_ORDER)

    assert codes(plan) == [(None, "rejected", ["image_truncated"])]


def test_a_prompt_that_is_too_long_is_refused_and_cut(pictures: list[Path]) -> None:
    plan = pair(pictures, "x" * 20_001, Pairing.ONE_PROMPT)

    assert {shot.verdict for shot in plan.shots} == {"rejected"}
    assert {len(shot.prompt) for shot in plan.shots} == {20_000}
