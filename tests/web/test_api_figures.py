"""Figures and dispute packs over HTTP."""

from __future__ import annotations

import io
from zipfile import ZipFile

from server_client import TestClient

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions


def attempted(vidgen: Vidgen, shot: Shot) -> int:
    """A task that was sent and failed."""
    task = vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    with vidgen.store.write() as tx:
        price = Money(amount="0.4", currency="CNY")
        attempt = tx.attempts.begin(task.id, ProviderId("yunwu"), "grok-video-3", "k1", "main ••x4KR", None, price)
        tx.attempts.update(
            attempt.id, state=AttemptState.FAILED, charge=ChargeStatus.UNKNOWN, intent_at=attempt.created_at
        )
    return task.id


def test_figures_are_asked_for_by_project_period_and_provider(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    attempted(vidgen, shot)
    found = client.get("/api/figures", params={"project": "ep01"}).json()
    assert found["spend"]["lines"][0]["unknown"] == 0.4
    assert client.get("/api/figures", params={"provider": "kie"}).json()["attempts"] == 0
    assert client.get("/api/figures", params={"until": "2020-01-01"}).json()["attempts"] == 0
    listed = client.get("/api/figures.csv", headers={"Accept-Language": "zh"})
    assert listed.headers["content-type"].startswith("text/csv")
    assert "整段时间,,可能已扣费,0.4,CNY" in listed.content.decode("utf-8-sig")


def test_wrong_questions_are_answered_by_a_sentence(client: TestClient) -> None:
    backwards = client.get("/api/figures", params={"since": "2026-02-01", "until": "2026-01-01"})
    assert backwards.status_code == 422
    assert "before it begins" in backwards.json()["error"]["message"]
    assert client.get("/api/figures", params={"project": "nobody"}).status_code == 404
    assert client.get("/api/figures", params={"since": "yesterday"}).status_code == 422
    assert client.post("/api/dispute", json={}).status_code == 422


def test_a_dispute_pack_is_a_zip_of_the_tasks_named(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    ids = [attempted(vidgen, shot) for _ in range(2)]
    answer = client.post("/api/dispute", json={"project": "ep01", "task_ids": [str(ids[0])]})
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("attempts.csv").decode("utf-8-sig").count("grok-video-3") == 1
