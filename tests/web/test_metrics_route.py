"""Who may read the metrics."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_client import TestClient

from vidgen_core.services.facade import Vidgen


def test_this_machine_reads_them_without_a_token(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "vidgen_double_submits" in {family.name for family in text_string_to_metric_families(answer.text)}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "203.0.113.7"}, {"Authorization": "Bearer wrong"}])
def test_others_need_the_token(client: TestClient, vidgen: Vidgen, headers: dict[str, str]) -> None:
    refused = client.get("/metrics", headers=headers)
    assert refused.status_code == 401
    assert "vidgen_" not in refused.text
    token = vidgen.settings().sharing.token.get_secret_value()
    with_token = client.get("/metrics", headers=headers | {"Authorization": f"Bearer {token}"})
    assert with_token.status_code == 200


def test_a_page_from_elsewhere_reads_nothing(client: TestClient) -> None:
    assert client.get("/metrics", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
