"""Scripts and their pieces, requests to language models, and versions of prompts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, insert, literal_column, or_, select, update

from vidgen_core.db.dialect import among, json_values
from vidgen_core.db.repository import Repository, failure_json, failure_of, money, money_columns, only
from vidgen_core.db.schema.library import (
    SHOT_STATES,
    SHOT_TRAITS,
    candidates,
    prompt_versions,
    script_pieces,
    scripts,
    shots,
    takes,
)
from vidgen_core.db.schema.queue import llm_calls, tasks
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.money import Money
from vidgen_core.domain.scripts import (
    LlmCall,
    LlmCallState,
    PieceState,
    PromptVersion,
    Script,
    ScriptPiece,
    ScriptState,
)
from vidgen_core.domain.shots import Author
from vidgen_core.domain.takes import MINOR_WARNINGS
from vidgen_core.domain.tasks import Failure, TaskKind, TaskStatus


class PromptVersionRepository(Repository):
    """Versions of prompts; none is ever changed or removed."""

    def add(
        self, shot_id: int, text: str, author: Author, writer: str = "", negative: str | None = None
    ) -> PromptVersion:
        """Add a version; the same text by the same author in a row is one version.

        :param negative: the negative prompt with it
        """
        last = self.last([shot_id]).get(shot_id)
        if last is not None and (last.text, last.author, last.writer, last.negative_prompt) == (
            text,
            author,
            writer,
            negative,
        ):
            return last
        row = _version_row(self.tx.now(), shot_id, last.number + 1 if last else 1, text, author, writer, negative)
        return _version(self.tx.execute(insert(prompt_versions).values(row).returning(*prompt_versions.c)).one())

    def keep_alternative(self, shot_id: int, text: str, writer: str) -> None:
        """Keep the text of a model while the prompt stays as the user wrote it.

        The version in use is found by its text, so a version of the same text must not follow it.
        """
        if all(version.text != text for version in self.of(shot_id)):
            self.add(shot_id, text, Author.MODEL, writer)

    def add_first(self, new: Iterable[tuple[int, str, Author, str]]) -> None:
        """Add the first versions of new shots: (shot id, text, author, writer)."""
        rows = [
            _version_row(self.tx.now(), shot_id, 1, text, author, writer)
            for shot_id, text, author, writer in new
            if text
        ]
        if rows:
            self.tx.execute(insert(prompt_versions), rows)

    def of(self, shot_id: int) -> list[PromptVersion]:
        """All versions of a shot, the latest first."""
        query = select(prompt_versions).where(prompt_versions.c.shot_id == shot_id)
        return [_version(row) for row in self.tx.execute(query.order_by(prompt_versions.c.number.desc()))]

    def get(self, version_id: int) -> PromptVersion:
        """Raises NotFound prompt_version_not_found."""
        row = self.tx.execute(select(prompt_versions).where(prompt_versions.c.id == version_id)).one_or_none()
        if row is None:
            raise NotFound("prompt_version_not_found", id=version_id)
        return _version(row)

    def last(self, shot_ids: Collection[int]) -> dict[int, PromptVersion]:
        """The latest version of each shot that has one."""
        latest = (
            select(prompt_versions.c.shot_id, func.max(prompt_versions.c.number).label("number"))
            .where(among(prompt_versions.c.shot_id, shot_ids))
            .group_by(prompt_versions.c.shot_id)
            .subquery()
        )
        query = select(prompt_versions).join(
            latest,
            (prompt_versions.c.shot_id == latest.c.shot_id) & (prompt_versions.c.number == latest.c.number),
        )
        return {row.shot_id: _version(row) for row in self.tx.execute(query)}

    def in_use(self, shot_texts: dict[int, str]) -> dict[int, PromptVersion]:
        """The latest version of each shot (id → its present prompt) with exactly this text."""
        query = select(prompt_versions).where(among(prompt_versions.c.shot_id, list(shot_texts)))
        found: dict[int, PromptVersion] = {}
        for row in self.tx.execute(query.order_by(prompt_versions.c.number)):
            if row.text == shot_texts[row.shot_id]:
                found[row.shot_id] = _version(row)
        return found


def _version_row(
    at: datetime, shot_id: int, number: int, text: str, author: Author, writer: str, negative: str | None = None
) -> dict[str, Any]:
    values = {"shot_id": shot_id, "number": number, "text": text, "author": author, "writer": writer}
    return values | {"negative_prompt": negative, "created_at": at}


def _version(row: Row[Any]) -> PromptVersion:
    return PromptVersion.model_validate(row._asdict())


_SCRIPT = [column for column in scripts.c if column.name not in ("digest", "deleted_at")]


class ScriptRepository(Repository):
    """Scripts and their pieces."""

    def add(
        self, project_id: int, name: str, text: str, model: str, first: int, pieces: list[tuple[int, int, str]]
    ) -> Script:
        """A new script with its pieces: (first line, last line, text)."""
        values = {"project_id": project_id, "name": name, "text": text, "model": model, "first": first}
        values |= {"digest": _digest(text, model), "state": ScriptState.WAITING, "created_at": self.tx.now()}
        _ = self.tx.rev
        script = _script(self.tx.execute(insert(scripts).values(values).returning(*_SCRIPT)).one())
        rows = [
            {
                "script_id": script.id,
                "place": place,
                "first_line": begin,
                "last_line": end,
                "text": part,
                "state": PieceState.WAITING,
            }
            for place, (begin, end, part) in enumerate(pieces, start=1)
        ]
        if rows:
            self.tx.execute(insert(script_pieces), rows)
        return script

    def find(self, project_id: int, text: str, model: str) -> Script | None:
        """The latest script with the same text and model."""
        query = (
            select(*_SCRIPT)
            .where(
                scripts.c.project_id == project_id,
                scripts.c.deleted_at.is_(None),
                scripts.c.digest == _digest(text, model),
            )
            .order_by(scripts.c.id.desc())
            .limit(1)
        )
        row = self.tx.execute(query).one_or_none()
        return None if row is None else _script(row)

    def get(self, script_id: int) -> Script:
        """Raises NotFound script_not_found."""
        query = select(*_SCRIPT).where(scripts.c.id == script_id, scripts.c.deleted_at.is_(None))
        row = self.tx.execute(query).one_or_none()
        if row is None:
            raise NotFound("script_not_found", id=script_id)
        return _script(row)

    def all(self, project_id: int) -> list[Script]:
        """The newest first."""
        query = select(*_SCRIPT).where(scripts.c.project_id == project_id, scripts.c.deleted_at.is_(None))
        return [_script(row) for row in self.tx.execute(query.order_by(scripts.c.id.desc()))]

    def set_state(self, script_id: int, state: ScriptState) -> None:
        values: dict[str, Any] = {"state": state}
        if state is ScriptState.STORED:
            values["stored_at"] = self.tx.now()
        _ = self.tx.rev
        self.tx.execute(update(scripts).where(scripts.c.id == script_id).values(values))

    def remove(self, script_id: int) -> None:
        _ = self.tx.rev
        self.tx.execute(update(scripts).where(scripts.c.id == script_id).values(deleted_at=self.tx.now()))

    def pieces(self, script_id: int) -> list[ScriptPiece]:
        query = select(script_pieces).where(script_pieces.c.script_id == script_id).order_by(script_pieces.c.place)
        return [_piece(row) for row in self.tx.execute(query)]

    def set_piece(
        self,
        piece_id: int,
        state: PieceState,
        answer: list[dict[str, Any]] | None = None,
        failure: Failure | None = None,
    ) -> None:
        values = {"state": state, "answer": answer, "failure": failure_json(failure)}
        self.tx.execute(update(script_pieces).where(script_pieces.c.id == piece_id).values(values))

    def reopen_lost(self, piece_id: int) -> None:
        """Let a piece be asked about that counts as lost: its answer has come."""
        lost = (script_pieces.c.id == piece_id, script_pieces.c.state == PieceState.UNKNOWN)
        self.tx.execute(update(script_pieces).where(*lost).values(state=PieceState.WAITING, failure=None))


def _digest(text: str, model: str) -> str:
    return hashlib.sha256(f"{model}\n{text}".encode()).hexdigest()


def _script(row: Row[Any]) -> Script:
    return Script.model_validate(row._asdict())


def _piece(row: Row[Any]) -> ScriptPiece:
    return ScriptPiece.model_validate(row._asdict() | {"failure": failure_of(row.failure)})


_CALL_EDITABLE = frozenset({"state", "tokens_in", "tokens_out", "cost", "answer", "failure", "settled"})


class LlmCallRepository(Repository):
    """Paid requests to language models; a row is written before the request is sent and is never removed."""

    def begin(
        self,
        project_id: int,
        kind: str,
        model: str,
        key_label: str,
        base_url: str,
        *,
        piece_id: int | None = None,
        shot_id: int | None = None,
        cost: Money | None = None,
        prompt_digest: str | None = None,
        agent: str | None = None,
    ) -> int:
        """Record the intent of a paid request; returns its id.

        :param cost: the most it may cost, reserved until the cost is known; None: no price is known
        """
        values = {"project_id": project_id, "kind": kind, "model": model, "key_label": key_label, "base_url": base_url}
        values |= {"piece_id": piece_id, "shot_id": shot_id, "state": LlmCallState.SENDING}
        values["created_at"] = self.tx.now()
        values |= {**money_columns(cost), "prompt_digest": prompt_digest, "agent": agent}
        # Its cost counts against the budget, so pages have to be updated.
        _ = self.tx.rev
        return int(self.tx.execute(insert(llm_calls).values(values).returning(llm_calls.c.id)).scalar_one())

    def end(self, call_id: int, **changes: Any) -> None:
        """Record the result: state, tokens_in, tokens_out, cost, answer, failure."""
        values = dict(only(changes, _CALL_EDITABLE))
        if "cost" in values:
            values |= money_columns(values.pop("cost"))
        if "failure" in values:
            values["failure"] = failure_json(values["failure"])
        _ = self.tx.rev
        self.tx.execute(update(llm_calls).where(llm_calls.c.id == call_id).values(ended_at=self.tx.now(), **values))

    def open(self) -> list[LlmCall]:
        """Requests without a recorded answer: under way, or of a process that has ended."""
        query = select(llm_calls).where(literal_column("state = 'sending'"))
        return [_call(row) for row in self.tx.execute(query.order_by(llm_calls.c.id))]

    def unanswered(self, call_ids: Collection[int]) -> list[LlmCall]:
        """Those of some requests whose answer is not recorded: under way, or lost."""
        open_ones: ColumnElement[Any] = literal_column("state IN ('sending', 'unknown')")
        return [
            _call(row) for row in self.tx.execute(select(llm_calls).where(among(llm_calls.c.id, call_ids), open_ones))
        ]

    def lost(self, project_id: int) -> list[LlmCall]:
        """Requests whose answer was lost and about which no user has decided yet."""
        undecided: ColumnElement[Any] = literal_column("state = 'unknown' AND NOT settled")
        query = select(llm_calls).where(llm_calls.c.project_id == project_id, undecided)
        return [_call(row) for row in self.tx.execute(query.order_by(llm_calls.c.id))]

    def last_answer(self, piece_id: int) -> str | None:
        """The latest answer about a piece; it may be unused."""
        query = select(llm_calls.c.answer).where(
            llm_calls.c.piece_id == piece_id, llm_calls.c.state == LlmCallState.ANSWERED
        )
        return self.tx.execute(query.order_by(llm_calls.c.id.desc()).limit(1)).scalar()

    def unused_answer(self, shot_id: int, prompt_digest: str) -> LlmCall | None:
        """The latest unused answer to exactly this request about a shot."""
        query = select(llm_calls).where(
            llm_calls.c.shot_id == shot_id,
            llm_calls.c.prompt_digest == prompt_digest,
            llm_calls.c.state == LlmCallState.ANSWERED,
            llm_calls.c.settled.is_(False),
        )
        row = self.tx.execute(query.order_by(llm_calls.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else _call(row)

    def mark_used(self, shot_id: int) -> None:
        """Mark the answers about a shot as used; the same request again is a new one."""
        answered = (llm_calls.c.shot_id == shot_id, llm_calls.c.state == LlmCallState.ANSWERED)
        self.tx.execute(update(llm_calls).where(*answered, llm_calls.c.settled.is_(False)).values(settled=True))

    def settle(self, call_ids: Collection[int]) -> None:
        """Record that a user has decided about lost answers."""
        _ = self.tx.rev
        self.tx.execute(update(llm_calls).where(among(llm_calls.c.id, call_ids)).values(settled=True))

    def of_project(self, project_id: int) -> list[LlmCall]:
        """All requests of a project, the newest first."""
        query = select(llm_calls).where(llm_calls.c.project_id == project_id)
        return [_call(row) for row in self.tx.execute(query.order_by(llm_calls.c.id.desc()))]


def _call(row: Row[Any]) -> LlmCall:
    values = row._asdict()
    del values["cost_currency"]
    values |= {"cost": money(row.cost, row.cost_currency), "failure": failure_of(row.failure)}
    return LlmCall.model_validate(values)


_DRAWN = exists().where(tasks.c.shot_id == shots.c.id, tasks.c.output == TaskKind.IMAGE)
_FILMED = exists().where(tasks.c.shot_id == shots.c.id, tasks.c.output == TaskKind.VIDEO)
_PICTURED = shots.c.image.is_not(None) | shots.c.image_url.is_not(None)
#: It has a picture to begin with, or goes on from a shot of which a take was ordered.
_BEGINS = or_(
    and_(shots.c.follows.is_(None), _PICTURED),
    exists().where(tasks.c.shot_id == shots.c.follows, tasks.c.output == TaskKind.VIDEO, tasks.c.deleted_at.is_(None)),
)
_HAS_CANDIDATES = exists().where(candidates.c.shot_id == shots.c.id)
_VIDEO = (tasks.c.shot_id == shots.c.id, tasks.c.output == TaskKind.VIDEO, tasks.c.deleted_at.is_(None))
#: Takes that are not queued yet.
_MORE_TO_COME = exists().where(*_VIDEO, tasks.c.status == TaskStatus.PENDING)
_WARNINGS = json_values(takes.c.warnings)
_HAS_GOOD_TAKE = exists().where(
    *_VIDEO,
    takes.c.task_id == tasks.c.id,
    takes.c.rejected.is_(None),
    ~exists(select(1).select_from(_WARNINGS).where(_WARNINGS.c.value.not_in(MINOR_WARNINGS))),
)
#: Conditions of shots for which auto-run may start a step; steps that a user has started or that have failed are left alone.
_BEGINNABLE: dict[str, tuple[str, tuple[ColumnElement[bool], ...]]] = {
    "drawable": (SHOT_STATES["without_picture"], (~_DRAWN,)),
    "choosable": (SHOT_STATES["without_picture"], (_HAS_CANDIDATES,)),
    "without_prompt": (SHOT_TRAITS["without_prompt"], ()),
    "ready_for_takes": (SHOT_STATES["without_takes"], (shots.c.prompt != "", _BEGINS, ~_FILMED)),
    "unfilmed": (SHOT_STATES["without_takes"], (~_FILMED,)),
    "choosable_takes": (f"{SHOT_STATES['to_choose']} AND live_count = 0", (~_MORE_TO_COME, _HAS_GOOD_TAKE)),
}


class ProgressRepository(Repository):
    """Progress of a project from script to film."""

    def ids(self, project_id: int, name: str) -> list[int]:
        """Shots without a prompt, or for which a step can be started, in their order."""
        lacking, more = _BEGINNABLE[name]
        wanted: ColumnElement[Any] = literal_column(lacking)
        query = select(shots.c.id).where(shots.c.project_id == project_id, wanted, *more)
        return list(self.tx.execute(query.order_by(shots.c.position, shots.c.id)).scalars())

    def highest_number(self, project_id: int) -> int:
        """The highest whole number that begins the number of a shot; 0 without one."""
        query = select(shots.c.number).where(shots.c.project_id == project_id, shots.c.deleted_at.is_(None))
        heads = (number.partition(".")[0] for number in self.tx.execute(query).scalars())
        return max((int(head) for head in heads if head.isdecimal() and len(head) < 10), default=0)


def versions_by_text(versions: Iterable[PromptVersion]) -> dict[str, list[PromptVersion]]:
    """Versions by their text, to find the version of a take's prompt."""
    found: dict[str, list[PromptVersion]] = defaultdict(list)
    for version in versions:
        found[version.text].append(version)
    return found
