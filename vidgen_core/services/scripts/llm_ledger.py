"""What the ledger says of a question to a language model: whether it may be asked, and what it failed of or was lost by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.errors import Delivery, ErrorKind, Refused, RemoteError, VidgenError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import WRITING
from vidgen_core.domain.scripts import LlmCallState, PieceState
from vidgen_core.domain.tasks import Failure
from vidgen_core.services.scripts.llm_jobs import LlmJob, LlmSubject

#: Codes of questions that the budget does not allow begin so: what a click may let through.
STOPPED_BY_BUDGET: Final = "writing_budget_"
_NO_RATE: Final = "budget_rate_missing"
#: Refusals in clear that may pass.
_PASSING: Final = frozenset({ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED})


def is_repeatable(error: VidgenError) -> bool:
    """Whether a question is asked again by itself: only what was surely not answered."""
    if not isinstance(error, RemoteError) or error.delivery is Delivery.UNKNOWN:
        return False
    return error.delivery is Delivery.NOT_SENT or error.kind in _PASSING


def take_in(tx: Tx, notes: Sequence[dict[str, Any]]) -> None:
    """Answers that the process before could only write down beside the database, maybe given up by another machine since."""
    waiting = {call.id: call for call in tx.llm_calls.unanswered([one["call"] for one in notes])}
    for one in notes:
        call = waiting.get(one["call"])
        # The same id may be another question's in a database that was put back.
        if call is not None and one.get("question", call.prompt_digest) == call.prompt_digest:
            names = ("state", "settled", "tokens_in", "tokens_out", "answer")
            cost = Money.model_validate(one["cost"]) if one["cost"] else None
            tx.llm_calls.end(one["call"], **{name: one[name] for name in names}, cost=cost, failure=None)
            if call.piece_id is not None and call.state is LlmCallState.UNKNOWN:
                tx.scripts.reopen_lost(call.piece_id)


def give_up_lost(tx: Tx) -> None:
    """Questions of a process that has ended: whoever holds the lock is alone, so nobody waits for them any more."""
    for call in tx.llm_calls.open():
        lose(tx, call.id, call.piece_id)


def lose(tx: Tx, call: int, piece_id: int | None) -> None:
    """Nobody waits for the answer to a question that is out."""
    failure = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="writing_answer_lost", charged=ChargeStatus.UNKNOWN)
    tx.llm_calls.end(call, state=LlmCallState.UNKNOWN, failure=failure)
    if piece_id is not None:
        tx.scripts.set_piece(piece_id, PieceState.UNKNOWN, failure=failure)


def allow(
    limits: Sequence[money.LimitStatus], job: LlmJob, subject: LlmSubject, settings: Settings, most: Money | None
) -> None:
    """Ask the budget.

    :raises Refused: of kind *balance*, why a question does not go out
    """
    stop = money.check_budget(limits, settings, subject.project_id, WRITING, settings.writing.model, most)
    if stop is None:
        return
    worth = money.convert(most, settings.budget.currency, money.rates_of(settings, WRITING)) if most else None
    if worth is not None:
        job.project_id = subject.project_id
        job.unasked += worth.amount
    raise Refused(stop.code if stop.code == _NO_RATE else f"writing_{stop.code}", kind=ErrorKind.BALANCE, **stop.params)


def failure_of(error: VidgenError) -> Failure:
    """An error as it is kept."""
    unknown = isinstance(error, RemoteError) and error.delivery is Delivery.UNKNOWN
    charged = ChargeStatus.UNKNOWN if unknown else ChargeStatus.NONE
    return Failure.of(error, retryable=is_repeatable(error), charged=charged)


def stopped_by_budget(failure: Failure | None) -> bool:
    """Whether a question did not go out for a limit's sake, which a click may pass once."""
    return failure is not None and failure.code.startswith(STOPPED_BY_BUDGET)
