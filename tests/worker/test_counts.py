"""What a task costs the store, in statements and commits: counts do not depend on the machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

from doubles import wait_until
from runner_bench import Bench
from sqlalchemy import event

from vidgen_core.domain.tasks import TaskStatus

TASKS = 30
#: Statements of one task from the queue to its file where each of its five changes has a transaction of its own, and a few
#: more. Changes that come at once share one, so that there are fewer with many jobs. Sums that triggers keep are not among them.
STATEMENTS = 36
COMMITS = 6


def test_a_task_takes_few_statements_and_fewer_commits(bench: Bench) -> None:
    written: Counter[str] = Counter()
    bench.queue(TASKS)
    runner = bench.start()
    engine = runner._store._writer

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written[statement] += 1

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", lambda _connection: written.update(["COMMIT"]))
    wait_until(lambda: bench.task_counts()[TaskStatus.COMPLETED] == TASKS, 60)

    begun = sum(n for statement, n in written.items() if statement.startswith("BEGIN"))
    statements = written.total() - written["COMMIT"] - begun
    assert statements <= STATEMENTS * TASKS, written.most_common(20)
    assert written["COMMIT"] <= COMMITS * TASKS
