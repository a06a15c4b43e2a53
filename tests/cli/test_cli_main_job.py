"""The main job from a terminal: a list becomes videos."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.cli_doubles import Vidgen
from vidgen_core.cli import lists
from vidgen_core.media.video import probe


def test_a_gbk_list_becomes_videos_and_every_step_says_what_it_did(vidgen: Vidgen, home: Path, shot_list: Path) -> None:
    imported = vidgen("import", str(shot_list), "--json")
    assert imported.status == 1
    assert [row["shot"] for row in imported.json["added"]] == ["1.0", "1.1"]
    assert [row["line"] for row in imported.json["rejected"]] == [4, 5]
    assert all(row["reason"] for row in imported.json["rejected"])
    assert "line 4" in imported.err

    queued = vidgen("generate", "--all")
    assert queued.status == 0
    assert "2 takes, free of charge." in queued.out

    ran = vidgen("run", "--until-done", "--json")
    assert ran.status == 0, ran.err
    assert sorted(task["shot"] for task in ran.json) == ["1.0", "1.1"]

    tasks = vidgen("tasks", "--json").json
    assert [(task["shot"], task["take"], task["status"], task["progress"]) for task in tasks] == [
        ("1.0", 1, "completed", 100),
        ("1.1", 1, "completed", 100),
    ]
    for task in tasks:
        facts = probe(Path(task["file"]))
        assert (facts.width, facts.height) == (128, 72)

    assert vidgen("pick", "1.0", "1").status == 0
    shots = vidgen("shots", "--json").json
    assert shots[0]["takes"][0]["chosen"] is True
    assert shots[0]["extra"] == {"备注": "海边"}
    assert shots[1]["takes"][0]["chosen"] is False


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """An address under which one picture lies."""
    folder = tmp_path / "site"
    folder.mkdir()
    Image.new("RGB", (160, 90), (10, 90, 200)).save(folder / "a.png")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_pictures_behind_links_are_fetched_and_a_dead_link_is_kept_with_a_word(
    vidgen: Vidgen, home: Path, tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_LIBRARY__ALLOW_PRIVATE_LINKS", "true")
    source = tmp_path / "links.csv"
    source.write_text(f"shot,image,prompt\n1.0,{site}/a.png,pan\n1.1,{site}/gone.png,tilt\n", encoding="utf-8")

    rehearsed = vidgen("import", str(source), "--dry-run", "--json")
    imported = vidgen("import", str(source), "--json")

    assert (imported.status, imported.json["rejected"]) == (0, [])
    assert "line 3" in imported.err
    assert "The link is kept" in imported.err
    assert [row["shot"] for row in rehearsed.json["added"]] == ["1.0", "1.1"]
    fetched, kept = vidgen("shots", "--json").json
    assert Path(fetched["image"]).is_file()
    assert (kept["image"], kept["image_url"]) == (None, f"{site}/gone.png")
    assert list((home / "incoming").iterdir()) == []


def test_a_link_into_the_own_network_is_refused_from_the_terminal_too(
    vidgen: Vidgen, tmp_path: Path, site: str
) -> None:
    source = tmp_path / "links.csv"
    source.write_text(f"shot,image,prompt\n1.0,{site}/a.png,pan\n", encoding="utf-8")

    imported = vidgen("import", str(source), "--json")

    assert [row["code"] for row in imported.json["rejected"]] == ["link_private"]


def test_a_task_is_printed_in_the_shape_that_scripts_rely_on(vidgen: Vidgen, shot_list: Path) -> None:
    vidgen("import", str(shot_list), "--project", "ep01")
    vidgen("generate", "--shot", "1.0", "--project", "ep01")

    (task,) = vidgen("tasks", "--json", "--project", "ep01").json

    fixed = {
        "id": "1",
        "project": "ep01",
        "shot": "1.0",
        "take": 1,
        "output": "video",
        "status": "queued",
        "progress": None,
        "provider": "local",
        "model": "ken-burns",
        "remote_id": None,
        "attempts": 0,
        "error": None,
        "file": None,
        "parent": None,
        "waits_for": None,
        "verdict": None,
        "checks": [],
        "warnings": [],
        "cost": {"amount": 0.0, "currency": "CNY", "estimated": True},
        "started_at": None,
        "finished_at": None,
    }
    assert {name: task[name] for name in fixed} == fixed
    assert task["created_at"].endswith("Z")
    assert datetime.fromisoformat(task["created_at"]).tzinfo is not None
    assert task.keys() == fixed.keys() | {"created_at", "params"}


def test_the_demo_makes_a_video_of_each_sample_shot_and_prints_their_paths(vidgen: Vidgen) -> None:
    first = vidgen("demo")
    paths = [Path(line) for line in first.out.splitlines() if line.endswith(".mp4")]
    assert first.status == 0, first.err
    assert len(paths) == 6
    assert all(probe(path).seconds > 0 for path in paths)

    again = vidgen("demo", "--json")
    assert [file["file"] for file in again.json["files"]] == [str(path) for path in paths]


def test_reading_a_list_again_adds_nothing_unless_asked(vidgen: Vidgen, shot_list: Path) -> None:
    vidgen("import", str(shot_list))

    again = vidgen("import", str(shot_list), "--json").json
    asked = vidgen("import", str(shot_list), "--again", "--json").json

    assert (len(again["added"]), len(again["skipped"])) == (0, 2)
    assert len(asked["added"]) == 2


def test_a_dry_run_changes_nothing(vidgen: Vidgen, shot_list: Path) -> None:
    said = vidgen("import", str(shot_list), "--dry-run", "--json")

    assert [row["shot"] for row in said.json["added"]] == ["1.0", "1.1"]
    assert said.status == 1
    assert vidgen("shots", "--json").json == []


def test_a_shot_the_model_does_not_take_is_named_and_the_status_says_so(vidgen: Vidgen, shot_list: Path) -> None:
    vidgen("import", str(shot_list))

    said = vidgen("generate", "--all", "--size", "enormous", "--json")

    assert said.status == 1
    assert said.json["queued"] == []
    assert [row["shot"] for row in said.json["refused"]] == ["1.0", "1.1"]


def test_nothing_to_run_is_done_at_once(vidgen: Vidgen) -> None:
    said = vidgen("run", "--until-done", "--json")

    assert (said.status, said.json) == (0, [])


def test_a_run_ends_when_the_queue_waits_for_a_person(vidgen: Vidgen, shot_list: Path) -> None:
    vidgen("import", str(shot_list))
    vidgen("generate", "--all")
    from vidgen_core.services.facade import Vidgen as Opened

    with Opened.open() as app:
        app.worker.pause()

    said = vidgen("run", "--until-done")

    assert said.status == 1
    assert "paused" in said.err


def test_a_long_list_of_tasks_is_read_and_printed_in_blocks(
    vidgen: Vidgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "\n".join(f"{number}.0,pan left" for number in range(1, 6))
    (tmp_path / "list.csv").write_text(f"shot,prompt\n{rows}\n")
    assert vidgen("import", str(tmp_path / "list.csv")).status == 0
    assert vidgen("tasks", "--json").out == "[]\n"
    assert vidgen("generate", "--all", "--takes", "1").status == 0
    whole = vidgen("tasks", "--json")

    monkeypatch.setattr(lists, "BLOCK", 2)

    in_blocks = vidgen("tasks", "--json")
    assert in_blocks.out == whole.out == json.dumps(whole.json, ensure_ascii=False, indent=2) + "\n"
    assert [task["shot"] for task in in_blocks.json] == ["1.0", "2.0", "3.0", "4.0", "5.0"]
    assert [task["shot"] for task in vidgen("tasks", "--json", "--limit", "3").json] == ["3.0", "4.0", "5.0"]
    assert [task["shot"] for task in vidgen("tasks", "--json", "--status", "queued").json][2:] == ["3.0", "4.0", "5.0"]
    assert [line.split()[0] for line in vidgen("tasks").out.splitlines() if line[:1].isdigit()] == list("12345")
