"""Both protocols from the order to a video that plays."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import av
from rehearsal_wire import JPEG, Wire, data_uri, decode, frames, picture


def test_a_yunwu_order_becomes_a_video_that_plays(start: Callable[..., Wire]) -> None:
    wire = start(videos="render", video_seconds=1.0, video_scale=0.25)
    reply = wire.yunwu_submit("镜头缓缓推进", images=[JPEG], duration=6)
    job_id = reply.json()["id"]
    assert job_id.startswith("grok-video-3:")
    words = []
    for _ in range(8):
        words.append(wire.yunwu_look(job_id).json()["status"])
        wire.pass_time(0.8)
    assert list(dict.fromkeys(words)) == [
        "pending",
        "image_downloading",
        "video_generating",
        "video_upsampling",
        "completed",
    ]
    state = wire.yunwu_look(job_id).json()
    assert state["progress"] == 100
    assert decode(wire.fetch(state["video_url"]).content) == (180, 320, 1.0)


def test_the_video_shows_the_picture_that_was_sent(start: Callable[..., Wire]) -> None:
    wire = start(videos="render", video_seconds=0.5)
    red, blue = (
        wire.fetch(wire.yunwu_link("still", images=[data_uri(picture(colour=colour))])).content
        for colour in ("red", "blue")
    )
    assert _mean_colour(red)[0] > 200 > 60 > _mean_colour(red)[2]
    assert _mean_colour(blue)[2] > 200 > 60 > _mean_colour(blue)[0]


def _mean_colour(data: bytes) -> tuple[float, float, float]:
    with av.open(io.BytesIO(data)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    red, green, blue = frame.reshape(-1, 3).mean(axis=0)
    return float(red), float(green), float(blue)


def test_a_veo_order_becomes_a_video_that_plays(wire: Wire) -> None:
    reply = wire.veo_submit("walks", model="veo3_fast", duration=8).json()
    assert (reply["code"], reply["data"]["taskId"][:9]) == (200, "veo_task_")
    job_id = reply["data"]["taskId"]
    assert wire.veo_look(job_id).json()["data"]["successFlag"] == 0
    wire.pass_time()
    data = wire.veo_look(job_id).json()["data"]
    assert data["successFlag"] == 1
    assert json.loads(data["paramJson"])["prompt"] == "walks"
    width, height, seconds = decode(wire.fetch(data["response"]["resultUrls"][0]).content)
    assert (width < height, seconds) == (True, 1.0)
    better = wire.http.get("/api/v1/veo/get-1080p-video", params={"taskId": job_id, "index": 0}).json()
    assert decode(wire.fetch(better["data"]["resultUrl"]).content)[2] == 1.0


def test_a_task_of_the_jobs_interface_becomes_a_video_that_plays(wire: Wire) -> None:
    upload = wire.http.post(
        "/api/file-stream-upload",
        files={"file": ("a.jpg", picture(), "image/jpeg")},
        data={"uploadPath": "vidgen", "fileName": "abc.jpg"},
    ).json()
    link = upload["data"]["downloadUrl"]
    assert link == f"{wire.url}/kie-uploads/vidgen/abc.jpg"
    assert wire.fetch(link).content == picture()
    job_id = wire.task_submit("runs", image_urls=[link], duration="6").json()["data"]["taskId"]
    states = []
    for _ in range(8):
        data = wire.task_look(job_id).json()["data"]
        states.append(data["state"])
        wire.pass_time(0.8)
    assert list(dict.fromkeys(states)) == ["waiting", "queuing", "generating", "success"]
    assert data["creditsConsumed"] == 14.4
    assert decode(wire.fetch(json.loads(data["resultJson"])["resultUrls"][0]).content)[2] == 1.0


def test_pictures_are_uploaded_as_data_and_by_link_too(wire: Wire) -> None:
    first = wire.http.post("/api/file-base64-upload", json={"base64Data": JPEG, "uploadPath": "v", "fileName": "a.jpg"})
    source = first.json()["data"]["downloadUrl"]
    again = wire.http.post("/api/file-url-upload", json={"fileUrl": source, "uploadPath": "w", "fileName": "b.jpg"})
    assert wire.fetch(again.json()["data"]["downloadUrl"]).content == picture()
    far = wire.http.post("/api/file-url-upload", json={"fileUrl": "https://example.com/a.png", "uploadPath": "w"})
    assert far.json()["code"] == 400


def test_part_of_a_file_can_be_asked_for(wire: Wire) -> None:
    link = wire.yunwu_link("walks")
    whole = wire.fetch(link)
    part = wire.fetch(link, Range="bytes=100-199")
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert wire.fetch(link, Range="bytes=-10").content == whole.content[-10:]
    assert wire.fetch(link, Range=f"bytes={len(whole.content)}-").status_code == 416
    head = wire.bare.head(link)
    assert int(head.headers["content-length"]) == len(whole.content)
    bound = {"Range": "bytes=0-9", "If-Range": '"another version"'}
    assert wire.fetch(link, **bound).content == whole.content
    assert wire.fetch(link, **bound | {"If-Range": whole.headers["etag"]}).content == whole.content[:10]


def test_every_job_has_its_own_file(wire: Wire) -> None:
    files = {wire.fetch(wire.yunwu_link(f"walks {number % 2}")).content for number in range(6)}
    assert len(files) == 6


def test_the_same_seed_renders_the_same_frames(start: Callable[..., Wire]) -> None:
    wire = start(videos="render", video_seconds=0.5)
    one, two = (wire.fetch(wire.veo_link("pan left", seeds=12345)).content for _ in range(2))
    assert one != two
    assert frames(one) == frames(two)


def test_a_link_works_only_for_its_time(start: Callable[..., Wire]) -> None:
    wire = start(link_seconds=100.0)
    yunwu, kie = wire.yunwu_link("walks"), wire.veo_link("runs")
    assert wire.fetch(yunwu).status_code == wire.fetch(kie).status_code == 200
    wire.pass_time(101.0)
    assert wire.fetch(yunwu).status_code == wire.fetch(kie).status_code == 403
    fresh = wire.http.post("/api/v1/common/download-url", json={"url": kie}).json()["data"]
    assert wire.fetch(fresh).status_code == 200


def test_kie_mints_links_for_nonsense_too(wire: Wire) -> None:
    fresh = wire.http.post("/api/v1/common/download-url", json={"url": "https://example.com/x.mp4"}).json()["data"]
    assert wire.fetch(fresh).status_code == 404


def test_a_download_with_a_key_is_counted_and_refused_when_asked_to(start: Callable[..., Wire]) -> None:
    wire = start(refuse_authorization=True)
    link = wire.yunwu_link("walks")
    assert wire.fetch(link, Authorization="Bearer sk-good").status_code == 400
    assert wire.fetch(link).status_code == 200
    assert wire.server.stats()["downloads_with_authorization"] == 1


def test_the_models_say_through_which_route_they_go(wire: Wire) -> None:
    rows = {row["id"]: row for row in wire.http.get("/v1/models").json()["data"]}
    assert rows["grok-video-3"]["supported_endpoint_types"] == ["Grok video"]
    assert rows["gpt-4o-mini"]["model_type"] != rows["grok-video-3"]["model_type"]
    priced = {row["model_name"] for row in wire.http.get("/api/pricing").json()["data"]}
    assert priced == set(rows)
