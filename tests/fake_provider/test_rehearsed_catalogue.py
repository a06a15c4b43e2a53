"""The rehearsal's KIE of today: a live catalogue, prices that depend on what is asked for, finishing, pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from rehearsal_wire import JPEG, Wire, decode

SPEED = 0.0


@pytest.fixture
def kie(start: Callable[..., Wire]) -> Wire:
    return start(kie_lookup_spacing=SPEED)


def order(wire: Wire, model: str, **given: Any) -> dict[str, Any]:
    answer: dict[str, Any] = wire.http.post("/api/v1/jobs/createTask", json={"model": model, "input": given}).json()
    return answer


def job(wire: Wire, model: str, **given: Any) -> str:
    return str(order(wire, model, **given)["data"]["taskId"])


def test_a_second_look_up_within_a_second_is_too_many_inside_http_200(start: Callable[..., Wire]) -> None:
    wire = start()
    first, second = wire.http.get("/api/v1/models"), wire.http.get("/api/v1/models")
    assert (first.status_code, first.json()["code"]) == (200, 200)
    assert (second.status_code, second.json()["code"]) == (200, 429)


def test_the_list_can_be_narrowed_and_finds_nothing_without_an_error(kie: Wire) -> None:
    everything = kie.http.get("/api/v1/models").json()["data"]
    pictures = kie.http.get("/api/v1/models", params={"taskType": "Text to Image,Image to Image"}).json()["data"]
    assert 0 < pictures["total"] < everything["total"] == len(everything["models"])
    assert kie.http.get("/api/v1/models", params={"q": "no such model"}).json()["data"] == {"total": 0, "models": []}


def test_a_schema_is_a_document_and_its_id_is_not_encoded(kie: Wire) -> None:
    document = kie.http.get("/api/v1/models/wan/3-0-video/schema").json()["data"]["openapi"]
    assert list(document["paths"]) == ["/api/v1/jobs/createTask"]
    assert document["components"]["schemas"]["Input "]["properties"]["resolution"]["enum"] == ["480P", "720P", "1080P"]
    assert kie.http.get("/api/v1/models/wan%2F3-0-video/schema").json()["code"] == 404
    assert kie.http.get("/api/v1/models/veo-3-1/price").json()["data"]["pricingDesc"].startswith("Lite mode")
    assert len(kie.http.get("/api/v1/models/veo-3-1/success-rate").json()["data"]["points"]) == 144
    assert kie.http.get("/api/v1/models/no/such/schema").json()["code"] == 404


@pytest.mark.parametrize(
    ("model", "given", "price"),
    [
        ("bytedance/seedance-2", {"prompt": "a lake", "duration": 4, "resolution": "480p"}, 76),
        ("bytedance/seedance-2", {"prompt": "a lake"}, 205),
        ("kling-3.0/video", {"sound": True, "duration": "3", "mode": "std"}, 60),
        ("kling-3.0/video", {"sound": False, "duration": "3", "mode": "pro"}, 54),
        ("veo-3-1", {"resolution": "1080p"}, 65),
        ("wan/3-0-video", {"prompt": "a lake", "duration": 30, "resolution": "1080P"}, 960),
    ],
)
def test_a_job_costs_what_its_parameters_cost(kie: Wire, model: str, given: dict[str, Any], price: float) -> None:
    more = {"prompt": "a lake", "aspect_ratio": "16:9", "multi_shots": False, "multi_prompt": []}
    name = job(kie, model, **(more | given))
    assert kie.task_look(name).json()["data"]["creditsConsumed"] == price


def test_a_published_model_is_taken_and_a_withdrawn_one_is_not(kie: Wire) -> None:
    fields = {"prompt": {"type": "string", "required": True}, "grain": {"type": "string", "enum": ["35", "70"]}}
    kie.server.change_catalogue({"new/model": {"input": fields, "taskType": ["Text to Video"]}})
    assert order(kie, "new/model", prompt="a lake", grain="35")["code"] == 200
    assert order(kie, "new/model", prompt="a lake", grain="16")["code"] == 500
    kie.server.change_catalogue(withdraw=("new/model",))
    assert order(kie, "new/model", prompt="a lake")["code"] == 422


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("wan/3-0-video", {"first_frame_url": JPEG, "reference_image_urls": [JPEG]}),
        ("wan/3-0-video", {"last_frame_url": JPEG}),
        ("bytedance/seedance-2", {"duration": 45}),
        ("pixverse-v6/extend", {"duration": 5, "quality": "720p", "video_url": "x", "taskId": "y"}),
    ],
)
def test_what_the_documents_say_is_refused_is_refused(kie: Wire, model: str, given: dict[str, Any]) -> None:
    assert order(kie, model, prompt="a lake", **given)["code"] in (422, 500)


def test_unknown_fields_pass_in_silence_and_so_may_known_ones(kie: Wire) -> None:
    frame = {"first_frame_url": JPEG}
    plain = job(kie, "wan/3-0-video", prompt="a lake", image_urls=[JPEG], **frame)
    ignored = job(kie, "wan/3-0-video", prompt="a lake [[ignores-field]]", **frame)
    kept = {one["id"]: one["params"]["input"] for one in kie.server.jobs()}
    assert "first_frame_url" in kept[plain]
    assert "first_frame_url" not in kept[ignored]


def test_a_finished_video_is_gone_on_from_by_its_own_account_only(kie: Wire) -> None:
    parent = job(kie, "veo-3-1", prompt="a lake")
    assert order(kie, "veo/extend", task_id=parent, prompt="on")["code"] == 422
    kie.pass_time()
    longer = job(kie, "veo/extend", task_id=parent, prompt="on and on")
    kie.pass_time()
    found = json.loads(kie.task_look(longer).json()["data"]["resultJson"])
    assert decode(kie.fetch(found["resultUrls"][0]).content)
    assert order(kie, "grok-imagine/upscale", task_id=parent)["code"] == 422
    kie.http.headers["Authorization"] = "Bearer sk-somebody-else"
    assert order(kie, "veo/extend", task_id=parent, prompt="on")["code"] == 422


def test_a_drawing_model_ends_with_a_picture(kie: Wire) -> None:
    name = job(kie, "nano-banana-2-1", prompt="a lake", resolution="2K")
    kie.pass_time()
    data = kie.task_look(name).json()["data"]
    assert data["creditsConsumed"] == 12
    answer = kie.fetch(json.loads(data["resultJson"])["resultUrls"][0])
    assert (answer.headers["content-type"], answer.content[1:4]) == ("image/png", b"PNG")


@pytest.mark.parametrize("fault", ["catalogue-down", "catalogue-refused", "catalogue-empty", "catalogue-hostile"])
def test_the_catalogue_misbehaves_when_told_to(kie: Wire, fault: str) -> None:
    kie.server.set_faults({fault: 1})
    answer = kie.http.get("/api/v1/models")
    assert answer.status_code == 502 or answer.json()["code"] == 500 or answer.json()["data"]["total"] in (0, "many")


def test_schemas_may_be_missing(kie: Wire) -> None:
    kie.server.set_faults({"schema-null": 1})
    assert kie.http.get("/api/v1/models/veo-3-1/schema").json()["data"]["openapi"] is None
