"""A batch under all faults at once: each take ends in its class, the others untouched, nothing bought twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from rehearsed import KEYS, rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.faults import CATALOGUE, Verb
from vidgen_core.media.video import probe

DONE = "completed"
#: A job that fails for these may be ordered again by itself.
PASSING = {"failed-overloaded": "overloaded", "failed-timeout": "timeout"}
#: What Yunwu says without a reason is an error of its upstream; KIE's *generation failed* may mean anything.
ORDERED_AGAIN = {ProviderId("yunwu"): {*PASSING, "failed"}, ProviderId("kie"): {*PASSING}}
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
    **PASSING,
    "failed-parameter": "parameter",
    "moderated-output": "moderation",
    "completed-without-url": "provider",
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
ANY = "any kind"
#: What services do in the field: refusals in clear, acceptances in clear, and ends that have to be understood.
FIELD = {
    "refusal-inside": "parameter",
    "refusal-inside:moderation": "moderation",
    "business-code": ANY,
    "limit-as-429": "parameter",
    "limit-as-429:image ratio 3:7 is out of the range of this model": "parameter",
    "retry-after:soon": DONE,
    "odd-text": ANY,
    "echo-key": ANY,
    "id-number": DONE,
    "done-marker": DONE,
    "filtered-count": "moderation",
    "link-as:relative": DONE,
    "link-as:host": DONE,
    "link-as:capitals": DONE,
    "link-as:blanks": DONE,
    "link-as:key": DONE,
    "url-in:content.video_url": DONE,
    "url-in:clips_of.this_job.*.href": DONE,
    "poll-retry-after:soon": DONE,
    "failed-words": ANY,
    "failed-words:duration must be between 4 and 8 seconds": "parameter",
    "failed-words:the mood of the sky was not to our liking": ANY,
    "failed-odd-text": ANY,
    "failed-echo-key": ANY,
    "same-clip": DONE,
    "gzip-file": DONE,
    "endless-body": "file",
    "huge-length": "file",
}
#: The job exists and nobody names it.
WITHOUT_ID = ["queued-words", "queued-words:accepted; rate limit 10/min", "queued-words:审核中", "id-nan"]
REFUSALS = [name for name in FIELD if CATALOGUE[name.partition(":")[0]].verb is Verb.SUBMIT and FIELD[name] != DONE]
#: After acceptance Yunwu's log names jobs without their prompts; KIE has no log.
LOST = ["reset-after-accept", "close-after-accept", "gateway-after-accept", "html-after-accept", "empty-after-accept"]
EXPECTED = {
    ProviderId("yunwu"): {
        **BOTH,
        "saturated-500:1": DONE,
        "no-channel:1": DONE,
        "id-without-prefix": DONE,
        "poll-not-found:2": DONE,
    },
    ProviderId("kie"): {
        **BOTH,
        "maintenance:1": DONE,
        "poll-not-found:2": DONE,
        **dict.fromkeys(LOST, "submit_unknown"),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.extended)])
@pytest.mark.parametrize("mode", EXPECTED)
def test_each_fault_ends_in_its_class(
    mode: ProviderId, whole: bool, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 1.0)
    monkeypatch.setattr("vidgen_core.worker.limits.key_pool.FIRST_REST", {"rate_limited": 0.2, "overloaded": 0.2})
    monkeypatch.setattr("vidgen_core.worker.limits.provider_pause.SAME_FAILURES", 99)
    # What befalls both providers befalls one of them in each run of the tests.
    left_out = set() if whole else set([*BOTH][[*EXPECTED].index(mode) :: 2]) - ORDERED_AGAIN[mode]
    expected = {fault: ended for fault, ended in EXPECTED[mode].items() if fault not in left_out}
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
            assert Path(task.file).is_relative_to(locations.videos), "parts are looked for where files are"
    parts = [path.name for path in locations.videos.rglob("*.part")]
    assert len(parts) <= list(got.values()).count("file")
    assert not [part for part in parts for task in ended if task.file and Path(task.file).name in part]
    bought = {fault: stats["accepted"].get(prompt, 0) for fault, prompt in zip(expected, prompts, strict=True)}
    # Only what is known to be passing is ordered again, within ``max_retries``.
    assert {fault for fault, count in bought.items() if count > 1} == ORDERED_AGAIN[mode], bought
    assert {bought[fault] for fault in ORDERED_AGAIN[mode]} == {3}
    assert stats["wrong_key_polls"] == 0
    # The API's own server is asked with the key only where a signed link was refused without: the expired and the dead one.
    assert stats["downloads_with_authorization"] <= 8


@pytest.mark.slow
@pytest.mark.parametrize("mode", [ProviderId("yunwu"), pytest.param(ProviderId("kie"), marks=pytest.mark.extended)])
def test_what_services_do_in_the_field_is_bought_once_and_counted_right(
    mode: ProviderId, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 1.0)
    monkeypatch.setattr("vidgen_core.worker.limits.key_pool.FIRST_REST", {"rate_limited": 0.2, "overloaded": 0.2})
    monkeypatch.setattr("vidgen_core.worker.limits.provider_pause.SAME_FAILURES", 99)
    monkeypatch.setattr("vidgen_core.worker.limits.provider_pause.SAME_MESSAGES", 99)
    faults = [*FIELD, *WITHOUT_ID]
    with rehearsed_home(locations, monkeypatch, {"concurrent": 20}) as (home, server):
        monkeypatch.setenv("VIDGEN_DOWNLOAD__MAX_BYTES", "4000000")
        prompts = [f"pan left, {number} [[{fault}]]" for number, fault in enumerate(faults)]
        tasks = home.queue(mode, prompts)
        with home.running():
            ended = dict(zip(faults, home.finish(tasks, 90), strict=True))
        with home.store.read() as tx:
            attempts = {fault: tx.attempts.of_task(task.id) for fault, task in ended.items()}
        accepted = server.stats()["accepted"]

    got = {
        fault: task.status.value if task.status is TaskStatus.COMPLETED else str(task.failure and task.failure.kind)
        for fault, task in ended.items()
    }
    wrong = {
        fault: got[fault] for fault, kind in FIELD.items() if got[fault] != kind and (kind != ANY or got[fault] == DONE)
    }
    assert not wrong
    bought = {fault: accepted.get(prompt, 0) for fault, prompt in zip(faults, prompts, strict=True)}
    assert bought == {fault: 0 if fault in REFUSALS else 1 for fault in faults}
    # A refusal in clear owes nothing, whatever it is wrapped in; an acceptance without an id is never one.
    assert {charge for fault in REFUSALS for charge in charges(attempts[fault])} == {ChargeStatus.NONE}
    assert not [fault for fault in WITHOUT_ID if got[fault] not in (DONE, "submit_unknown")]
    assert not [
        fault for fault in faults if fault not in REFUSALS and charges(attempts[fault])[-1] is ChargeStatus.NONE
    ]
    stored = b"".join(path.read_bytes() for path in locations.home.glob("vidgen.*") if path.is_file())
    assert not [key for key in KEYS if key.encode() in stored]


def charges(attempts: list[Attempt]) -> list[ChargeStatus]:
    return [attempt.charge for attempt in attempts]


@pytest.mark.slow
@pytest.mark.parametrize("fault", LOST)
def test_a_job_whose_answer_was_lost_is_named_from_yunwus_log(
    fault: str, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 1.0)
    with rehearsed_home(locations, monkeypatch) as (home, server):
        [task] = home.queue(ProviderId("yunwu"), [f"zoom in [[{fault}]]"])
        with home.running():
            [ended] = home.finish([task])
        jobs, stats = [job["id"] for job in server.jobs()], server.stats()

    # The log has no prompts, and the key may be shared: whose job it is, a person must say.
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.params["candidates"]) == ("submit_candidates", jobs)
    assert sum(stats["accepted"].values()) == 1
