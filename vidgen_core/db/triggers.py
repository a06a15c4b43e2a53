"""Triggers: counts and sums that would otherwise cost a scan of all rows.

One text for both databases, with the expressions that each writes in its own way as ``dialect.spelled`` takes them.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from vidgen_core.db import ledger_chain
from vidgen_core.db.dialect import spelled
from vidgen_core.db.schema.library import SHOT_TRAITS, shots
from vidgen_core.domain.providers import WRITING

_CELL = "(project_id, provider, output, status, n)"
_ENTER_CELL = (
    f"INSERT INTO task_counts {_CELL} VALUES (NEW.project_id, NEW.provider, NEW.output, NEW.status, 1) "  # noqa: S608
    "ON CONFLICT (project_id, provider, output, status) DO UPDATE SET n = task_counts.n + 1;"
)
_LEAVE_CELL = (
    "UPDATE task_counts SET n = n - 1 WHERE project_id = OLD.project_id "
    "AND provider = OLD.provider AND output = OLD.output AND status = OLD.status;"
)


def _one_if(condition: str) -> str:
    """SQL: 1 where a condition holds, else 0; in PostgreSQL a truth is no number."""
    return f"CAST(({condition}) AS INTEGER)"


def _count_on_shot(row: str, sign: str) -> str:
    """Update the counters of a shot; videos and pictures are counted apart."""
    video, picture = f"{row}.output = 'video'", f"{row}.output = 'image'"
    live = f"{row}.status IN ('queued', 'processing', 'downloading')"
    done, failed = f"{row}.status = 'completed'", f"{row}.status = 'failed'"
    return (
        f"UPDATE shots SET live_count = live_count {sign} {_one_if(f'{video} AND {live}')}, "  # noqa: S608
        f"completed_count = completed_count {sign} {_one_if(f'{video} AND {done}')}, "
        f"failed_count = failed_count {sign} {_one_if(f'{video} AND {failed}')}, "
        f"drawing_count = drawing_count {sign} {_one_if(f'{picture} AND {live}')} WHERE id = {row}.shot_id;"
    )


_TOUCH_SHOT = "UPDATE shots SET changed_rev = NEW.rev WHERE id = NEW.shot_id;"


_NAMED: Final = frozenset(re.findall(r"\w+", " ".join(SHOT_TRAITS.values())))
#: Columns in the conditions of the traits.
_TRAIT_COLUMNS: Final = tuple(column.name for column in shots.c if column.name in _NAMED)
_TRAIT_COLUMN: Final = re.compile(rf"\b({'|'.join(_TRAIT_COLUMNS)})\b")


def _traits_of(row: str) -> str:
    """The traits of a shot as one number.

    :param row: ``OLD.`` or ``NEW.``
    """
    conditions = (_TRAIT_COLUMN.sub(rf"{row}\1", condition) for condition in SHOT_TRAITS.values())
    return " + ".join(f"{_one_if(condition)} * {1 << bit}" for bit, condition in enumerate(conditions))


def _count_traits(row: str, n: str) -> str:
    return (
        "INSERT INTO shot_counts (project_id, traits, n) "  # noqa: S608
        f"VALUES ({row}.project_id, {_traits_of(f'{row}.')}, {n}) "
        f"ON CONFLICT (project_id, traits) {_add_up('shot_counts')};"
    )


class _LedgerRow(NamedTuple):
    """How a row of a ledger table is summed up: SQL expressions with ``{row}`` for OLD or NEW."""

    provider: str
    key_id: str
    charge: str
    at: str
    state: str

    def of(self, row: str) -> _LedgerRow:
        return _LedgerRow(*(expression.format(row=row) for expression in self))


_ATTEMPT: Final = _LedgerRow(
    provider="{row}.provider",
    key_id="coalesce({row}.key_id, '')",
    charge="{row}.charge",
    at="coalesce({row}.intent_at, {row}.created_at)",
    state="{row}.state",
)
#: An LLM call; its cost is computed from our own prices, so no answer of a provider settles it.
_LLM_CALL: Final = _LedgerRow(
    provider=f"'{WRITING}'",
    key_id="{row}.key_label",
    charge="CASE {row}.state WHEN 'refused' THEN 'none' WHEN 'unknown' THEN 'unknown' ELSE 'estimated' END",
    at="{row}.created_at",
    state="CASE {row}.state WHEN 'answered' THEN 'succeeded' ELSE {row}.state END",
)

# Every event is added to a sum, and subtracted again when it turns out otherwise. What became of tasks is counted for
# videos only: a generated picture is no take. Money is counted for both.


def _add_up(table: str) -> str:
    return f"DO UPDATE SET n = {table}.n + excluded.n"


def day_of(at: str) -> str:
    """SQL: the local date of a time, as days since 1970."""
    return f"day_of[{at}]"


#: Ends of picture tasks are counted apart: ``image_completed``.
_END: Final = "CASE {row}output WHEN 'image' THEN 'image_' ELSE '' END || {row}status"


def _count_end(row: str, sign: str) -> str:
    return (
        "INSERT INTO task_ends_daily (day, project_id, provider, model, status, kind, n) "  # noqa: S608
        f"VALUES ({day_of(f'{row}.finished_at')}, {row}.project_id, {row}.provider, {row}.model, "
        f"{_END.format(row=f'{row}.')}, coalesce({row}.failure_kind, ''), {sign}1) "
        f"ON CONFLICT (day, project_id, provider, model, status, kind) {_add_up('task_ends_daily')};"
    )


def _count_choice(row: str, sign: str) -> str:
    return (
        "INSERT INTO task_ends_daily (day, project_id, provider, model, status, kind, n) "  # noqa: S608
        f"SELECT {day_of('created_at')}, project_id, provider, model, 'chosen', '', {sign}1 FROM takes "
        f"WHERE id = {row}.chosen_take_id AND {row}.deleted_at IS NULL "
        f"ON CONFLICT (day, project_id, provider, model, status, kind) {_add_up('task_ends_daily')};"
    )


def _add_to_ledger(ledger_row: _LedgerRow, row: str, sign: str) -> str:
    columns = ledger_row.of(row)
    return (
        "INSERT INTO ledger_daily (day, project_id, provider, model, key_id, state, kind, charge, currency, n, cost) "  # noqa: S608
        f"VALUES ({day_of(columns.at)}, {row}.project_id, {columns.provider}, {row}.model, {columns.key_id}, "
        f"{columns.state}, coalesce(kind_of[{row}.failure], ''), {columns.charge}, "
        f"CASE WHEN {row}.cost IS NULL THEN '' ELSE coalesce({row}.cost_currency, '') END, "
        f"{sign}1, {sign}coalesce({row}.cost, 0)) "
        "ON CONFLICT (day, project_id, provider, model, key_id, state, kind, charge, currency) "
        f"{_add_up('ledger_daily')}, cost = ledger_daily.cost + excluded.cost;"
    )


def sums_of_rows() -> str:
    """SQL: what ``ledger_daily`` is to hold by all but its days, a row a request, with its ``n`` and ``cost`` below zero."""
    queries = []
    for table, columns in (("attempts", _ATTEMPT.of("r")), ("llm_calls", _LLM_CALL.of("r"))):
        currency = "CASE WHEN r.cost IS NULL THEN '' ELSE coalesce(r.cost_currency, '') END"
        queries.append(
            f"SELECT r.project_id, {columns.provider} AS provider, r.model, {columns.key_id} AS key_id, "  # noqa: S608
            f"{columns.state} AS state, {columns.charge} AS charge, {currency} AS currency, -1 AS n, "
            f"-coalesce(r.cost, 0) AS cost FROM {table} r"
        )
    return " UNION ALL ".join(queries)


def _move_in_ledger(ledger_row: _LedgerRow) -> str:
    """Take the old row out of its sum and add the new one; a sum of nothing is removed."""
    old = ledger_row.of("OLD")
    return (
        f"{_add_to_ledger(ledger_row, 'OLD', '-')} {_add_to_ledger(ledger_row, 'NEW', '')} "  # noqa: S608
        # A state that every row passes through must not leave a sum for each day and key.
        f"DELETE FROM ledger_daily WHERE n = 0 AND cost = 0 AND day = {day_of(old.at)} "
        f"AND project_id = OLD.project_id AND provider = {old.provider} AND model = OLD.model;"
    )


#: Below the first number of hundredths of a second a duration is rounded to a multiple of the second.
_STEPS: Final = (
    (200, 20), (500, 50), (1_000, 100), (2_000, 200), (5_000, 500), (10_000, 1_000), (20_000, 2_000),
    (50_000, 5_000), (100_000, 10_000), (200_000, 20_000), (500_000, 50_000), (1_000_000, 100_000),
)  # fmt: skip


def _count_time(stage: str, at: str, seconds: str, source: str) -> str:
    """SQL: count a duration, rounded by ``_STEPS``; ``source`` is the FROM and WHERE of its columns."""
    cases = "".join(f"WHEN s < {below} THEN {step} * CAST(round(s / {step}) AS INTEGER) " for below, step in _STEPS)
    return (
        "INSERT INTO stage_times_daily (day, project_id, provider, stage, centiseconds, n) "  # noqa: S608
        f"SELECT day, project_id, provider, '{stage}', "
        f"CASE {cases}ELSE 200000 * CAST(round(s / 200000) AS INTEGER) END, 1 FROM ("
        f"SELECT {day_of(at)} AS day, project_id, provider, greatest[{seconds}, 0] * 100.0 AS s {source}) AS measured WHERE true "
        f"ON CONFLICT (day, project_id, provider, stage, centiseconds) {_add_up('stage_times_daily')};"
    )


_FINISHED_HOUR = (
    "INSERT INTO takes_hourly (hour, project_id, provider, n) "  # noqa: S608
    "VALUES (hour_of[NEW.finished_at], NEW.project_id, NEW.provider, 1) "
    f"ON CONFLICT (hour, project_id, provider) {_add_up('takes_hourly')};"
)
_QUEUE_TIME = _count_time(
    "queue",
    "created_at",
    "created_at - NEW.queued_at",
    "FROM attempts WHERE id = NEW.attempt_id",
)
_REMOTE_TIME = _count_time(
    "remote",
    "ended_at",
    "ended_at - accepted_at",
    "FROM attempts WHERE id = NEW.id AND accepted_at IS NOT NULL "
    "AND EXISTS (SELECT 1 FROM tasks WHERE id = NEW.task_id AND output = 'video')",
)
_DOWNLOAD_TIME = _count_time(
    "download", "finished_at", "finished_at - polled_at", "FROM tasks WHERE id = NEW.id AND polled_at IS NOT NULL"
)


def _in_batch(row: str, ended: bool) -> str:
    states = "'completed', 'failed', 'cancelled'" if ended else "'queued', 'processing', 'downloading'"
    return _one_if(f"{row}.deleted_at IS NULL AND {row}.status IN ({states})")


TRIGGERS: Final[dict[str, str]] = {
    "task_added": (
        "AFTER INSERT ON tasks WHEN NEW.deleted_at IS NULL BEGIN "
        f"{_ENTER_CELL} {_count_on_shot('NEW', '+')} {_TOUCH_SHOT} END"
    ),
    "task_left_cell": (
        "AFTER UPDATE OF status, provider, project_id, deleted_at ON tasks WHEN OLD.deleted_at IS NULL BEGIN "
        f"{_LEAVE_CELL} {_count_on_shot('OLD', '-')} END"
    ),
    "task_entered_cell": (
        "AFTER UPDATE OF status, provider, project_id, deleted_at ON tasks WHEN NEW.deleted_at IS NULL BEGIN "
        f"{_ENTER_CELL} {_count_on_shot('NEW', '+')} END"
    ),
    # A task that adopted a running job never waited in the queue.
    "task_waited": (
        "AFTER UPDATE OF attempt_id ON tasks WHEN NEW.attempt_id differs_from[OLD.attempt_id] AND NEW.status = 'processing' "
        f"AND NEW.output = 'video' AND NEW.queued_at IS NOT NULL BEGIN {_QUEUE_TIME} END"
    ),
    "task_changed": f"AFTER UPDATE OF rev ON tasks BEGIN {_TOUCH_SHOT} END",
    "task_removed": (
        f"AFTER DELETE ON tasks WHEN OLD.deleted_at IS NULL BEGIN {_LEAVE_CELL} {_count_on_shot('OLD', '-')} END"
    ),
    "take_added": f"AFTER INSERT ON takes BEGIN {_TOUCH_SHOT} END",
    "take_changed": f"AFTER UPDATE OF rev ON takes BEGIN {_TOUCH_SHOT} END",
    "candidate_added": f"AFTER INSERT ON candidates BEGIN {_TOUCH_SHOT} END",
    "candidate_changed": f"AFTER UPDATE OF rev ON candidates BEGIN {_TOUCH_SHOT} END",
    "shot_added": f"AFTER INSERT ON shots BEGIN {_count_traits('NEW', '1')} END",
    "shot_changed": (
        f"AFTER UPDATE OF {', '.join(_TRAIT_COLUMNS)} ON shots "
        f"WHEN {_traits_of('OLD.')} <> {_traits_of('NEW.')} BEGIN "
        f"{_count_traits('OLD', '-1')} {_count_traits('NEW', '1')} END"
    ),
    "shot_removed": f"AFTER DELETE ON shots BEGIN {_count_traits('OLD', '-1')} END",
    "shot_moved": (
        "AFTER UPDATE OF position ON shots BEGIN "
        "UPDATE tasks SET shot_position = NEW.position WHERE shot_id = NEW.id; END"
    ),
    "attempt_added": f"AFTER INSERT ON attempts BEGIN {_add_to_ledger(_ATTEMPT, 'NEW', '')} END",
    "attempt_changed": (
        "AFTER UPDATE OF project_id, state, provider, model, key_id, cost, cost_currency, charge, failure, intent_at "
        f"ON attempts BEGIN {_move_in_ledger(_ATTEMPT)} END"
    ),
    "llm_call_added": f"AFTER INSERT ON llm_calls BEGIN {_add_to_ledger(_LLM_CALL, 'NEW', '')} END",
    "llm_call_changed": (
        f"AFTER UPDATE OF state, cost, cost_currency, failure ON llm_calls BEGIN {_move_in_ledger(_LLM_CALL)} END"
    ),
    "task_in_batch": (
        "AFTER INSERT ON tasks BEGIN INSERT INTO batches (batch, project_id, live, ended) "  # noqa: S608
        f"VALUES (NEW.batch, NEW.project_id, {_in_batch('NEW', False)}, {_in_batch('NEW', True)}) "
        "ON CONFLICT (batch) DO UPDATE SET live = batches.live + excluded.live, ended = batches.ended + excluded.ended; END"
    ),
    "task_moved_in_batch": (
        "AFTER UPDATE OF status, deleted_at ON tasks BEGIN UPDATE batches SET "  # noqa: S608
        f"live = live - {_in_batch('OLD', False)} + {_in_batch('NEW', False)}, "
        f"ended = ended - {_in_batch('OLD', True)} + {_in_batch('NEW', True)} WHERE batch = NEW.batch; END"
    ),
    "task_made_ended": f"AFTER INSERT ON tasks WHEN NEW.finished_at IS NOT NULL BEGIN {_count_end('NEW', '')} END",
    "task_end_undone": (
        "AFTER UPDATE OF finished_at, status, failure_kind, provider, model ON tasks "
        f"WHEN OLD.finished_at IS NOT NULL BEGIN {_count_end('OLD', '-')} END"
    ),
    "task_ended": (
        "AFTER UPDATE OF finished_at, status, failure_kind, provider, model ON tasks "
        f"WHEN NEW.finished_at IS NOT NULL BEGIN {_count_end('NEW', '')} END"
    ),
    "task_finished": (
        "AFTER UPDATE OF status ON tasks WHEN NEW.status = 'completed' AND OLD.status = 'downloading' "
        f"AND NEW.output = 'video' BEGIN {_FINISHED_HOUR} {_DOWNLOAD_TIME} END"
    ),
    "shot_choice": (
        "AFTER UPDATE OF chosen_take_id, deleted_at ON shots BEGIN "
        f"{_count_choice('OLD', '-')} {_count_choice('NEW', '')} END"
    ),
    "attempt_succeeded": (
        "AFTER UPDATE OF state ON attempts WHEN NEW.state = 'succeeded' AND OLD.state = 'accepted' "
        f"BEGIN {_REMOTE_TIME} END"
    ),
    **ledger_chain.chain_triggers(),
}


def renew_triggers(connection: Connection) -> None:
    """Drop all triggers and create the ones of this release; a migration calls it after it changed the tables."""
    drop_triggers(connection)
    database = connection.dialect.name
    if database == "postgresql":
        for function in ledger_chain.functions():
            connection.exec_driver_sql(function)
    for name, text_ in TRIGGERS.items():
        body = spelled(text_, database)
        for statement in _function(name, body) if database == "postgresql" else (f"CREATE TRIGGER {name} {body}",):
            # Without SQLAlchemy's own reading of colons and percent signs.
            connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Let changes of rows count nothing, until ``renew_triggers``."""
    if connection.dialect.name == "postgresql":
        ours = "proname LIKE 'vidgen@_%' ESCAPE '@' AND pronamespace = CAST(current_schema() AS regnamespace)"
        for name in connection.execute(text(f"SELECT proname FROM pg_proc WHERE {ours}")).scalars().all():  # noqa: S608
            connection.exec_driver_sql(f'DROP FUNCTION "{name}"() CASCADE')
        return
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    for name in names:
        connection.execute(text(f'DROP TRIGGER "{name}"'))


def _function(name: str, body: str) -> tuple[str, str]:
    """A trigger of PostgreSQL: a function with the statements, and when it is called."""
    head, _, rest = body.partition(" BEGIN ")
    when, _, condition = head.partition(" WHEN ")
    statements = rest.removesuffix(" END")
    called = f"FOR EACH ROW{f' WHEN ({condition})' if condition else ''} EXECUTE FUNCTION vidgen_{name}()"
    does = f"$body$ BEGIN {statements} RETURN NULL; END $body$"
    return (
        f"CREATE FUNCTION vidgen_{name}() RETURNS trigger LANGUAGE plpgsql AS {does}",
        f"CREATE TRIGGER {name} {when} {called}",
    )
