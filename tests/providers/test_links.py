"""A finished video is found wherever an answer has its link, and an end however an answer says it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import respx
from provider_world import World, make_key, make_params

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.providers.base import RemoteJob, RemoteState, RemoteStatus
from vidgen_core.providers.http.job_status import read, status_of
from vidgen_core.providers.http.links import candidates, resolve
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.yunwu.adapter import Yunwu

KEY = make_key()
CLIP = "https://media.example.org/o/clip.mp4"
PLAIN = "https://media.example.org/o/7f3a"
COVER = "https://media.example.org/o/clip.jpg"
BASE = "https://relay.example.com"


@pytest.fixture
async def yunwu(world: World) -> AsyncIterator[Yunwu]:
    provider = Yunwu(world.settings, world.locations)
    yield provider
    await provider.close()


@pytest.fixture
async def kie(world: World) -> AsyncIterator[Kie]:
    provider = Kie(world.settings, world.locations)
    yield provider
    await provider.close()


async def asked(provider: Yunwu | Kie, world: World, body: Any, heads: dict[str, str] | None = None) -> RemoteState:
    """What a provider makes of an answer; ``heads``: content types of links that are asked for one."""
    kie = isinstance(provider, Kie)
    job = RemoteJob(remote_id="j-1", model="sora-2" if kie else "grok-video-3", params=make_params())
    with respx.mock(assert_all_called=False) as wire:
        path = "/api/v1/jobs/recordInfo" if kie else "/v1/video/query"
        wire.get(f"{world.server.url}{path}").respond(200, text=json.dumps(body))
        for link, kind in (heads or {}).items():
            wire.head(link).respond(200, headers={"content-type": kind})
        return await provider.poll(job, KEY)


# --- links -------------------------------------------------------------------------------------------------------------

#: Answers of upstreams whose places nothing in the program names.
FINISHED = [
    {"status": "succeeded", "content": {"video_url": CLIP, "last_frame_url": COVER}},
    {"status": "completed", "data": {"task_result": {"videos": [{"id": "1", "url": CLIP, "duration": "5.1"}]}}},
    {"status": "finished", "assets": [{"kind": "poster", "thumbnail": COVER}, {"kind": "film", "href": CLIP}]},
    {"state": "done", "generations": [{"outcome": {"mp4": f"  {CLIP}\n", "cover": {"uri": COVER}}}]},
    {"status": "SUCCESS", "payload": json.dumps({"deep": {"video": {"src": CLIP}}, "inputs": {"image": COVER}})},
    {"status": "completed", "choices": [{"message": {"content": f"Here it is: [video]({CLIP}) — enjoy."}}]},
    {"status": "completed", "media": [COVER, CLIP]},
    {"status": "completed", "video_urls": [CLIP], "logs": "https://media.example.org/o/run.mp4"},
    {"status": "completed", "delivery": "HTTPS://media.example.org/o/clip.mp4"},
    {"status": "completed", "delivery": "https%3A%2F%2Fmedia.example.org%2Fo%2Fclip.mp4"},
    {"status": "completed", "reference_video_url": "https://media.example.org/in.mp4", "film": CLIP},
    {"status": "completed", "request": {"video_url": "https://media.example.org/in.mp4"}, "made": {"clip_url": CLIP}},
    {"status": "completed", "callback_url": "https://hook.example.org/v.mp4", "answer": f'<video src="{CLIP}"></video>'},
    {"status": "completed", "artifacts": {"watermarked_video": "https://media.example.org/o/wm.mp4", "no_watermark_video": CLIP}},
    {"status": "completed", "preview_video": "https://media.example.org/o/small.mp4", "final_video": CLIP},
]  # fmt: skip


@pytest.mark.parametrize("body", FINISHED)
async def test_a_link_is_found_wherever_yunwu_has_it(yunwu: Yunwu, world: World, body: dict[str, Any]) -> None:
    state = await asked(yunwu, world, body)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, CLIP)


@pytest.mark.parametrize("body", FINISHED)
async def test_a_link_is_found_wherever_kie_has_it(kie: Kie, world: World, body: dict[str, Any]) -> None:
    state = await asked(kie, world, {"code": 200, "msg": "success", "data": {"taskId": "j-1", **body}})
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, CLIP)


@pytest.mark.parametrize(
    ("link", "meant"),
    [
        ("/v1/videos/j-1/content", f"{BASE}/v1/videos/j-1/content"),
        ("v1/files/clip.mp4", f"{BASE}/v1/files/clip.mp4"),
        ("//media.example.org/o/clip.mp4", CLIP),
        (" \n https://media.example.org/o/clip.mp4\r\n", CLIP),
        ("HtTpS://media.example.org/o/clip.mp4", CLIP),
        ("https://media.example.org/o/clip.mp4?a=1&amp;copy=2", f"{CLIP}?a=1&copy=2"),
        ("https:\\/\\/media.example.org\\/o\\/clip.mp4", CLIP),
        ("https%3A%2F%2Fmedia.example.org%2Fo%2Fclip.mp4", CLIP),
        (f"<{CLIP}>", CLIP),
        ("media.example.org/o/clip.mp4", CLIP),
        ("https://media.example.org/o/\nclip.mp4", CLIP),
    ],
)
def test_a_link_is_read_as_it_is_meant(link: str, meant: str) -> None:
    assert resolve(link, BASE) == meant
    assert [one.url for one in candidates({"video_url": link}, BASE)] == [meant]


@pytest.mark.parametrize(
    "link", ["", "j-1", "file:///etc/passwd", "javascript:alert(1)", "https://", "ftp://x/v.mp4", None, 7]
)
def test_what_is_no_web_link_is_none(link: Any) -> None:
    assert resolve(link, BASE) is None


async def test_a_link_that_nothing_tells_about_is_asked_itself(yunwu: Yunwu, world: World) -> None:
    page, file = "https://media.example.org/status/1", "https://media.example.org/d/1"
    body = {"status": "completed", "place": page, "elsewhere": {"delivery": file}}

    state = await asked(yunwu, world, body, {page: "text/html; charset=utf-8", file: "video/mp4"})

    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, file)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "completed"},
        {"status": "completed", "cover": COVER, "thumbnail_url": "https://media.example.org/o/1"},
        {"status": "completed", "input": {"video": CLIP}, "callback_url": CLIP, "log_url": CLIP},
        {"status": "completed", "file_id": "f-81", "note": "see the console"},
        {"done": True, "response": {"name": "operations/1"}},
    ],
)
async def test_done_without_a_video_is_never_a_refusal(yunwu: Yunwu, world: World, body: dict[str, Any]) -> None:
    state = await asked(yunwu, world, body)
    assert (state.status, state.stage) == (RemoteStatus.UNKNOWN, "completed_without_link")
    assert state.failure is None
    assert state.evidence


# --- ends --------------------------------------------------------------------------------------------------------------

#: Ends that no status word of the outermost object says.
ENDED = [
    {"name": "operations/7", "done": True, "response": {"generatedVideos": [{"video": {"uri": CLIP}}]}},
    {"output": {"task_id": "j-1", "task_status": "SUCCEEDED", "video_url": CLIP}},
    {"data": {"job": {"state": "Finish", "film_url": CLIP}}},
    {"code": "success", "data": {"task": {"status": "TASK_STATUS_SUCCEED", "videos": [{"url": CLIP}]}}},
    {"result": {"status": "已完成", "video": CLIP}},
    {"finished": True, "output": [CLIP]},
    {"video": CLIP},
    {"progress": 100, "data": [{"clip_url": CLIP}]},
    {"status": "success", "data": {"status": "Succeed", "result": {"video_url": CLIP}}},
    {"isDone": "true", "result": {"video_url": CLIP}},
    {"status": "ready", "video_url": CLIP},
]  # fmt: skip


@pytest.mark.parametrize("body", ENDED)
async def test_an_end_is_seen_however_it_is_said(yunwu: Yunwu, world: World, body: dict[str, Any]) -> None:
    state = await asked(yunwu, world, body)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, CLIP)


@pytest.mark.parametrize("body", ENDED)
async def test_an_end_is_seen_however_kie_says_it(kie: Kie, world: World, body: dict[str, Any]) -> None:
    state = await asked(kie, world, {"code": 200, "msg": "success", "data": {"taskId": "j-1", **body}})
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, CLIP)


@pytest.mark.parametrize(
    "body",
    [
        {"done": True, "response": {"raiMediaFilteredCount": 2}},
        {"name": "operations/7", "done": True, "response": {"raiMediaFilteredReasons": ["Rephrase the prompt."]}},
        {"status": "completed", "result": {"filtered_count": "1"}},
        {"status": "completed", "output": [], "moderation": {"flagged": True}},
        {"status": "succeeded", "has_nsfw_concepts": [True]},
        {"status": "completed", "candidates": [{"finishReason": "PROHIBITED_CONTENT"}]},
        {"status": "done", "video": {"respect_moderation": False}},
        {"response": {"blockReason": "SAFETY"}},
        {"done": True, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
    ],
)
async def test_what_a_filter_kept_back_is_a_refused_content(yunwu: Yunwu, world: World, body: dict[str, Any]) -> None:
    state = await asked(yunwu, world, body)
    assert state.status is RemoteStatus.FAILED
    assert state.failure is not None
    assert (state.failure.kind, state.failure.retryable) == (ErrorKind.MODERATION, False)


async def test_what_a_filter_left_is_the_result(yunwu: Yunwu, world: World) -> None:
    body = {"done": True, "response": {"raiMediaFilteredCount": 1, "videos": [{"uri": CLIP}]}}
    assert (await asked(yunwu, world, body)).url == CLIP


@pytest.mark.parametrize("word", ["wrapped_up", "COMPLETED_WITH_WARNINGS", "TERMINAL", "listo", "7"])
async def test_a_word_that_nobody_knows_is_the_end_where_the_video_is_there(
    yunwu: Yunwu, world: World, word: str
) -> None:
    body = {"status": word, "data": {"video": CLIP}}
    assert (await asked(yunwu, world, body, {CLIP: "video/mp4"})).url == CLIP
    assert (await asked(yunwu, world, body, {CLIP: "text/html"})).url is None


@pytest.mark.parametrize("body", [{"ready": True, "url": PLAIN}, {"phase": "Succeeded", "outputUri": PLAIN}])
async def test_without_a_word_the_link_itself_says_whether_it_is_the_end(
    yunwu: Yunwu, world: World, body: dict[str, Any]
) -> None:
    assert (await asked(yunwu, world, body, {PLAIN: "video/mp4"})).url == PLAIN
    assert (await asked(yunwu, world, body, {PLAIN: "text/html"})).url is None


@pytest.mark.parametrize("word", ["готово", "完了", "fertig", "Terminé"])
async def test_an_end_is_said_in_other_languages_too(yunwu: Yunwu, world: World, word: str) -> None:
    assert (await asked(yunwu, world, {"status": word, "output": CLIP})).url == CLIP


@pytest.mark.parametrize(
    "body",
    [
        {"status": "processing", "video_url": CLIP},
        {"status": "brewing", "data": {"video": CLIP}},
        {"status": "upscaling", "data": {"video": CLIP}},
        {"status": "not completed", "data": {"video": CLIP}},
        {"status": "精修中", "video_url": CLIP},
        {"data": {"preview_video": CLIP}},
        {"status": "success", "data": {"status": "processing"}},
        {"status": "success", "data": {"state": "warming up"}},
        {"status": "success", "data": {"done": False}},
        {"done": False, "metadata": {"progressPercent": 100}},
        {"progress": 100},
        {"progress": 40, "data": {"video": CLIP}},
        {"id": "j-1"},
        {"filtered": 0, "moderated": False},
    ],
)
async def test_what_says_no_end_goes_on(yunwu: Yunwu, world: World, body: dict[str, Any]) -> None:
    state = await asked(yunwu, world, body, {CLIP: "video/mp4"})
    assert state.status in (RemoteStatus.UNKNOWN, RemoteStatus.RUNNING, RemoteStatus.QUEUED)
    assert state.stage != "completed_without_link"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("SUCCESS", RemoteStatus.SUCCEEDED), ("Succeed", RemoteStatus.SUCCEEDED), ("JOB_STATE_SUCCEEDED", RemoteStatus.SUCCEEDED),
        (" completed ", RemoteStatus.SUCCEEDED), ("已完成", RemoteStatus.SUCCEEDED), ("in-progress", RemoteStatus.RUNNING),
        ("In Queue", RemoteStatus.QUEUED), ("CANCELED", RemoteStatus.CANCELLED), ("Cancelled", RemoteStatus.CANCELLED),
        ("生成失败", RemoteStatus.FAILED), ("video_generation_completed", RemoteStatus.RUNNING), ("审核中", RemoteStatus.RUNNING),
        ("brewing", RemoteStatus.UNKNOWN), ("", RemoteStatus.UNKNOWN), (None, RemoteStatus.UNKNOWN),
    ],
)  # fmt: skip
def test_a_word_means_the_same_in_any_case_and_spelling(word: str | None, status: RemoteStatus) -> None:
    assert status_of(word) is status


@pytest.mark.parametrize(
    "body",
    [{"done": True, "error": {"code": 3, "message": "no"}}, {"isDone": True, "isSuccess": False, "failMsg": "no"}],
)
def test_an_ended_operation_with_an_error_has_failed(body: dict[str, Any]) -> None:
    assert read(body).status is RemoteStatus.FAILED


@pytest.mark.parametrize(
    ("body", "progress"), [({"data": {"progress": "75%"}}, 75), ({"percent": 130}, 100), ({"progress": True}, None)]
)
def test_progress_is_read_wherever_it_stands(body: Any, progress: int | None) -> None:
    assert read(body).progress == progress


def test_an_answer_without_end_is_read_in_bounds() -> None:
    deep: Any = CLIP
    for _ in range(3000):
        deep = [deep]
    assert candidates({"a": deep, "video": CLIP, "b": ["x"] * 100_000}, BASE)[0].url == CLIP
    assert candidates({"video": "https://" * 5000, "c": "[" * 100_000}, BASE) == []
