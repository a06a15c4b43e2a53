"""Commands about tasks from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.cli_doubles import Vidgen
from tests.services.app_doubles import in_doubt, link_unknown, sent, timed_out
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import Task
from vidgen_core.services.facade import Vidgen as Opened


@pytest.fixture
def leave(vidgen: Vidgen, home: Path) -> Callable[..., Task]:
    """Leave a task behind as a paid run would: ``leave(timed_out)``."""

    def make(state: Callable[[Opened, Shot], Task]) -> Task:
        with Opened.open() as app:
            project = app.projects.ensure("default")
            shot = app.shots.by_number(project.id, "1.0") or app.shots.add(project.id, "1.0", "pan left")
            return state(app, shot)

    return make


def test_a_failed_task_shows_its_error_in_the_fixed_shape(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    leave(timed_out)

    (task,) = vidgen("tasks", "--status", "failed", "--json").json

    assert task["error"].keys() >= {"kind", "message", "retryable", "charged"}
    assert (task["error"]["kind"], task["error"]["charged"]) == ("timeout", "unknown")


@pytest.fixture
def yunwu_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')


def test_without_a_key_nothing_is_submitted_again(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    leave(timed_out)

    said = vidgen("retry", "--failed", "--yes")

    assert said.status == 2
    assert "Enter a key" in said.err


@pytest.mark.usefixtures("yunwu_key")
def test_below_the_limits_nobody_is_asked(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    leave(timed_out)

    assert vidgen("retry", "--failed").status == 0


@pytest.mark.usefixtures("yunwu_key")
def test_a_submit_in_doubt_is_not_repeated_without_a_yes(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    task = leave(in_doubt)

    refused = vidgen("retry", "--failed", "--json")
    assert refused.status == 1
    assert [row["code"] for row in refused.json["refused"]] == ["may_be_paid_twice"]

    done = vidgen("retry", str(task.id), "--yes", "--json")
    assert (done.status, done.json["done"]) == (0, [str(task.id)])


@pytest.mark.usefixtures("yunwu_key")
def test_nobody_is_asked_where_nobody_can_answer(
    vidgen: Vidgen, leave: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "0")
    leave(timed_out)

    said = vidgen("retry", "--failed")

    assert said.status == 2
    assert "--yes" in said.err
    assert [task["status"] for task in vidgen("tasks", "--json").json] == ["failed"]


def test_looking_again_is_free_and_needs_no_yes(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    leave(timed_out)

    assert vidgen("look-again", "1.0-v1").status == 0
    assert [task["status"] for task in vidgen("tasks", "--json").json] == ["processing"]


def test_a_remote_job_is_adopted_by_the_task_that_waits_for_it(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    task = leave(in_doubt)

    said = vidgen("adopt", "--shot", "1.0", "grok:77", "--provider", "yunwu", "--json")

    assert said.status == 0, said.err
    assert (said.json["id"], said.json["remote_id"], said.json["take"]) == (str(task.id), "grok:77", 1)


def test_a_remote_job_that_no_task_waits_for_becomes_a_take(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    leave(timed_out)

    said = vidgen("adopt", "--shot", "1.0", "grok:88", "--provider", "yunwu", "--json")

    assert (said.status, said.json["take"], said.json["status"]) == (0, 2, "processing")
    assert vidgen("adopt", "--shot", "1.0", "grok:88", "--provider", "yunwu").status == 2


def test_a_link_that_was_not_understood_is_entered(vidgen: Vidgen, leave: Callable[..., Task]) -> None:
    task = leave(link_unknown)

    wrong = vidgen("link", str(task.id), "somewhere")
    said = vidgen("link", str(task.id), "https://cdn.example.com/v.mp4", "--json")

    assert (wrong.status, said.status) == (2, 0), said.err
    assert "https://" in wrong.err
    assert (said.json["id"], said.json["status"], said.json["attempts"]) == (str(task.id), "downloading", 1)


def test_a_job_whose_link_is_not_understood_is_not_bought_again_without_a_yes(
    vidgen: Vidgen, leave: Callable[..., Task]
) -> None:
    leave(link_unknown)

    assert vidgen("retry", "--failed").status != 0
    assert [task["status"] for task in vidgen("tasks", "--json").json] == ["failed"]


def test_a_submitted_job_is_given_up_with_a_yes_and_not_deleted_before(
    vidgen: Vidgen, leave: Callable[..., Task]
) -> None:
    task = leave(sent)

    assert vidgen("delete", str(task.id)).status == 1
    assert vidgen("cancel", str(task.id)).status == 2
    assert vidgen("cancel", "--all", "--yes").status == 0
    with Opened.open() as app:
        assert app.tasks.get(task.id).cancel_requested


def test_queued_tasks_are_cancelled_and_deleted_for_nothing(vidgen: Vidgen, shot_list: Path) -> None:
    vidgen("import", str(shot_list))
    vidgen("generate", "--all")

    assert vidgen("cancel", "--all").status == 0
    assert {task["status"] for task in vidgen("tasks", "--json").json} == {"cancelled"}
    assert vidgen("delete", "--all", "--yes").status == 0
    assert vidgen("tasks", "--json").json == []


@pytest.mark.parametrize(
    "asked_for",
    [("--duration", "nan"), ("--duration", "inf"), ("--duration=-3",), ("--aspect", "banana"), ("--size", "x" * 300)],
)
def test_a_request_that_nobody_can_mean_ends_in_one_sentence(
    vidgen: Vidgen, leave: Callable[..., Task], asked_for: tuple[str, ...]
) -> None:
    leave(timed_out)

    said = vidgen("generate", "--shot", "1.0", "--yes", *asked_for)

    assert said.status == 2
    assert len(said.err.strip().splitlines()) == 1
    assert vidgen("tasks", "--status", "queued", "--json").json == []
