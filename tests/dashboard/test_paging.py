"""Pages by their numbers over a list that is read by marks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vidgen_core.dashboard.components import paging
from vidgen_core.domain.queries import Page


class Listing:
    """A list whose marks are its rows."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows
        #: Rows that were read over, by question.
        self.skipped: list[int] = []

    def read(self, after: str | None, skip: int) -> Page[int]:
        self.skipped.append(skip)
        rows = [row for row in self.rows if after is None or row > int(after)][skip:]
        return Page(rows[:10], len(self.rows), next=str(rows[9]) if len(rows) > 10 else None)

    def turn(self, number: int, asked: object = "all") -> list[int]:
        return paging.turn("list", asked, number, 10, self.read).items


@pytest.fixture(autouse=True)
def _session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "st", SimpleNamespace(session_state={}))


def test_the_next_page_and_those_before_are_found_without_reading_over_any() -> None:
    listing = Listing(list(range(1_000)))

    shown = [listing.turn(number)[0] for number in (1, 2, 3, 4, 3, 2, 4)]

    assert shown == [0, 10, 20, 30, 20, 10, 30]
    assert listing.skipped == [0] * 7


def test_a_jump_reads_from_the_nearest_page_that_was_seen() -> None:
    listing = Listing(list(range(1_000)))
    listing.turn(1)

    assert listing.turn(6)[0] == 50
    assert listing.turn(7)[0] == 60
    # Far away the list may be read from its end, which the store decides.
    assert listing.turn(90)[0] == 890
    assert listing.skipped == [0, 40, 0, 890]


def test_pages_go_on_from_what_was_shown_and_another_question_begins_anew() -> None:
    listing = Listing(list(range(0, 100, 2)))
    listing.turn(1)
    listing.rows = sorted([*listing.rows, 1, 3, 5])

    assert listing.turn(2)[0] == 20, "nothing is shown twice"
    assert listing.turn(2, "others")[0] == 14
    paging.forget("list")
    assert listing.turn(2, "others")[0] == 14


def test_a_page_that_was_emptied_is_counted_from_the_beginning() -> None:
    listing = Listing(list(range(30)))
    listing.turn(1)
    listing.turn(2)
    listing.rows = [*range(-10, 20)]

    assert listing.turn(3) == [*range(10, 20)]
