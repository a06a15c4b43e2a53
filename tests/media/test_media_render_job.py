"""A rendering in a process of its own: what it says, and that it never outlives its parent."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from vidgen_core.media.kenburns import RenderSpec
from vidgen_core.media.video import probe

COMMAND = [sys.executable, "-m", "vidgen_core.media.render_job"]


def render_request(image: Path | None, target: Path, **others: Any) -> str:
    spec = RenderSpec(image=image, prompt="zoom in", width=160, height=160, **others)
    return json.dumps({**spec.model_dump(mode="json"), "target": str(target)}) + "\n"


def ask(line: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a job to its end with standard input held open, as its parent does."""
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(line)
        child.stdin.flush()
        said = [json.loads(each) for each in child.stdout]
        return child.wait(30), said


def test_a_job_tells_its_progress_and_then_that_it_is_done(tmp_path: Path, picture: Path) -> None:
    target = tmp_path / "out" / "任务.mp4"

    code, said = ask(render_request(picture, target, seconds=2.0))

    assert code == 0
    assert said[-1] == {"done": True}
    progress = [message["progress"] for message in said[:-1]]
    assert progress == sorted(progress)
    assert len(progress) > 10
    assert progress[-1] == 1.0
    assert probe(target).frames == 48
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_bad_picture_is_said_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")

    code, said = ask(render_request(tmp_path / "words.png", tmp_path / "clip.mp4"))

    assert code == 1
    assert [message["error"]["code"] for message in said] == ["image_not_a_picture"]
    assert said[0]["error"]["kind"] == "file"
    assert said[0]["error"]["params"] == {"path": str(tmp_path / "words.png")}


@pytest.mark.parametrize("line", ["no json\n", "{}\n", "[1]\n", "\n", '{"target": "x.mp4", "width": -5}\n'])
def test_a_request_that_cannot_be_understood_is_said(line: str) -> None:
    code, said = ask(line)

    assert code == 1
    assert [message["error"]["code"] for message in said] == ["render_request_invalid"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    code, said = ask(render_request(picture, tmp_path / "file" / "clip.mp4", seconds=0.2))

    assert (code, said[-1]["error"]["code"]) == (1, "folder_is_file")


def test_a_job_ends_when_its_input_does(tmp_path: Path, picture: Path) -> None:
    target = tmp_path / "clip.mp4"
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(render_request(picture, target, seconds=600.0))
        child.stdin.flush()
        assert "progress" in child.stdout.readline()

        child.stdin.close()

        assert child.wait(10) != 0
    assert not target.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
def test_a_job_dies_with_its_parent_and_leaves_no_finished_file(tmp_path: Path, picture: Path) -> None:
    parent_code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "child.stdin.write(sys.argv[1]); child.stdin.flush(); child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    target = tmp_path / "out" / "clip.mp4"
    line = render_request(picture, target, seconds=600.0)
    with subprocess.Popen(
        [sys.executable, "-c", parent_code, line, *COMMAND], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        job = psutil.Process(int(parent.stdout.readline()))

        parent.kill()
        parent.wait(10)

    psutil.wait_procs([job], timeout=10)
    assert not job.is_running() or job.status() == psutil.STATUS_ZOMBIE
    assert not target.exists()


@pytest.mark.skipif(not hasattr(os, "nice"), reason="needs POSIX priorities")
def test_a_job_gives_way_to_the_screens(tmp_path: Path, picture: Path) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(render_request(picture, tmp_path / "clip.mp4", seconds=600.0))
        child.stdin.flush()
        child.stdout.readline()

        assert psutil.Process(child.pid).nice() > psutil.Process().nice()
        child.kill()
