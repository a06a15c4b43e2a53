"""Sums that triggers keep, so that a header and a year's charts cost the same whatever the number of tasks.

Events stay counted when their task is deleted. Days are local dates of this machine, as days since 1970.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text

from vidgen_core.db.schema.columns import WHOLE, Micros, UtcTime, metadata, partial_index, required

#: The size of every cell; kept by triggers.
task_counts = Table(
    "task_counts",
    metadata,
    Column("project_id", WHOLE, nullable=False),
    *required(Text, "provider", "output", "status"),
    Column("n", WHOLE, nullable=False),
    PrimaryKeyConstraint("project_id", "provider", "output", "status"),
)

#: How many shots of a project have the same traits; kept up by triggers.
shot_counts = Table(
    "shot_counts",
    metadata,
    *required(WHOLE, "project_id", "traits", "n"),
    PrimaryKeyConstraint("project_id", "traits"),
)

#: Sums of the ledger by day, kept by triggers: attempts and LLM calls that agree in every key column, ``n`` of them with
#: their cost. A day is the local date of this machine on which the request was sent (before that: on which the row was
#: created), as days since 1970. Currency is empty where no amount is known. Requests that have not left yet
#: (``preparing``, ``sending``) are included, because their money is reserved; reports leave them out.
ledger_daily = Table(
    "ledger_daily",
    metadata,
    *required(WHOLE, "day", "project_id"),
    *required(Text, "provider", "model", "key_id", "state", "kind", "charge", "currency"),
    Column("n", WHOLE, nullable=False),
    Column("cost", Micros, nullable=False),
    PrimaryKeyConstraint("day", "project_id", "provider", "model", "key_id", "state", "kind", "charge", "currency"),
    sqlite_with_rowid=False,
)

#: Ends of tasks on the day they ended, and (status ``chosen``) takes that are chosen now on the day they were made.
task_ends_daily = Table(
    "task_ends_daily",
    metadata,
    *required(WHOLE, "day", "project_id"),
    *required(Text, "provider", "model", "status"),
    # The error kind of a failure, else empty.
    Column("kind", Text, nullable=False),
    Column("n", WHOLE, nullable=False),
    PrimaryKeyConstraint("day", "project_id", "provider", "model", "status", "kind"),
    sqlite_with_rowid=False,
)

#: Histogram of the time of each stage (``queue``, ``remote``, ``download``), rounded by at most a tenth.
stage_times_daily = Table(
    "stage_times_daily",
    metadata,
    *required(WHOLE, "day", "project_id"),
    *required(Text, "provider", "stage"),
    # Hundredths of a second, so that equal steps are equal keys.
    Column("centiseconds", BigInteger, nullable=False),
    Column("n", WHOLE, nullable=False),
    # In the order of what is asked for, so that many rows are added up without being sorted.
    PrimaryKeyConstraint("stage", "centiseconds", "project_id", "provider", "day"),
    sqlite_with_rowid=False,
)

#: Takes finished in each hour since 1970.
takes_hourly = Table(
    "takes_hourly",
    metadata,
    *required(WHOLE, "hour", "project_id"),
    Column("provider", Text, nullable=False),
    Column("n", WHOLE, nullable=False),
    PrimaryKeyConstraint("hour", "project_id", "provider"),
    sqlite_with_rowid=False,
)

#: Each batch with the numbers of its live and ended tasks, kept by triggers, and when its end was notified.
batches = Table(
    "batches",
    metadata,
    Column("batch", WHOLE, primary_key=True),
    *required(WHOLE, "project_id", "live", "ended"),
    Column("notified_at", UtcTime),
)
partial_index("batches_unnotified", batches.c.batch, where="notified_at IS NULL AND live = 0 AND ended > 0")
