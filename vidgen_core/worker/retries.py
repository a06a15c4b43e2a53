"""What is kept of an error, whether the same request is repeated, and how long to wait before that."""

from __future__ import annotations

import logging
from typing import Any, Final

from tenacity import RetryCallState, wait_exponential_jitter

from vidgen_core.config.schema import RunnerSettings
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, HandOver, RemoteError, VidgenError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure
from vidgen_core.worker.limits.key_pool import LONGEST_ASKED

#: Kinds that may pass when the same thing is tried again.
PASSING = frozenset(
    {ErrorKind.NETWORK, ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.PROVIDER, ErrorKind.TIMEOUT}
)
#: Kinds of refusals that another key, a rest or money ends.
_WAITS = frozenset({ErrorKind.NETWORK, ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.AUTH, ErrorKind.BALANCE})

#: Codes of folders and buckets that cannot be used now.
DISK_TROUBLE = frozenset(
    {"disk_full", "folder_read_only", "folder_is_file", "folder_gone", "file_not_written"}
    | {"media_away", "media_refused", "media_region", "media_full", "media_bucket_missing", "media_unmounted"}
)

#: The longest, in seconds, that a provider's Retry-After is kept before a job is polled or bytes are fetched.
LONGEST_BEFORE_POLL: Final = 60.0
#: The same before an order is sent again.
LONGEST_BEFORE_SUBMIT: Final = LONGEST_ASKED


def repeats(error: Exception) -> bool:
    """Whether the worker repeats by itself, within its limits, an order that was refused so.

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
    return Failure.of(error, retryable=repeats(error), charged=charged)


def log_failure(logger: logging.Logger, what: str, error: Exception) -> None:
    """Log what did not work and is tried again: in words, and a mistake of ours with its trace.

    That the database cannot be used is said once, by whoever owns the process (``Worker.problem``).
    """
    passes, slow = isinstance(error, VidgenError | OSError), isinstance(error, TimeoutError)
    files = isinstance(error, FileError | OSError) and not slow
    level = logging.WARNING if files else logging.INFO if passes else logging.ERROR
    logger.log(level, "%s: %s", what, error, exc_info=None if passes else error)


def evidence_of(error: Exception) -> str | None:
    """The raw answer that came with an error."""
    return error.evidence if isinstance(error, RemoteError) else None


def is_disk_trouble(error: Exception) -> bool:
    """Whether the disk, not the task, is at fault."""
    return isinstance(error, FileError) and error.code in DISK_TROUBLE


def bounded(asked: float | None, longest: float) -> float:
    """Seconds that a provider asks us to wait, as far as we do; nothing without a sensible number."""
    return min(asked, longest) if asked is not None and asked > 0 else 0.0


def back_off(
    settings: RunnerSettings, number: int, asked: float | None = None, longest: float = LONGEST_BEFORE_SUBMIT
) -> float:
    """Seconds before repetition ``number`` (from 1): exponential with jitter, and what the provider asked for if more."""
    wait = wait_exponential_jitter(
        multiplier=settings.backoff_base, max=settings.backoff_max, jitter=settings.backoff_base
    )
    nothing: Any = None
    state = RetryCallState(nothing, nothing, (), {})
    state.attempt_number = max(number, 1)
    return min(max(wait(state), bounded(asked, longest)), longest)
