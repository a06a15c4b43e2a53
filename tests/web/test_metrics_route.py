"""Who may read the metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_client import TestClient

from vidgen_core.domain.log import Heartbeat
from vidgen_core.services.facade import Vidgen


def test_this_machine_reads_them_without_a_token(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "vidgen_double_submits" in {family.name for family in text_string_to_metric_families(answer.text)}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("version", ["x", "1.x", "..", "1.0.0-rc1", "9", "-1", "1;escaping=x"])
def test_a_format_that_nobody_has_is_answered_in_the_older_one(client: TestClient, version: str) -> None:
    for kind in ("application/openmetrics-text", "text/plain"):
        answer = client.get("/metrics", headers={"Accept": f"{kind};version={version}"})
        assert "vidgen_double_submits" in answer.text


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "203.0.113.7"}, {"Authorization": "Bearer wrong"}])
def test_others_need_the_token(client: TestClient, vidgen: Vidgen, headers: dict[str, str]) -> None:
    refused = client.get("/metrics", headers=headers)
    assert refused.status_code == 401
    assert "vidgen_" not in refused.text
    token = vidgen.settings().sharing.token.get_secret_value()
    with_token = client.get("/metrics", headers=headers | {"Authorization": f"Bearer {token}"})
    assert with_token.status_code == 200


@pytest.mark.parametrize("hours", [-7, 7])
def test_a_worker_of_another_time_is_not_at_work(client: TestClient, vidgen: Vidgen, hours: int) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    with vidgen.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(name="", pid=1, host="h", started_at=at, at=at))
    families = {one.name: one for one in text_string_to_metric_families(client.get("/metrics").text)}
    assert families["vidgen_worker_heartbeat_age_seconds"].samples[0].value == pytest.approx(7 * 3600, abs=60)
    assert not vidgen.worker.status(None).alive


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer wrong"), ("Authorization", "Bearer {token}")],
        [("Authorization", "Bearer"), ("X-Real-IP", "127.0.0.1")],
        [("Authorization", "Basic {token}"), ("X-Forwarded-For", "127.0.0.1, 203.0.113.7")],
        [("Forwarded", "for=203.0.113.7"), ("Authorization", "Bearer " + "x" * 8000)],
    ],
)
def test_an_odd_request_gets_no_trace_and_never_more_than_the_token_allows(
    client: TestClient, vidgen: Vidgen, headers: list[tuple[str, str]]
) -> None:
    token = vidgen.settings().sharing.token.get_secret_value()
    given = [(name, value.replace("{token}", token)) for name, value in headers]
    answer = client.get("/metrics?" + "a" * 4000, headers=given)
    assert answer.status_code == 401, answer.text
    assert "vidgen_" not in answer.text


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("DELETE", 405), ("OPTIONS", 405)])
def test_metrics_are_read_only(client: TestClient, method: str, status: int) -> None:
    answer = client.request(method, "/metrics")
    assert answer.status_code == status
    assert "vidgen_" not in answer.text


def test_a_page_from_elsewhere_reads_nothing(client: TestClient) -> None:
    assert client.get("/metrics", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
