"""The worker builds a provider when there is something to do for it, and not before."""

from __future__ import annotations

from doubles import ScriptedProvider
from runner_bench import Bench

from vidgen_core.db import Store
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker.context import BuiltOnUse
from vidgen_core.worker.worker import Worker


def test_a_provider_is_built_for_its_first_task_and_no_other_is(bench: Bench) -> None:
    built: list[ProviderId] = []

    def build(provider: ProviderId) -> ScriptedProvider:
        built.append(provider)
        return bench.provider

    known = (ProviderId("local"), ProviderId("yunwu"), ProviderId("kie"))
    store = Store.open(bench.locations.database, checkpoints=True)
    worker = Worker(store, bench.settings_file.current, bench.locations, lambda _: BuiltOnUse(known, build))
    bench._runners.append((worker.start(), store))
    assert worker.wait_until_working(10)
    [task] = bench.queue()
    worker.wake()
    bench.wait(task, TaskStatus.COMPLETED)
    assert built == [ProviderId("yunwu")]
