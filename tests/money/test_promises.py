"""Every promise of ``docs/money-safety.md`` names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(
    set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "money-safety.md").read_text("utf-8")))
)
PROMISES = re.compile(r"^\d\. \*\*.*?(?=^\d\. |^## )", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert name in functions | assigned if name else any(found.startswith("test_") for found in functions)


def test_every_promise_names_one() -> None:
    text = (ROOT / "docs" / "money-safety.md").read_text("utf-8")
    promises = PROMISES.findall(text.partition("## The promises")[2].partition("## How a take")[0] + "## ")
    assert len(promises) >= 8
    assert [promise for promise in promises if "`tests/" not in promise] == []
