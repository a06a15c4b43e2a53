"""A batch under all faults at once: each take ends in its class, the others untouched, nothing bought twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from rehearsed import rehearsed_home

from vidgen_core.locations import Locations
from vidgen_core.media.video import probe
from vidgen_core.models import Mode, TaskStatus

DONE = "completed"
#: Fault → how the take ends: ``completed`` or the kind of its failure.
BOTH = {
    "": DONE,
    "moderated-input": "moderation",
    "parameter": "parameter",
    "rate-limit-retry-after:1": DONE,
    "saturated:1": DONE,
    "reply-task-id": DONE,
    "poll-500:2": DONE,
    "poll-429:1": DONE,
    "poll-html:2": DONE,
    "poll-gateway:2": DONE,
    "poll-reset:2": DONE,
    "status-unknown": DONE,
    "status-missing": DONE,
    "progress-percent": DONE,
    "progress-missing": DONE,
    "url-late:2": DONE,
    "failed": "provider",
    "failed-parameter": "parameter",
    "moderated-output": "moderation",
    "completed-without-url": "moderation",
    "stuck": "timeout",
    "wrong-ratio": DONE,
    "link-404:1": DONE,
    "link-expired:1": DONE,
    "link-dead": "file",
    "download-500:1": DONE,
    "download-reset:1": DONE,
    "download-redirect": DONE,
    "truncated:1": DONE,
    "truncated-reset:1": DONE,
    "truncated-file": "file",
    "empty-file": "file",
    "html-file": "file",
    "garbage-file": "file",
    "no-range": DONE,
    "no-length": DONE,
    "reset-before-accept": "submit_unknown",
    "server-error": "submit_unknown",
    "html": "submit_unknown",
}
#: After acceptance Yunwu's log names the job; KIE has no log.
LOST = ["reset-after-accept", "close-after-accept", "gateway-after-accept", "html-after-accept", "empty-after-accept"]
EXPECTED = {
    Mode.YUNWU: {
        **BOTH,
        "saturated-500:1": DONE,
        "no-channel:1": DONE,
        "id-without-prefix": DONE,
        "poll-not-found:2": DONE,
    },
    Mode.KIE: {**BOTH, "maintenance:1": DONE, "poll-not-found:2": DONE, **dict.fromkeys(LOST, "submit_unknown")},
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.YUNWU, Mode.KIE])
def test_each_fault_ends_in_its_class(mode: Mode, locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.runner.following.RECONCILE_FOR", 1.0)
    monkeypatch.setattr("vidgen_core.keys.FIRST_REST", {"rate_limited": 0.2, "overloaded": 0.2})
    monkeypatch.setattr("vidgen_core.runner.lanes.SAME_FAILURES", 99)
    expected = EXPECTED[mode]
    with rehearsed_home(locations, monkeypatch, {"concurrent": 20}) as (home, server):
        prompts = [f"pan left, {number} [[{fault}]]" if fault else "pan left" for number, fault in enumerate(expected)]
        tasks = home.queue(mode, prompts)
        with home.running():
            ended = home.finish(tasks, 90)
        stats = server.stats()

    got = {
        fault: task.status.value if task.status is TaskStatus.COMPLETED else str(task.failure and task.failure.kind)
        for fault, task in zip(expected, ended, strict=True)
    }
    assert got == expected
    for task in ended:
        if task.file is not None:
            assert probe(Path(task.file)).seconds > 0
    assert not list(locations.videos.rglob("*.part")) or "file" in got.values()
    bought = {fault: stats["accepted"].get(prompt, 0) for fault, prompt in zip(expected, prompts, strict=True)}
    assert all(count <= 1 for fault, count in bought.items() if fault != "failed"), bought
    assert bought["failed"] == 3
    assert stats["wrong_key_polls"] == 0
    assert stats["downloads_with_authorization"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", LOST)
def test_a_job_whose_answer_was_lost_is_found_in_yunwus_log(
    fault: str, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed_home(locations, monkeypatch) as (home, server):
        [task] = home.queue(Mode.YUNWU, [f"zoom in [[{fault}]]"])
        with home.running():
            [ended] = home.finish([task])
        stats = server.stats()

    assert ended.status is TaskStatus.COMPLETED
    assert sum(stats["accepted"].values()) == 1
