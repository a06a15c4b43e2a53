"""Tasks and what is paid for them: attempts, the ledger, and requests to language models.

A *cell* is the set of rows of one (project, provider, output, status) that are not deleted. Triggers keep the size of
each cell in ``task_counts``, and the indexes named ``tasks_by_*`` keep each cell in one order, so that any page of any
filter is a merge of a few ordered streams, whatever the number of tasks.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, text

from vidgen_core.db.schema.columns import (
    WHOLE,
    Micros,
    UtcTime,
    columns_of,
    json_column,
    metadata,
    optional,
    partial_index,
    required,
)

#: Each distinct text (number and prompt of a shot) once, in lower case: what a search of tasks scans.
texts = Table(
    "texts",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("text", Text, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "project_id", "shot_id"),
    # Kept equal to the shot's position by a trigger, for the order.
    Column("shot_position", BigInteger, nullable=False),
    Column("output", Text, nullable=False, server_default="video"),
    *required(WHOLE, "take", "batch"),
    *required(Text, "status", "provider", "model"),
    Column("text_id", WHOLE, nullable=False),
    Column("priority", WHOLE, nullable=False, server_default="0"),
    # Fair queueing: the round in which this task is to be served.
    Column("turn", BigInteger, nullable=False),
    Column("progress", WHOLE),
    Column("stage", Text),
    Column("cancel_requested", Boolean, nullable=False, server_default="0"),
    Column("due_at", UtcTime),
    Column("attempts", WHOLE, nullable=False, server_default="0"),
    Column("attempt_id", WHOLE),
    *optional(Text, "remote_id", "result_url", "failure_kind", "file"),
    Column("cost", Micros),
    Column("cost_currency", Text),
    Column("charge", Text, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    *optional(UtcTime, "started_at", "submitted_at", "polled_at", "finished_at"),
    # Seconds from start to end; set together with finished_at.
    Column("duration", Double),
    Column("deleted_at", UtcTime),
    json_column("failure"),
    json_column("params"),
    # When it was queued last, to measure how long tasks wait.
    Column("queued_at", UtcTime),
    # What the checks say of its take.
    Column("verdict", Text),
    # The order of which it is one draw.
    Column("draw", WHOLE),
    # The quote by which it was ordered; NULL as soon as a person orders it anew.
    Column("quote_id", WHOLE),
    # The shot whose take it waits for: nobody claims it before.
    Column("waits_for", WHOLE),
    # An id is never reused: providers and the journal know it, too.
    sqlite_autoincrement=True,
)
_cell = (tasks.c.project_id, tasks.c.provider, tasks.c.output, tasks.c.status)
_ALIVE = "deleted_at IS NULL"
partial_index("tasks_by_id", *_cell, tasks.c.id, where=_ALIVE)
partial_index("tasks_by_shot", *_cell, tasks.c.shot_position, tasks.c.take, tasks.c.id, where=_ALIVE)
partial_index("tasks_by_attempts", *_cell, tasks.c.attempts, tasks.c.id, where=_ALIVE)
partial_index("tasks_by_cost", *_cell, tasks.c.cost, tasks.c.id, where=_ALIVE)
partial_index("tasks_by_verdict", *_cell, tasks.c.verdict, tasks.c.id, where=_ALIVE)
partial_index(
    "tasks_by_finished", *_cell, tasks.c.finished_at, tasks.c.id, where=f"{_ALIVE} AND finished_at IS NOT NULL"
)
partial_index("tasks_by_duration", *_cell, tasks.c.duration, tasks.c.id, where=f"{_ALIVE} AND duration IS NOT NULL")
partial_index(
    "tasks_of_kind",
    *columns_of(tasks, "failure_kind", "project_id", "status", "provider"),
    where=f"{_ALIVE} AND failure_kind IS NOT NULL",
)
partial_index(
    "tasks_of_verdict",
    *columns_of(tasks, "verdict", "provider", "model", "project_id", "status"),
    where=f"{_ALIVE} AND verdict IS NOT NULL",
)
partial_index("tasks_of_draw", tasks.c.draw, tasks.c.shot_id, where="draw IS NOT NULL")
partial_index(
    "tasks_quoted", tasks.c.quote_id, where=f"quote_id IS NOT NULL AND status IN ('pending', 'queued') AND {_ALIVE}"
)
partial_index("tasks_of_quote", tasks.c.quote_id, tasks.c.id, where="quote_id IS NOT NULL")
partial_index("tasks_of_text", tasks.c.text_id, tasks.c.project_id, tasks.c.status, tasks.c.provider, where=_ALIVE)
Index("tasks_of_shot", tasks.c.shot_id, tasks.c.take)
Index("tasks_changed", tasks.c.project_id, tasks.c.rev)
partial_index(
    "tasks_claim",
    tasks.c.provider,
    tasks.c.priority.desc(),
    tasks.c.turn,
    tasks.c.id,
    tasks.c.due_at,
    where=f"status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND {_ALIVE}",
)
# The same within one project: used while another project has reached its budget.
partial_index(
    "tasks_claim_in_project",
    tasks.c.provider,
    tasks.c.project_id,
    tasks.c.priority.desc(),
    tasks.c.turn,
    tasks.c.id,
    tasks.c.due_at,
    where=f"status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND {_ALIVE}",
)
partial_index(
    "tasks_turn", tasks.c.provider, tasks.c.turn, where=f"status = 'queued' AND waits_for IS NULL AND {_ALIVE}"
)
partial_index(
    "tasks_waiting", tasks.c.waits_for, where=f"waits_for IS NOT NULL AND status IN ('pending', 'queued') AND {_ALIVE}"
)
partial_index(
    "tasks_due", tasks.c.provider, tasks.c.due_at, where=f"status = 'queued' AND due_at IS NOT NULL AND {_ALIVE}"
)
partial_index("tasks_active", tasks.c.status, where="status IN ('processing', 'downloading')")
partial_index("tasks_cancel_requested", tasks.c.id, where="cancel_requested")
Index("tasks_batch", tasks.c.batch)

#: The ledger. It refers to tasks without a foreign key: deleting tasks never removes a row of it.
attempts = Table(
    "attempts",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(WHOLE, "project_id", "task_id", "number"),
    *required(Text, "state", "provider", "model"),
    *optional(Text, "key_id", "key_label", "base_url", "remote_id"),
    *optional(UtcTime, "intent_at", "accepted_at", "ended_at"),
    json_column("sent"),
    Column("cost", Micros),
    Column("cost_currency", Text),
    Column("charge", Text, nullable=False),
    json_column("failure"),
    *optional(Text, "evidence", "request_id"),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("waited_at", UtcTime),
    Column("confirmed_at", UtcTime),
    # The agent that ordered it.
    Column("agent", Text),
    # Which of several workers carries it.
    Column("worker", Text),
    sqlite_autoincrement=True,
)
partial_index(
    "attempts_of_agent",
    *columns_of(attempts, "agent", "created_at", "charge", "provider", "cost_currency", "cost"),
    where="agent IS NOT NULL",
)
Index("attempts_of_task", attempts.c.task_id, attempts.c.number, unique=True)
partial_index("attempts_again", attempts.c.task_id, attempts.c.id, where="number > 1")
partial_index("attempts_open", attempts.c.provider, where="state IN ('sending', 'accepted', 'unknown', 'abandoned')")
partial_index("attempts_succeeded", attempts.c.provider, attempts.c.id, where="state = 'succeeded'")
partial_index("attempts_intents", attempts.c.provider, attempts.c.intent_at, where="intent_at IS NOT NULL")
# Charges that no response of the provider has confirmed yet.
partial_index(
    "attempts_unsettled",
    *columns_of(attempts, "provider", "key_id", "intent_at"),
    where="charge IN ('estimated', 'assumed', 'unknown') AND remote_id IS NOT NULL",
)
partial_index("attempts_remote", attempts.c.provider, attempts.c.remote_id, where="remote_id IS NOT NULL")

#: The chain of the ledger's lines, added by triggers (``ledger_chain.py``); ``body`` is how the request stood then.
ledger_lines = Table(
    "ledger_lines",
    metadata,
    Column("n", WHOLE, primary_key=True),
    # Milliseconds since 1970.
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("row_id", WHOLE, nullable=False),
    *required(Text, "body", "previous", "hash"),
)
Index("ledger_lines_of_row", ledger_lines.c.kind, ledger_lines.c.row_id, ledger_lines.c.n)

#: Balances read at providers: before and after batches and whenever a key is tested.
balances = Table(
    "balances",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *required(Text, "provider", "key_id", "key_label"),
    Column("at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("amount", Micros, nullable=False),
    Column("currency", Text, nullable=False),
)
Index("balances_of_key", balances.c.provider, balances.c.key_id, balances.c.at)

#: Shots that are drawn until a take passes its checks; the rows of one order have the same ``draw`` and share its ceiling.
draws = Table(
    "draws",
    metadata,
    *required(WHOLE, "draw", "shot_id", "project_id"),
    # drawing, passed, stopped
    Column("state", Text, nullable=False),
    # The code of why it stopped.
    Column("reason", Text, nullable=False, server_default=text("''")),
    *required(WHOLE, "most", "at_once"),
    Column("again_on", Text, nullable=False),
    Column("ceiling", Micros, nullable=False),
    Column("currency", Text, nullable=False),
    # What the click asked for, for the draws to come.
    json_column("options"),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("draw", "shot_id"),
)
partial_index("draws_open", draws.c.draw, draws.c.shot_id, where="state = 'drawing'")
Index("draws_of_shot", draws.c.shot_id, draws.c.draw)

key_usage = Table(
    "key_usage",
    metadata,
    Column("provider", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("submitted", WHOLE, nullable=False, server_default="0"),
    Column("succeeded", WHOLE, nullable=False, server_default="0"),
    Column("failed", WHOLE, nullable=False, server_default="0"),
    Column("last_used_at", UtcTime),
    Column("cooling_until", UtcTime),
    Column("health", Text, nullable=False, server_default="usable"),
    # When the next submit may leave, where several workers share the key.
    Column("next_at", UtcTime),
    PrimaryKeyConstraint("provider", "key_id"),
)

#: Reference images uploaded to a provider, with the end of their life.
uploads = Table(
    "uploads",
    metadata,
    *required(Text, "provider", "key_id", "sha256", "url"),
    Column("expires_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("provider", "key_id", "sha256"),
)

#: The ledger of requests to language models.
llm_calls = Table(
    "llm_calls",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    Column("kind", Text, nullable=False),
    *optional(WHOLE, "piece_id", "shot_id"),
    *required(Text, "model", "key_label", "base_url", "state"),
    *optional(WHOLE, "tokens_in", "tokens_out"),
    Column("cost", Micros),
    *optional(Text, "cost_currency", "answer"),
    json_column("failure"),
    Column("settled", Boolean, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # Digest of the request: an answer that was paid for but never used is found by it.
    Column("prompt_digest", Text),
    # The agent that ordered it.
    Column("agent", Text),
)
partial_index("llm_calls_of_agent", llm_calls.c.agent, llm_calls.c.created_at, where="agent IS NOT NULL")
partial_index("llm_calls_open", llm_calls.c.id, where="state = 'sending'")
partial_index("llm_calls_lost", llm_calls.c.project_id, llm_calls.c.id, where="state = 'unknown' AND NOT settled")
partial_index("llm_calls_of_piece", llm_calls.c.piece_id, llm_calls.c.id, where="piece_id IS NOT NULL")
partial_index("llm_calls_of_shot", llm_calls.c.shot_id, llm_calls.c.id, where="shot_id IS NOT NULL")
Index("llm_calls_of_project", llm_calls.c.project_id, llm_calls.c.id)
