"""Every code that the program logs or raises fills its sentence with what it is logged or raised with, in both languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vidgen_core.domain import errors
from vidgen_core.domain.errors import RemoteError, VidgenError
from vidgen_core.domain.log import LogLevel, LogLine
from vidgen_core.i18n import LANGUAGES, get_text
from vidgen_core.i18n.log_lines import log_sentence

ROOT = Path(__file__).parents[2] / "vidgen_core"
#: Keywords of an error that fill no sentence.
OWN = {"kind", "delivery", "retry_after", "evidence", "request_id"}
#: What `transition.log` adds to a line, and what a line is filed under.
FILED = {"project_id", "task_id"}
TASK = {"shot", "take"}


class Call:
    """A code with the names of what comes with it."""

    def __init__(self, code: str, names: set[str], where: str, *, log: bool) -> None:
        self.code, self.names, self.where, self.log = code, names, where, log


def _codes(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return _codes(node.body) + _codes(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _names(node: ast.Call) -> set[str] | None:
    """The keywords; None where some of them come in a mapping, which says no names here."""
    return None if any(one.arg is None for one in node.keywords) else {str(one.arg) for one in node.keywords}


def calls() -> Iterator[Call]:
    raised = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, VidgenError)
    }
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or (names := _names(node)) is None:
                continue
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            yield from _of(ast.unparse(node.func), node.args, names, where, raised)


def _of(called: str, args: list[ast.expr], names: set[str], where: str, raised: set[str]) -> Iterator[Call]:
    if called in raised and args:
        # The way to a provider is named by those who pass the error on.
        yield from (Call(code, names - OWN, where, log=False) for code in _codes(args[0]))
    elif called.endswith("log.add") and len(args) > 1:
        yield from (Call(code, names - FILED, where, log=True) for code in _codes(args[1]))
    elif called == "log" and len(args) > 3:
        yield from (Call(code, names | TASK, where, log=True) for code in _codes(args[2]))
    elif called.endswith(("pauses.pause", "self.pause")) and len(args) > 1:
        yield from (Call(code, names - {"until", "by_itself"}, where, log=True) for code in _codes(args[1]))


@pytest.fixture(scope="module")
def found() -> list[Call]:
    return list(calls())


@pytest.fixture
def logged(found: list[Call]) -> list[Call]:
    return [one for one in found if one.log]


@pytest.fixture
def raised(found: list[Call]) -> list[Call]:
    return [one for one in found if not one.log]


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_the_scan_finds_what_is_logged_and_raised(logged: list[Call], raised: list[Call]) -> None:
    assert {"task_failed", "submit_unknown", "runner_started"} <= {one.code for one in logged}
    assert len(raised) > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_of_the_log_fills_its_sentence(language: str, logged: list[Call]) -> None:
    t = get_text(language)
    open_ = {}
    for one in logged:
        params: dict[str, Any] = dict.fromkeys(one.names, "7")
        if "cause" in params:
            params |= {"cause": "key_rejected", "detail": {"provider": "kie", "status": 401, "said": "no such key"}}
        line = LogLine(
            id=1,
            at="2026-01-01T00:00:00Z",
            level=LogLevel.INFO,
            code=one.code,
            params=params,
            project_id=None,
            task_id=None,
        )
        said = log_sentence(t, line)
        known = t.has(f"log.{one.code}") or t.has(f"error.{one.code}")
        if not known or "{" in said or "log." in said:
            open_[f"{one.code}@{one.where}"] = said
    assert open_ == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_fills_its_sentence(language: str, raised: list[Call]) -> None:
    t = get_text(language)
    open_ = {}
    for one in raised:
        if t.has(f"error.{one.code}"):
            sentence = t(f"error.{one.code}")
            # Who drives a page names itself where it passes an error on.
            missing = fields(sentence) - one.names - ({"provider"} if "lovart" in one.where else set())
            if missing:
                open_[f"{one.code}@{one.where}"] = missing
    assert open_ == {}


def test_every_verdict_of_a_provider_is_filled_when_it_is_logged() -> None:
    from vidgen_core.providers.http import error_mapping
    from vidgen_core.providers.http.error_body import ErrorBody
    from vidgen_core.providers.kie import responses
    from vidgen_core.providers.lovart import responses as lovart_answers
    from vidgen_core.providers.yunwu import responses as yunwu_answers

    modules = (error_mapping, responses, lovart_answers, yunwu_answers)
    verdicts = {
        one.code for module in modules for one in vars(module).values() if isinstance(one, error_mapping.Classification)
    }
    params = error_mapping.params_of(yunwu_answers.TABLE, ErrorBody((), "because", 418))
    for language in LANGUAGES:
        t = get_text(language)
        for code in sorted(verdicts):
            error = RemoteError(code, **params)
            told = {"shot": "1.0", "take": 1, "seconds": 3, "count": 2, "cause": error.code, "detail": error.params}
            for name in ("task_again", "task_failed", "submit_unknown", "poll_failed"):
                line = LogLine(
                    id=1,
                    at="2026-01-01T00:00:00Z",
                    level=LogLevel.INFO,
                    code=name,
                    params=told,
                    project_id=None,
                    task_id=None,
                )
                said = log_sentence(t, line)
                assert "{" not in said
                assert "because" in said
