"""Whatever the program writes down can be read in both languages."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import vidgen_core
from vidgen_core.domain.log import LogLevel, LogLine
from vidgen_core.i18n import LANGUAGES, get_text
from vidgen_core.i18n.log_lines import codes_saying, log_sentence

PACKAGE = Path(vidgen_core.__file__).parent
LEVELS = set(LogLevel)


def written() -> Iterator[str]:
    """The codes of all lines that the program writes: what follows a level in a call of ``add`` or ``log``."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in ("add", "log"):
                yield from _codes(node.args)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _codes(args: list[ast.expr]) -> Iterator[str]:
    for level, code in itertools.pairwise(args):
        if _is_level(level):
            yield from _texts(code)


def _texts(node: ast.expr) -> Iterator[str]:
    """Whole texts only: what is put together while running is not known here."""
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _is_level(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in LEVELS
    return isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "LogLevel"


@pytest.fixture(scope="module")
def codes() -> set[str]:
    return set(written())


def line(code: str, **params: object) -> LogLine:
    return LogLine(id=1, at=datetime.now(UTC), level=LogLevel.INFO, code=code, params=params)


def test_the_codes_are_found(codes: set[str]) -> None:
    assert {"task_started", "task_completed", "paused", "queued"} <= codes


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_line_has_a_sentence(lang: str, codes: set[str]) -> None:
    t = get_text(lang)

    assert [code for code in sorted(codes) if not (t.has(f"log.{code}") or t.has(f"error.{code}"))] == []


def test_a_cause_is_put_into_words() -> None:
    said = log_sentence(get_text("en"), line("task_failed", shot="1.0", take=2, kind="balance", cause="balance"))

    assert said.startswith("Task 1.0 v2 failed: The account has no balance left.")


def test_an_unfamiliar_code_speaks_for_itself() -> None:
    assert log_sentence(get_text("zh"), line("from_the_future", shot="1.0")) == "from_the_future · shot=1.0"


def test_what_is_searched_for_is_what_is_read_in_that_language() -> None:
    assert "task_arrived" in codes_saying(get_text("zh"), "开始下载")
    assert not codes_saying(get_text("en"), "开始下载")
