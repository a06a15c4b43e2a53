"""Settings over the API: partly changed, wholly checked, never told in clear."""

from __future__ import annotations

import json

import pytest
from server_client import TestClient

from vidgen_core.config.paths import Locations
from vidgen_core.services.facade import Vidgen

SECRET = "sk-abcdefghijklmnop"


@pytest.fixture
def with_key(vidgen: Vidgen) -> Vidgen:
    vidgen.settings_file.change(
        {"providers.kie.keys": [{"name": "main", "secret": SECRET}], "providers.kie.webhook_secret": "whsec-0123456789"}
    )
    return vidgen


def test_no_answer_holds_a_secret(client: TestClient, with_key: Vidgen) -> None:
    token = with_key.settings().sharing.token.get_secret_value()
    answers = [client.get(f"/api/{mode}/config").text for mode in ("local", "yunwu", "kie", "lovart")]
    answers += [client.get(path).text for path in ("/api/status", "/api/log", "/api/openapi.json", "/api/health")]
    told = "".join(answers)
    assert SECRET not in told
    assert "whsec-0123456789" not in told
    assert token
    assert token not in told
    assert client.get("/api/kie/config").json()["keys"] == [
        {"name": "main", "secret": "sk-****mnop", "enabled": True, "address_changed": False}
    ]


def test_what_is_left_out_stays_and_a_masked_key_is_the_saved_one(client: TestClient, with_key: Vidgen) -> None:
    shown = client.get("/api/kie/config").json()
    keys = [*shown["keys"], {"name": "second", "secret": "sk-secondsecond"}]
    answer = client.post("/api/kie/config", json={"model": "veo3", "poll_interval": 3, "keys": keys})
    assert answer.status_code == 200, answer.text
    kie = with_key.settings().providers.kie
    assert (kie.model, with_key.settings().runner.poll_interval) == ("veo3", 3.0)
    assert [key.secret.get_secret_value() for key in kie.keys] == [SECRET, "sk-secondsecond"]
    assert kie.webhook_secret.get_secret_value() == "whsec-0123456789"


@pytest.mark.parametrize(
    "body",
    [
        {"model": "veo3", "colour": "red"},
        {"model": "veo3", "aspect_ratio": "wide"},
        {"model": "veo3", "max_concurrent": 0},
        {"model": "veo3", "max_concurrent": "3"},
        {"model": "veo3", "keys": [{"name": "new"}]},
        {"model": "veo3", "keys": [{"name": "new", "secret": "sk-****zzzz"}]},
        {"model": ""},
        [],
        "x",
    ],
)
def test_one_wrong_value_changes_nothing(client: TestClient, with_key: Vidgen, body: object) -> None:
    before = with_key.settings_file.path.read_bytes()
    answer = client.post("/api/kie/config", json=body)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"kind", "message"}
    assert with_key.settings_file.path.read_bytes() == before


def test_a_refusal_does_not_repeat_what_was_sent(client: TestClient, with_key: Vidgen) -> None:
    body = {"keys": [{"name": "new", "secret": SECRET + "\u00e9"}], "model": 7}
    assert SECRET not in client.post("/api/kie/config", json=body).text


def test_what_the_environment_decides_is_named_and_kept(
    home: Locations, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__MODEL", "veo3")
    client: TestClient = request.getfixturevalue("client")
    assert client.get("/api/kie/config").json()["from_environment"] == ["model"]
    assert client.post("/api/kie/config", json={"model": "veo3_fast"}).status_code == 422


def test_the_local_renderer_needs_no_key_to_work(client: TestClient, vidgen: Vidgen) -> None:
    answer = client.post("/api/local/test-connection")
    assert answer.json()["ok"] is True
    refused = client.post("/api/yunwu/test-connection", json={}).json()
    assert (refused["ok"], refused["error"]["kind"]) == (False, "parameter")


def test_a_provider_that_is_none_is_refused(client: TestClient, vidgen: Vidgen) -> None:
    assert client.get("/api/nobody/config").status_code == 422


def test_openapi_is_3_1_and_the_page_needs_no_network(client: TestClient, vidgen: Vidgen) -> None:
    schema = client.get("/api/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert {"/{provider}/config", "/{provider}/progress", "/tasks/{task_id}/video"} <= set(schema["paths"])
    page = client.get("/api/docs").text
    assert "//" not in page.replace("http://www.w3.org", "").split("<script>")[0].replace("<!--", "")
    assert client.get("/api/docs/swagger-ui-bundle.js").status_code == 200
    assert client.get("/api/docs/../settings.toml").status_code in (400, 404)
    assert json.dumps(schema).count("ErrorResponse") > 10


def test_a_key_for_another_address_is_switched_on_and_says_so(client: TestClient, with_key: Vidgen) -> None:
    client.post("/api/kie/config", json={"base_url": "https://another.example"}).raise_for_status()

    (key,) = client.get("/api/kie/config").json()["keys"]
    assert (key["enabled"], key["address_changed"]) == (True, True)
    # What was read is sent back as it is; that is no new key.
    (key,) = client.post("/api/kie/config", json={"keys": [key]}).json()["keys"]
    assert (key["enabled"], key["address_changed"]) == (True, True)
    (key,) = client.post("/api/kie/config", json={"keys": [key | {"secret": SECRET}]}).json()["keys"]
    assert (key["enabled"], key["address_changed"]) == (True, False)
