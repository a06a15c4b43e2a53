"""What the tests of money share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _asked_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal shows a job in its log at once, so a lost answer is asked for at once."""
    monkeypatch.setattr("vidgen_core.worker.steps.submit.SETTLE", 0.1)
