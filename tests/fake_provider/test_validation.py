"""What both providers find wrong with a request by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rehearsal_wire import JPEG, Wire, data_uri, picture

from vidgen_core.fake_provider.kie.validation import check_task, models


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": ""}, "missing_model"),
        ({"prompt": ""}, "invalid_request"),
        ({"prompt": 5}, "invalid_request"),
        ({"aspect_ratio": ""}, "invalid_request"),
        ({"size": ""}, "invalid_size"),
        ({"images": "one"}, "invalid_request"),
        ({"images": ["data:image/png;base64,%%%"]}, "invalid_request"),
        ({"images": [data_uri(b"no picture")]}, "invalid_request"),
    ],
)
def test_yunwu_refuses_what_it_cannot_use(wire: Wire, change: dict[str, Any], code: str) -> None:
    body = {"model": "grok-video-3", "prompt": "a", "aspect_ratio": "9:16", "size": "720P", **change}
    reply = wire.http.post("/v1/video/create", json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert wire.server.stats()["accepted_total"] == 0


def test_what_is_no_json_is_refused(wire: Wire) -> None:
    assert wire.http.post("/v1/video/create", content=b"{").json()["code"] == "invalid_json"
    assert wire.http.post("/v1/video/create", content=b"[1]").json()["code"] == "invalid_json"
    assert wire.http.post("/api/v1/veo/generate", content=b"{").json()["code"] == 400
    assert wire.http.post("/api/file-base64-upload", content=b"{").json()["code"] == 400


def test_a_body_over_the_limit_is_refused(start: Callable[..., Wire]) -> None:
    wire = start(max_body=10_000)
    assert wire.yunwu_submit("x" * 11_000).status_code == 413
    assert wire.yunwu_submit("x" * 9_000).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": ""},
        {"model": "veo9"},
        {"aspect_ratio": "1:1"},
        {"duration": 5},
        {"duration": "8"},
        {"seeds": 5},
        {"imageUrls": "x"},
        {"imageUrls": [JPEG] * 4},
        {"enableTranslation": "yes"},
        {"generationType": "REFERENCE_2_VIDEO"},
        {"generationType": "REFERENCE_2_VIDEO", "imageUrls": [JPEG], "model": "veo3"},
    ],
)
def test_veo_refuses_what_is_not_documented(wire: Wire, change: dict[str, Any]) -> None:
    reply = wire.http.post("/api/v1/veo/generate", json={"prompt": "a", **change})
    assert (reply.status_code, reply.json()["code"]) == (200, 422)


def test_veo_takes_every_documented_parameter(wire: Wire) -> None:
    body = {
        "prompt": "a",
        "model": "veo3_lite",
        "imageUrls": [JPEG],
        "generationType": "REFERENCE_2_VIDEO",
        "aspect_ratio": "9:16",
        "resolution": "1080p",
        "duration": 8,
        "enableTranslation": True,
        "watermark": "me",
        "seeds": 12345,
    }
    assert wire.http.post("/api/v1/veo/generate", json=body).json()["code"] == 200
    job = wire.server.jobs()[0]
    assert (job["width"], job["height"], job["seconds"], job["seed"]) == (1080, 1920, 8.0, 12345)
    assert len(job["params"]["imageUrls"][0]) < 60


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        ("grok-imagine/image-to-video", {"duration": 6}, "duration must be of type string"),
        ("grok-imagine/image-to-video", {"mode": "wild"}, "mode is not within"),
        ("grok-imagine/image-to-video", {"image_urls": [JPEG] * 8}, "image_urls must have"),
        ("grok-imagine/image-to-video", {"index": 9}, "index must be between"),
        ("bytedance/seedance-2", {"duration": "5"}, "duration must be of type integer"),
        ("bytedance/seedance-2", {"duration": 5.5}, "duration must be of type integer"),
        ("bytedance/seedance-2", {"prompt": "ab"}, "length of prompt"),
        ("bytedance/seedance-1.5-pro", {"prompt": "abc", "duration": 5}, "aspect_ratio is required"),
        ("kling-2.6/image-to-video", {"prompt": "x" * 1001}, "length of prompt"),
    ],
)
def test_create_task_checks_the_documented_input(wire: Wire, model: str, given: dict[str, Any], words: str) -> None:
    reply = wire.http.post("/api/v1/jobs/createTask", json={"model": model, "input": given}).json()
    assert reply["code"] == 500
    assert words in reply["msg"]


def test_create_task_needs_a_model_it_knows(wire: Wire) -> None:
    codes = [
        wire.http.post("/api/v1/jobs/createTask", json=body).json()["code"]
        for body in ({"input": {}}, {"model": "nobody/knows", "input": {}}, {"model": "grok-imagine/text-to-video"})
    ]
    assert codes == [500, 422, 500]


def test_unknown_fields_pass_through() -> None:
    given = {"prompt": "a cat", "something_new": 1}
    assert check_task({"model": "grok-imagine/text-to-video", "input": given}) is None


def test_every_documented_model_takes_its_own_defaults() -> None:
    for name, spec in models().items():
        given = {field: facts["default"] for field, facts in spec["input"].items() if "default" in facts}
        refusal = check_task({"model": name, "input": given})
        assert refusal is None or "is required" in refusal.message, (name, refusal)


@pytest.mark.parametrize("link", ["https://example.com/a.png", "{url}/kie-uploads/never.png", "{url}/elsewhere.png"])
def test_a_picture_that_cannot_be_had_is_code_451(wire: Wire, link: str) -> None:
    link = link.format(url=wire.url)
    assert wire.task_submit("a", image_urls=[link]).json()["code"] == 451
    assert wire.veo_submit("a", imageUrls=[link]).json()["code"] == 451


def test_an_upload_is_forgotten_after_its_time(start: Callable[..., Wire]) -> None:
    wire = start(upload_seconds=100.0)
    body = {"base64Data": JPEG, "uploadPath": "v", "fileName": "a.jpg"}
    link = wire.http.post("/api/file-base64-upload", json=body).json()["data"]["downloadUrl"]
    assert wire.task_submit("a", image_urls=[link]).json()["code"] == 200
    wire.pass_time(101.0)
    assert wire.task_submit("a", image_urls=[link]).json()["code"] == 451
    assert wire.fetch(link).status_code == 404


def test_an_upload_needs_a_picture_and_a_path(wire: Wire) -> None:
    for body in ({"base64Data": JPEG}, {"base64Data": data_uri(b"no picture"), "uploadPath": "v"}, {"uploadPath": "v"}):
        assert wire.http.post("/api/file-base64-upload", json=body).json()["code"] == 400
    files = {"file": ("a.txt", b"text", "text/plain")}
    assert wire.http.post("/api/file-stream-upload", files=files, data={"uploadPath": "v"}).json()["code"] == 400
    assert wire.http.post("/api/file-stream-upload", data={"uploadPath": "v"}).json()["code"] == 400


def test_pictures_are_measured_as_they_arrive(wire: Wire) -> None:
    png, jpeg = picture(30, 40, "PNG"), picture(300, 200)
    wire.yunwu_submit("a", images=[data_uri(png, "image/png"), "https://example.com/x.png"])
    wire.http.post("/api/file-stream-upload", files={"file": ("b.jpg", jpeg)}, data={"uploadPath": "v"})
    assert wire.server.stats()["images"] == [
        {"format": "PNG", "declared": "image/png", "width": 30, "height": 40, "bytes": len(png)},
        {"format": "url", "declared": "", "width": 0, "height": 0, "bytes": 0},
        {"format": "JPEG", "declared": "image/jpeg", "width": 300, "height": 200, "bytes": len(jpeg)},
    ]
    assert len(wire.server.jobs()[0]["params"]["images"][0]) < 60
