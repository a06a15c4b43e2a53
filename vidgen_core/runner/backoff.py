"""How long to wait before a repetition that is allowed."""

from __future__ import annotations

from typing import Any

from tenacity import RetryCallState, wait_exponential_jitter

from vidgen_core.settings import RunnerSettings


def back_off(settings: RunnerSettings, number: int, asked: float | None = None) -> float:
    """Seconds before repetition ``number`` (from 1): exponential with jitter, never less than the provider asked."""
    wait = wait_exponential_jitter(
        multiplier=settings.backoff_base, max=settings.backoff_max, jitter=settings.backoff_base
    )
    nothing: Any = None
    state = RetryCallState(nothing, nothing, (), {})
    state.attempt_number = max(number, 1)
    return max(wait(state), asked or 0.0)
