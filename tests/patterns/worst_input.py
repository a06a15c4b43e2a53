"""Run by ``test_patterns``: feeds patterns the worst input that their own parse trees suggest, under a limit of CPU time.

    python worst_input.py < patterns.json

Reads ``[[pattern, flags, method], …]`` and writes those that a longer text makes slower than in proportion, each with what
it was fed. Counted is this process's own CPU time, and in proportion to itself, so that a busy machine changes nothing.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from re import _constants as names  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

#: Bytes of the first look, and how many times as many there are in the second.
SMALL, FURTHER = 8_000, 4
#: CPU seconds of a first look that is gone into, which a linear one does not take; and after which nothing is waited for.
GLANCE, LIMIT = 0.01, 1.0
#: What so many times as much text may take as long as: 4 are in proportion, 16 are its square.
GROWTH = 9
#: Verdicts that must agree.
TRIES = 2
#: CPU seconds for everything.
WHOLE = 300
#: What stands for a class of letters, in the order of preference.
LETTERS: Final = "a0 _-./\n\tA:#*[]{}()<>=+,;'\"`\\|~!?@$%^&中。，一\u3000é"
#: Pieces tried of one pattern.
MOST: Final = 10
#: Repeats that go on for so long are looked at.
LONG: Final = 20


class _TooLong(Exception):
    """The CPU time is used up."""


def letters_of(node: Any, flags: int) -> list[str]:
    """A few letters that a node of one letter takes."""
    kind, value = node
    if kind is names.LITERAL:
        return [chr(value)]
    pattern = parser.SubPattern(parser.State(), [node])
    pattern.state.flags = flags
    takes = re._compiler.compile(pattern, flags).fullmatch  # type: ignore[attr-defined]
    own = [chr(code) for code in itertools.islice(_named(value), 20)] if kind is names.IN else []
    return [letter for letter in dict.fromkeys([*LETTERS, *own]) if takes(letter)][:12]


def _named(inner: Any) -> Iterator[int]:
    for kind, value in inner:
        if kind is names.LITERAL:
            yield value
        elif kind is names.RANGE:
            yield from value


def samples(items: Any, flags: int, depth: int = 0) -> list[str]:
    """A few short texts that a sequence of nodes takes, as far as can be said without its context."""
    found = [""]
    for node in items:
        choices = _samples_of(node, flags, depth)
        found = list(dict.fromkeys(head + tail for head, tail in itertools.product(found, choices)))[:24]
    return found


def _samples_of(node: Any, flags: int, depth: int) -> list[str]:
    kind, value = node
    if depth > 6:
        return [""]
    if kind in (names.LITERAL, names.NOT_LITERAL, names.IN, names.ANY):
        return letters_of(node, flags)[:6] or [""]
    if kind in (names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT):
        least, _most, inner = value
        body = samples(inner, flags, depth + 1)
        return ([""] if least == 0 else []) + [text * max(1, least) for text in body[:5]]
    if kind is names.SUBPATTERN:
        return samples(value[3], flags, depth + 1)
    if kind is names.ATOMIC_GROUP:
        return samples(value, flags, depth + 1)
    if kind is names.BRANCH:
        return [text for branch in value[1] for text in samples(branch, flags, depth + 1)[:2]][:12]
    return [""]


def repeats(items: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every long repeat of a pattern with what stands before it."""
    for position, (kind, value) in enumerate(items):
        head = (*before, *list(items)[:position])
        if kind in (names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT):
            if value[1] >= LONG:
                yield head, value[2]
            yield from repeats(value[2], head)
        elif kind is names.SUBPATTERN:
            yield from repeats(value[3], head)
        elif kind is names.ATOMIC_GROUP:
            yield from repeats(value, head)
        elif kind is names.BRANCH:
            for branch in value[1]:
                yield from repeats(branch, head)


def pieces(tree: Any) -> list[str]:
    """Texts to be repeated: what the pattern repeats, with and without what stands before it, and mixtures."""
    flags = tree.state.flags
    found: list[list[str]] = []
    for head, body in repeats(tree):
        start = samples(head, flags)[0]
        texts = samples(body, flags)[:8]
        found.append([start, *(start + text for text in texts[:3]), *texts])
    # One of each repeat in turn, so that none is left out of a long pattern.
    mixed = [text for row in itertools.zip_longest(*found) for text in row if text]
    chosen = list(dict.fromkeys(mixed))[:MOST]
    lots = random.Random("".join(chosen))
    pairs = {"".join(lots.sample(chosen, 2)) for _ in range(3)} if len(chosen) > 1 else set()
    return [*chosen, *sorted(pairs)]


def texts_of(source: str, flags: int) -> Iterator[tuple[str, str, str]]:
    """What is fed: a beginning, a piece that is repeated, and an ending that lets a match fail at the last moment."""
    tree = parser.parse(source, flags)
    heads = [samples(head, tree.state.flags)[0] for head, _body in repeats(tree)]
    starts = list(dict.fromkeys(["", *heads]))[:2]
    return itertools.product(starts, pieces(tree), ("", "\x00"))


def text(start: str, piece: str, end: str, size: int) -> str:
    return start + piece * (size // len(piece)) + end


def _seconds(pattern: re.Pattern[str], method: str, fed: str, limit: float) -> float:
    """The CPU time that it takes; infinity where that is more than ``limit``."""
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        if method in ("sub", "subn"):
            pattern.sub("", fed)
        elif method == "finditer":
            sum(1 for _ in pattern.finditer(fed))
        else:
            getattr(pattern, method)(fed)
    except _TooLong:
        return math.inf
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - begun


def _grows(pattern: re.Pattern[str], method: str, start: str, piece: str, end: str) -> bool:
    """Whether a text that is some times as long takes many times as long."""
    first = _seconds(pattern, method, text(start, piece, end, SMALL), LIMIT)
    if math.isinf(first):
        return True
    return math.isinf(_seconds(pattern, method, text(start, piece, end, SMALL * FURTHER), max(first * GROWTH, GLANCE)))


def slow(source: str, flags: int, method: str) -> str | None:
    """The input that takes a pattern longer and longer; None where there is none."""
    pattern = re.compile(source, flags)
    for start, piece, end in texts_of(source, flags):
        if math.isfinite(_seconds(pattern, method, text(start, piece, end, SMALL), GLANCE)):
            continue
        if all(_grows(pattern, method, start, piece, end) for _ in range(TRIES)):
            return f"{start!r} + {piece!r} × n + {end!r}"
    return None


def _stop(_signal: int, _frame: object) -> None:
    raise _TooLong


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (WHOLE, WHOLE))
    signal.signal(signal.SIGVTALRM, _stop)
    found = [[*asked, slow(*asked)] for asked in json.load(sys.stdin)]
    json.dump([row for row in found if row[-1] is not None], sys.stdout)


if __name__ == "__main__":
    main()
