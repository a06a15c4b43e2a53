"""What the database keeps up by itself in SQLite: figures that would otherwise cost a walk over all rows.

A second backend brings triggers of its own; the tables they fill are the same.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from vidgen_core.db.schema import SHOT_TRAITS, shots
from vidgen_core.domain.providers import WRITING

_CELL = "(project_id, provider, output, status, n)"
_ENTER_CELL = (
    f"INSERT INTO task_counts {_CELL} VALUES (NEW.project_id, NEW.provider, NEW.output, NEW.status, 1) "  # noqa: S608
    "ON CONFLICT (project_id, provider, output, status) DO UPDATE SET n = n + 1;"
)
_LEAVE_CELL = (
    "UPDATE task_counts SET n = n - 1 WHERE project_id = OLD.project_id "
    "AND provider = OLD.provider AND output = OLD.output AND status = OLD.status;"
)


def _count_on_shot(row: str, sign: str) -> str:
    """What a filter of shots asks for: videos and pictures are counted apart."""
    live, video = f"{row}.status IN ('queued', 'processing', 'downloading')", f"{row}.output = 'video'"
    return (
        f"UPDATE shots SET live_count = live_count {sign} ({video} AND {live}), "  # noqa: S608
        f"completed_count = completed_count {sign} ({video} AND {row}.status = 'completed'), "
        f"failed_count = failed_count {sign} ({video} AND {row}.status = 'failed'), "
        f"drawing_count = drawing_count {sign} ({row}.output = 'image' AND {live}) WHERE id = {row}.shot_id;"
    )


_TOUCH_SHOT = "UPDATE shots SET changed_rev = NEW.rev WHERE id = NEW.shot_id;"


_NAMED: Final = frozenset(re.findall(r"\w+", " ".join(SHOT_TRAITS.values())))
#: Columns that the conditions of the traits name.
_TRAIT_COLUMNS: Final = tuple(column.name for column in shots.c if column.name in _NAMED)
_TRAIT_COLUMN: Final = re.compile(rf"\b({'|'.join(_TRAIT_COLUMNS)})\b")


def traits_of(row: str) -> str:
    """The traits of a shot as one number.

    :param row: ``OLD.``, ``NEW.`` or nothing
    """
    conditions = (_TRAIT_COLUMN.sub(rf"{row}\1", condition) for condition in SHOT_TRAITS.values())
    return " + ".join(f"({condition}) * {1 << bit}" for bit, condition in enumerate(conditions))


def _count_traits(row: str, n: str) -> str:
    return (
        "INSERT INTO shot_counts (project_id, traits, n) "  # noqa: S608
        f"VALUES ({row}.project_id, {traits_of(f'{row}.')}, {n}) "
        "ON CONFLICT (project_id, traits) DO UPDATE SET n = n + excluded.n;"
    )


class _Line(NamedTuple):
    """A row of the ledger: what it is called in its table, each with ``{row}`` for OLD or NEW."""

    provider: str
    key_id: str
    charge: str
    at: str
    state: str
    #: Whether the figures count it: it has left, or was refused.
    counted: str

    def of(self, row: str) -> _Line:
        return _Line(*(words.format(row=row) for words in self))


_ATTEMPT: Final = _Line(
    provider="{row}.provider",
    key_id="coalesce({row}.key_id, '')",
    charge="{row}.charge",
    at="coalesce({row}.intent_at, {row}.created_at)",
    state="{row}.state",
    counted="{row}.state NOT IN ('preparing', 'sending')",
)
#: A question to a language model; what it takes is counted by our own prices, so no answer settles it.
CALL: Final = _Line(
    provider=f"'{WRITING}'",
    key_id="{row}.key_label",
    charge="CASE {row}.state WHEN 'refused' THEN 'none' WHEN 'unknown' THEN 'unknown' ELSE 'estimated' END",
    at="{row}.created_at",
    state="CASE {row}.state WHEN 'answered' THEN 'succeeded' ELSE {row}.state END",
    counted="{row}.state <> 'sending'",
)


def _spend(line: _Line, row: str, sign: str) -> str:
    line = line.of(row)
    return (
        "INSERT INTO spend (project_id, provider, key_id, currency, charge, cost) "
        f"SELECT {row}.project_id, {line.provider}, {line.key_id}, {row}.cost_currency, {line.charge}, "
        f"{sign}{row}.cost WHERE {row}.cost IS NOT NULL AND {row}.cost_currency IS NOT NULL "
        "ON CONFLICT (project_id, provider, key_id, currency, charge) DO UPDATE SET cost = cost + excluded.cost;"
    )


def _spend_by_quarter(line: _Line, row: str, sign: str) -> str:
    line = line.of(row)
    return (
        "INSERT INTO spend_quarters (quarter, project_id, provider, key_id, currency, charge, cost, n) "  # noqa: S608
        f"VALUES (CAST({line.at} / 900 AS INTEGER), {row}.project_id, "
        f"{line.provider}, {line.key_id}, coalesce({row}.cost_currency, ''), {line.charge}, "
        f"{sign}coalesce({row}.cost, 0), {sign}1) "
        "ON CONFLICT (quarter, project_id, provider, key_id, currency, charge) "
        "DO UPDATE SET cost = cost + excluded.cost, n = n + excluded.n;"
    )


def _ledger(line: _Line, row: str, sign: str) -> str:
    return f"{_spend(line, row, sign)} {_spend_by_quarter(line, row, sign)}"


# Figures. Every event is added to a sum, and taken from it again when it turns out otherwise. What became of tasks is
# counted for videos only: a drawn picture is no take. Money is counted for all.

_ONE_MORE = "DO UPDATE SET n = n + excluded.n"


def day_of(at: str) -> str:
    """The day of a time on this machine's clock, as whole days since 1970."""
    return f"CAST(julianday(date({at}, 'unixepoch', 'localtime')) - 2440587.5 AS INTEGER)"


#: Pictures end beside the takes: ``image_completed``.
END: Final = "CASE {row}output WHEN 'image' THEN 'image_' ELSE '' END || {row}status"


def _figure_end(row: str, sign: str) -> str:
    return (
        "INSERT INTO figures_ends (day, project_id, provider, model, status, kind, n) "  # noqa: S608
        f"VALUES ({day_of(f'{row}.finished_at')}, {row}.project_id, {row}.provider, {row}.model, "
        f"{END.format(row=f'{row}.')}, coalesce({row}.failure_kind, ''), {sign}1) "
        f"ON CONFLICT (day, project_id, provider, model, status, kind) {_ONE_MORE};"
    )


def _figure_choice(row: str, sign: str) -> str:
    return (
        "INSERT INTO figures_ends (day, project_id, provider, model, status, kind, n) "  # noqa: S608
        f"SELECT {day_of('created_at')}, project_id, provider, model, 'chosen', '', {sign}1 FROM takes "
        f"WHERE id = {row}.chosen_take_id AND {row}.deleted_at IS NULL "
        f"ON CONFLICT (day, project_id, provider, model, status, kind) {_ONE_MORE};"
    )


def _figure_money(line: _Line, row: str, sign: str) -> str:
    line = line.of(row)
    return (
        "INSERT INTO figures_attempts "
        "(day, project_id, provider, model, key_id, state, kind, charge, currency, n, cost) "
        f"SELECT {day_of(line.at)}, {row}.project_id, {line.provider}, {row}.model, "
        f"{line.key_id}, {line.state}, coalesce(json_extract({row}.failure, '$.kind'), ''), {line.charge}, "
        f"CASE WHEN {row}.cost IS NULL THEN '' ELSE coalesce({row}.cost_currency, '') END, {sign}1, "
        f"{sign}coalesce({row}.cost, 0) WHERE {line.counted} "
        "ON CONFLICT (day, project_id, provider, model, key_id, state, kind, charge, currency) "
        "DO UPDATE SET n = n + excluded.n, cost = cost + excluded.cost;"
    )


#: Up to so many hundredths of a second a duration is rounded to the second number; steps of at most a fifth.
_STEPS: Final = (
    (200, 20), (500, 50), (1_000, 100), (2_000, 200), (5_000, 500), (10_000, 1_000), (20_000, 2_000),
    (50_000, 5_000), (100_000, 10_000), (200_000, 20_000), (500_000, 50_000), (1_000_000, 100_000),
)  # fmt: skip


def figure_time(stage: str, at: str, seconds: str, source: str) -> str:
    """Count a duration, rounded by ``_STEPS``; ``source`` is where its columns come from, with its WHERE."""
    cases = "".join(f"WHEN s < {below} THEN {step} * CAST(round(s / {step}) AS INTEGER) " for below, step in _STEPS)
    return (
        "INSERT INTO figures_times (day, project_id, provider, stage, centiseconds, n) "  # noqa: S608
        f"SELECT day, project_id, provider, '{stage}', "
        f"CASE {cases}ELSE 200000 * CAST(round(s / 200000) AS INTEGER) END, 1 FROM ("
        f"SELECT {day_of(at)} AS day, project_id, provider, max({seconds}, 0) * 100.0 AS s {source}) WHERE true "
        f"ON CONFLICT (day, project_id, provider, stage, centiseconds) {_ONE_MORE};"
    )


_FINISHED_HOUR = (
    "INSERT INTO figures_hours (hour, project_id, provider, n) "  # noqa: S608
    "VALUES (CAST(NEW.finished_at / 3600 AS INTEGER), NEW.project_id, NEW.provider, 1) "
    f"ON CONFLICT (hour, project_id, provider) {_ONE_MORE};"
)
_QUEUE_TIME = figure_time(
    "queue",
    "NEW.created_at",
    "NEW.created_at - queued_at",
    # What was adopted never waited in the queue.
    "FROM tasks WHERE id = NEW.task_id AND output = 'video' AND status = 'processing' AND queued_at IS NOT NULL",
)
_REMOTE_TIME = figure_time(
    "remote",
    "ended_at",
    "ended_at - accepted_at",
    "FROM attempts WHERE id = NEW.id AND accepted_at IS NOT NULL "
    "AND EXISTS (SELECT 1 FROM tasks WHERE id = NEW.task_id AND output = 'video')",
)
_DOWNLOAD_TIME = figure_time(
    "download",
    "finished_at",
    "finished_at - polled_at",
    "FROM tasks WHERE id = NEW.id AND polled_at IS NOT NULL",
)


def _in_batch(row: str, ended: bool) -> str:
    states = "'completed', 'failed', 'cancelled'" if ended else "'queued', 'processing', 'downloading'"
    return f"({row}.deleted_at IS NULL AND {row}.status IN ({states}))"


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
        f"WHEN {traits_of('OLD.')} <> {traits_of('NEW.')} BEGIN "
        f"{_count_traits('OLD', '-1')} {_count_traits('NEW', '1')} END"
    ),
    "shot_removed": f"AFTER DELETE ON shots BEGIN {_count_traits('OLD', '-1')} END",
    "shot_moved": (
        "AFTER UPDATE OF position ON shots BEGIN "
        "UPDATE tasks SET shot_position = NEW.position WHERE shot_id = NEW.id; END"
    ),
    "attempt_added": f"AFTER INSERT ON attempts BEGIN {_ledger(_ATTEMPT, 'NEW', '')} END",
    "attempt_priced": (
        "AFTER UPDATE OF cost, cost_currency, charge, key_id, provider, project_id, intent_at ON attempts BEGIN "
        f"{_ledger(_ATTEMPT, 'OLD', '-')} {_ledger(_ATTEMPT, 'NEW', '')} END"
    ),
    "call_added": (
        f"AFTER INSERT ON writing_calls BEGIN {_ledger(CALL, 'NEW', '')} {_figure_money(CALL, 'NEW', '')} END"
    ),
    "call_ended": (
        "AFTER UPDATE OF state, cost, cost_currency, failure ON writing_calls BEGIN "
        f"{_ledger(CALL, 'OLD', '-')} {_ledger(CALL, 'NEW', '')} "
        f"{_figure_money(CALL, 'OLD', '-')} {_figure_money(CALL, 'NEW', '')} END"
    ),
    "task_in_batch": (
        "AFTER INSERT ON tasks BEGIN INSERT INTO batches (batch, project_id, live, ended) "  # noqa: S608
        f"VALUES (NEW.batch, NEW.project_id, {_in_batch('NEW', False)}, {_in_batch('NEW', True)}) "
        "ON CONFLICT (batch) DO UPDATE SET live = live + excluded.live, ended = ended + excluded.ended; END"
    ),
    "task_moved_in_batch": (
        "AFTER UPDATE OF status, deleted_at ON tasks BEGIN UPDATE batches SET "  # noqa: S608
        f"live = live - {_in_batch('OLD', False)} + {_in_batch('NEW', False)}, "
        f"ended = ended - {_in_batch('OLD', True)} + {_in_batch('NEW', True)} WHERE batch = NEW.batch; END"
    ),
    "task_made_ended": f"AFTER INSERT ON tasks WHEN NEW.finished_at IS NOT NULL BEGIN {_figure_end('NEW', '')} END",
    "task_end_undone": (
        "AFTER UPDATE OF finished_at, status, failure_kind, provider, model ON tasks "
        f"WHEN OLD.finished_at IS NOT NULL BEGIN {_figure_end('OLD', '-')} END"
    ),
    "task_ended": (
        "AFTER UPDATE OF finished_at, status, failure_kind, provider, model ON tasks "
        f"WHEN NEW.finished_at IS NOT NULL BEGIN {_figure_end('NEW', '')} END"
    ),
    "task_finished": (
        "AFTER UPDATE OF status ON tasks WHEN NEW.status = 'completed' AND OLD.status = 'downloading' "
        f"AND NEW.output = 'video' BEGIN {_FINISHED_HOUR} {_DOWNLOAD_TIME} END"
    ),
    "shot_choice": (
        "AFTER UPDATE OF chosen_take_id, deleted_at ON shots BEGIN "
        f"{_figure_choice('OLD', '-')} {_figure_choice('NEW', '')} END"
    ),
    "attempt_counted": f"AFTER INSERT ON attempts BEGIN {_figure_money(_ATTEMPT, 'NEW', '')} {_QUEUE_TIME} END",
    "attempt_counted_again": (
        "AFTER UPDATE OF state, provider, model, key_id, cost, cost_currency, charge, failure, intent_at ON attempts BEGIN "  # noqa: S608
        f"{_figure_money(_ATTEMPT, 'OLD', '-')} {_figure_money(_ATTEMPT, 'NEW', '')} "
        # A state that everything passes through must not leave a row for each day and key.
        f"DELETE FROM figures_attempts WHERE n = 0 AND day = {day_of(_ATTEMPT.of('OLD').at)} "
        "AND project_id = OLD.project_id AND provider = OLD.provider AND model = OLD.model; END"
    ),
    "attempt_succeeded": (
        "AFTER UPDATE OF state ON attempts WHEN NEW.state = 'succeeded' AND OLD.state = 'accepted' "
        f"BEGIN {_REMOTE_TIME} END"
    ),
}


def renew_triggers(connection: Connection) -> None:
    """Drop the triggers there are and make the present ones, as far as a migration has brought their tables."""
    known = {(row.type, row.name) for row in connection.execute(text("SELECT type, name FROM sqlite_master"))}
    for kind, name in known:
        if kind == "trigger":
            connection.execute(text(f'DROP TRIGGER "{name}"'))
    for name, body in TRIGGERS.items():
        if ("table", body.partition(" ON ")[2].split()[0]) in known:
            connection.execute(text(f"CREATE TRIGGER {name} {body}"))
