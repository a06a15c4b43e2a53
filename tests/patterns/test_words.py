"""The program speaks in the standard terms of the field: words that the glossary avoids stay out of its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vidgen_core

PACKAGE = Path(vidgen_core.__file__).parent
#: Names and metaphors of the first edition, with the term that took their place.
OLD = {
    "asof": "revision_cache",
    "desk": "llm_queue",
    "thrift": "budget_pause",
    "walker": "autopilot",
    "haunt": "in_doubt",
    "ghost": "in_doubt",
    "mishap": "internal_error",
    "purser": "reports",
    "teller": "notifier",
    "promptly": "tcp_nodelay",
    "wishes": "options, requests",
    "keybook": "key store",
    "stash": "response_cache",
    "tray": "staging",
    "scenery": "sample_art",
}
#: Words of others, quoted.
QUOTED = {"providers/http/error_words.py"}


@pytest.mark.parametrize("word", sorted(OLD))
def test_no_old_word_stands_in_the_program(word: str) -> None:
    # Names in snake case and in CamelCase, and words in sentences, alone or in the plural.
    old = re.compile(rf"(?<![a-z]){word}s?(?![a-z])|(?<![A-Z]){word.capitalize()}s?(?![a-z])")
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).as_posix() not in QUOTED
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if old.search(line)
    ]

    assert found == [], f"say {OLD[word]}"
