"""How long to wait before a repetition that is allowed."""

from __future__ import annotations

from typing import Any, Final

from tenacity import RetryCallState, wait_exponential_jitter

from vidgen_core.config.schema import RunnerSettings
from vidgen_core.worker.limits.key_pool import LONGEST_ASKED

#: The longest, in seconds, that a provider's wish is kept before a job is asked after or bytes are fetched.
LONGEST_BEFORE_POLL: Final = 60.0
#: The same before an order is sent again.
LONGEST_BEFORE_SUBMIT: Final = LONGEST_ASKED


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
