"""Screens of a studio whose machines share a database: they show and order, and leave the queue to workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres_server import postgres, postgres_url, shared_studio  # noqa: F401 - fixtures
from screens import Screen, open_screen

from vidgen_core.domain.log import Heartbeat
from vidgen_core.web.app_instance import ensure_runner

pytestmark = pytest.mark.slow
NOBODY = "No worker is running"


@pytest.fixture
def screen(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:  # noqa: F811
    for name, value in shared_studio(postgres_url, tmp_path).items():
        monkeypatch.setenv(name, value)
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def beat(screen: Screen, *, ago: float) -> None:
    at = datetime.fromtimestamp(screen.app.store.time(), UTC) - timedelta(seconds=ago)
    with screen.app.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(name="w:1", pid=1, host="worker-1", started_at=at, at=at))


def test_a_server_has_no_worker_and_says_when_none_is_alive_anywhere(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ensure_runner() is screen.app
    assert not screen.app.worker.wait_until_working(0)
    screen.run()
    assert NOBODY in screen.words()
    # The machine of this server has another time; that of the server counts.
    ahead = datetime.now(UTC) + timedelta(seconds=90)
    monkeypatch.setattr("vidgen_core.worker.clock.utc_now", lambda: ahead)
    beat(screen, ago=1)
    screen.run()
    assert NOBODY not in screen.words()
    assert "another process" not in screen.words()
    beat(screen, ago=60)
    screen.run()
    assert NOBODY in screen.words()
