"""The whole way from a script to a rough cut, by commands alone."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.cli.cli_doubles import Vidgen
from tests.scripts.sample_scripts import LIGHTHOUSE
from vidgen_core.media.video import probe


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures and few frames: what is looked at here is the way."""
    monkeypatch.setattr("vidgen_core.services.library.references._FRAME_SIZE", "96x160")
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__FPS", "4")


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "灯塔.txt"
    path.write_bytes(text.encode("gb18030"))
    return str(path)


def frames(path: Path) -> int:
    """As many as can be decoded."""
    with av.open(path) as video:
        return sum(1 for _ in video.decode(video=0))


@pytest.mark.extended
@pytest.mark.usefixtures("small")
def test_a_two_page_chinese_script_becomes_a_rough_cut(vidgen: Vidgen, tmp_path: Path) -> None:
    def say(*words: str, status: int = 0) -> object:
        said = vidgen(*words, "--project", "灯塔", "--json")
        assert said.status == status, said.err
        return said.json

    def steps() -> dict[str, str]:
        return {step["name"]: step["state"] for step in say("way")["steps"]}  # type: ignore[index]

    def shots() -> list[dict]:  # type: ignore[type-arg]
        return say("shots")  # type: ignore[return-value]

    assert len(say("script", script(tmp_path, LIGHTHOUSE))["added"]) == 22  # type: ignore[index]
    assert steps()["pictures"] == "next"

    say("pictures", "--shot", "1.0", "--count", "2")
    say("pictures", "--missing")
    say("run", "--until-done")
    assert all(Path(shot["image"]).is_file() for shot in shots())
    say("pick-picture", "1.0", "2")
    assert [one["chosen"] for one in shots()[0]["pictures"]] == [False, True]
    say("move", "5.0", "--before", "4.5")
    say("move", "5.0", "--before", "5.1")

    assert say("prompts", "--shot", "1.0", "--shot", "1.1", "--camera", "push_in")["written"] == 2  # type: ignore[index]
    assert "推" in shots()[0]["prompt"]
    say("prompts", "--empty")
    assert steps()["videos"] == "next"

    say("generate", "--all", "--takes", "1")
    say("generate", "--shot", "1.2", "--takes", "1")
    say("run", "--until-done")
    state = say("way")
    assert [(step["name"], step["lack"]) for step in state["steps"] if step["state"] == "next"] == [  # type: ignore[index]
        ("export", "choice")
    ]
    say("pick", "1.2", "2")
    picked = say("pick", "--first")
    assert (len(picked["picked"]), picked["left"]) == (21, [])  # type: ignore[index]
    assert [take["chosen"] for take in shots()[2]["takes"]] == [False, True]
    assert [step["lack"] for step in say("way")["steps"] if step["state"] == "next"] == ["export"]  # type: ignore[index]

    cut = tmp_path / "灯塔.mp4"
    assert say("export", "--to", str(cut))["missing"] == []  # type: ignore[index]

    chosen = [take for shot in shots() for take in shot["takes"] if take["chosen"]]
    film = probe(cut)
    assert (film.width, film.height, frames(cut)) == (128, 72, film.frames)
    assert film.frames == sum(probe(Path(take["file"])).frames for take in chosen)
    assert film.seconds == pytest.approx(sum(take["seconds"] for take in chosen), abs=0.1 * len(chosen))
    assert set(steps().values()) == {"done"}
    assert say("way")["cut"] == str(cut)  # type: ignore[index]


@pytest.mark.usefixtures("small")
@pytest.mark.extended
def test_a_project_goes_its_way_by_itself_and_makes_one_cut(vidgen: Vidgen, tmp_path: Path) -> None:
    vidgen("script", script(tmp_path, "\n".join(LIGHTHOUSE.split("\n")[13:16])))

    went = vidgen("go", "--json")
    assert went.status == 0, went.err
    assert (went.json["note"], went.json["clips"], went.json["unfilmed"]) == ("done", 3, [])
    assert frames(Path(went.json["cut"])) == probe(Path(went.json["cut"])).frames > 0
    assert "the rough cut has 3 shots" in went.err

    again = vidgen("go", "--json")
    assert (again.status, again.json["cut"]) == (0, went.json["cut"])
    assert len(list(Path(went.json["cut"]).parent.iterdir())) == 1
    assert "3 shots in the rough cut, 0 without a take" in vidgen("logs").out
    assert "Export 1/1" in " ".join(vidgen("way").out.split())


def test_what_a_way_lacks_is_said_and_something_paid_is_asked_about(
    vidgen: Vidgen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vidgen("script", script(tmp_path, "灯灭了。"))
    assert "1 shot has no picture" in " ".join(vidgen("way").out.split())
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "0")

    keyless = vidgen("go")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    said = vidgen("go")

    assert (keyless.status, said.status) == (2, 2)
    assert "Enter a key" in keyless.err
    assert "--yes" in said.err
    assert vidgen("way", "--json").json["walking"] is False
    assert vidgen("go", "--stop").status == 0


@pytest.mark.parametrize("words", [[], ["1.0"], ["1.0", "1", "--first"]])
def test_a_take_is_named_or_the_first_is_wanted(vidgen: Vidgen, words: list[str]) -> None:
    said = vidgen("pick", *words)

    assert said.status == 2
    assert "--first" in said.err
