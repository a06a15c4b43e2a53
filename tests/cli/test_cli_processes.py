"""Commands as processes of their own: signals, and two of them at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doubles import wait_until

from vidgen_core.cli.serving import show_when_up as show
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

PATIENCE = 60.0


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vidgen_core", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = start(*arguments)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def queue(home: Path) -> int:
    """Six takes that wait; returns the project's id."""
    with Vidgen.open() as app:
        project = app.projects.ensure("default")
        ids = [app.shots.add(project.id, prompt="pan left").id for _ in range(3)]
        app.tasks.generate(project.id, ids, GenerateOptions(takes=2, duration=1.5))
        return project.id


def at_the_start(app: Vidgen, project_id: int, act: Callable[[], object]) -> None:
    """Act as soon as the first of the takes is under way; ``app`` was opened before, which takes its time."""
    until = time.monotonic() + PATIENCE
    while app.tasks.counts(project_id)[TaskStatus.QUEUED] == 6:
        assert time.monotonic() < until
        time.sleep(0.05)
    act()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.extended
def test_an_interrupted_run_says_so_and_the_next_one_finishes_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    # Jobs end when the provider's clock is moved, however long the machine takes.
    clock = [1_800_000_000.0]
    with RehearsalServer(RehearsalOptions(videos="shared", clock=lambda: clock[0])) as server:
        for name, value in settings_hint(server.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.1")
        with Vidgen.open() as app:
            project = app.projects.ensure("default")
            shot = app.shots.add(project.id, prompt="pan left")
            app.tasks.generate(project.id, [shot.id], GenerateOptions(provider=ProviderId("yunwu"), takes=3))
        with started("run", "--until-done") as process:
            wait_until(lambda: server.stats()["accepted_total"] == 3, PATIENCE)
            process.send_signal(how)
            _, err = process.communicate(timeout=PATIENCE)

        assert process.returncode == 130
        assert "Traceback" not in err
        assert "Interrupted" in err

        clock[0] += 60
        with started("run", "--until-done", "--json") as again:
            _, err = again.communicate(timeout=PATIENCE)
        assert again.returncode == 0, err
        assert server.stats()["submits_total"] == 3
    with Vidgen.open() as app:
        assert app.tasks.counts(project.id)[TaskStatus.COMPLETED] == 3
        assert len(list(app.settings().save_folder(app.locations).rglob("*.mp4"))) == 3


@pytest.mark.slow
@pytest.mark.extended
def test_a_killed_run_is_finished_by_the_next_without_a_second_copy(home: Path, queue: int) -> None:
    with Vidgen.open() as app, started("run", "--until-done") as process:
        at_the_start(app, queue, process.kill)
        process.communicate(timeout=PATIENCE)

    with started("run", "--until-done", "--json") as again:
        out, err = again.communicate(timeout=PATIENCE)

    assert again.returncode == 0, err
    assert {task["status"] for task in json.loads(out)} == {"completed"}
    with Vidgen.open() as app:
        files = [file for file in app.settings().save_folder(app.locations).rglob("*") if file.is_file()]
        assert len([file for file in files if file.suffix == ".mp4"]) == 6
        assert app.tasks.counts(queue)[TaskStatus.COMPLETED] == 6


@pytest.mark.slow
@pytest.mark.extended
def test_a_run_beside_another_watches_it_to_the_end(home: Path, queue: int) -> None:
    with Vidgen.open() as app:
        app.worker.start()
        assert app.worker.wait_until_working(PATIENCE)
        with started("run", "--until-done") as process:
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert "Another process runs the tasks" in err
        assert app.tasks.counts(queue)[TaskStatus.COMPLETED] == 6


@pytest.mark.slow
def test_a_rehearsal_prints_the_settings_that_reach_it(home: Path) -> None:
    with started("rehearse", "--json") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n}\n"):
            text += process.stdout.readline()
        said = json.loads(text)
        assert said["settings"]["VIDGEN_PROVIDERS__YUNWU__BASE_URL"] == said["url"]
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(said["url"] + "/nothing-here", timeout=10)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


def test_the_browser_is_not_opened_for_a_server_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    assert show("http://127.0.0.1:9", patience=0.3) is False
    assert opened == []
