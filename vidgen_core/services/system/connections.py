"""The last answer of each provider: to *test connection*, or to a paid request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from vidgen_core.db.worker_state import StateRow
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.providers.base import Connection

if TYPE_CHECKING:
    from vidgen_core.db import Tx
    from vidgen_core.services.context import ServiceContext

#: The last answer of a provider's connection test, and when it came.
CONNECTION: Final = StateRow[dict[str, Any]]("connection.{}", dict[str, Any])


class KnownConnection(NamedTuple):
    """The last answer to *test connection*."""

    connection: Connection | None
    #: Seconds since then.
    age: float | None


def last_connection(ctx: ServiceContext, mode: ProviderId) -> KnownConnection:
    """The last answer of a provider, to *test connection* or to a paid request, and how many seconds old it is.

    Nobody is asked.
    """
    found = ctx.revision_cache.ask(
        ("connection", mode), lambda tx: max(_answers(tx, mode), default=None, key=itemgetter(0))
    )
    if found is None:
        return KnownConnection(None, None)
    at, connection = found
    return KnownConnection(connection, (datetime.now(UTC) - at).total_seconds())


def _answers(tx: Tx, mode: ProviderId) -> Iterator[tuple[datetime, Connection]]:
    """What the last test and the last request said of the connection, each with its time."""
    kept = CONNECTION.get(tx, mode)
    if isinstance(kept, dict):
        # One that another version has kept is written anew by the next test.
        with suppress(ValidationError):
            yield datetime.fromisoformat(kept["at"]), Connection.model_validate(kept["connection"])
    attempt = tx.attempts.last_answered(mode)
    if attempt is None:
        return
    at = attempt.accepted_at or attempt.ended_at or attempt.intent_at or attempt.created_at
    if attempt.accepted_at is None and attempt.failure and attempt.failure.kind in (ErrorKind.AUTH, ErrorKind.NETWORK):
        yield at, Connection(ok=False, failure=attempt.failure)
    else:
        left = tx.ledger.last_balance(mode)
        yield at, Connection(ok=True, balance=left.money if left else None)
