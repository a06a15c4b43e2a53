"""The ledger as a chain of hashes: one line for each change of a paid request, in the transaction of the change.

Triggers add the lines (``triggers.py``), so that no code can forget one. A line says how its request stands then, as JSON
with its names in order, times as milliseconds since 1970 and money as millionths; its hash covers its number, its time,
what it is about, the hash of the line before, and these words. Nothing changes or removes a line. The hash of the last
one is kept in the journal as well, for a chain alone cannot tell that its end was cut off.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Row, TextClause, insert, select, text

from vidgen_core.db.dialect import spelled
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.queue import ledger_lines
from vidgen_core.domain.providers import WRITING, ProviderId, paid_providers, provider_ids

#: What a line is about: a row of ``attempts``, a row of ``llm_calls``, or lines that were lost before it.
LineKind = Literal["attempt", "question", "gap"]
#: Columns of ``attempts`` and of ``llm_calls`` as their lines have them: name in the line → SQL with ``{row}``.
_MS: Final = "ms_of[{{row}}.{0}]"
_SHARED: Final = {
    "agent": "{row}.agent",
    "base_url": "{row}.base_url",
    "cost": "{row}.cost",
    "currency": "{row}.cost_currency",
    "ended_at": _MS.format("ended_at"),
    "failure": "kind_of[{row}.failure]",
    "key": "{row}.key_label",
    "model": "{row}.model",
    "project": "{row}.project_id",
    "state": "{row}.state",
}
_ATTEMPT: Final = _SHARED | {
    "accepted_at": _MS.format("accepted_at"),
    "charge": "{row}.charge",
    "confirmed_at": _MS.format("confirmed_at"),
    "intent_at": _MS.format("intent_at"),
    "key_id": "{row}.key_id",
    "number": "{row}.number",
    "provider": "{row}.provider",
    "remote_id": "{row}.remote_id",
    "request_id": "{row}.request_id",
    "task": "{row}.task_id",
}
_QUESTION: Final = _SHARED | {
    "intent_at": _MS.format("created_at"),
    "kind": "{row}.kind",
    "piece": "{row}.piece_id",
    "shot": "{row}.shot_id",
    "tokens_in": "{row}.tokens_in",
    "tokens_out": "{row}.tokens_out",
}
#: An order has a line from its intent on; a job that was adopted, from its remote id on.
_BOUGHT: Final = "({row}.intent_at IS NOT NULL OR {row}.remote_id IS NOT NULL)"


class _Source(NamedTuple):
    """A table whose changes are lines."""

    table: str
    body: dict[str, str]
    #: SQL: whether a row is a paid request.
    counts: str

    def json(self, row: str) -> str:
        # To the character the same in both databases: a line outlives a move from one to the other.
        pairs = (f"'\"{name}\":' || json_of[{self.body[name].format(row=row)}]" for name in sorted(self.body))
        return "('{' || " + " || ',' || ".join(pairs) + " || '}')"

    def spoilt(self, row: str) -> str:
        """SQL: whether a value of a row can be made no JSON of, because somebody has changed its bytes."""
        values = [value.format(row=row) for value in self.body.values()]
        kinds = [value.replace("kind_of", "no_json") for value in values if value.startswith("kind_of[")]
        return " OR ".join([f"no_text[{value}]" for value in values if "[" not in value] + kinds)


_SOURCES: Final[dict[LineKind, _Source]] = {
    "attempt": _Source("attempts", _ATTEMPT, f"ledger_paid({{row}}.provider) AND {_BOUGHT}"),
    "question": _Source("llm_calls", _QUESTION, "true"),
}


def _add_line(kind: LineKind, source: _Source) -> str:
    return (
        "INSERT INTO ledger_lines (n, at, kind, row_id, body, previous, hash) "  # noqa: S608
        f"SELECT n, at, '{kind}', NEW.id, body, previous, ledger_hash(n, at, '{kind}', NEW.id, body, previous) FROM ("
        f"SELECT coalesce((SELECT n FROM ledger_lines ORDER BY n DESC LIMIT 1), 0) + 1 AS n, ms_now[] AS at, "
        f"{source.json('NEW')} AS body, "
        "coalesce((SELECT hash FROM ledger_lines ORDER BY n DESC LIMIT 1), '') AS previous) AS line;"
    )


def chain_triggers() -> dict[str, str]:
    """The triggers that add a line for each paid request that was added or changed in what its line says."""
    found = {}
    for kind, source in _SOURCES.items():
        new, old = source.counts.format(row="NEW"), source.counts.format(row="OLD")
        add = f"BEGIN {_add_line(kind, source)} END"
        found[f"{kind}_begins_line"] = f"AFTER INSERT ON {source.table} WHEN {new} {add}"
        found[f"{kind}_continues_line"] = (
            f"AFTER UPDATE ON {source.table} WHEN ({new} OR {old}) "
            f"AND {source.json('NEW')} differs_from[{source.json('OLD')}] {add}"
        )
    return found


def line_hash(n: int, at: int, kind: str, row_id: int, body: str, previous: str) -> str:
    """SHA-256 of a line, in hexadecimal: its parts, each on a line of its own."""
    # As text whatever they are: in a database that somebody has changed a column may hold anything.
    return sha256("\n".join(map(str, (n, at, kind, row_id, previous, body))).encode("utf-8", "replace")).hexdigest()


def functions() -> tuple[str, str]:
    """The functions that the triggers call, for a PostgreSQL server; SQLite has those of ``register``."""
    free = ", ".join(f"'{mode.value}'" for mode in provider_ids() if mode.is_free)
    parts = "n::text, at::text, kind, row_id::text, previous, body"
    words = "n BIGINT, at BIGINT, kind TEXT, row_id BIGINT, body TEXT, previous TEXT"
    digest = f"encode(sha256(convert_to(array_to_string(ARRAY[{parts}], chr(10)), 'UTF8')), 'hex')"
    made = "CREATE OR REPLACE FUNCTION {} LANGUAGE sql IMMUTABLE AS $body$ SELECT {} $body$"
    return (
        made.format(f"ledger_hash({words}) RETURNS TEXT", digest),
        made.format("ledger_paid(provider TEXT) RETURNS BOOLEAN", f"provider NOT IN ({free})"),
    )


def register(connection: sqlite3.Connection, told: Callable[[Head], None]) -> None:
    """Give a connection the functions that the triggers call.

    :param told: called with each line that is added
    """

    def hashed(n: int, *parts: Any) -> str:
        line = Head(n, line_hash(n, *parts))
        told(line)
        return line.hash

    connection.create_function("ledger_hash", 6, hashed)
    connection.create_function("ledger_paid", 1, _is_paid, deterministic=True)


def _is_paid(provider: str) -> bool:
    try:
        return not ProviderId(provider).is_free
    except ValueError:
        # Of a provider that is not installed any more.
        return True


#: More than there can be: PostgreSQL knows no limit below nothing.
_ALL: Final = 2**62


class Head(NamedTuple):
    """The last line of a chain."""

    n: int
    hash: str


class LedgerLine(NamedTuple):
    """One line of the chain, as it is kept."""

    n: int
    #: Milliseconds since 1970.
    at: int
    kind: str
    row_id: int
    body: str
    previous: str
    hash: str


_HEAD: Final = PreparedStatement(
    select(ledger_lines.c.n, ledger_lines.c.hash).order_by(ledger_lines.c.n.desc()).limit(1)
)
_LINES: Final = select(*(ledger_lines.c[name] for name in LedgerLine._fields)).order_by(ledger_lines.c.n)
_PAID: Final = "{0} in_list[:paid]"
_STRAYS: Final = """
SELECT r.id, l.n FROM {table} r
LEFT JOIN (SELECT row_id, max(n) AS n FROM ledger_lines WHERE kind = '{kind}' GROUP BY row_id) last ON last.row_id = r.id
LEFT JOIN ledger_lines l ON l.n = last.n
WHERE CASE WHEN l.n IS NULL THEN {counts} WHEN {spoilt} THEN true ELSE l.body differs_from[{body}] END ORDER BY r.id
"""
_GONE: Final = """
SELECT row_id AS id, max(n) AS n FROM ledger_lines l
WHERE kind = '{kind}' AND NOT EXISTS (SELECT 1 FROM {table} r WHERE r.id = l.row_id) GROUP BY row_id ORDER BY row_id
"""
_LAST: Final = (
    "(SELECT {what} FROM ledger_lines l WHERE l.kind = '{kind}' AND l.row_id = r.id {more} ORDER BY n DESC LIMIT 1)"
)
_OURS: Final = "AND body_text[charge] = 'estimated'"
_TWICE: Final = """
SELECT count(*) FROM attempts a JOIN attempts b ON b.task_id = a.task_id AND b.number < a.number
WHERE a.number > 1 AND (
  SELECT body_text[state] FROM ledger_lines l WHERE l.kind = 'attempt' AND l.row_id = b.id AND l.n < (
    SELECT min(n) FROM ledger_lines f WHERE f.kind = 'attempt' AND f.row_id = a.id) ORDER BY l.n DESC LIMIT 1
) IN ('sending', 'accepted')
"""
_REQUESTS: Final = f"""
SELECT q.*, p.name AS project, s.number AS shot, t.take FROM (
  SELECT 'attempt' AS kind, r.id, r.project_id, r.task_id, r.provider, r.model, coalesce(r.key_label, '') AS key_label,
    r.remote_id, r.request_id, r.agent, r.state, r.charge, r.cost, r.cost_currency AS currency,
    coalesce(r.intent_at, r.created_at) AS at, r.accepted_at, r.ended_at, kind_of[r.failure] AS failure,
    {_LAST.format(kind="attempt", what="body_number[cost]", more=_OURS)} AS ours,
    {_LAST.format(kind="attempt", what="body_text[currency]", more=_OURS)} AS ours_currency,
    {_LAST.format(kind="attempt", what="n", more="")} AS line, {_LAST.format(kind="attempt", what="hash", more="")} AS hash
  FROM attempts r WHERE {_BOUGHT.format(row="r")} AND {_PAID.format("r.provider")}
  UNION ALL
  SELECT 'question', r.id, r.project_id, NULL, '{WRITING}', r.model, r.key_label, NULL, NULL, r.agent, r.state,
    CASE r.state WHEN 'refused' THEN 'none' WHEN 'unknown' THEN 'unknown' ELSE 'estimated' END,
    r.cost, r.cost_currency, r.created_at, NULL, r.ended_at, kind_of[r.failure], r.cost, r.cost_currency,
    {_LAST.format(kind="question", what="n", more="")}, {_LAST.format(kind="question", what="hash", more="")}
  FROM llm_calls r
) q LEFT JOIN projects p ON p.id = q.project_id LEFT JOIN tasks t ON t.id = q.task_id LEFT JOIN shots s ON s.id = t.shot_id
WHERE (CAST(:project AS BIGINT) IS NULL OR q.project_id = :project)
  AND (CAST(:since AS DOUBLE PRECISION) IS NULL OR q.at >= :since)
  AND (CAST(:until AS DOUBLE PRECISION) IS NULL OR q.at < :until)
ORDER BY q.at DESC, q.kind, q.id DESC LIMIT :newest
"""  # noqa: S608


class ChainRepository(Repository):
    """The chain: its end, its lines, and the paid requests as they stand."""

    def head(self) -> Head | None:
        """The last line; None before the first paid request."""
        row = self.tx.execute(_HEAD).one_or_none()
        return None if row is None else Head(row.n, row.hash)

    def lines(self) -> Iterator[LedgerLine]:
        """Every line in the order of the numbers."""
        for row in self.tx.execute(_LINES).yield_per(1000):
            yield LedgerLine._make(row)

    def lacks(self, head: Head | None) -> bool:
        """Whether a line that there was, as the journal knows it, is not in this chain."""
        if head is None:
            return False
        found = self.tx.execute(select(ledger_lines.c.hash).where(ledger_lines.c.n == head.n)).scalar_one_or_none()
        return bool(found != head.hash)

    def note_gap(self, lost: Head, by: str) -> None:
        """Go on after lines were lost, and say in the chain which one was the last.

        :param by: ``person``: somebody put a backup in place; ``start``: found at a start
        """
        head = self.head()
        n, at, previous = (
            (head.n + 1 if head else 1),
            int(self.tx.now().timestamp() * 1000),
            head.hash if head else "",
        )
        body = json.dumps({"by": by, "hash": lost.hash, "n": lost.n}, separators=(",", ":"))
        digest = line_hash(n, at, "gap", lost.n, body, previous)
        self.tx.execute(insert(ledger_lines).values(tuple(LedgerLine(n, at, "gap", lost.n, body, previous, digest))))

    def strays(self) -> Iterator[tuple[str, LineKind, int, int | None]]:
        """Rows that are not as their last line says: ``row_differs``, ``row_unwritten`` or ``row_gone``, kind, row, line."""
        paid = [mode.value for mode in paid_providers()]
        for kind, source in _SOURCES.items():
            counts = "true" if kind == "question" else f"{_BOUGHT.format(row='r')} AND {_PAID.format('r.provider')}"
            said = {"body": source.json("r"), "spoilt": source.spoilt("r"), "counts": counts}
            query = _STRAYS.format(kind=kind, table=source.table, **said)
            for row in self.tx.execute(self._spelled(query), {"paid": json.dumps(paid)}):
                yield ("row_unwritten" if row.n is None else "row_differs"), kind, row.id, row.n
            for row in self.tx.execute(self._spelled(_GONE.format(kind=kind, table=source.table))):
                yield "row_gone", kind, row.id, row.n

    def double_submits(self) -> int:
        """Intents of an attempt while an earlier one of its task was sent and not over, by the order of the lines."""
        return int(self.tx.execute(self._spelled(_TWICE)).scalar_one())

    def requests(
        self, project_id: int | None, since: datetime | None, until: datetime | None, newest: int | None = None
    ) -> list[Row[Any]]:
        """Paid requests by the time of their intent, the newest first; ``cost`` and ``ours`` are millionths.

        ``ours`` is what our own price list said last, ``line`` and ``hash`` are those of the request's last line.
        """
        values = {
            "project": project_id,
            "since": since.timestamp() if since else None,
            "until": until.timestamp() if until else None,
            "newest": _ALL if newest is None else newest,
            "paid": json.dumps([mode.value for mode in paid_providers()]),
        }
        return list(self.tx.execute(self._spelled(_REQUESTS), values))

    def _spelled(self, sql: str) -> TextClause:
        return text(spelled(sql, self.tx.database))
