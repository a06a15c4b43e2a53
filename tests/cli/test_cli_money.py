"""Money from a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.cli_doubles import Vidgen
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure
from vidgen_core.services.facade import Vidgen as Opened
from vidgen_core.services.generation.planning import GenerateOptions


def spent(amount: str) -> None:
    """Leave an attempt behind as a paid run would, and balances around it."""
    with Opened.open() as app:
        project = app.projects.ensure("default")
        shot = app.shots.add(project.id, "1.0", "pan left")
        [task] = app.tasks.generate(
            project.id, [shot.id], GenerateOptions(takes=1, provider=ProviderId("yunwu")), release=False
        ).tasks
        money = Money(amount=Decimal(amount), currency="CNY")
        with app.store.write() as tx:
            before = Money(amount=Decimal(100), currency="CNY")
            tx.ledger.keep_balance(ProviderId("yunwu"), "k1", "main ••aaaa", before, "before", datetime.now(UTC))
            attempt = tx.attempts.begin(task.id, ProviderId("yunwu"), "grok-video-3", "k1", "main ••aaaa", None, money)
            tx.attempts.update(
                attempt.id, charge=ChargeStatus.CHARGED, state=AttemptState.SUCCEEDED, intent_at=datetime.now(UTC)
            )
        with app.store.write() as tx:
            after = Money(amount=Decimal(97), currency="CNY")
            tx.ledger.keep_balance(ProviderId("yunwu"), "k1", "main ••aaaa", after, "after", datetime.now(UTC))


def test_spend_says_what_was_charged_and_what_the_balance_says(vidgen: Vidgen, home: Path) -> None:
    spent("2.92")

    answer = vidgen("spend", "--json").json
    [line] = answer["spend"]
    assert (line["charged"], line["currency"], line["attempts"]) == (2.92, "CNY", 1)
    assert answer["batches"][0]["difference"] == {"amount": 0.08, "currency": "CNY"}

    said = vidgen("spend")
    assert "¥2.92" in said.out
    assert "difference ¥0.08" in " ".join(said.out.split())
    assert vidgen("spend", "--since", "yesterday").status == 2


def test_a_project_gets_a_limit_and_shows_how_it_stands(vidgen: Vidgen, home: Path) -> None:
    spent("2.92")

    assert vidgen("budget", "--json").json["limits"] == []
    [limit] = vidgen("budget", "--limit", "4", "--json").json["limits"]

    assert (limit["scope"], limit["percent"], limit["left"]) == ("project", 73, 1.08)
    assert "73%" in vidgen("budget").out
    assert vidgen("budget", "--limit", "much").status == 2
    assert vidgen("budget", "--limit", "-1").status == 2


def test_dear_orders_ask_and_all_means_what_has_no_takes(
    vidgen: Vidgen, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent("2.92")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    order = ("generate", "--all", "--provider", "yunwu", "--json")
    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "0.5")

    refused = vidgen(*order, "--again")
    assert refused.status == 2
    assert "--yes" in refused.err
    assert (vidgen(*order, "--only-missing").json["ordered"]["count"], len(vidgen("tasks", "--json").json)) == (0, 1)

    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "100")
    made = vidgen(*order, "--again").json
    assert made["ordered"] == {
        "count": 3,
        "cost": {"amount": 1.2, "currency": "CNY"},
        "worst": {"amount": 3.6, "currency": "CNY"},
    }


def test_a_dry_run_shows_the_sheet_and_queues_nothing(vidgen: Vidgen, home: Path) -> None:
    spent("2.92")

    said = vidgen("generate", "--all", "--again", "--provider", "yunwu", "--dry-run", "--json")

    assert (said.json["tasks"], said.json["low"]) == (3, {"amount": 1.2, "currency": "CNY"})
    assert len(vidgen("tasks", "--json").json) == 1
    assert "Price:" in vidgen("generate", "--all", "--provider", "yunwu", "--dry-run").err


def test_what_waits_for_a_person_is_told_and_started(
    vidgen: Vidgen, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent("2.92")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    with Opened.open() as app, app.store.write() as tx:
        prices = {"before": {"amount": "0.4", "currency": "CNY"}, "now": {"amount": "2.9", "currency": "CNY"}}
        tx.tasks.note(1, failure=Failure(kind=ErrorKind.PARAMETER, code="price_risen", params=prices))

    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "0.1")
    refused = vidgen("start", "1.0-v1", "--json")
    assert refused.status == 2
    assert "2.90" in refused.err
    assert "--yes" in refused.err

    assert vidgen("start", "--all", "--yes", "--json").json == {"done": ["1"], "refused": []}
    [task] = vidgen("tasks", "--json").json
    assert task["status"] == "queued"
    assert vidgen("start", "1.0-v1", "--yes").status == 1
