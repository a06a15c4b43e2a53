"""Money on the screens: the budget in the header, the sheet before a batch, prices in the settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from screens import Screen, open_screen

from vidgen_core import money
from vidgen_core.dashboard.settings import budget_form
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.generation.planning import GenerateOptions

PENDING, QUEUED = TaskStatus.PENDING, TaskStatus.QUEUED


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        opened.give_key(ProviderId("yunwu"))
        opened.app.settings_file.change({"mode": "yunwu", "runner.takes_per_shot": 2})
        yield opened


def shots(screen: Screen, count: int) -> list[int]:
    with screen.app.store.write() as tx:
        new = [NewShot(number=f"{n}.0", prompt=f"pan {n}") for n in range(1, count + 1)]
        return [shot.id for shot in tx.shots.add(screen.project.id, new)]


def spend(screen: Screen, amount: str) -> None:
    [shot] = shots(screen, 1)
    [task] = screen.app.tasks.generate(screen.project.id, [shot], GenerateOptions(takes=1)).tasks
    with screen.app.store.write() as tx:
        cost = Money(amount=Decimal(amount), currency="CNY")
        attempt = tx.attempts.begin(task.id, ProviderId("yunwu"), "grok-video-3", "k", "k ••aaaa", None, cost)
        tx.attempts.update(
            attempt.id, charge=ChargeStatus.CHARGED, state=AttemptState.FAILED, intent_at=datetime.now(UTC)
        )
        tx.tasks.move(task.id, TaskStatus.CANCELLED)


def test_the_header_shows_the_nearest_limit(screen: Screen) -> None:
    spend(screen, "45")
    screen.app.settings_file.change({"budget.limit": 50, "budget.per_day": 100})
    screen.run()

    assert "Budget ≈¥45.00 / ¥50.00 (90%)" in screen.header()["facts"]


def test_a_reached_limit_says_so_and_goes_on_at_a_click(screen: Screen) -> None:
    spend(screen, "50")
    screen.app.settings_file.change({"budget.limit": 50})
    [shot] = shots(screen, 1)
    screen.app.tasks.generate(screen.project.id, [shot])
    with screen.app.store.write() as tx:
        amounts = {
            name: {"amount": amount, "currency": "CNY"}
            for name, amount in (("limit", "50"), ("spent", "50"), ("next", "0.4"))
        }
        hold = {
            "code": "budget_all",
            "params": {"provider": "yunwu", **amounts},
            "since": datetime.now(UTC).isoformat(),
        }
        tx.state.put("provider_pause.yunwu", {**hold, "until": None, "by_itself": True})
    screen.run()
    assert (
        "The budget of ¥50.00 is used up: ¥50.00 is spent or under way, and the next take needs ¥0.40" in screen.words()
    )

    screen.press("budget_once_yunwu")
    screen.press("confirm_act")
    [standing] = screen.app.budget.standing(screen.project.id).standings
    assert (standing.extra, standing.left) == (Decimal("0.8"), Decimal("0.8"))

    screen.press("budget_raise_yunwu")
    screen.at.number_input(key="budget_new_limit").set_value(80.0)
    screen.press("budget_raise_save")
    assert screen.app.settings().budget.limit == 80


def test_generating_for_all_goes_through_the_sheet(screen: Screen) -> None:
    shots(screen, 12)
    screen.open("shots")

    screen.press("generate_all")
    assert "24 tasks for 12 shots" in screen.words().replace("\\", "")
    assert "an estimate" in screen.words() or "Estimates" in screen.words()
    assert screen.app.tasks.ids(screen.project.id) == []

    screen.at.checkbox(key="preflight_canary").check()
    screen.press("preflight_act")

    counts = screen.app.tasks.counts(screen.project.id)
    assert (counts[QUEUED], counts[PENDING]) == (2, 22)
    assert "22 tasks wait" in screen.words()

    [waiting] = screen.app.worker.status(screen.project.id).canaries
    screen.press(f"canary_go_on_{waiting.batch}")
    assert "22 tasks for" in screen.words().replace("\\", "")
    screen.press("preflight_act")
    assert screen.app.tasks.counts(screen.project.id)[QUEUED] == 24


def test_a_project_gets_its_own_limit_on_the_settings_screen(screen: Screen) -> None:
    screen.open("settings")
    screen.at.number_input(key="budget_project_limit").set_value(12.5)
    screen.press("budget_project_save")

    with screen.app.store.read() as tx:
        assert money.project_limit(tx, screen.project.id) == Decimal("12.5")


def test_prices_of_the_table_are_kept_and_wrong_ones_are_named(screen: Screen) -> None:
    screen.open("settings")
    row = {"provider": "yunwu", "model": "grok-video-3", "amount": 0.55, "currency": "CNY", "unit": "take"}
    screen.act(lambda: budget_form.save_rows("prices", pd.DataFrame([row | {"seconds": None}])))
    assert [price.amount for price in screen.app.settings().prices] == [Decimal("0.55")]
    loud = pd.DataFrame([row | {"sound": True}, row | {"sound": None}]).astype({"sound": "boolean"})
    screen.act(lambda: budget_form.save_rows("prices", loud))
    assert [price.sound for price in screen.app.settings().prices] == [True, None]

    screen.act(lambda: budget_form.save_rows("prices", pd.DataFrame([row | {"currency": "yen"}])))
    assert any("capital letters" in error.value for error in screen.at.error)
    assert [price.amount for price in screen.app.settings().prices] == [Decimal("0.55")] * 2


def test_the_settings_show_what_was_spent(screen: Screen) -> None:
    spend(screen, "2.92")
    screen.open("settings")

    frames = [frame.value for frame in screen.at.dataframe]
    assert any("¥2.92" in str(frame.to_dict()) for frame in frames)
