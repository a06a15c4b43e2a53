"""The program speaks in the standard terms of the field: words that the glossary avoids stay out of its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vidgen_core

PACKAGE = Path(vidgen_core.__file__).parent
ROOT = PACKAGE.parent
#: Names and metaphors of the first edition, with the term that took their place.
OLD = {
    "asof": "revision_cache",
    "bedrock": "db",
    "booked": "BilledJob, billed_jobs",
    "desk": "llm_queue",
    "door": "screens, API, command line",
    "thrift": "budget_pause",
    "haunt": "in_doubt",
    "lane": "provider_pause",
    "lettering": "caption, text_overlay",
    "likeness": "similarity, first_frame_match",
    "ghost": "in_doubt",
    "mishap": "internal_error",
    "payee": "BillableParty",
    "picturing": "store_picture",
    "purse": "account",
    "purser": "reports",
    "teller": "notifier",
    "promptly": "tcp_nodelay",
    "stranger": "unclaimed",
    "walker": "autopilot",
    "wish": "options, requests",
    "wished": "asked",
    "keybook": "key store",
    "stash": "response_cache",
    "tray": "staging",
    "scenery": "sample_art",
}
#: Words of others, quoted.
QUOTED = {
    PACKAGE / "providers/http/error_words.py",
    PACKAGE / "media/camera_words.py",
    # An attribute of FCPXML.
    PACKAGE / "services/exports/editing/edited_timeline.py",
}


@pytest.fixture(scope="module")
def program() -> dict[str, str]:
    """The text of all files in which we write: Python, scripts and styles."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in (*PACKAGE.rglob("*"), *(ROOT / "pages").iterdir(), ROOT / "streamlit_app.py")
        if path.suffix in (".py", ".js", ".css") and path not in QUOTED
    }


@pytest.mark.parametrize("word", sorted(OLD))
def test_no_old_word_stands_in_the_program(word: str, program: dict[str, str]) -> None:
    # Names in snake case, CamelCase and capitals, and words in sentences, alone or in the plural.
    old = re.compile(
        rf"(?<![A-Za-z]){word}(?:e?s)?(?![a-z])|(?<![A-Z]){word.capitalize()}(?:e?s)?(?![a-z])|\b{word.upper()}\b"
    )
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in program.items()
        # Most words stand nowhere, which is told a hundred times sooner without a pattern.
        if word in text.lower()
        for number, line in enumerate(text.splitlines(), 1)
        if old.search(line)
    ]

    assert found == [], f"say {OLD[word]}"
