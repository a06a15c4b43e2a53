"""Bringing results home: broken transfers, stale links, bad files, full disks."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from doubles import done, wait_until
from runner_bench import Bench

from vidgen_core.domain.errors import ErrorKind, FileError, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.media.video import probe

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED
EXPIRED = RemoteError("link_expired", kind=ErrorKind.FILE)


def parts(bench: Bench) -> list[Path]:
    return list(bench.locations.videos.rglob("*.part"))


def test_a_finished_take_lies_where_the_pattern_says_with_poster_and_facts(bench: Bench) -> None:
    [task] = bench.queue()
    bench.start()
    bench.wait(task, COMPLETED)

    path = bench.locations.videos / "ep01" / "1.0" / "1.0-v1.mp4"
    with bench.store.read() as tx:
        take = tx.takes.of_task(task.id)
    assert take is not None
    assert (take.width, take.height, take.bytes) == (72, 128, path.stat().st_size)
    assert probe(path).seconds == pytest.approx(take.seconds)
    assert (bench.locations.posters / take.poster).exists()
    assert parts(bench) == []


def test_a_broken_transfer_is_gone_on_with(bench: Bench) -> None:
    bench.provider.fetches = [RemoteError("answer_lost", kind=ErrorKind.NETWORK), None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert len(bench.provider.sent) == 1


def test_an_expired_link_is_exchanged_for_a_fresh_one(bench: Bench) -> None:
    bench.provider.fetches = [EXPIRED, None]
    bench.provider.links = ["https://cdn.invalid/fresh.mp4"]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert bench.provider.fetched[-1] == "https://cdn.invalid/fresh.mp4"


def test_without_a_fresh_link_the_job_is_asked_for_one(bench: Bench) -> None:
    bench.provider.fetches = [EXPIRED, None]
    bench.provider.polls = [done("https://cdn.invalid/old.mp4"), done("https://cdn.invalid/new.mp4")]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert bench.provider.fetched == ["https://cdn.invalid/old.mp4", "https://cdn.invalid/new.mp4"]


def test_a_fresh_link_is_asked_for_until_somebody_answers(bench: Bench) -> None:
    bench.provider.fetches = [*[EXPIRED] * 6, None]
    bench.provider.links = [
        *[RemoteError("rate_limited", kind=ErrorKind.RATE_LIMIT)] * 5,
        "https://cdn.invalid/new.mp4",
    ]
    bench.provider.polls = [done("https://cdn.invalid/old.mp4")]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert bench.provider.fetched == [*["https://cdn.invalid/old.mp4"] * 6, "https://cdn.invalid/new.mp4"]


def test_links_that_expire_leave_the_tries_of_a_broken_transfer_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.download.FETCH_TRIES", 2)
    bench.provider.fetches = [EXPIRED, EXPIRED, RemoteError("answer_lost", kind=ErrorKind.NETWORK), None]
    bench.provider.links = ["https://cdn.invalid/new.mp4"]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


@pytest.mark.parametrize("kind", [ErrorKind.NETWORK, ErrorKind.AUTH])
def test_asking_for_a_fresh_link_has_an_end(bench: Bench, kind: ErrorKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.download.ASK_TRIES", 2)
    bench.provider.fetches = [EXPIRED]
    bench.provider.links = [RemoteError("asked_in_vain", kind=kind)]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, FAILED).failure.code == "link_expired"
    assert len(bench.provider.sent) == 1


def test_a_link_that_stays_dead_fails_as_file_and_keeps_its_price(bench: Bench) -> None:
    bench.provider.fetches = [EXPIRED]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure.kind is ErrorKind.FILE
    assert ended.failure.charged is ChargeStatus.ESTIMATED
    assert ended.remote_id is not None
    assert len(bench.provider.sent) == 1


@pytest.mark.parametrize("content", [b"<html>gone</html>", b"\x00" * 5000])
def test_bytes_that_are_no_video_are_fetched_again_and_never_shown(bench: Bench, content: bytes) -> None:
    bench.provider.fetches = [content, content, None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert [path.name for path in bench.locations.videos.rglob("*") if path.is_file()] == ["1.0-v1.mp4"]


def test_an_empty_file_is_fetched_again(bench: Bench) -> None:
    bench.provider.fetches = [b"", None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_a_truncated_video_is_fetched_again(bench: Bench, small_video: Path) -> None:
    whole = small_video.read_bytes()
    bench.provider.fetches = [whole[: len(whole) // 2], None]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert ended.status is COMPLETED
    assert Path(ended.file).read_bytes() == whole


def test_downloads_hold_no_slot(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    monkeypatch.setenv("VIDGEN_RUNNER__BACKOFF_BASE", "30")
    monkeypatch.setenv("VIDGEN_RUNNER__BACKOFF_MAX", "60")
    bench.provider.fetches = [RemoteError("answer_lost", kind=ErrorKind.NETWORK), None]
    first, second = bench.queue(2)
    bench.start()

    bench.wait(second, COMPLETED)

    assert bench.task(first).status is TaskStatus.DOWNLOADING


def test_a_full_disk_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.download.DISK_WAIT", 0.1)
    bench.provider.fetches = [FileError("disk_full", folder="x", free=1, needed=2), None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert "disk_wait" in {line.code for line in bench.log()}


def test_nothing_is_submitted_while_there_is_no_room_for_results(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    full = FileError("disk_full", folder="x", free=1, needed=2)

    def no_room(folder: Path, needed: int) -> None:
        raise full

    monkeypatch.setattr("vidgen_core.worker.storage_check.EVERY", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr("vidgen_core.worker.storage_check.ensure_free_space", no_room)
        [task] = bench.queue()
        bench.start()
        assert wait_until(bench.hold)["code"] == "pause_disk_full"
        assert bench.task(task).status is TaskStatus.QUEUED

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def queue_another_prompt(bench: Bench, first: Task) -> Task:
    """A task like another one but for its prompt."""
    new = NewTask(
        project_id=first.project_id,
        shot_id=first.shot_id,
        provider=first.provider,
        model=first.model,
        params=first.params.model_copy(update={"prompt": "zoom out"}),
    )
    with bench.store.write() as tx:
        [second] = tx.tasks.add([new])
    return second


def test_the_same_bytes_for_another_prompt_are_flagged(bench: Bench) -> None:
    [first] = bench.queue()
    bench.start()
    bench.wait(first, COMPLETED)
    second = queue_another_prompt(bench, first)

    bench.wait(second, COMPLETED)

    with bench.store.read() as tx:
        take = tx.takes.of_task(second.id)
    assert take is not None
    assert "same_file" in take.warnings


def test_the_same_video_in_another_file_is_flagged(bench: Bench, small_video: Path, tmp_path: Path) -> None:
    [first] = bench.queue()
    bench.start()
    bench.wait(first, COMPLETED)
    bench.provider.video = remuxed(small_video, tmp_path / "again.mp4")
    second = queue_another_prompt(bench, first)

    bench.wait(second, COMPLETED)

    with bench.store.read() as tx:
        one, two = tx.takes.of_task(first.id), tx.takes.of_task(second.id)
    assert one is not None
    assert two is not None
    assert one.sha256 != two.sha256
    assert one.content == two.content
    assert "same_file" in one.warnings
    assert "same_file" in two.warnings


@pytest.mark.parametrize("prompts", [["pan left"] * 4, ["pan left", "pan left", "zoom out", "tilt"]])
def test_one_video_for_several_jobs_that_end_together_is_flagged_everywhere(
    bench: Bench, small_video: Path, tmp_path: Path, prompts: list[str]
) -> None:
    files = [remuxed(small_video, tmp_path / f"{n}.mp4", f"job {n}").read_bytes() for n in range(4)]
    assert len(set(files)) == 4
    bench.provider.fetches = files
    params = GenerationParams(prompt="", aspect_ratio="9:16", size="720P")
    with bench.store.write() as tx:
        tasks = tx.tasks.add(
            [
                NewTask(
                    project_id=bench.project.id,
                    shot_id=bench.shot.id,
                    provider=ProviderId("yunwu"),
                    model="scripted",
                    params=params.model_copy(update={"prompt": prompt}),
                )
                for prompt in prompts
            ]
        )
    bench.start()
    for task in tasks:
        bench.wait(task, COMPLETED)

    with bench.store.read() as tx:
        takes = [tx.takes.of_task(task.id) for task in tasks]
    assert [take and take.warnings.count("same_file") for take in takes] == [1] * 4


def remuxed(source: Path, target: Path, comment: str = "job 2") -> Path:
    """The same packets in a file with another name and date inside."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        new.metadata["comment"] = comment
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


def test_a_ratio_that_was_not_asked_for_is_flagged(bench: Bench, tmp_path: Path) -> None:
    wide = tmp_path / "wide.mp4"
    render(RenderSpec(image=None, prompt="", width=128, height=72, seconds=0.5), wide)
    bench.provider.video = wide
    [task] = bench.queue()
    bench.start()
    bench.wait(task, COMPLETED)

    with bench.store.read() as tx:
        take = tx.takes.of_task(task.id)
    assert take is not None
    assert take.warnings == ("ratio_differs", "size_differs")


@pytest.mark.parametrize("code", ["download_too_large", "link_refused"])
def test_what_no_further_try_can_mend_fails_at_once_and_keeps_its_price(bench: Bench, code: str) -> None:
    bench.provider.fetches = [RemoteError(code, kind=ErrorKind.FILE)]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert (ended.failure.code, ended.failure.kind) == (code, ErrorKind.FILE)
    assert ended.cost is not None
    assert len(bench.provider.fetched) == 1
    assert len(bench.provider.sent) == 1


def test_a_slow_download_makes_room_and_goes_on_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.context.DOWNLOADS", 1)
    slow = RemoteError("download_slow", kind=ErrorKind.NETWORK, rate=3, least=4096, host="cdn.invalid")
    bench.provider.fetches = [slow] * 8 + [None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert len(bench.provider.fetched) == 9


def test_a_download_that_stays_too_slow_ends_in_a_sentence(bench: Bench) -> None:
    bench.provider.fetches = [RemoteError("download_slow", kind=ErrorKind.NETWORK, rate=3, least=4096, host="x")]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert (ended.failure.code, ended.failure.kind) == ("download_slow", ErrorKind.FILE)
    assert len(bench.provider.sent) == 1
