"""What a task costs the store, in statements and commits: counts do not depend on the machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

from doubles import wait_until
from runner_bench import Bench
from sqlalchemy import event

from vidgen_core.domain.tasks import TaskStatus

TASKS = 30
#: Statements of one task from the queue to its file, and of one transaction however many tasks it changes: changes that come at
#: once share one. Those of triggers are not among them.
OF_A_TASK, OF_A_TRANSACTION = 3, 6
#: Transactions of a task, where no two tasks change at once.
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

    # The worker goes on meanwhile.
    seen = Counter(dict(written))
    begun = sum(n for statement, n in seen.items() if statement.startswith("BEGIN"))
    statements = seen.total() - seen["COMMIT"] - begun
    assert statements <= OF_A_TASK * TASKS + OF_A_TRANSACTION * begun, seen.most_common(20)
    assert seen["COMMIT"] <= COMMITS * TASKS
