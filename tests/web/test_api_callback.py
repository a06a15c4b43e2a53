"""KIE says that a job has ended: proven, in time, once; and the task is looked at now."""

from __future__ import annotations

import time
from typing import Any

import pytest
from server_client import TestClient

from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.kie.callback import WINDOW, sign
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.api.routers.callback import Callbacks

KEY = "webhook-key-of-kie"
JOB = "veo_task_abcdef123456"


@pytest.fixture
def waiting(vidgen: Vidgen, shot: Shot) -> Task:
    """A task whose job KIE has taken."""
    vidgen.settings_file.change(
        {
            "providers.kie.webhook_secret": KEY,
            "providers.kie.keys": [{"name": "main", "secret": "sk-0123456789abcdef"}],
        }
    )
    return vidgen.tasks.adopt_new(shot.id, ProviderId("kie"), JOB)


@pytest.fixture
def validated(vidgen: Vidgen, waiting: Task, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that were looked at now."""
    found: list[int] = []
    monkeypatch.setattr(vidgen.worker, "look_now", found.append)
    return found


def send(client: TestClient, job: str = JOB, at: float | None = None, key: str = KEY, **body: Any) -> Any:
    stamp = str(int(time.time() if at is None else at))
    headers = {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": sign(key, job, stamp)}
    return client.post("/api/kie/callback", json=body or {"code": 200, "data": {"taskId": job}}, headers=headers)


def test_a_signed_callback_wakes_its_task(client: TestClient, waiting: Task, validated: list[int]) -> None:
    assert send(client).json() == {"ok": True}
    assert validated == [waiting.id]


def test_the_documented_signature_is_what_we_compute() -> None:
    # base64(HMAC-SHA256("key", "task.1700000000")), computed with openssl.
    assert sign("key", "task", "1700000000") == "gvI6gL9GybgZDXL/Mpk0Ccf/YM23cSLbj/iqVul3HJI="


def test_the_other_spelling_of_the_id_is_understood(client: TestClient, waiting: Task, validated: list[int]) -> None:
    assert send(client, data={"task_id": JOB}).status_code == 200
    assert validated == [waiting.id]


def test_the_same_message_again_changes_nothing(client: TestClient, waiting: Task, validated: list[int]) -> None:
    now = time.time()
    assert [send(client, at=now).status_code for _ in range(3)] == [200] * 3
    assert validated == [waiting.id]


@pytest.mark.parametrize("late", [-WINDOW - 5, WINDOW + 5])
def test_an_old_message_is_refused(client: TestClient, validated: list[int], late: float) -> None:
    assert send(client, at=time.time() + late).status_code == 401
    assert validated == []


def test_a_forged_message_is_refused_and_changes_nothing(
    client: TestClient, vidgen: Vidgen, waiting: Task, validated: list[int]
) -> None:
    before = vidgen.store.revision()
    assert send(client, key="guess").status_code == 401
    assert send(client, data={"taskId": "another"}).status_code == 401
    assert client.post("/api/kie/callback", json={"data": {"taskId": JOB}}).status_code == 401
    assert (validated, vidgen.store.revision()) == ([], before)
    assert vidgen.tasks.get(waiting.id).status is TaskStatus.PROCESSING


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"data":{}}', b'{"data":{"taskId":7}}', b"[" * 90_000,
        # No database takes all of these.
        b'{"data":{"taskId":"\\ud83d"}}', b'{"data":{"taskId":"a\\u0000b"}}', b'{"data":{"taskId":"a b"}}', '{"data":{"taskId":"片"}}'.encode("gbk"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", [KEY, ""])
def test_nonsense_is_refused(client: TestClient, vidgen: Vidgen, validated: list[int], key: str, body: bytes) -> None:
    vidgen.settings_file.change({"providers.kie.webhook_secret": key})
    assert client.post("/api/kie/callback", content=body).status_code in (400, 422)
    assert validated == []


@pytest.mark.parametrize("stamp", ["9" * 4000, "-1", "1e9", ""])
def test_a_signed_time_that_is_none_is_refused(client: TestClient, validated: list[int], stamp: str) -> None:
    headers = {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": sign(KEY, JOB, stamp)}
    assert client.post("/api/kie/callback", json={"data": {"taskId": JOB}}, headers=headers).status_code == 401
    assert validated == []


def test_what_says_more_than_a_callback_ever_does_is_too_large(client: TestClient, validated: list[int]) -> None:
    assert client.post("/api/kie/callback", content=b" " * 100_001).status_code == 413


def test_a_job_that_nobody_knows_is_taken_in_quietly(client: TestClient, validated: list[int]) -> None:
    assert send(client, job="of-another").status_code == 200
    assert validated == []


def test_without_a_key_a_message_wakes_once_in_a_while(
    client: TestClient, vidgen: Vidgen, waiting: Task, validated: list[int]
) -> None:
    vidgen.settings_file.change({"providers.kie.webhook_secret": ""})
    for _ in range(3):
        assert client.post("/api/kie/callback", json={"data": {"taskId": JOB}}).status_code == 200
    assert 1 <= len(validated) <= 2


def test_memory_of_messages_is_bounded_by_time_and_number() -> None:
    clock = [1000.0]
    callbacks = Callbacks(lambda: clock[0])
    assert callbacks.is_new("1.a")
    assert not callbacks.is_new("1.a")
    clock[0] += 3 * WINDOW
    assert callbacks.is_new("1.a")
