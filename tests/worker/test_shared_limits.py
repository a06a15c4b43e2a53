"""What one of several workers has met holds for the others: pauses, failures alike, stops of the budget, health of keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.db.worker_state import PROJECT_PAUSE, ProjectPause
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.money import BudgetExceeded, BudgetScope
from vidgen_core.worker.clock import Clock, ServerClock
from vidgen_core.worker.group_commit import GroupCommit
from vidgen_core.worker.limits.budget_pause import BudgetPause
from vidgen_core.worker.limits.key_pool import Health, KeyState, StoredKeys, kept_states
from vidgen_core.worker.limits.provider_pause import ProviderPauses

YUNWU = ProviderId("yunwu")


class Side(NamedTuple):
    """What one worker has."""

    store: Store
    writer: GroupCommit
    pauses: ProviderPauses

    async def see(self) -> None:
        """Write what was posted, and hear what the others have written."""
        for _ in range(2):
            # What follows from what was written is written in its turn.
            await self.writer.do(lambda _: None)
        with self.store.read() as tx:
            self.pauses.load(tx)


@pytest.fixture
async def sides(locations: Locations) -> AsyncIterator[tuple[Side, Side]]:
    made = []
    for _ in range(2):
        store = Store.open(locations.database)
        writer = GroupCommit(store)
        made.append(Side(store, writer, ProviderPauses(writer, Clock(), locations, shared=True)))
    yield made[0], made[1]
    for side in made:
        await side.writer.stop()
        side.store.close()


async def test_two_failures_with_the_same_unknown_words_count_wherever_they_were_met(sides: tuple[Side, Side]) -> None:
    one, other = sides
    one.pauses.failed_alike(YUNWU, "m", 1, "odd failure 17")
    await one.see()
    assert one.pauses.of(YUNWU) is None
    other.pauses.failed_alike(YUNWU, "m", 2, "odd failure 18")
    await other.see()
    await one.see()
    for side in sides:
        pause = side.pauses.of(YUNWU)
        assert pause is not None
        assert pause.code == "pause_same_words"


async def test_refusals_alike_count_together_until_an_order_is_accepted(sides: tuple[Side, Side]) -> None:
    one, other = sides
    for side in (one, other):
        side.pauses.refused_alike(YUNWU, "m", "size_refused", {})
        await side.see()
    other.pauses.accepted(YUNWU)
    await other.see()
    for side in (one, other):
        side.pauses.refused_alike(YUNWU, "m", "size_refused", {})
        await side.see()
    assert other.pauses.of(YUNWU) is None
    one.pauses.refused_alike(YUNWU, "m", "size_refused", {})
    await one.see()
    await other.see()
    assert other.pauses.of(YUNWU) is not None


async def test_a_pause_that_is_over_for_one_leaves_a_later_one_alone(sides: tuple[Side, Side]) -> None:
    one, other = sides
    now = one.pauses.now()
    one.pauses.pause(YUNWU, "pause_rate_limited", until=now - timedelta(seconds=1))
    await one.see()
    other.pauses.pause(YUNWU, "pause_same_failure", by_itself=False)
    await other.see()
    one.pauses.lift(YUNWU)
    await one.see()
    for side in (one, other):
        await side.see()
        pause = side.pauses.of(YUNWU)
        assert pause is not None
        assert pause.code == "pause_same_failure"


async def test_a_stop_of_the_budget_stands_for_whoever_leads(sides: tuple[Side, Side]) -> None:
    one, other = sides
    with one.store.write() as tx:
        project = tx.projects.ensure("film").id
    cost = Money(amount=Decimal("0.4"), currency="CNY")
    stop = BudgetExceeded(
        code="budget_project",
        params={},
        scope=BudgetScope.PROJECT,
        project_id=project,
        provider=YUNWU,
        model="m",
        cost=cost,
    )
    kept = ProjectPause(code=stop.code, params=stop.params, stop=stop.model_dump(mode="json"))
    await one.writer.do(lambda tx: PROJECT_PAUSE.put(tx, kept, project))
    leader = BudgetPause(other.pauses)
    with other.store.read() as tx:
        leader.follow(tx)
    assert leader.projects == {project}


async def test_a_key_that_one_worker_found_refused_is_known_to_all(sides: tuple[Side, Side]) -> None:
    one, other = sides
    StoredKeys(YUNWU, one.store, one.writer).save("k1", "main", KeyState(health=Health.REJECTED))
    await one.see()
    with other.store.read() as tx:
        assert kept_states(tx, YUNWU)["k1"].health is Health.REJECTED


def test_the_time_is_the_servers_whatever_the_clock_of_the_machine_says() -> None:
    class Wrong(ServerClock):
        def monotonic(self) -> float:
            return 5.0

    clock = Wrong(lambda: 1_800_000_000.0)
    assert clock().timestamp() == 1_800_000_000.0
    assert clock.jump() == 0.0


def test_a_servers_clock_that_was_set_is_a_jump_until_it_is_followed() -> None:
    passed, there = 100.0, [1_800_000_000.0]

    class Counted(ServerClock):
        def monotonic(self) -> float:
            return passed

    def answer() -> float:
        nonlocal passed
        passed += slowness
        return there[0]

    slowness = 0.0
    clock = Counted(answer)
    passed, there[0] = passed + 10, there[0] + 10 - 7200
    assert clock.is_old
    clock.ask()
    assert clock.jump() == -7200.0
    assert clock().timestamp() == 1_800_000_010.0
    clock.follow()
    assert clock().timestamp() == there[0]
    # An answer that took long says too little.
    slowness = 20.0
    clock.ask()
    clock.follow()
    assert clock().timestamp() == there[0] + slowness
