"""Errors as kept with a task."""

from __future__ import annotations

from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, HandOver, RemoteError, VidgenError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure

#: Kinds that may pass when the same thing is tried again.
PASSING = frozenset(
    {ErrorKind.NETWORK, ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.PROVIDER, ErrorKind.TIMEOUT}
)
#: Kinds of refusals that another key, a rest or money ends.
_WAITS = frozenset({ErrorKind.NETWORK, ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.AUTH, ErrorKind.BALANCE})

#: Codes of places that cannot be written now.
DISK_TROUBLE = frozenset({"disk_full", "folder_read_only", "folder_is_file", "folder_gone", "file_not_written"})


def repeats(error: Exception) -> bool:
    """Whether the runner repeats by itself, within its limits, an order that was refused so.

    Only what was surely not bought, and only for a reason that may pass.
    """
    if not isinstance(error, RemoteError):
        return is_disk_trouble(error)
    if error.delivery is Delivery.UNKNOWN:
        return False
    free = error.delivery is Delivery.NOT_SENT and error.kind in PASSING
    return free or isinstance(error, HandOver) or error.kind in _WAITS


def failure_of(error: Exception, charged: ChargeStatus = ChargeStatus.NONE) -> Failure:
    """What is kept of an error: its kind, code and params, never its text.

    An error that is none of ours is a fault of the program; its type alone is kept, since its text may hold
    anything.
    """
    if not isinstance(error, VidgenError):
        return Failure(
            kind=ErrorKind.PROVIDER, code="unexpected", params={"type": type(error).__name__}, charged=charged
        )
    return Failure(kind=error.kind, code=error.code, params=error.params, retryable=repeats(error), charged=charged)


def evidence_of(error: Exception) -> str | None:
    """The raw answer that came with an error."""
    return error.evidence if isinstance(error, RemoteError) else None


def is_disk_trouble(error: Exception) -> bool:
    """Whether the disk, not the task, is at fault."""
    return isinstance(error, FileError) and error.code in DISK_TROUBLE
