"""The figures of a batch with known faults, prices and refunds: right to the cent by every interface and on the screen."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from doubles import embedded_worker
from rehearsed import Home, rehearsed_home
from shown_figures import compare
from starlette.applications import Starlette

from tests.dashboard.screens import Screen
from tests.web.server_client import HERE, TestClient
from vidgen_core.cli import session as cli_session
from vidgen_core.cli.program import run
from vidgen_core.config.paths import Locations
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import Task
from vidgen_core.money import USD_CNY
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import get_vidgen, serve
from vidgen_core.web.app_instance import close_vidgen

#: Prompt → how often it is sent.
BATCH = {
    "pan left 1": 1,
    "pan left 2": 1,
    "pan left 3": 1,
    # Accepted, failed and given back, three times.
    "pan left [[failed]]": 3,
    # Accepted and failed, and the money kept.
    "pan left [[failed-no-refund]]": 3,
    # Refused: no money.
    "pan left [[moderated-input]]": 1,
    # Nobody knows.
    "pan left [[reset-before-accept]]": 1,
}
#: The same in credits: two that succeed, and one that fails for a reason not known to pass and is given back.
BATCH_IN_CREDITS = {"pan right 1": 1, "pan right 2": 1, "pan right [[failed]]": 1}
#: What a credit of KIE is worth by the built-in rates, in yuan.
CREDIT = ProviderId("kie").spec.credit_usd * USD_CNY


@pytest.fixture
def batch(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Vidgen, dict[str, Any]]]:
    """The façade over a home in which the batch has run, and what the provider says it took."""
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 0.5)
    monkeypatch.setenv("VIDGEN_HOME", str(locations.home))
    embedded_worker(monkeypatch, works=False)
    with rehearsed_home(locations, monkeypatch, {"keys": ["sk-good-aaaa1111"]}) as (home, server):
        tasks = home.queue(ProviderId("yunwu"), list(BATCH)) + in_credits(home)
        with home.running():
            ended = home.finish(tasks)
        stats = server.stats()
    app = get_vidgen()
    for task in (ended[0], ended[1], ended[len(BATCH)]):
        app.takes.choose_number(task.shot_id, 1)
    yield app, stats
    close_vidgen()


def in_credits(home: Home) -> list[Task]:
    """Tasks of a model of KIE whose answers name the price."""
    tasks = home.queue(ProviderId("kie"), list(BATCH_IN_CREDITS))
    with home.store.write() as tx:
        for task in tasks:
            tx.tasks.note(
                task.id, cost=Money(amount=Decimal(60), currency="credits"), model="happyhorse/image-to-video"
            )
    return tasks


def by_charge(app: Vidgen) -> Counter[tuple[str, str]]:
    """The ledger added up line by line: currency and charge → millionths."""
    sums: Counter[tuple[str, str]] = Counter()
    for task_id in app.tasks.ids(app.projects.all()[0].id, TaskFilter()):
        for line in app.tasks.attempts(task_id):
            if line.cost is not None and line.charge is not ChargeStatus.NONE:
                sums[line.cost.currency, line.charge.value] += int(line.cost.amount * 1_000_000)
    return sums


def by_api() -> tuple[Any, str]:
    serving = serve("127.0.0.1")
    routes = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(routes, base_url=HERE) as client:
        found, listed = client.get("/api/figures"), client.get("/api/figures.csv", headers={"Accept-Language": "en"})
    assert (found.status_code, listed.status_code) == (200, 200)
    return found.json(), listed.content.decode("utf-8-sig")


def by_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    cli_session.text.cache_clear()
    target = tmp_path / "figures.csv"
    assert run(["figures", "--json", "--csv", str(target)]) == 0
    return json.loads(capfd.readouterr().out), target.read_bytes().decode("utf-8-sig")


@pytest.mark.slow
def test_every_interface_tells_the_same_numbers_to_the_cent(
    batch: tuple[Vidgen, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    app, stats = batch
    monkeypatch.setenv("VIDGEN_LANGUAGE", "en")
    figures = app.reports.of(None)

    assert (figures.completed, figures.failed, figures.chosen) == (5, 5, 3)
    assert figures.attempts == sum(BATCH.values()) + sum(BATCH_IN_CREDITS.values())
    # Every attempt counts: seven of provider, one of moderation, one whose answer was lost.
    assert figures.success_rate == pytest.approx(5 / (5 + 7 + 1 + 1))
    assert figures.acceptance_rate == pytest.approx(3 / 5)
    errors = {error.kind: (error.tasks, error.attempts) for error in figures.errors}
    assert errors["provider"] == (3, 7)
    assert errors["moderation"] == (1, 1)
    assert errors["submit_unknown"][0] == 1

    yuan, credit = figures.spend.lines
    ledger = by_charge(app)
    for line in (yuan, credit):
        for charge in ("charged", "estimated", "assumed", "unknown", "refunded"):
            assert getattr(line, charge) * 1_000_000 == ledger[line.currency, charge], (line.currency, charge)
    # Nine accepted and one lost answer at 0.40 each; the refusal costs nothing.
    assert yuan.owed + yuan.refunded == Decimal("4.00")
    assert yuan.owed >= Decimal(str(round(stats["charged"]["yunwu"] - stats["refunded"]["yunwu"], 2)))
    # Two at 60 credits, as KIE itself names them, and one given back.
    assert (credit.provider, credit.owed, credit.charged) == (ProviderId("kie"), Decimal(120), Decimal(120))
    total = yuan.owed + credit.owed * CREDIT
    assert figures.spend.total == total
    assert figures.cost_per_chosen == (total / 3).quantize(Decimal("0.000001"))
    assert sum(day.spend.total or 0 for day in figures.days) == total
    assert [(key.provider, key.key, key.attempts, key.spend.total) for key in figures.keys] == [
        (ProviderId("yunwu"), "k0 ••1111", 11, yuan.owed),
        (ProviderId("kie"), "k0 ••1111", 3, credit.owed * CREDIT),
    ]

    api, api_list = by_api()
    command, command_list = by_command(tmp_path, capfd)
    assert api == command == json.loads(figures.model_dump_json())
    assert api_list == command_list
    rows = [tuple(row) for row in csv.reader(io.StringIO(api_list))]
    assert ("Whole period", "", "Total", f"{total.normalize():f}", "CNY") in rows
    # All that is in the home happened within the period that the screen shows at first.
    compare(Screen(app, app.projects.all()[0]).open("analytics"), api, rows)
