"""Keys, balances, logs and limits."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from rehearsal_wire import JPEG, Wire, data_uri, picture

from vidgen_core.fake_provider.faults import KIE, YUNWU

ACCOUNT = (
    "/v1/models",
    "/v1/dashboard/billing/subscription",
    "/v1/dashboard/billing/usage",
    "/api/usage/token/",
    "/api/log/token",
)


def use_key(wire: Wire, key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {"Authorization": ""}


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [("sk-bad-1", 401, 401), ("sk-expired-1", 401, 401), ("sk-limited", 429, 429), ("", 401, 401), ("ak-1", 401, 401)],
)
def test_a_key_that_is_not_good_is_refused_everywhere(wire: Wire, key: str, status: int, code: int) -> None:
    headers = use_key(wire, key)
    order = {"model": "veo3.1-fast", "prompt": "a"}
    assert wire.bare.post("/v1/video/create", json=order, headers=headers).status_code == status
    assert wire.bare.get("/v1/video/query", params={"id": "x"}, headers=headers).status_code == status
    assert [wire.bare.get(path, headers=headers).status_code for path in ACCOUNT] == [status] * len(ACCOUNT)
    upload = {"base64Data": JPEG, "uploadPath": "v"}
    for path, body in (
        ("/api/v1/veo/generate", {"prompt": "a"}),
        ("/api/v1/jobs/createTask", {"model": "grok-imagine/text-to-video", "input": {"prompt": "a"}}),
        ("/api/v1/common/download-url", {"url": "x"}),
        ("/api/file-base64-upload", upload),
    ):
        reply = wire.bare.post(path, json=body, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (200, code)
    assert wire.bare.get("/api/v1/chat/credit", headers=headers).json()["code"] == code
    assert wire.server.stats()["accepted_total"] == 0


def test_an_empty_account_may_look_but_not_order(wire: Wire) -> None:
    headers = use_key(wire, "sk-poor-1")
    reply = wire.bare.post("/v1/video/create", json={"model": "veo3.1-fast", "prompt": "a"}, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "insufficient_user_quota")
    assert wire.bare.post("/api/v1/veo/generate", json={"prompt": "a"}, headers=headers).json()["code"] == 402
    assert wire.bare.get("/v1/models", headers=headers).status_code == 200
    assert wire.bare.get("/api/usage/token/", headers=headers).json()["data"]["total_available"] == 0
    assert wire.bare.get("/api/v1/chat/credit", headers=headers).json()["data"] == 0


def test_an_account_runs_empty(start: Callable[..., Wire]) -> None:
    wire = start(key_balances={"sk-good": 1.0})
    assert [wire.yunwu_submit("a").status_code for _ in range(4)] == [200, 200, 403, 403]
    assert wire.server.stats()["charged"][YUNWU] == pytest.approx(0.8)


def test_yunwus_balance_drops_at_submit_and_comes_back_after_a_failure(wire: Wire) -> None:
    def left() -> tuple[float, float]:
        limit = wire.http.get("/v1/dashboard/billing/subscription").json()["hard_limit_usd"]
        used = wire.http.get("/v1/dashboard/billing/usage").json()["total_usage"]
        token = wire.http.get("/api/usage/token/").json()["data"]["total_available"]
        status = wire.http.get("/api/status").json()["data"]
        unit, rate = status["quota_per_unit"], status["usd_exchange_rate"]
        return (limit - used / 100) * rate, token / unit * rate

    assert left() == (7300.0, 7300.0)
    wire.yunwu_submit("[[failed]]")
    wire.yunwu_submit("fine")
    assert left() == pytest.approx((7299.2, 7299.2))
    wire.pass_time()
    assert left() == pytest.approx((7299.6, 7299.6))


def test_kies_credits_drop_at_submit_and_come_back_after_a_failure(wire: Wire) -> None:
    def left() -> float:
        return float(wire.http.get("/api/v1/chat/credit").json()["data"])

    first = left()
    wire.veo_submit("[[failed]]")
    assert left() == first - 60
    wire.pass_time()
    assert left() == first


def test_the_log_names_what_was_charged_even_when_the_answer_was_lost(wire: Wire) -> None:
    with pytest.raises(Exception, match="reset"):
        wire.yunwu_submit("[[reset-after-accept]]")
    wire.yunwu_submit("[[failed]]")
    wire.pass_time()
    rows = wire.http.get("/api/log/token").json()["data"]
    lost, failed = wire.server.jobs()
    assert [(row["type"], row["quota"], json.loads(row["other"])["task_id"]) for row in rows] == [
        (6, 27_397, failed["id"]),
        (2, 27_397, failed["id"]),
        (2, 27_397, lost["id"]),
    ]
    assert rows[2]["created_at"] == int(lost["created"])
    other = wire.bare.get("/api/log/token", headers=use_key(wire, "sk-other")).json()["data"]
    assert other == []


def test_the_log_may_keep_the_jobs_to_itself(start: Callable[..., Wire]) -> None:
    wire = start(log_names_jobs=False)
    wire.yunwu_submit("a")
    assert "task_id" not in wire.http.get("/api/log/token").text


def test_balance_and_log_can_be_unknown(wire: Wire) -> None:
    wire.server.set_faults({"balance-unknown": 1, "log-unknown": 1})
    paths = ("/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage", "/api/usage/token/", "/api/log/token")
    assert [wire.http.get(path).status_code for path in paths] == [404] * 4
    assert wire.http.get("/api/v1/chat/credit").json() == {"code": 200, "msg": "success", "data": None}


def test_uploads_can_fail(wire: Wire) -> None:
    def upload() -> str:
        body = {"base64Data": data_uri(picture()), "uploadPath": "v", "fileName": "a.jpg"}
        return wire.http.post("/api/file-base64-upload", json=body).text

    wire.server.set_faults({"upload-500": 1})
    assert json.loads(upload())["code"] == 500
    wire.server.set_faults({"upload-500": 0, "upload-html": 1})
    assert "<html>" in upload()
    wire.server.set_faults({"upload-html": 0, "upload-file-url": 1})
    assert json.loads(upload())["data"]["fileUrl"].endswith("/kie-uploads/v/a.jpg")


def test_a_job_answers_only_to_its_own_key(wire: Wire) -> None:
    job_id = wire.yunwu_submit("a").json()["id"]
    veo_id = wire.veo_submit("b").json()["data"]["taskId"]
    reply = wire.yunwu_look(job_id, key="sk-other")
    assert (reply.status_code, reply.json()["code"]) == (400, "task_not_exist")
    headers = use_key(wire, "sk-other")
    reply = wire.bare.get("/api/v1/veo/record-info", params={"taskId": veo_id}, headers=headers)
    assert reply.json()["code"] == 401
    stats = wire.server.stats()
    assert (stats["wrong_key_polls"], stats["polls_total"]) == (2, 2)


def test_unknown_jobs_are_not_found(wire: Wire) -> None:
    assert wire.yunwu_look("grok:none").json()["code"] == "task_not_exist"
    assert wire.veo_look("none").json()["code"] == wire.task_look("none").json()["code"] == 422


def test_the_21st_kie_submit_within_10_seconds_is_rejected(wire: Wire) -> None:
    codes = [wire.veo_submit(f"shot {number}").json()["code"] for number in range(22)]
    assert codes == [200] * 20 + [429] * 2
    wire.pass_time(10.1)
    assert wire.veo_submit("later").json()["code"] == 200
    stats = wire.server.stats()
    assert stats["max_submits_per_10s"] == {"sk-good": 22}
    assert stats["charged"] == {KIE: 21 * 60.0}
