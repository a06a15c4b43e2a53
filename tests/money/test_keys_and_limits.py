"""Keys that are refused or empty, the cap and the rate: seen from the provider's side."""

from __future__ import annotations

import pytest
from doubles import wait_until
from rehearsed import rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus


@pytest.mark.slow
@pytest.mark.parametrize("mode", [ProviderId("yunwu"), ProviderId("kie")])
def test_a_batch_passes_over_bad_keys_and_stays_under_the_cap(
    mode: ProviderId, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed_home(locations, monkeypatch, {"concurrent": 5}) as (home, server):
        tasks = home.queue(mode, [f"pan left {number}" for number in range(10)], takes=2)
        with home.running():
            ended = home.finish(tasks)
        stats = server.stats()
        with home.store.read() as tx:
            health = {usage.name: usage.health for usage in tx.keys.all(mode)}

    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    assert stats["peak_in_flight"][mode.value] <= 5
    assert set(stats["accepted"].values()) == {2}
    assert health["k1"] == "rejected"
    assert health["k2"] == "exhausted"
    assert stats["wrong_key_polls"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("key", ["sk-bad-1", "sk-poor-1"])
def test_without_a_good_key_the_provider_waits_and_no_task_fails(
    key: str, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed_home(locations, monkeypatch, {"keys": [key]}) as (home, server):
        tasks = home.queue(ProviderId("yunwu"), [f"pan left {number}" for number in range(60)], takes=3)

        def hold() -> object:
            with home.store.read() as tx:
                return tx.state.get("provider_pause.yunwu")

        with home.running():
            assert wait_until(hold)["code"] == "pause_no_key"
            wait_until(lambda: {task.status for task in home.tasks(tasks)} == {TaskStatus.QUEUED})
        assert server.stats()["accepted_total"] == 0


@pytest.mark.slow
@pytest.mark.extended
def test_no_key_submits_faster_than_kie_allows(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"concurrent": 60, "keys": ["sk-good-1"], "max_wait": 30.0}
    with rehearsed_home(locations, monkeypatch, settings, kie_submits_per_10s=20) as (home, server):
        tasks = home.queue(ProviderId("kie"), [f"pan left {number}" for number in range(26)])
        with home.running():
            ended = home.finish(tasks)
        stats = server.stats()

    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    assert max(stats["max_submits_per_10s"].values()) <= 20
    assert stats["submits_total"] == 26
