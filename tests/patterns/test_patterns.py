"""No pattern of the program can be made to backtrack: whatever it is fed, more of it takes longer only in proportion."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import vidgen_core

WORKER = Path(__file__).with_name("worst_input.py")
METHODS = frozenset({"search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"})
#: Pattern, flags, method.
Asked = tuple[str, int, str]


def modules() -> Iterator[ModuleType]:
    """All modules of the program but those that start it."""
    for found in pkgutil.walk_packages(vidgen_core.__path__, "vidgen_core."):
        if not found.name.endswith(("__main__", ".pages", ".migrations.env")):
            yield importlib.import_module(found.name)


def patterns_in(value: object, depth: int = 0) -> Iterator[re.Pattern[str]]:
    """Patterns in a value and in what it holds."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif depth < 5:
        if isinstance(value, Mapping):
            inner: list[object] = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inner = list(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = [getattr(value, field.name) for field in dataclasses.fields(value)]
        elif isinstance(value, type) and value.__module__.startswith("vidgen_core"):
            inner = [held for name, held in vars(value).items() if not name.startswith("__")]
        else:
            return
        for one in inner:
            yield from patterns_in(one, depth + 1)


def text_of(node: ast.expr, module: ModuleType) -> str | None:
    """The text of an expression: constants, and f-strings with the module's own values; others stand as ``x``."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [text_of(node.left, module), text_of(node.right, module)]
        return None if None in parts else "".join(part or "" for part in parts)
    if not isinstance(node, ast.JoinedStr):
        return None
    words = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            words.append(str(part.value))
            continue
        try:
            words.append(str(eval(ast.unparse(part.value), dict(vars(module)))))  # noqa: S307 -- our own source
        except NameError:
            words.append("x")
    return "".join(words)


def flags_of(call: ast.Call, module: ModuleType) -> int:
    given = [argument for argument in call.args[1:] if isinstance(argument, ast.Attribute | ast.BinOp)]
    given += [word.value for word in call.keywords if word.arg == "flags"]
    flags = 0
    for node in given:
        source = ast.unparse(node)
        if "re." in source:
            flags |= int(eval(source, dict(vars(module))))  # noqa: S307 -- our own source
    return flags


def uses(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Name of a thing → the methods of a pattern that are called on it anywhere."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                base = node.value
                if isinstance(base, ast.Name):
                    found[base.id].add(node.attr)
                elif isinstance(base, ast.Attribute):
                    found[base.attr].add(node.attr)
    return found


def collected() -> dict[Asked, str]:
    """Every pattern of the program with the way in which it is used → where it stands."""
    loaded = {module.__name__: module for module in modules()}
    trees = {name: ast.parse(Path(str(module.__file__)).read_text("utf-8")) for name, module in loaded.items()}
    called = uses(trees)
    found: dict[Asked, str] = {}
    for name, module in loaded.items():
        for variable, value in list(vars(module).items()):
            for pattern in patterns_in(value):
                for method in called.get(variable) or {"search"}:
                    found.setdefault((pattern.pattern, pattern.flags & ~re.UNICODE, method), f"{name}.{variable}")
        for node in ast.walk(trees[name]):
            if is_call_of_re(node):
                source = text_of(node.args[0], module)
                if source is not None and node.func.attr in METHODS:
                    found.setdefault((source, flags_of(node, module), node.func.attr), f"{name}:{node.lineno}")
    return found


def is_call_of_re(node: ast.AST) -> Any:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and bool(node.args)
    )


def slow_ones(asked: list[Asked]) -> list[tuple[str, int, str, str]]:
    done = subprocess.run(
        [sys.executable, str(WORKER)], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return [tuple(row) for row in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("source", "method"),
    [
        (r"(a+)+$", "search"),
        (r"(a|a)*b", "match"),
        (r"\s+$", "sub"),
        (r"<x>.*?</x>", "sub"),
        (r"[ab]*[bc]*d", "match"),
        (r"(https?:(?:\\?/){2}[^\s?\\]*(?:\\?/[^\s?\\]*)*)\?x", "sub"),
        (r"!\[[^\]]*\]\(", "search"),
    ],
)
@pytest.mark.extended
def test_a_pattern_that_backtracks_is_found(source: str, method: str) -> None:
    assert [row[:3] for row in slow_ones([(source, 0, method)])] == [(source, 0, method)]


def test_a_pattern_that_does_not_gets_through() -> None:
    assert slow_ones([(r"\d{1,9}[a-z]?", 0, "search"), (r"(?:a[bc])*", 0, "fullmatch")]) == []


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.timeout(900)  # what it allows is counted in CPU time
def test_every_pattern_of_the_program_gets_through_its_worst_input() -> None:
    found = collected()
    assert len(found) > 100
    slow = slow_ones(list(found))
    assert not slow, "\n".join(f"{found[tuple(row[:3])]}: {row[2]} {row[0]!r} on {row[3]}" for row in slow)
