"""How faults are asked for: tags, shares, admin calls; and that the user's document names them all."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rehearsal_wire import Wire

from vidgen_core.domain.errors import InputError
from vidgen_core.fake_provider.faults import CATALOGUE, Rule, parse_rule, tags

DOCUMENT = Path(__file__).parents[2] / "docs" / "rehearsal.md"


def test_rules_are_read() -> None:
    assert parse_rule("stuck") == Rule("stuck", 1.0)
    assert parse_rule(" stuck:0.25 ") == Rule("stuck", 0.25)
    assert parse_rule("poll-500=3:0.1") == Rule("poll-500", 0.1, "3")
    assert parse_rule("url-in=detail.url") == Rule("url-in", 1.0, "detail.url")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fialed", "rehearsal_fault_unknown"),
        ("stuck:2", "rehearsal_fault_unreadable"),
        ("stuck:1.2.3", "rehearsal_fault_unreadable"),
        ("Stuck!", "rehearsal_fault_unreadable"),
        ("", "rehearsal_fault_unreadable"),
    ],
)
def test_rules_that_mean_nothing_are_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rule(text)
    assert caught.value.code == code


def test_tags_are_read() -> None:
    assert tags("a [[stuck]] b [[poll-500:3]] [not] [[url-in:data.url]]") == {
        "stuck": None,
        "poll-500": "3",
        "url-in": "data.url",
    }


def test_a_share_befalls_about_that_many_and_always_the_same(start: Callable[..., Wire]) -> None:
    def befallen(seed: int) -> list[bool]:
        wire = start(faults=(Rule("no-channel", 0.3),), seed=seed)
        return [wire.yunwu_submit(f"shot {number}").status_code == 503 for number in range(100)]

    first = befallen(1)
    assert 15 < sum(first) < 45
    assert befallen(1) == first != befallen(2)


def test_takes_of_one_prompt_draw_each_for_itself(start: Callable[..., Wire]) -> None:
    wire = start(faults=(Rule("no-channel", 0.5),))
    statuses = {wire.yunwu_submit("the same").status_code for _ in range(30)}
    assert statuses == {200, 503}


def test_a_share_can_carry_an_argument(start: Callable[..., Wire]) -> None:
    wire = start(faults=(parse_rule("poll-500=1"),))
    job_id = wire.yunwu_submit("a").json()["id"]
    assert [wire.yunwu_look(job_id).status_code for _ in range(2)] == [500, 200]


def test_shares_are_set_and_taken_away_while_it_runs(wire: Wire) -> None:
    wire.server.set_faults({"no-channel": 1, "poll-500": {"rate": 1, "argument": "1"}})
    assert wire.yunwu_submit("a").status_code == 503
    shown = wire.http.get("/_rehearsal/faults").json()
    assert shown["rates"] == {"no-channel": 1, "poll-500": 1}
    assert {row["name"]: row["sentence"] for row in shown["catalogue"]} == {
        fault.name: fault.sentence for fault in CATALOGUE.values()
    }
    wire.server.set_faults({"no-channel": 0})
    job_id = wire.yunwu_submit("a").json()["id"]
    assert [wire.yunwu_look(job_id).status_code for _ in range(2)] == [500, 200]


@pytest.mark.parametrize("body", ['{"fialed": 1}', '{"stuck": 7}', '{"stuck": null}', '{"stuck": {}}', "[]", "{"])
def test_a_wrong_admin_call_changes_nothing(wire: Wire, body: str) -> None:
    assert wire.http.post("/_rehearsal/faults", content=body).status_code == 400
    assert wire.http.get("/_rehearsal/faults").json()["rates"] == {}


def test_the_document_has_the_catalogue_word_for_word() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (\w+) \| ([^|]+) \| ([^|]*) \| (.+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    names = {"yunwu": "Yunwu", "kie": "KIE", "lovart": "Lovart", "images": "Images", "chat": "Chat"}
    assert [(name, moment, who, default.strip(), sentence) for name, moment, who, default, sentence in rows] == [
        (f.name, f.verb.value, ", ".join(names[p] for p in f.providers), f.default or "", f.sentence)
        for f in CATALOGUE.values()
    ]
