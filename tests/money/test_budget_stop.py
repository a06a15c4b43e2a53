"""The budget stops a runaway batch at the limit: nothing is bought beyond it, whatever is in flight, killed or lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

import pytest
from doubles import wait_until
from rehearsed import Home, environment, rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.money import OWED, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer

#: What the rehearsal takes for one job, in yuan; so the provider's own log says the same as our estimate.
PRICE = Decimal("0.4")
AFFORDABLE, WANTED, CAP = 30, 120, 50
KEYS = ["sk-good-aaaa1111", "sk-good-dddd4444"]
FAULTS: dict[str, Any] = {"slow-answer": {"rate": 0.4, "argument": "0.3"}, "reset-after-accept": 0.1}


def wanted(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """A batch four times as dear as the budget allows."""
    monkeypatch.setenv("VIDGEN_BUDGET__LIMIT", str(PRICE * AFFORDABLE))
    monkeypatch.setenv(
        "VIDGEN_PRICES", json.dumps([{"provider": "yunwu", "model": "grok-video-3", "amount": str(PRICE)}])
    )
    return home.queue(ProviderId("yunwu"), [f"pan left {number}" for number in range(WANTED)])


def bought(server: RehearsalServer) -> int:
    return sum(server.stats()["accepted"].values())


def held(home: Home) -> bool:
    with home.store.read() as tx:
        hold = tx.state.get("provider_pause.yunwu")
        counts = tx.tasks.counts(None)
    busy = counts[TaskStatus.PROCESSING] + counts[TaskStatus.DOWNLOADING]
    return bool(hold) and hold["code"] == "budget_all" and not busy


def committed(home: Home) -> Decimal:
    with home.store.read() as tx:
        [money] = tx.ledger.committed()[ProviderId("yunwu")]
        lines = [line.money for line in tx.ledger.sums() if line.charge in OWED and line.money]
    assert money == Money(amount=sum((line.amount for line in lines), Decimal(0)), currency="CNY")
    return money.amount


def test_fifty_in_flight_stop_at_the_limit(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"keys": KEYS, "concurrent": CAP, "max_wait": 6.0}
    with rehearsed_home(locations, monkeypatch, settings, job_seconds=(0.5, 1.5)) as (home, server):
        server.set_faults(FAULTS)
        tasks = wanted(home, monkeypatch)
        with home.running():
            wait_until(lambda: held(home), 40)

        assert bought(server) == AFFORDABLE
        assert committed(home) == PRICE * AFFORDABLE
        waiting = [task for task in home.tasks(tasks) if task.status is TaskStatus.QUEUED]
        assert len(waiting) == WANTED - AFFORDABLE


@pytest.mark.slow
@pytest.mark.extended
def test_kill_9_buys_nothing_beyond_the_limit(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)
    settings = {"keys": KEYS, "concurrent": CAP, "max_wait": 6.0}
    with rehearsed_home(locations, monkeypatch, settings, job_seconds=(0.5, 1.5)) as (home, server):
        server.set_faults(FAULTS)
        wanted(home, monkeypatch)
        told = {**os.environ, **environment(server.url, **settings), "VIDGEN_HOME": str(locations.home)}
        for _ in range(4):
            before = bought(server)
            process = subprocess.Popen(
                [sys.executable, "-m", "vidgen_core", "run", "--until-done", "--json"],
                env=told,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            deadline = time.monotonic() + 10
            while bought(server) == before and not held(home) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.2))
            process.kill()
            process.wait()
        with home.running():
            wait_until(lambda: held(home), 40)

        # What a kill has left unknown is not bought, and counts all the same.
        assert 0 < bought(server) <= AFFORDABLE
        assert PRICE * (AFFORDABLE - 1) < committed(home) <= PRICE * AFFORDABLE
