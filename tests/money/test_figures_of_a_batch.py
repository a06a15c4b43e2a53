"""The figures of a batch with known faults, prices and refunds: right to the cent by every door."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rehearsed import rehearsed_home
from starlette.applications import Starlette

from tests.server.server_client import HERE, TestClient
from vidgen_core.app import Vidgen
from vidgen_core.cli import words
from vidgen_core.cli.program import run
from vidgen_core.locations import Locations
from vidgen_core.models import Charge, Mode
from vidgen_core.server import get_vidgen, serve
from vidgen_core.server.house import close_vidgen
from vidgen_core.store import TaskFilter

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


@pytest.fixture
def batch(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Vidgen, dict[str, Any]]]:
    """The façade over a home in which the batch has run, and what the provider says it took."""
    monkeypatch.setattr("vidgen_core.runner.following.RECONCILE_FOR", 0.5)
    monkeypatch.setenv("VIDGEN_HOME", str(locations.home))
    monkeypatch.setenv("VIDGEN_NO_RUNNER", "1")
    with rehearsed_home(locations, monkeypatch, {"keys": ["sk-good-aaaa1111"]}) as (home, server):
        tasks = home.queue(Mode.YUNWU, list(BATCH))
        with home.running():
            ended = home.finish(tasks)
        stats = server.stats()
    app = get_vidgen()
    for task in ended[:2]:
        app.results.choose_number(task.shot_id, 1)
    yield app, stats
    close_vidgen()


def by_charge(app: Vidgen) -> dict[str, Decimal]:
    """The ledger added up line by line."""
    sums: dict[str, Decimal] = {}
    for task_id in app.tasks.ids(app.projects.all()[0].id, TaskFilter()):
        for line in app.tasks.attempts(task_id):
            if line.cost is not None and line.charge is not Charge.NONE:
                sums[line.charge.value] = sums.get(line.charge.value, Decimal(0)) + line.cost.amount
    return sums


def by_api() -> tuple[Any, str]:
    serving = serve("127.0.0.1")
    routes = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(routes, base_url=HERE) as client:
        found, listed = client.get("/api/figures"), client.get("/api/figures.csv", headers={"Accept-Language": "en"})
    assert (found.status_code, listed.status_code) == (200, 200)
    return found.json(), listed.content.decode("utf-8-sig")


def by_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    words.text.cache_clear()
    target = tmp_path / "figures.csv"
    assert run(["figures", "--json", "--csv", str(target)]) == 0
    return json.loads(capfd.readouterr().out), target.read_bytes().decode("utf-8-sig")


@pytest.mark.slow
def test_every_door_tells_the_same_numbers_to_the_cent(
    batch: tuple[Vidgen, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    app, stats = batch
    monkeypatch.setenv("VIDGEN_LANGUAGE", "en")
    figures = app.figures.of(None)

    assert (figures.completed, figures.failed, figures.chosen, figures.attempts) == (3, 4, 2, sum(BATCH.values()))
    assert figures.success_rate == pytest.approx(3 / 7)
    assert figures.acceptance_rate == pytest.approx(2 / 3)
    errors = {error.kind: (error.tasks, error.attempts) for error in figures.errors}
    assert errors["provider"] == (2, 6)
    assert errors["moderation"] == (1, 1)
    assert errors["submit_unknown"][0] == 1

    [line] = figures.spend.lines
    ledger = by_charge(app)
    for charge in ("charged", "estimated", "assumed", "unknown", "refunded"):
        assert getattr(line, charge) == ledger.get(charge, 0), charge
    # Nine accepted and one lost answer at 0.40 each; the refusal costs nothing.
    assert line.owed + line.refunded == Decimal("4.00")
    assert line.owed >= Decimal(str(round(stats["charged"]["yunwu"] - stats["refunded"]["yunwu"], 2)))
    assert figures.cost_per_chosen == line.owed / 2
    assert sum(day.spend.total or 0 for day in figures.days) == line.owed
    assert [(key.key, key.attempts, key.spend.total) for key in figures.keys] == [("k0 ••1111", 11, line.owed)]

    api, api_list = by_api()
    command, command_list = by_command(tmp_path, capfd)
    assert api == command == json.loads(figures.model_dump_json())
    assert api_list == command_list
    rows = {(row[0], row[1], row[2]): row[3:] for row in csv.reader(io.StringIO(api_list))}
    assert rows["Whole period", "", "Total"] == [f"{line.owed.normalize():f}", "CNY"]
    assert Decimal(rows["Whole period", "", "Cost per chosen take"][0]) == figures.cost_per_chosen
