"""A program outside of Vidgen gets its work done by the HTTP API alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import ApiClient, ApiError
from doubles import embedded_worker
from served import on_a_port

from vidgen_core.config.paths import Locations
from vidgen_core.media import video
from vidgen_core.services.facade import Vidgen


@pytest.fixture
def working(home: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiClient]:
    """A client of a server whose runner works."""
    embedded_worker(monkeypatch, works=True)
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__DURATION", "1")
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__FPS", "8")
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.1")
    with Vidgen.open(home) as before:
        # A home with a project gets no sample one.
        before.projects.ensure("ep01")
    with on_a_port() as url, ApiClient(url) as client:
        yield client


def test_import_generate_progress_choose_download(working: ApiClient, tmp_path: Path, picture: bytes) -> None:
    (tmp_path / "1.jpg").write_bytes(picture)
    (tmp_path / "list.csv").write_text("shot,image,prompt\n1.0,1.jpg,pan left\n1.1,,\n", encoding="utf-8")
    imported = working.import_files([tmp_path / "list.csv", tmp_path / "1.jpg"], "ep01")
    assert [one["shot"] for one in imported["added"]] == ["1.0"]
    assert imported["rejected"][0]["line"] == 3
    again = working.import_files([tmp_path / "list.csv", tmp_path / "1.jpg"], "ep01")
    assert (again["added"], len(again["skipped"])) == ([], 1)

    tasks = working.generate("ep01", shots=["1.0"], takes=1, release=False)
    assert [task["status"] for task in tasks] == ["pending"]
    ids = [task["id"] for task in tasks]
    released = working.run("local", ids, max_concurrent=2)
    assert (released["done"], released["refused"], released["max_concurrent"]) == (ids, [], 2)

    events = list(working.progress("local", ids))
    assert [event.name for event in events][-2:] == ["progress", "done"]
    assert events[-1].data == {}
    assert events[-2].data == [{"task_id": ids[0], "status": "completed", "progress": 100}]

    file = tmp_path / "take.mp4"
    file.write_bytes(working.http.get(f"/tasks/{ids[0]}/video").content)
    assert video.probe(file).seconds == pytest.approx(1.0, abs=0.2)
    part = working.http.get(f"/tasks/{ids[0]}/video", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    [shot] = working.ask("GET", "/shots", params={"project": "ep01"})["items"]
    chosen = working.ask("POST", f"/takes/{shot['takes'][0]['id']}/choose")
    assert chosen["takes"][0]["chosen"] is True
    export = working.ask("POST", "/export", json={"project": "ep01", "format": "csv"})
    assert export["format"] == "csv"


@pytest.mark.parametrize("path", ["/shots", "/tasks"])
def test_lists_are_read_page_by_page(working: ApiClient, path: str) -> None:
    numbers = [f"{place}.0" for place in range(1, 8)]
    for number in numbers:
        working.ask("POST", "/shots", json={"project": "ep01", "shot": number, "prompt": "sea"})
    working.generate("ep01", shots=numbers, takes=1, release=False)
    found, after = [], None
    while True:
        page = working.ask("GET", path, params={"project": "ep01", "limit": 3} | ({"after": after} if after else {}))
        found += [one["shot"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert (found, page["total"]) == (numbers, 7)
    with pytest.raises(ApiError) as wrong:
        working.ask("GET", path, params={"project": "ep01", "after": "nosuch"})
    assert (wrong.value.status // 100, "first page" in wrong.value.message) == (4, True)


def test_what_cannot_be_done_is_said_in_the_language_asked_for(working: ApiClient) -> None:
    with pytest.raises(ApiError) as english:
        working.ask("GET", "/tasks/999")
    working.http.headers["Accept-Language"] = "zh-CN,zh;q=0.9,en;q=0.5"
    with pytest.raises(ApiError) as chinese:
        working.ask("GET", "/tasks/999")
    assert (english.value.status, chinese.value.status) == (404, 404)
    assert english.value.message.isascii()
    assert not chinese.value.message.isascii()


def test_ended_tasks_are_not_run_again_by_themselves(working: ApiClient) -> None:
    working.ask("POST", "/shots", json={"project": "ep01", "prompt": "rain"})
    ids = [task["id"] for task in working.generate("ep01", all=True, takes=1, release=False)]
    assert working.ask("POST", "/tasks/cancel", json={"ids": ids})["done"] == ids
    refused = working.run("local", ids)["refused"]
    assert [one["id"] for one in refused] == ids
    assert working.run("yunwu", ids)["refused"][0]["code"] == "task_of_other_provider"
    assert working.ask("POST", "/tasks/delete", json={"ids": ids})["done"] == ids
    assert working.ask("GET", "/tasks", params={"project": "ep01"})["total"] == 0
