"""Screens of a studio whose machines share a database: they show and order, and leave the queue to workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres_server import Network, Postgres, postgres, postgres_url, shared_studio  # noqa: F401 - fixtures
from screens import Screen, open_screen

from vidgen_core.dashboard.shots import take_actions
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.shots import NewShot
from vidgen_core.web.app_instance import ensure_runner

pytestmark = pytest.mark.slow
NOBODY = "No worker is running"


@pytest.fixture
def network(postgres: Postgres) -> Iterator[Network]:  # noqa: F811
    with closing(Network(postgres.port)) as network:
        yield network


@pytest.fixture
def screen(
    tmp_path: Path,
    postgres_url: str,  # noqa: F811
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Screen]:
    for name, value in shared_studio(network.way_to(postgres_url), tmp_path).items():
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


@pytest.mark.parametrize(
    ("language", "unknown", "saved"), [("en", "not known whether", "the first time"), ("zh", "无法确定", "上次")]
)
@pytest.mark.parametrize("heard", [True, False])
def test_a_click_that_was_perhaps_saved_says_so_and_orders_once_when_it_is_made_again(
    screen: Screen,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    heard: bool,
    language: str,
    unknown: str,
    saved: str,
) -> None:
    with screen.app.store.write() as tx:
        [shot] = tx.shots.add(screen.project.id, [NewShot(prompt="rain")])
    monkeypatch.setenv("VIDGEN_LANGUAGE", language)
    screen.run()

    def press() -> None:
        take_actions.generate(shot.id, 3)

    def press_as_the_server_goes_away() -> None:
        with monkeypatch.context() as patch:
            patch.setattr("vidgen_core.db.backends.postgres.SETTLING", 0.0)
            network.commit_is_heard = heard
            press()

    screen.act(press_as_the_server_goes_away)
    assert unknown in screen.toasts()
    screen.act(press)
    assert sum(screen.app.tasks.counts(screen.project.id).values()) == 3
    assert (saved in screen.toasts()) == heard
    # What is known by now is ordered anew.
    screen.act(press)
    assert sum(screen.app.tasks.counts(screen.project.id).values()) == 6
