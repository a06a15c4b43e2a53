"""Several workers whose database server has its clock set, hours forward and back, while they work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from doubles import queue_takes, wait_until
from postgres_server import Postgres, own_server, shared_studio
from test_many_workers import CAP, PATIENCE, Studio, studio_at

from vidgen_core.config.paths import Locations
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

_LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
HOURS = 7 * 3600

pytestmark = [
    pytest.mark.slow,
    pytest.mark.extended,
    pytest.mark.timeout(900),
    pytest.mark.skipif(_LIBRARY is None, reason="needs libfaketime (apt install faketime)"),
]


class WallClock:
    """The clock of the processes that are started with ``environment``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: float) -> None:
        """Let it be ahead of this machine's by so much."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}\n")
        fresh.chmod(0o644)
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock() -> Iterator[WallClock]:
    # Where the server's user can read it.
    file = Path(f"/dev/shm/vidgen-clock-{os.getpid()}")
    yield WallClock(file)
    file.unlink()


@pytest.fixture
def server(clock: WallClock) -> Iterator[Postgres]:
    with own_server(environment=clock.environment) as server:
        yield server


@pytest.fixture
def studio(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    with studio_at(server.new("vidgen_template"), tmp_path, monkeypatch) as studio:
        yield studio


@pytest.mark.parametrize("by", [HOURS, -HOURS, 30 * 3600, -30 * 3600])
def test_the_servers_clock_is_set_while_jobs_run(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    clock.set(by)
    studio.check()


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_worker_that_is_killed_then_is_taken_over(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    clock.set(by)
    studio.kill("a")
    wait_until(lambda: studio.carried()["b"] == CAP, PATIENCE)
    studio.check()


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_leader_that_stands_still_then_is_taken_over(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    clock.set(by)
    studio.workers["a"].send_signal(signal.SIGSTOP)
    wait_until(lambda: studio.holders() <= {"b"} and studio.leads("b"), PATIENCE)
    studio.workers["a"].send_signal(signal.SIGCONT)
    studio.check()


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_it_is_set_while_nobody_works(studio: Studio, clock: WallClock, by: int) -> None:
    studio.begin()
    studio.kill("a")
    studio.kill("b")
    clock.set(by)
    studio.start("c")
    studio.check()


@pytest.mark.parametrize("by", [30 * 3600, -30 * 3600])
def test_every_door_counts_the_budget_by_the_day_of_the_server(
    server: Postgres, clock: WallClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: int
) -> None:
    some, most = (Money(amount=Decimal(n), currency="CNY") for n in (1, 9))
    clock.set(by)
    for name, value in shared_studio(server.new("vidgen_template"), tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in ("PER_DAY", "LIMIT"):
        monkeypatch.setenv(f"VIDGEN_BUDGET__{name}", "10")
    with Vidgen.open(Locations(tmp_path / "door").create()) as app:
        app.agents.add("bot", Role.MAKER, Decimal(10), Decimal(10), None)
        with app.store.write() as tx:
            [task] = queue_takes(tx)
            held = ChargeStatus.ESTIMATED
            tx.attempts.begin(task.id, task.provider, task.model, "k1", "main", None, some, charge=held)
            tx.llm_calls.begin(task.project_id, "prompt", "m1", "main", "http://here", cost=some, agent="bot")
        of_all, of_day = app.budget.standing(None).standings
        assert of_day.spent == of_all.spent
        assert of_day.spent.amount == 2
        today, ever = app.agents.statuses(app.agents.get("bot"))
        assert today.spent == ever.spent == some
        assert 'vidgen_budget_spent{currency="CNY",scope="day"} 2.0' in app.metrics.text()[0].decode()
        # What a person allows to pass the limit today is allowed by the same day.
        with app.store.write() as tx:
            tx.llm_calls.begin(task.project_id, "prompt", "m1", "main", "http://here", cost=most)
        assert app.budget.go_on(task.project_id).standings[1].extra == 1
        # The next day of the server is another one for all.
        clock.set(by + 48 * 3600)
        assert app.budget.standing(None).standings[1].spent.amount == 0
