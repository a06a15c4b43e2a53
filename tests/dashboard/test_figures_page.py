"""The figures screen: key numbers, what is not known, filters, and what to do when there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from screens import Screen, open_screen
from sqlalchemy import text

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.takes import NewTake
from vidgen_core.domain.tasks import Task, TaskStatus


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def finish(screen: Screen, task: Task, *, charge: ChargeStatus = ChargeStatus.CHARGED, chosen: bool = False) -> None:
    attempt = screen.submit(task)
    with screen.app.store.write() as tx:
        now = datetime.now(UTC)
        tx.attempts.update(attempt.id, state=AttemptState.SUCCEEDED, charge=charge, accepted_at=now, ended_at=now)
        tx.tasks.move(task.id, TaskStatus.DOWNLOADING, polled_at=now)
        tx.tasks.move(task.id, TaskStatus.COMPLETED)
        facts = {"folder": "/v", "file": "a.mp4", "poster": None, "seconds": 1, "width": 9, "height": 16, "bytes": 1}
        new = NewTake(
            project_id=task.project_id,
            shot_id=task.shot_id,
            task_id=task.id,
            number=task.take,
            **facts,
            sha256="",
            provider=task.provider,
            model="m",
        )
        take = tx.takes.add(new)
        if chosen:
            tx.shots.choose(task.shot_id, take.id)


def metrics(screen: Screen) -> dict[str, str]:
    return {metric.label: metric.value for metric in screen.at.metric}


def test_the_key_numbers_are_those_of_the_ledger(screen: Screen) -> None:
    first, second = screen.add_tasks(2)
    finish(screen, first, chosen=True)
    finish(screen, second)
    screen.fail(screen.add_tasks()[0], ErrorKind.MODERATION)
    screen.open("analytics")
    numbers = metrics(screen)
    # 0.40 + 0.40 charged and 0.40 of a failure that may have been charged.
    assert numbers["Cost per chosen take"] == "≈¥1.20"
    assert numbers["Spent"] == "≈¥1.20"
    assert numbers["Success rate"] == "66.7%"
    assert numbers["Acceptance rate"] == "50%"
    assert "estimate" in screen.words()
    assert len(screen.at.get("vega_lite_chart")) == 7
    tables = [frame.value.to_dict("list") for frame in screen.at.dataframe]
    assert any(table.get("Errors by class") == ["Moderation"] for table in tables)


def test_a_period_without_anything_says_what_to_do(screen: Screen) -> None:
    screen.open("analytics")
    assert "Generate some takes" in screen.words()
    assert not screen.at.metric
    assert not screen.at.get("download_button")


def test_filters_leave_one_provider_and_say_so_when_nothing_is_left(screen: Screen) -> None:
    finish(screen, screen.add_tasks()[0])
    screen.open("analytics")
    screen.at.selectbox(key="figures_provider").set_value(ProviderId("kie"))
    screen.run()
    assert "Nothing of KIE" in screen.words()
    screen.at.selectbox(key="figures_provider").set_value(ProviderId("yunwu"))
    screen.at.selectbox(key="figures_period").set_value("own")
    screen.run()
    assert metrics(screen)["Spent"] == "¥0.40"


def test_another_project_is_counted_only_when_all_are_asked_for(screen: Screen) -> None:
    finish(screen, screen.add_tasks()[0])
    other = screen.app.projects.ensure("ep02")
    screen.open("analytics")
    screen.at.selectbox(key="project").set_value(other.name)
    screen.run()
    assert not screen.at.metric
    screen.choose("figures_scope", "all")
    assert metrics(screen)["Spent"] == "¥0.40"


def test_what_has_no_price_is_said_to_be_unknown(screen: Screen) -> None:
    finish(screen, screen.add_tasks(cost=None)[0], charge=ChargeStatus.NONE)
    screen.open("analytics")
    assert metrics(screen)["Cost per chosen take"] == "unknown"
    assert "at least" in metrics(screen)["Spent"]
    assert "unknown price" in screen.words()


def test_the_screen_speaks_chinese(screen: Screen) -> None:
    screen.at.context = {"locale": "zh-CN"}
    finish(screen, screen.add_tasks()[0], chosen=True)
    screen.open("analytics")
    assert metrics(screen)["每条选定的成本"] == "¥0.40"


def test_the_audit_shows_every_paid_request_and_verifies_the_ledger(screen: Screen) -> None:
    first, second = screen.add_tasks(2)
    finish(screen, first)
    finish(screen, second, charge=ChargeStatus.REFUNDED)
    screen.open("analytics")
    screen.at.segmented_control(key="figures_view").set_value("audit").run()
    days, requests = (frame.value for frame in screen.at.dataframe)
    assert list(days["Requests"]) == [2]
    assert list(days["Provider's number"]) == ["¥0.40"]
    assert sorted(requests["Charge"]) == ["charged (named by the provider)", "refunded"]
    assert set(requests["Ledger line"]) == set(requests["Ledger line"].dropna())
    screen.at.button(key="ledger_verify").click().run()
    assert "The ledger is whole" in screen.words()
    with screen.app.store.write() as tx:
        tx.execute(text("UPDATE ledger_lines SET body = replace(body, '400000', '1') WHERE n = 1"))
    screen.at.button(key="ledger_verify").click().run()
    assert "Line 1 is not what was written" in screen.words()
