"""A task that has ended overloaded promises no further try, wherever it is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen
from starlette.applications import Starlette

from tests.web.server_client import HERE, TestClient
from vidgen_core.cli import session as cli_session
from vidgen_core.cli.program import run
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.tasks import history
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.i18n.log_lines import log_sentence
from vidgen_core.services.exports.task_list import write_tasks
from vidgen_core.services.notifications.messages import of_batch
from vidgen_core.web import serve

FAILURE = Failure(kind=ErrorKind.OVERLOADED, code="provider_saturated", params={"provider": "yunwu", "said": "Full."})
PROMISE, NOW = "tries again", "Yunwu API had no capacity. Generate again later, or choose another model."


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("VIDGEN_LANGUAGE", "en")
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def saturated(screen: Screen) -> Task:
    [task] = screen.add_tasks()
    attempt = screen.submit(task)
    with screen.app.store.write() as tx:
        tx.attempts.update(attempt.id, state=AttemptState.FAILED, failure=FAILURE)
        tx.tasks.move(task.id, TaskStatus.FAILED, failure=FAILURE)
        about = {"shot": task.shot, "take": task.take, "kind": FAILURE.kind.value, "cause": FAILURE.code}
        tx.log.add(
            LogLevel.ERROR,
            "task_failed",
            project_id=task.project_id,
            task_id=task.id,
            detail=FAILURE.params,
            **about,
        )
    return screen.app.tasks.get(task.id)


def test_on_the_screens(screen: Screen) -> None:
    task = saturated(screen)
    screen.open("shots")
    assert NOW in screen.takes()["v1"]["why"]
    at = screen.open("tasks")
    errors = [str(frame.value.to_dict()) for frame in at.dataframe]
    assert any(NOW in rows for rows in errors)
    at.session_state["_dialog"] = lambda: history._open("Task", task.id)
    screen.run()
    assert any(error.value.startswith(plain(NOW)) for error in at.error)
    assert PROMISE not in screen.words()


def test_while_the_task_goes_on_its_attempts_say_that_it_does(screen: Screen) -> None:
    task = saturated(screen)
    with screen.app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.QUEUED)
    screen.open("tasks").session_state["_dialog"] = lambda: history._open("Task", task.id)
    screen.run()
    assert PROMISE in screen.words()


def test_in_the_api_the_lists_the_log_the_notices_and_on_the_command_line(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    task = saturated(screen)
    t = get_text("en")
    with screen.app.store.read() as tx:
        [line] = [one for one in screen.app.log.page(task.project_id) if one.code == "task_failed"]
        end = tx.batches.end(task.batch, 20)
    listed = io.BytesIO()
    write_tasks([task], "csv", t, "ep01", listed)
    for said in (listed.getvalue().decode("utf-8-sig"), log_sentence(t, line), of_batch(end, t).text):
        assert NOW in said
        assert PROMISE not in said
    serving = serve("127.0.0.1")
    routes = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(routes, base_url=HERE) as client:
        english = {"Accept-Language": "en"}
        found = client.get(f"/api/tasks/{task.id}", headers=english).json()
        [attempt] = client.get(f"/api/tasks/{task.id}/attempts", headers=english).json()
    assert found["error"]["message"] == NOW
    assert found["error"]["provider_message"] == "Full."
    assert attempt["error"].startswith(NOW)
    cli_session.text.cache_clear()
    assert run(["tasks", "--project", "ep01"]) == 0
    assert "Generate again later" in " ".join(capsys.readouterr().out.split())
