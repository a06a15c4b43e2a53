"""Pictures and videos by id, in ranges, to our own pages only."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from server_client import TestClient

from vidgen_core import web_components
from vidgen_core.domain.shots import Shot, ShotParams
from vidgen_core.domain.takes import Take
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.web.media import PLACEHOLDER_EDGE as EDGE
from vidgen_core.web.media import size_of

MEDIA = "/app/static/media"


def size(answer: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(answer)) as picture:
        return picture.size


def test_a_take_comes_whole_with_its_length_and_type(client: TestClient, take: Take) -> None:
    answer = client.get(f"{MEDIA}/take/{take.id}.mp4?v=1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.content == Path(take.folder, take.file).read_bytes()


def test_a_player_gets_the_range_it_asks_for(client: TestClient, take: Take) -> None:
    whole = Path(take.folder, take.file).read_bytes()
    answer = client.get(f"{MEDIA}/take/{take.id}.mp4", headers={"Range": "bytes=100-199"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert answer.content == whole[100:200]


@pytest.mark.parametrize(("asked", "start"), [("bytes=-50", -50), ("bytes=1000-", 1000)])
def test_open_ranges_reach_to_the_end(client: TestClient, take: Take, asked: str, start: int) -> None:
    whole = Path(take.folder, take.file).read_bytes()
    answer = client.get(f"{MEDIA}/take/{take.id}.mp4", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, whole[start:])


def test_a_range_behind_the_end_is_refused_with_the_length(client: TestClient, take: Take) -> None:
    answer = client.get(f"{MEDIA}/take/{take.id}.mp4", headers={"Range": "bytes=99999999-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{take.bytes}"


def test_a_browser_that_has_the_file_is_told_so(client: TestClient, take: Take) -> None:
    address = f"{MEDIA}/take/{take.id}.mp4?v=1"
    tag = client.get(address).headers["etag"]
    again = client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_an_address_with_a_version_may_be_kept_and_one_without_must_be_asked_again(
    client: TestClient, take: Take
) -> None:
    versioned = client.get(f"{MEDIA}/poster/{take.id}.jpg?v=1").headers["cache-control"]
    bare = client.get(f"{MEDIA}/poster/{take.id}.jpg").headers["cache-control"]
    assert "immutable" in versioned
    assert "private" in versioned
    assert bare == "private, no-cache"


def test_a_download_carries_its_own_name_in_any_script(client: TestClient, take: Take) -> None:
    header = client.get(f"{MEDIA}/take/{take.id}.mp4?download=1").headers["content-disposition"]
    assert header == "attachment; filename*=utf-8''1.0-v1%20%E9%9B%A8%E5%A4%9C.mp4"
    assert "content-disposition" not in client.get(f"{MEDIA}/take/{take.id}.mp4").headers


def test_a_reference_image_comes_small_and_as_it_was_given(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    small = client.get(f"{MEDIA}/image/{shot.id}.jpg")
    whole = client.get(f"{MEDIA}/original/{shot.id}")
    assert max(size(small.content)) <= 480
    assert whole.content == vidgen.shots.image_path(shot.image or "").read_bytes()


def test_a_thumbnail_asked_for_ten_times_at_once_is_ten_times_whole(client: TestClient, shot: Shot) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.get(f"{MEDIA}/image/{shot.id}.jpg"), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(("ratio", "expected"), [("9:16", (135, 240)), ("16:9", (240, 135)), ("1:1", (240, 240))])
def test_what_waits_for_a_video_has_its_ratio(
    client: TestClient, vidgen: Vidgen, shot: Shot, ratio: str, expected: tuple[int, int]
) -> None:
    vidgen.shots.edit(shot.id, params=ShotParams(aspect_ratio=ratio))
    task = vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    assert size(client.get(f"{MEDIA}/waiting/{task.id}.jpg").content) == expected


def test_a_take_without_a_reference_image_waits_behind_plain_grey(
    client: TestClient, vidgen: Vidgen, shot: Shot
) -> None:
    bare = vidgen.shots.add(shot.project_id, prompt="rain")
    task = vidgen.tasks.generate(shot.project_id, [bare.id], GenerateOptions(takes=1)).tasks[0]
    answer = client.get(f"{MEDIA}/waiting/{task.id}.jpg")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert len(picture.getcolors() or []) == 1


def test_a_ratio_left_to_the_model_follows_the_picture() -> None:
    assert size_of("Auto", (2000, 1000)) == (EDGE, EDGE // 2)


@pytest.mark.parametrize(
    "path", ["take/99999.mp4", "poster/99999.jpg", "image/99999.jpg", "original/99999", "waiting/99999.jpg"]
)
def test_what_does_not_exist_is_named_and_no_traceback_leaves(client: TestClient, path: str) -> None:
    answer = client.get(f"{MEDIA}/{path}")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"kind", "message"}


def test_a_video_that_was_moved_away_is_gone_and_not_an_error_of_ours(client: TestClient, take: Take) -> None:
    Path(take.folder, take.file).unlink()
    answer = client.get(f"{MEDIA}/take/{take.id}.mp4")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (404, "parameter")
    assert "no longer on the disk" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "../../../vidgen.db",
        "..%2f..%2fvidgen.db",
        "take/..%2f..%2fvidgen.db",
        "original/%2e%2e/settings.toml",
        "icon/..%2f..%2fhouse.py",
        "icon/%2e%2e%2fhouse.svg",
        "part/..%2f__init__.py",
        "part/__init__.py",
    ],
)
def test_nobody_names_a_path(client: TestClient, path: str) -> None:
    answer = client.get(f"{MEDIA}/{path}")
    assert answer.status_code == 404
    assert b"SQLite" not in answer.content


def test_signs_for_buttons_are_served(client: TestClient) -> None:
    answer = client.get(f"{MEDIA}/icon/play.svg?v=1")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.content.startswith(b"<svg")


@pytest.mark.parametrize(("name", "kind"), [("takes.js", "text/javascript"), ("takes.css", "text/css")])
def test_what_runs_in_the_browser_is_served_once_and_kept(client: TestClient, name: str, kind: str) -> None:
    address = f"{MEDIA}/part/{name}?v={web_components.version(name)}"
    answer = client.get(address)
    assert answer.headers["content-type"].startswith(kind)
    assert "immutable" in answer.headers["cache-control"]
    assert client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_no_page_asks_for_more_than_60_kb_of_our_scripts() -> None:
    sizes = {name: web_components.path(name).stat().st_size for name in web_components.FILES if name.endswith(".js")}
    every_page = sum(sizes[f"{name}.js"] for name in ("common", "header", "push"))
    for more in (("takes", "drop"), ("review",), ("storyboard",)):
        assert every_page + sum(sizes[f"{name}.js"] for name in more) <= 60_000
