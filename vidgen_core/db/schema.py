"""Tables, columns and indexes of the database; each kind of query has its index.

Times are UTC as epoch seconds, money is whole millionths of its currency, JSON columns hold only values that are
never searched. Rows are hidden (``deleted_at``), not removed, so that a deletion can be undone.

A *cell* is the set of rows of one (project, provider, output, status) that are not deleted. Triggers keep the size of
each cell in ``task_counts``, and the indexes named ``tasks_by_*`` keep each cell in one order, so that any page of any
filter is a merge of a few ordered streams, whatever the number of tasks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    text,
)

MICRO: Final = 1_000_000

#: A whole number of 64 bits; SQLite's INTEGER is one.
WHOLE: Final = Integer().with_variant(BigInteger(), "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime as seconds since 1970 in UTC."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Micros(TypeDecorator[Decimal]):
    """An amount of money as whole millionths, so that the database can add exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int((value * MICRO).to_integral_value(ROUND_HALF_EVEN))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(int(value)) / MICRO


def _required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind) for name in names]


def _json(name: str) -> Column[Any]:
    return Column(name, JSON(none_as_null=True))


def _of(table: Table, *names: str) -> list[Column[Any]]:
    return [table.c[name] for name in names]


def _partial(name: str, *columns: Any, where: str) -> Index:
    # Migrations name it for PostgreSQL: to do it here would load that dialect for everybody.
    return Index(name, *columns, sqlite_where=text(where))


metadata = MetaData()

#: One row: the number of the last change. Every changed row carries the number of its change.
revision = Table("revision", metadata, Column("id", WHOLE, primary_key=True), Column("n", BigInteger, nullable=False))

projects = Table(
    "projects",
    metadata,
    Column("id", WHOLE, primary_key=True),
    #: A deleted project has another one, so that its own may be used again.
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    *_optional(UtcTime, "archived_at", "deleted_at"),
)

project_settings = Table(
    "project_settings",
    metadata,
    Column("project_id", WHOLE, nullable=False),
    Column("name", Text, nullable=False),
    _json("value"),
    PrimaryKeyConstraint("project_id", "name"),
)

shots = Table(
    "shots",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    Column("number", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("prompt", Text, nullable=False),
    *_optional(Text, "image", "image_url", "last_frame", "last_frame_url"),
    Column("references", JSON, nullable=False, server_default=text("'[]'")),
    _json("params"),
    _json("extra"),
    Column("script", Text, nullable=False),
    Column("picture_prompt", Text, nullable=False, server_default=text("''")),
    # Name of its chain, and the shot before it there.
    Column("chain", Text, nullable=False, server_default=text("''")),
    Column("follows", WHOLE),
    # Digest of the imported row, so that importing the same list again adds nothing.
    Column("identity", Text),
    Column("chosen_take_id", WHOLE),
    Column("live_count", WHOLE, nullable=False, server_default="0"),
    Column("completed_count", WHOLE, nullable=False, server_default="0"),
    Column("failed_count", WHOLE, nullable=False, server_default="0"),
    Column("drawing_count", WHOLE, nullable=False, server_default="0"),
    Column("search_text", Text, nullable=False),
    # The last edit of the shot itself …
    Column("rev", BigInteger, nullable=False),
    # … and the last change of it, of its tasks or of its takes.
    Column("changed_rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),
)

#: Condition of each filter of the shots screen. A shot with running tasks is not *without takes*, so that generating
#: for all shots without takes never pays twice; nor is a shot *without picture* while one is being generated, or where it
#: begins with the last frame of another.
SHOT_STATES: Final[dict[str, str]] = {
    "all": "deleted_at IS NULL",
    "without_takes": "deleted_at IS NULL AND completed_count = 0 AND live_count = 0",
    "running": "deleted_at IS NULL AND live_count > 0",
    "to_choose": "deleted_at IS NULL AND completed_count > 0 AND chosen_take_id IS NULL",
    "chosen": "deleted_at IS NULL AND chosen_take_id IS NOT NULL",
    "failed": "deleted_at IS NULL AND failed_count > 0",
    "without_picture": "deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL AND drawing_count = 0",
}
#: Conditions that shots are counted by: the filters and those of the progress bar. Each is a bit of
#: ``shot_counts.traits``, in this order; a migration recounts when that changes.
SHOT_TRAITS: Final[dict[str, str]] = SHOT_STATES | {
    "unpictured": "deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL",
    "drawing": "deleted_at IS NULL AND image IS NULL AND image_url IS NULL AND follows IS NULL AND drawing_count > 0",
    "without_prompt": "deleted_at IS NULL AND prompt = ''",
}
for _state, _where in SHOT_STATES.items():
    _partial(f"shots_{_state}", shots.c.project_id, shots.c.position, where=_where)
_partial("shots_number", shots.c.project_id, shots.c.number, shots.c.position, where="deleted_at IS NULL")
_partial("shots_identity", shots.c.project_id, shots.c.identity, where="identity IS NOT NULL AND deleted_at IS NULL")
_partial("shots_without_prompt", shots.c.project_id, shots.c.position, where="deleted_at IS NULL AND prompt = ''")
_partial("shots_chain", shots.c.project_id, shots.c.chain, shots.c.position, where="chain <> '' AND deleted_at IS NULL")
_partial("shots_follows", shots.c.follows, where="follows IS NOT NULL")
Index("shots_changed", shots.c.project_id, shots.c.changed_rev)
_partial("shots_choice", shots.c.chosen_take_id, where="chosen_take_id IS NOT NULL")

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
    *_required(WHOLE, "project_id", "shot_id"),
    # Kept equal to the shot's position by a trigger, for the order.
    Column("shot_position", BigInteger, nullable=False),
    Column("output", Text, nullable=False, server_default="video"),
    *_required(WHOLE, "take", "batch"),
    *_required(Text, "status", "provider", "model"),
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
    *_optional(Text, "remote_id", "result_url", "failure_kind", "file"),
    Column("cost", Micros),
    Column("cost_currency", Text),
    Column("charge", Text, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    *_optional(UtcTime, "started_at", "submitted_at", "polled_at", "finished_at"),
    # Seconds from start to end; set together with finished_at.
    Column("duration", Double),
    Column("deleted_at", UtcTime),
    _json("failure"),
    _json("params"),
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
_partial("tasks_by_id", *_cell, tasks.c.id, where=_ALIVE)
_partial("tasks_by_shot", *_cell, tasks.c.shot_position, tasks.c.take, tasks.c.id, where=_ALIVE)
_partial("tasks_by_attempts", *_cell, tasks.c.attempts, tasks.c.id, where=_ALIVE)
_partial("tasks_by_cost", *_cell, tasks.c.cost, tasks.c.id, where=_ALIVE)
_partial("tasks_by_verdict", *_cell, tasks.c.verdict, tasks.c.id, where=_ALIVE)
_partial("tasks_by_finished", *_cell, tasks.c.finished_at, tasks.c.id, where=f"{_ALIVE} AND finished_at IS NOT NULL")
_partial("tasks_by_duration", *_cell, tasks.c.duration, tasks.c.id, where=f"{_ALIVE} AND duration IS NOT NULL")
_partial(
    "tasks_of_kind",
    *_of(tasks, "failure_kind", "project_id", "status", "provider"),
    where=f"{_ALIVE} AND failure_kind IS NOT NULL",
)
_partial(
    "tasks_of_verdict",
    *_of(tasks, "verdict", "provider", "model", "project_id", "status"),
    where=f"{_ALIVE} AND verdict IS NOT NULL",
)
_partial("tasks_of_draw", tasks.c.draw, tasks.c.shot_id, where="draw IS NOT NULL")
_partial(
    "tasks_quoted", tasks.c.quote_id, where=f"quote_id IS NOT NULL AND status IN ('pending', 'queued') AND {_ALIVE}"
)
_partial("tasks_of_quote", tasks.c.quote_id, tasks.c.id, where="quote_id IS NOT NULL")
_partial("tasks_of_text", tasks.c.text_id, tasks.c.project_id, tasks.c.status, tasks.c.provider, where=_ALIVE)
Index("tasks_of_shot", tasks.c.shot_id, tasks.c.take)
Index("tasks_changed", tasks.c.project_id, tasks.c.rev)
_partial(
    "tasks_claim",
    tasks.c.provider,
    tasks.c.priority.desc(),
    tasks.c.turn,
    tasks.c.id,
    tasks.c.due_at,
    where=f"status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND {_ALIVE}",
)
# The same within one project: used while another project has reached its budget.
_partial(
    "tasks_claim_in_project",
    tasks.c.provider,
    tasks.c.project_id,
    tasks.c.priority.desc(),
    tasks.c.turn,
    tasks.c.id,
    tasks.c.due_at,
    where=f"status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND {_ALIVE}",
)
_partial("tasks_turn", tasks.c.provider, tasks.c.turn, where=f"status = 'queued' AND waits_for IS NULL AND {_ALIVE}")
_partial(
    "tasks_waiting", tasks.c.waits_for, where=f"waits_for IS NOT NULL AND status IN ('pending', 'queued') AND {_ALIVE}"
)
_partial("tasks_due", tasks.c.provider, tasks.c.due_at, where=f"status = 'queued' AND due_at IS NOT NULL AND {_ALIVE}")
_partial("tasks_active", tasks.c.status, where="status IN ('processing', 'downloading')")
_partial("tasks_cancel_requested", tasks.c.id, where="cancel_requested")
Index("tasks_batch", tasks.c.batch)

#: The size of every cell; kept by triggers.
task_counts = Table(
    "task_counts",
    metadata,
    Column("project_id", WHOLE, nullable=False),
    *_required(Text, "provider", "output", "status"),
    Column("n", WHOLE, nullable=False),
    PrimaryKeyConstraint("project_id", "provider", "output", "status"),
)

#: How many shots of a project have the same traits; kept up by triggers.
shot_counts = Table(
    "shot_counts",
    metadata,
    *_required(WHOLE, "project_id", "traits", "n"),
    PrimaryKeyConstraint("project_id", "traits"),
)

#: The ledger. It refers to tasks without a foreign key: deleting tasks never removes a row of it.
attempts = Table(
    "attempts",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(WHOLE, "project_id", "task_id", "number"),
    *_required(Text, "state", "provider", "model"),
    *_optional(Text, "key_id", "key_label", "base_url", "remote_id"),
    *_optional(UtcTime, "intent_at", "accepted_at", "ended_at"),
    _json("sent"),
    Column("cost", Micros),
    Column("cost_currency", Text),
    Column("charge", Text, nullable=False),
    _json("failure"),
    *_optional(Text, "evidence", "request_id"),
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
_partial(
    "attempts_of_agent",
    *_of(attempts, "agent", "created_at", "charge", "provider", "cost_currency", "cost"),
    where="agent IS NOT NULL",
)
Index("attempts_of_task", attempts.c.task_id, attempts.c.number, unique=True)
_partial("attempts_again", attempts.c.task_id, attempts.c.id, where="number > 1")
_partial("attempts_open", attempts.c.provider, where="state IN ('sending', 'accepted', 'unknown', 'abandoned')")
_partial("attempts_succeeded", attempts.c.provider, attempts.c.id, where="state = 'succeeded'")
_partial("attempts_intents", attempts.c.provider, attempts.c.intent_at, where="intent_at IS NOT NULL")
# Charges that no response of the provider has confirmed yet.
_partial(
    "attempts_unsettled",
    *_of(attempts, "provider", "key_id", "intent_at"),
    where="charge IN ('estimated', 'assumed', 'unknown') AND remote_id IS NOT NULL",
)
_partial("attempts_remote", attempts.c.provider, attempts.c.remote_id, where="remote_id IS NOT NULL")

#: Sums of the ledger by day, kept by triggers: attempts and LLM calls that agree in every key column, ``n`` of them with
#: their cost. A day is the local date of this machine on which the request was sent (before that: on which the row was
#: created), as days since 1970. Currency is empty where no amount is known. Requests that have not left yet
#: (``preparing``, ``sending``) are included, because their money is reserved; reports leave them out.
ledger_daily = Table(
    "ledger_daily",
    metadata,
    *_required(WHOLE, "day", "project_id"),
    *_required(Text, "provider", "model", "key_id", "state", "kind", "charge", "currency"),
    Column("n", WHOLE, nullable=False),
    Column("cost", Micros, nullable=False),
    PrimaryKeyConstraint("day", "project_id", "provider", "model", "key_id", "state", "kind", "charge", "currency"),
    sqlite_with_rowid=False,
)

#: The chain of the ledger's lines, added by triggers (``ledger_chain.py``); ``body`` is how the request stood then.
ledger_lines = Table(
    "ledger_lines",
    metadata,
    Column("n", WHOLE, primary_key=True),
    # Milliseconds since 1970.
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("row_id", WHOLE, nullable=False),
    *_required(Text, "body", "previous", "hash"),
)
Index("ledger_lines_of_row", ledger_lines.c.kind, ledger_lines.c.row_id, ledger_lines.c.n)

#: Balances read at providers: before and after batches and whenever a key is tested.
balances = Table(
    "balances",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(Text, "provider", "key_id", "key_label"),
    Column("at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("amount", Micros, nullable=False),
    Column("currency", Text, nullable=False),
)
Index("balances_of_key", balances.c.provider, balances.c.key_id, balances.c.at)

takes = Table(
    "takes",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(WHOLE, "project_id", "shot_id"),
    Column("task_id", WHOLE, nullable=False, unique=True),
    # The take that it was made from, and whether exports use this file in its place.
    Column("parent_id", WHOLE),
    Column("stands_in", Boolean, nullable=False, server_default="0"),
    Column("number", WHOLE, nullable=False),
    *_required(Text, "folder", "file"),
    Column("poster", Text),
    Column("seconds", Double, nullable=False),
    *_required(WHOLE, "width", "height"),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    # Digest of the video's packets: the same for one video in two files.
    Column("content", Text),
    *_required(Text, "provider", "model", "prompt"),
    Column("seed", BigInteger),
    _json("warnings"),
    # What the checks say, and each measured value; NULL: not checked yet.
    Column("verdict", Text),
    _json("checks"),
    Column("rejected", Text),
    # Its last sharp frame, once a shot has followed it.
    _json("frame"),
    # What a person thinks of it: good, bad; NULL: nobody has said, or it was chosen by itself.
    Column("opinion", Text),
    # What a language model answered about it, with the model's name.
    _json("answer"),
    # In and out point in seconds; NULL: the begin and end of the video.
    *_optional(Double, "trim_in", "trim_out"),
    # Its task was deleted while it was the chosen one; undoing the deletion chooses it again.
    Column("was_chosen", Boolean, nullable=False, server_default="0"),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index("takes_of_shot", takes.c.shot_id, takes.c.number)
Index("takes_sha256", takes.c.sha256)
Index("takes_content", takes.c.content)
_partial("takes_of_opinion", takes.c.project_id, takes.c.id, where="opinion IS NOT NULL")
_partial("takes_unchecked", takes.c.id, where="verdict IS NULL")

#: Links to the takes of one project for people without an account; signed, so that no row of it opens anything by itself.
review_links = Table(
    "review_links",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    *_required(Text, "name", "nonce"),
    Column("password", Text),
    *_required(UtcTime, "created_at", "expires_at"),
    Column("revoked_at", UtcTime),
    sqlite_autoincrement=True,
)
Index("review_links_of_project", review_links.c.project_id, review_links.c.id)

review_votes = Table(
    "review_votes",
    metadata,
    *_required(WHOLE, "take_id", "link_id"),
    Column("reviewer", Text, nullable=False),
    Column("shot_id", WHOLE, nullable=False),
    Column("name", Text, nullable=False),
    Column("vote", WHOLE, nullable=False, server_default="0"),
    Column("favourite", Boolean, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("take_id", "link_id", "reviewer"),
)

review_comments = Table(
    "review_comments",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(WHOLE, "take_id", "link_id"),
    *_required(Text, "reviewer", "name"),
    Column("at", Double, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index("review_comments_of_take", review_comments.c.take_id, review_comments.c.at)

#: Shots that are drawn until a take passes its checks; the rows of one order have the same ``draw`` and share its ceiling.
draws = Table(
    "draws",
    metadata,
    *_required(WHOLE, "draw", "shot_id", "project_id"),
    # drawing, passed, stopped
    Column("state", Text, nullable=False),
    # The code of why it stopped.
    Column("reason", Text, nullable=False, server_default=text("''")),
    *_required(WHOLE, "most", "at_once"),
    Column("again_on", Text, nullable=False),
    Column("ceiling", Micros, nullable=False),
    Column("currency", Text, nullable=False),
    # What the click asked for, for the draws to come.
    _json("options"),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("draw", "shot_id"),
)
_partial("draws_open", draws.c.draw, draws.c.shot_id, where="state = 'drawing'")
Index("draws_of_shot", draws.c.shot_id, draws.c.draw)

#: Pictures that may become a shot's reference image; hidden while the task that generated them is deleted.
candidates = Table(
    "candidates",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(WHOLE, "project_id", "shot_id"),
    # NULL: uploaded by a user.
    Column("task_id", WHOLE, unique=True),
    Column("number", WHOLE, nullable=False),
    *_optional(Text, "image", "image_url"),
    *_optional(WHOLE, "width", "height"),
    Column("bytes", BigInteger),
    Column("provider", Text),
    *_required(Text, "model", "prompt"),
    Column("seed", BigInteger),
    Column("rejected", Boolean, nullable=False, server_default="0"),
    Column("rev", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index("candidates_of_shot", candidates.c.shot_id, candidates.c.number)

log = Table(
    "log",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("level", Text, nullable=False),
    *_optional(WHOLE, "project_id", "task_id"),
    Column("code", Text, nullable=False),
    _json("params"),
    # An id is never used again, even after the log was cleared: readers go on after the last one they saw.
    sqlite_autoincrement=True,
)
Index("log_level", log.c.level, log.c.id)
Index("log_project", log.c.project_id, log.c.level, log.c.id)
_partial("log_task", log.c.task_id, log.c.id, where="task_id IS NOT NULL")

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

heartbeat = Table(
    "heartbeat",
    metadata,
    # The worker's; empty where there is only one.
    Column("name", Text, primary_key=True),
    Column("pid", WHOLE, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("leads", Boolean, nullable=False),
)

#: The name in ``state`` of the settings that machines share.
SETTINGS: Final = "settings"
state = Table("state", metadata, Column("name", Text, primary_key=True), _json("value"))

#: Reference images uploaded to a provider, with the end of their life.
uploads = Table(
    "uploads",
    metadata,
    *_required(Text, "provider", "key_id", "sha256", "url"),
    Column("expires_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("provider", "key_id", "sha256"),
)

# Sums for reports by day, kept by triggers, so that a year's charts cost the same whatever the number of tasks. Events
# stay counted when their task is deleted. Days are local dates of this machine, as days since 1970.

#: Ends of tasks on the day they ended, and (status ``chosen``) takes that are chosen now on the day they were made.
task_ends_daily = Table(
    "task_ends_daily",
    metadata,
    *_required(WHOLE, "day", "project_id"),
    *_required(Text, "provider", "model", "status"),
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
    *_required(WHOLE, "day", "project_id"),
    *_required(Text, "provider", "stage"),
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
    *_required(WHOLE, "hour", "project_id"),
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
    *_required(WHOLE, "project_id", "live", "ended"),
    Column("notified_at", UtcTime),
)
_partial("batches_unnotified", batches.c.batch, where="notified_at IS NULL AND live = 0 AND ended > 0")

#: Every version of every video prompt.
prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(WHOLE, "shot_id", "number"),
    Column("text", Text, nullable=False),
    # NULL: nobody said anything of it with this wording.
    Column("negative_prompt", Text),
    *_required(Text, "author", "writer"),
    Column("created_at", UtcTime, nullable=False),
)
Index("prompt_versions_of_shot", prompt_versions.c.shot_id, prompt_versions.c.number, unique=True)

scripts = Table(
    "scripts",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    *_required(Text, "name", "text"),
    # The same script submitted again continues where it stopped.
    *_required(Text, "digest", "model", "state"),
    Column("first", WHOLE, nullable=False, server_default="1"),
    Column("created_at", UtcTime, nullable=False),
    *_optional(UtcTime, "stored_at", "deleted_at"),
)
_partial("scripts_of_project", scripts.c.project_id, scripts.c.id, where="deleted_at IS NULL")

script_pieces = Table(
    "script_pieces",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(WHOLE, "script_id", "place", "first_line", "last_line"),
    *_required(Text, "text", "state"),
    _json("answer"),
    _json("failure"),
)
Index("script_pieces_of_script", script_pieces.c.script_id, script_pieces.c.place, unique=True)

#: The ledger of requests to language models.
llm_calls = Table(
    "llm_calls",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("project_id", WHOLE, nullable=False),
    Column("kind", Text, nullable=False),
    *_optional(WHOLE, "piece_id", "shot_id"),
    *_required(Text, "model", "key_label", "base_url", "state"),
    *_optional(WHOLE, "tokens_in", "tokens_out"),
    Column("cost", Micros),
    *_optional(Text, "cost_currency", "answer"),
    _json("failure"),
    Column("settled", Boolean, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    # Digest of the request: an answer that was paid for but never used is found by it.
    Column("prompt_digest", Text),
    # The agent that ordered it.
    Column("agent", Text),
)
_partial("llm_calls_of_agent", llm_calls.c.agent, llm_calls.c.created_at, where="agent IS NOT NULL")
_partial("llm_calls_open", llm_calls.c.id, where="state = 'sending'")
_partial("llm_calls_lost", llm_calls.c.project_id, llm_calls.c.id, where="state = 'unknown' AND NOT settled")
_partial("llm_calls_of_piece", llm_calls.c.piece_id, llm_calls.c.id, where="piece_id IS NOT NULL")
_partial("llm_calls_of_shot", llm_calls.c.shot_id, llm_calls.c.id, where="shot_id IS NOT NULL")
Index("llm_calls_of_project", llm_calls.c.project_id, llm_calls.c.id)

#: Sessions of signed-in users, and one-time tickets exchanged for them; only a hash of the token is stored.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    *_required(Text, "purpose", "role", "name"),
    #: Digest of the password or user list that was valid at the login: changing it ends the session.
    Column("credential_digest", Text, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    #: Digest of the login at an identity provider that it came from; with purpose ``ended`` the digest of the row itself.
    Column("login", Text),
)
Index("sessions_by_end", sessions.c.expires_at)

#: API requests with an idempotency key, and the responses to them.
requests = Table(
    "requests",
    metadata,
    Column("id", WHOLE, primary_key=True),
    *_required(Text, "caller", "key", "digest", "owner"),
    Column("written", Boolean, nullable=False, server_default="0"),
    Column("status", WHOLE),
    Column("answer", Text),
    Column("created_at", UtcTime, nullable=False),
)
Index("requests_key", requests.c.caller, requests.c.key, unique=True)
Index("requests_age", requests.c.created_at)

#: Programs with a token of their own; only a hash of the token is stored. A row is never removed: the ledger names it.
agents = Table(
    "agents",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    *_required(Micros, "per_day", "in_all"),
    Column("currency", Text, nullable=False),
    # Ids; NULL: all projects.
    _json("projects"),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)

#: Orders from their price to their tasks; ``tasks.quote_id`` names them.
quotes = Table(
    "quotes",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("agent", Text),
    Column("project_id", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tasks", WHOLE, nullable=False),
    Column("price", Micros),
    Column("price_currency", Text),
    Column("worst", Micros),
    Column("worst_currency", Text),
    Column("digest", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("approved", Boolean, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    _json("shot_ids"),
    _json("options"),
    Column("again", Boolean, nullable=False),
    # Whether somebody was told that it waits.
    Column("notified_at", UtcTime),
    sqlite_autoincrement=True,
)
_partial("quotes_waiting", quotes.c.id, where="state = 'waiting'")
Index("quotes_of_agent", quotes.c.agent, quotes.c.id)
_partial("quotes_unused", quotes.c.expires_at, where="state = 'quoted'")
