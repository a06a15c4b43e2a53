"""Lovart's browser mode in a real browser on the rehearsal's page: the same promises as everywhere else."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from doubles import wait_until
from rehearsed import Home, rehearsed_home
from test_lovart_batch import ending, queue

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.video import probe
from vidgen_core.providers.base import WAITING_FOR_PERSON
from vidgen_core.providers.lovart.browser import adapter
from vidgen_core.providers.lovart.browser.canvas import Canvas

#: Read here, because no test sees the environment of the machine.
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = pytest.mark.browser
DONE = "completed"


@pytest.fixture
def at_the_page(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, RehearsalServer]]:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 2.0)
    monkeypatch.setattr("vidgen_core.worker.steps.submit.SETTLE", 0.2)
    monkeypatch.setattr(adapter, "WATCH", 0.1)
    with rehearsed_home(locations, monkeypatch, {"max_wait": 30.0}) as (home, server):
        for name, value in {
            "WAY": "browser",
            "SETTLE": "0.2",
            "BROWSER_URL": f"{server.url}/lovart/canvas",
            "BROWSER_PROGRAM": CHROMIUM,
            "BROWSER_HEADLESS": "true",
        }.items():
            monkeypatch.setenv(f"VIDGEN_PROVIDERS__LOVART__{name}", value)
        yield home, server


def hold(home: Home) -> dict[str, Any] | None:
    with home.store.read() as tx:
        found: dict[str, Any] | None = tx.state.get("provider_pause.lovart")
        return found


def held_for(home: Home, code: str) -> dict[str, Any]:
    return wait_until(lambda: (found := hold(home)) and found["code"] == code and found, 40)


def take_away(server: RehearsalServer, what: str, canvas: str = "") -> None:
    """What the person at the window does."""
    wanted = {"what": what, "projectId": canvas.partition("projectId=")[2]}
    httpx.post(f"{server.url}/lovart/page/take-away", params=wanted, trust_env=False).raise_for_status()


def attempts(home: Home, task: Task) -> list[AttemptState]:
    with home.store.read() as tx:
        return [attempt.state for attempt in tx.attempts.of_task(task.id)]


@pytest.mark.extended
def test_three_takes_are_made_one_at_a_time_after_a_person_has_solved_the_captcha(at_the_page) -> None:
    home, server = at_the_page
    server.set_faults({"page-captcha": 1})
    tasks = queue(home, ["pan left\nslowly, 慢慢地", "zoom in", "hold still"], duration=3)
    with home.running():
        held = held_for(home, "page_captcha")
        assert held["by_itself"] is False
        assert {task.status for task in home.tasks(tasks)} <= {TaskStatus.QUEUED, TaskStatus.PROCESSING}
        assert server.stats()["accepted_total"] == 0
        take_away(server, "page-captcha")
        ended = home.finish(tasks, 90)
        assert hold(home) is None
    stats = server.stats()

    assert [ending(task) for task in ended] == [DONE] * 3
    assert all(probe(Path(task.file)).seconds > 0 for task in ended)
    assert all(task.remote_id.startswith(f"{server.url}/lovart/canvas?projectId=project_") for task in ended)
    assert stats["accepted_total"] == 3
    assert stats["peak_in_flight"]["lovart"] == 1
    jobs = server.jobs()
    assert {job["prompt"] for job in jobs} == {"pan left\nslowly, 慢慢地", "zoom in", "hold still"}
    assert all(len(job["params"]["attachments"]) == 1 for job in jobs)


@pytest.mark.extended
def test_a_changed_page_is_told_by_selector_and_file_and_goes_on_when_mended(
    at_the_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, server = at_the_page
    server.set_faults({"page-changed": {"rate": 1, "argument": "prompt"}})
    monkeypatch.setattr(Canvas.until, "__defaults__", (2.0,))
    [task] = queue(home, ["zoom in"])
    file = home.locations.of_provider("lovart") / "selectors.toml"
    with home.running():
        held = held_for(home, "selector_not_found")
        assert (held["params"]["selector"], held["params"]["file"]) == ("prompt", str(file))
        file.write_text(file.read_text(encoding="utf-8").replace("data-lexical-editor", "data-lexical-editor-new"))
        assert tomllib.loads(file.read_text(encoding="utf-8"))
        [ended] = home.finish([task], 60)

    assert ending(ended) == DONE
    assert server.stats()["accepted_total"] == 1


def test_a_click_without_an_answer_is_looked_for_on_its_canvas_and_never_repeated(
    at_the_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, server = at_the_page
    monkeypatch.setattr(adapter, "NOTICED", 1.0)
    monkeypatch.setattr(Canvas.until, "__defaults__", (4.0,))
    late, lost = queue(home, ["zoom in [[slow-accept:2]]", "pan left [[reset-before-accept]]"])
    with home.running():
        late, lost = home.finish([late, lost], 90)

    assert ending(late) == DONE
    assert ending(lost) == "submit_unknown"
    assert (attempts(home, late), attempts(home, lost)) == ([AttemptState.SUCCEEDED], [AttemptState.UNKNOWN])
    # The browser itself repeats a request whose connection was reset; the click and the job are one.
    assert server.stats()["accepted_total"] == 1


@pytest.mark.extended
def test_after_a_crash_the_canvas_is_opened_again_and_nothing_is_clicked_twice(at_the_page) -> None:
    home, server = at_the_page
    [slow] = queue(home, ["zoom in [[slow:3]]"])
    with home.running():
        wait_until(lambda: home.tasks([slow])[0].remote_id, 40)
    with home.running():
        [ended] = home.finish([slow], 60)
        assert ending(ended) == DONE
        assert server.stats()["submits_total"] == 1

        [words] = queue(home, ["[[only-words:That is against our guidelines.]]"])
        [refused] = home.finish([words], 60)
        assert ending(refused) == "moderation"

        [poor] = queue(home, ["pan left [[page-paywall]]"])
        held_for(home, "page_paywall")
        assert attempts(home, poor) == [AttemptState.REFUSED]


@pytest.mark.extended
def test_a_paywall_and_a_price_are_a_persons(at_the_page) -> None:
    home, server = at_the_page
    [poor] = queue(home, ["pan left [[page-paywall]]"])
    with home.running():
        held_for(home, "page_paywall")
        take_away(server, "page-paywall")
        assert ending(home.finish([poor], 60)[0]) == DONE

        [dear] = queue(home, ["pan right [[confirmation:40]]"])
        wait_until(lambda: home.tasks([dear])[0].stage == WAITING_FOR_PERSON, 40)
        assert held_for(home, "page_price")
        take_away(server, "price", home.tasks([dear])[0].remote_id)
        assert ending(home.finish([dear], 60)[0]) == DONE
        wait_until(lambda: hold(home) is None)
