"""The whole way against a rehearsal with all its faults: told in a sentence, bought once, gone on with, cut in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import pytest
from doubles import wait_until

from tests.cli.cli_doubles import Said, Vidgen
from tests.money.rehearsed import environment, options
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen as Opened

#: Fault of a scene → how often its question is asked until it is answered.
CHAT = {
    "chat-refusal:1": 2,
    "chat-invalid-json:1": 2,
    "chat-cut-off:2": 3,
    "chat-filter:1": 2,
    "chat-lost:1": 2,
    "chat-drip:0.01": 1,
}
SCENES = """灯室里堆满了几十年来没有寄出去的旧信，小满蹲下来拿起其中最薄的一封，轻轻吹掉上面厚厚的灰尘，又举到灯下看{tag}
老陈沉默了很久，终于把那盏用了一辈子的旧灯放到窗台上，灯光照着他布满皱纹的脸，也照着窗外那片漆黑的海面"""
#: Fault of a picture → kind of the failure it ends with; None: it is drawn all the same.
PICTURES: Mapping[str, str | None] = {
    "moderation-blocked": "moderation",
    "content-filter": "provider",
    "rate-limit-retry-after:1": None,
    "base64-broken": "provider",
    "gateway-after-accept": "submit_unknown",
    "link-gone": "file",
    "as-link": None,
}
#: The same for a take.
TAKES: Mapping[str, str | None] = {
    "moderated-input": "moderation",
    "parameter": "parameter",
    "rate-limit-retry-after:1": None,
    "poll-500:2": None,
    "failed": "provider",
    "moderated-output": "moderation",
    "slow:6": "timeout",
    "link-dead": "file",
    "truncated:1": None,
    # Two lost answers at once: which job in the provider's log is whose, a person must say.
    "reset-before-accept": "submit_unknown",
    "gateway-after-accept": "submit_unknown",
}
#: Bought again within the retries that the settings allow: the provider names an error of its own.
RETRIED = ("[[failed]]",)


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RehearsalServer]:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 1.0)
    monkeypatch.setattr("vidgen_core.worker.limits.key_pool.FIRST_REST", {"rate_limited": 0.2, "overloaded": 0.2})
    monkeypatch.setattr("vidgen_core.worker.limits.provider_pause.SAME_FAILURES", 99)
    with RehearsalServer(options(job_seconds=(0.1, 0.3), videos="render")) as server:
        given = settings_hint(server.url) | environment(server.url, keys=["sk-good-aaaa1111"], max_wait=4.0)
        for name, value in (given | {"VIDGEN_MODE": "yunwu", "VIDGEN_WRITING__PIECE_SIZE": "200"}).items():
            monkeypatch.setenv(name, value)
        yield server


class Story:
    """A project as the command line and, for what is typed into it, a person sees it."""

    def __init__(self, vidgen: Vidgen) -> None:
        self._vidgen = vidgen

    def __call__(self, *words: str, status: int = 0) -> Any:
        said: Said = self._vidgen(*words, "--project", "灯塔", "--json")
        assert said.status == status, (words, said.err)
        return said.json

    def shots(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self("shots")
        return found

    def types(self, field: str, words: Mapping[str, str]) -> None:
        """Somebody types other words into shots; ``words`` by id."""
        with Opened.open() as app:
            for shot_id, text in words.items():
                app.shots.edit(int(shot_id), **{field: text})

    def runs(self, expected: Mapping[str, str | None]) -> dict[str, dict[str, Any]]:
        """Let the queue end, and see that each shot ended as expected, by id; what failed said one sentence."""
        ended = {task["shot"]: task for task in self("run", "--until-done", status=1 if any(expected.values()) else 0)}
        kinds = {shot: (task["error"] or {}).get("kind") for shot, task in ended.items()}
        assert kinds == dict(expected)
        for task in ended.values():
            if task["error"]:
                assert task["error"]["message"].strip().endswith((".", "。", "!"))
                assert "\n" not in task["error"]["message"]
        return ended


def accepted(server: RehearsalServer) -> dict[str, int]:
    found: dict[str, int] = server.stats()["accepted"]
    return found


def job_of(server: RehearsalServer, words: str) -> dict[str, Any]:
    """The take's job whose prompt has these words."""
    return next(job for job in server.jobs() if job["provider"] == "yunwu" and words in job["prompt"])


@pytest.mark.slow
@pytest.mark.extended
def test_the_whole_way_ends_under_all_faults_and_nothing_is_bought_twice(
    vidgen: Vidgen, server: RehearsalServer, tmp_path: Path
) -> None:
    story = Story(vidgen)
    path = tmp_path / "灯塔.txt"
    scenes = (f"第{n}场 内景 灯塔 夜\n" + SCENES.format(tag=f"[[{tag}]]") for n, tag in enumerate(CHAT, start=1))
    path.write_text("\n\n".join(scenes), encoding="utf-8")

    # Script: what was refused or cut off is asked again by the same command, what was lost only when a person says so.
    assert story("script", str(path), status=1)["unanswered"] == 4
    assert story("script", str(path), status=1)["unanswered"] == 1
    assert story("script", str(path), status=1)["unanswered"] == 1
    stored = story("script", str(path), "--ask-lost")
    assert (len(stored["added"]), stored["lost_lines"], stored["invented"]) == (12, [], 0)
    assert sorted(server.stats()["submits"].values()) == sorted(CHAT.values())
    shots = story.shots()
    numbers = [shot["shot"] for shot in shots]

    # Pictures: the words of what failed are changed, and only those shots are drawn again.
    faults = [*PICTURES, *[""] * (len(shots) - len(PICTURES))]
    words = {
        shot["id"]: f"灯塔，第 {n} 幅" + (f" [[{fault}]]" if fault else "")
        for n, (shot, fault) in enumerate(zip(shots, faults, strict=True))
    }
    story.types("picture_prompt", words)
    assert len(story("pictures", "--missing", "--yes")["queued"]) == 12
    story.runs({shot: PICTURES.get(fault) for shot, fault in zip(numbers, faults, strict=True)})
    in_doubt = numbers[faults.index("gateway-after-accept")]
    refused = story("retry", f"{in_doubt}-p1", status=1)["refused"]
    assert [one["code"] for one in refused] == ["may_be_paid_twice"]
    without = [shot for shot in story.shots() if not shot["image"]]
    assert [shot["shot"] for shot in without] == [
        shot for shot, fault in zip(numbers, faults, strict=True) if PICTURES.get(fault)
    ]
    story.types("picture_prompt", {shot["id"]: f"清晨的海，{shot['shot']}" for shot in without})
    story("pictures", "--missing")
    story.runs(dict.fromkeys([shot["shot"] for shot in without]))

    # Prompts: emptied ones are written; the tags of the script befall them once more.
    story.types("prompt", {shot["id"]: "" for shot in shots if "[[" in shot["script"]})
    assert story("prompts", "--empty", status=1) == {"written": 2, "beside": 0, "skipped": 0, "failed": 4}
    assert story("prompts", "--empty") == {"written": 3, "beside": 0, "skipped": 1, "failed": 0}
    assert story("prompts", "--empty", "--ask-lost")["written"] == 1
    assert all(shot["prompt"] for shot in story.shots())

    # Takes: a late one is looked for, a lost one adopted, both for free; the others are paid anew with other words.
    faults = ["", *TAKES]
    words = {
        shot["id"]: f"镜头缓缓推进，第 {n} 条" + (f" [[{fault}]]" if fault else "")
        for n, (shot, fault) in enumerate(zip(shots, faults, strict=True))
    }
    story.types("prompt", words)
    assert len(story("generate", "--all", "--takes", "1", "--yes")["queued"]) == 12
    story.runs({shot: TAKES.get(fault) for shot, fault in zip(numbers, faults, strict=True)})
    late, in_doubt = (numbers[faults.index(fault)] for fault in ("slow:6", "reset-before-accept"))
    assert story("retry", f"{in_doubt}-v1", status=1)["refused"][0]["code"] == "may_be_paid_twice"
    state = story("way")
    assert {one["shot"] for one in state["unfilmed"]} == {
        s for s, f in zip(numbers, faults, strict=True) if TAKES.get(f)
    }
    assert all(one["reason"] for one in state["unfilmed"])
    lost = numbers[faults.index("gateway-after-accept")]
    story("adopt", job_of(server, "[[gateway-after-accept]]")["id"], "--shot", lost)
    wait_until(lambda: job_of(server, "[[slow:6]]")["stage"] == "succeeded")
    story("look-again", f"{late}-v1")
    story.runs({late: None, lost: None})
    again = [shot for shot in story.shots() if not shot["takes"]]
    story.types("prompt", {shot["id"]: f"镜头缓缓拉远，{shot['shot']}" for shot in again})
    story("generate", *[word for shot in again for word in ("--shot", shot["shot"])], "--takes", "1")
    story.runs(dict.fromkeys([shot["shot"] for shot in again]))

    # Nothing was bought twice that nobody asked for twice, and the cut is made.
    twice = [words for words, count in accepted(server).items() if count > 1 and "[[chat-" not in words]
    assert len(twice) == len(RETRIED)
    assert all(any(tag in words for tag in RETRIED) for words in twice)
    assert story("pick", "--first")["left"] == []
    cut = tmp_path / "灯塔.mp4"
    assert (story("export", "--to", str(cut))["takes"], story("way")["without_takes"]) == (12, 0)
    with av.open(cut) as film:
        assert sum(1 for _ in film.decode(video=0)) > 12


@pytest.mark.extended
def test_going_by_itself_stops_at_the_budget_and_goes_on_when_it_is_raised(
    vidgen: Vidgen, server: RehearsalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.services.library.references._FRAME_SIZE", "96x160")
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__DRAWN_BY", "local")
    monkeypatch.setenv("VIDGEN_BUDGET__LIMIT", "0.5")
    monkeypatch.setenv("VIDGEN_RUNNER__TAKES_PER_SHOT", "1")
    path = tmp_path / "灯塔.txt"
    path.write_text("老陈划亮火柴。\n海面上升起太阳。", encoding="utf-8")
    story = Story(vidgen)
    story("script", str(path), "--offline")

    held = story("go", status=1)
    assert (held["walking"], held["cut"], server.stats()["accepted_total"]) == (True, None, 1)

    monkeypatch.setenv("VIDGEN_BUDGET__LIMIT", "5")
    went = story("go")
    assert (went["note"], went["clips"], server.stats()["accepted_total"]) == ("done", 2, 2)
    assert Path(went["cut"]).is_file()
