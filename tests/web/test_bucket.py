"""Media in a bucket: made and checked here, kept there, shown and exported on any machine."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doubles import wait_until
from fsspec.implementations.local import LocalFileSystem
from s3_server import S3, s3  # noqa: F401 - a fixture
from server_client import TestClient

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.errors import FileError
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.media.video import sha256_file
from vidgen_core.services.exports.film import Format, Options
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.system.database import open_media
from vidgen_core.worker import storage_check

MEDIA = "/app/static/media"


@pytest.fixture(autouse=True)
def small_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SIZE": "128x72", "ASPECT_RATIO": "16:9", "DURATION": "0.5"}.items():
        monkeypatch.setenv(f"VIDGEN_PROVIDERS__LOCAL__{name}", value)


@contextmanager
def machine(home: Locations, database: Path) -> Iterator[Vidgen]:
    """Another machine of the studio: a home of its own, the same database and bucket."""
    home.create()
    with Vidgen(home, Store.open(database), SettingsFile(home), open_media(home)) as opened:
        yield opened


@pytest.fixture
def other(s3: S3, vidgen: Vidgen, tmp_path: Path) -> Iterator[Vidgen]:  # noqa: F811
    with machine(Locations(tmp_path / "other"), vidgen.locations.database) as opened:
        yield opened


@pytest.fixture
def made(s3: S3, vidgen: Vidgen, shot: Shot) -> Take:  # noqa: F811
    """A chosen take, made by the worker of this machine."""
    vidgen.worker.start()
    task = vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    wait_until(lambda: vidgen.tasks.get(task.id).status is TaskStatus.COMPLETED, 60)
    found = vidgen.takes.of_task(task.id)
    assert found is not None
    vidgen.takes.choose(shot.id, found.id)
    return found


def bytes_of(s3: S3, take: Take) -> bytes:  # noqa: F811
    key = take.place.removeprefix(f"s3://{s3.bucket}/")
    data: bytes = s3.client().get_object(Bucket=s3.bucket, Key=key)["Body"].read()
    return data


def test_a_take_is_served_and_exported_from_the_bucket_on_another_machine(
    s3: S3,  # noqa: F811
    made: Take,
    shot: Shot,
    vidgen: Vidgen,
    other: Vidgen,
    tmp_path: Path,
) -> None:
    assert made.place == f"s3://{s3.bucket}/film/videos/ep01/1.0/1.0-v1.mp4"
    assert vidgen.tasks.get(made.task_id).file == made.place
    data = bytes_of(s3, made)
    # Nothing of it is left where it arrived.
    assert list((vidgen.locations.home / "arriving").rglob("*.mp4")) == []
    target = other.exports.write(made.project_id, Format.ZIP, tmp_path / "film.zip")
    with zipfile.ZipFile(target) as archive:
        assert [archive.read(name) for name in archive.namelist() if name.endswith(".mp4")] == [data]
    cut = other.exports.write(made.project_id, Format.MP4, tmp_path / "film.mp4", Options(stills=True))
    assert cut.stat().st_size > 0
    assert sha256_file(other.takes.file(made)) == made.sha256
    assert shot.image is not None
    for here, there in (
        (vidgen.shots.image_path(shot.image), other.shots.image_path(shot.image)),
        (vidgen.takes.poster(made), other.takes.poster(made)),
    ):
        assert here is not None
        assert there is not None
        assert there != here
        assert there.read_bytes() == here.read_bytes()
    # One from before there was a bucket, whose folder was copied there.
    before = made.model_copy(update={"folder": str(tmp_path / "videos")})
    assert other.takes.file(before).read_bytes() == data
    # An unknown one is nowhere, and said to be.
    assert not other.shots.image_path(f"{'0' * 64}.png").exists()


def test_a_player_reads_of_the_bucket_what_it_asks_for(
    s3: S3,  # noqa: F811
    made: Take,
    client: TestClient,
    vidgen: Vidgen,
    other: Vidgen,
) -> None:
    data = bytes_of(s3, made)
    for copy in (vidgen.locations.home / "media-copies").iterdir():
        copy.unlink()
    address = f"{MEDIA}/take/{made.id}.mp4"
    s3.requests.clear()
    part = client.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert [asked for method, _, asked in s3.requests if method == "GET"] == ["bytes=100-199"]
    assert client.get(address, headers={"Range": "bytes=-50"}).content == data[-50:]
    assert client.get(address, headers={"Range": "bytes=0-1,5-6"}).content.count(data[:2]) >= 1
    assert client.get(address, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    whole = client.get(f"{address}?download=1")
    assert (whole.status_code, whole.content, whole.headers["etag"]) == (200, data, f'"{made.sha256}"')
    assert "1.0-v1.mp4" in whole.headers["content-disposition"]
    assert client.get(f"/api/tasks/{made.task_id}/video").content == data
    assert client.head(address).headers["content-length"] == str(len(data))
    assert list((vidgen.locations.home / "media-copies").iterdir()) == []
    # An export of another machine as well.
    export = other.exports.start(made.project_id, Format.ZIP)
    wait_until(lambda: other.exports.get(made.project_id, export.id).state == "done", 60)
    address = f"{MEDIA}/export/{made.project_id}/{export.id}"
    assert client.get(address).content[:2] == b"PK"
    other.exports.remove(made.project_id, export.id)
    assert client.get(address).status_code == 404
    assert not [key for key in s3.listed() if key.startswith("film/exports/")]


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that all machines mount."""
    share = tmp_path / "share"
    share.mkdir()
    monkeypatch.setenv("VIDGEN_SCALE__MEDIA", f"file://{share}")
    return share


def test_a_folder_that_all_machines_mount_keeps_takes_for_all(
    share: Path, vidgen: Vidgen, shot: Shot, tmp_path: Path
) -> None:
    vidgen.worker.start()
    task = vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    wait_until(lambda: vidgen.tasks.get(task.id).status is TaskStatus.COMPLETED, 60)
    take = vidgen.takes.of_task(task.id)
    assert take is not None
    assert sha256_file(share / "videos" / take.file) == take.sha256
    with machine(Locations(tmp_path / "other"), vidgen.locations.database) as other:
        assert sha256_file(other.takes.file(take)) == take.sha256


def test_a_mounted_folder_that_is_full_or_gone_is_said_to_be(
    share: Path, vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = open_media(vidgen.locations)

    def code() -> str:
        try:
            media.check()
        except FileError as error:
            return error.code
        return ""

    with monkeypatch.context() as full:
        full.setattr(LocalFileSystem, "pipe_file", lambda *_, **__: write_to_a_full_disk())
        assert code() == "media_full"
    assert code() == ""
    media = open_media(vidgen.locations)
    with monkeypatch.context() as read_only:
        read_only.setattr(LocalFileSystem, "pipe_file", lambda *_, **__: refuse_to_write())
        assert code() == "folder_read_only"
    assert code() == ""
    share.rename(share.with_name("away"))
    # Not asked again within a minute.
    media = open_media(vidgen.locations)
    assert code() == "media_bucket_missing"
    assert not share.exists()
    # The empty folder that a drive is mounted at.
    share.mkdir()
    assert code() == "media_unmounted"
    with pytest.raises(FileError, match="media_unmounted"):
        media.add_export(vidgen.locations.database)
    assert list(share.iterdir()) == []
    share.rmdir()
    share.with_name("away").rename(share)
    assert code() == ""


def refuse_to_write() -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def write_to_a_full_disk() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")


def test_a_bucket_without_room_for_a_file_holds_the_queue_until_it_has_room(
    s3: S3,  # noqa: F811
    vidgen: Vidgen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    # Enough for whatever is tried out, and not for a video.
    s3.room = 1000
    project = vidgen.projects.all()[0].id
    shots = [vidgen.shots.add(project, prompt=f"pan left {n}").id for n in range(2)]
    tasks = vidgen.tasks.generate(project, shots, GenerateOptions(takes=2)).tasks
    vidgen.worker.start()
    wait_until(lambda: pause_of(vidgen) == "pause_media_full", 60)
    refused = s3.failed
    wait_until(lambda: s3.failed > refused, 60)
    assert pause_of(vidgen) == "pause_media_full"
    assert TaskStatus.QUEUED in {vidgen.tasks.get(task.id).status for task in tasks}
    s3.room = None
    wait_until(lambda: all(vidgen.tasks.get(task.id).status is TaskStatus.COMPLETED for task in tasks), 60)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "media_refused"),
        (507, "media_full"),
        # A proxy with a page of its own.
        (200, "media_away"),
        *(
            pytest.param(status, code, marks=pytest.mark.extended)
            for status, code in (
                (400, "media_refused"),
                (404, "media_bucket_missing"),
                (503, "media_away"),
                (0, "media_away"),
            )
        ),
    ],
)
def test_whatever_the_server_answers_is_one_sentence(s3: S3, made: Take, other: Vidgen, status: int, code: str) -> None:  # noqa: F811
    s3.fails = status
    with pytest.raises(FileError) as put:
        open_media(other.locations).check()
    assert put.value.code == code
    if status == 404:
        # It cannot be told from a file that was deleted.
        assert not other.takes.file(made).exists()
    else:
        with pytest.raises(FileError) as read:
            other.takes.file(made)
        assert read.value.code == code
    s3.fails = None
    open_media(other.locations).check()
    assert sha256_file(other.takes.file(made)) == made.sha256


@pytest.mark.parametrize(("status", "why"), [(400, "XMinioAdminBucketQuotaExceeded"), (403, "QuotaExceeded")])
def test_a_quota_that_is_used_up_is_no_matter_of_the_key(s3: S3, other: Vidgen, status: int, why: str) -> None:  # noqa: F811
    s3.fails, s3.why = status, why
    with pytest.raises(FileError) as caught:
        open_media(other.locations).check()
    assert caught.value.code == "media_full"


def test_a_bucket_of_another_region_is_asked_for_few_times(s3: S3, made: Take, other: Vidgen) -> None:  # noqa: F811
    s3.fails = 301
    for ask in (open_media(other.locations).check, lambda: other.takes.file(made)):
        s3.failed = 0
        with pytest.raises(FileError) as caught:
            ask()
        assert caught.value.code == "media_region"
        assert s3.failed <= 2


def test_a_bucket_whose_name_no_server_takes_is_missing(
    s3: S3,  # noqa: F811
    other: Vidgen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDGEN_SCALE__MEDIA", "s3://Bad_Bucket!/film")
    with pytest.raises(FileError) as caught:
        open_media(other.locations).check()
    assert caught.value.code == "media_bucket_missing"


def test_a_file_of_the_bucket_that_somebody_has_changed_is_not_used(
    s3: S3,  # noqa: F811
    made: Take,
    shot: Shot,
    other: Vidgen,
) -> None:
    assert shot.image is not None
    image = shot.image
    reads = {
        f"film/images/{image}": lambda: other.shots.image_path(image),
        made.place.removeprefix(f"s3://{s3.bucket}/"): lambda: other.takes.file(made),
    }
    for key, read in reads.items():
        whole = s3.client().get_object(Bucket=s3.bucket, Key=key)["Body"].read()
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=whole[: len(whole) // 2])
        with pytest.raises(FileError, match="media_changed"):
            read()
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=whole)
        assert read().read_bytes() == whole


def test_a_server_that_says_nothing_is_given_up(
    s3: S3,  # noqa: F811
    other: Vidgen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3.answers.clear()
    s3.requests.clear()
    with monkeypatch.context() as impatient:
        impatient.setattr("vidgen_core.media.storage.bucket._READ", 1)
        media = open_media(other.locations)
        with pytest.raises(FileError, match="media_away"):
            media.check()
    # While it is to say that the body may come, its driver knows no end, and does not ask again.
    assert [method for method, _, _ in s3.requests] in (["PUT", "PUT"], ["PUT"])
    s3.answers.set()
    open_media(other.locations).check()


def test_a_bucket_that_says_nothing_keeps_nobody_waiting_for_its_answer(
    s3: S3,  # noqa: F811
    vidgen: Vidgen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage_check, "PATIENCE", 0.1)
    project = vidgen.projects.all()[0].id
    shot = vidgen.shots.add(project, prompt="pan left")
    s3.answers.clear()
    task = vidgen.tasks.generate(project, [shot.id], GenerateOptions(takes=1)).tasks[0]
    vidgen.worker.start()
    wait_until(lambda: pause_of(vidgen) == "pause_media_away", 60)
    s3.answers.set()
    wait_until(lambda: vidgen.tasks.get(task.id).status is TaskStatus.COMPLETED, 60)


def pause_of(vidgen: Vidgen) -> str | None:
    with vidgen.store.read() as tx:
        return (tx.state.get("provider_pause.local") or {}).get("code")


@pytest.mark.parametrize(
    ("status", "code"), [(None, "media_bucket_missing"), (403, "media_refused"), (500, "media_away")]
)
def test_a_bucket_that_does_not_work_holds_the_queue_until_it_does(
    s3: S3,  # noqa: F811
    vidgen: Vidgen,
    status: int | None,
    code: str,
) -> None:
    project = vidgen.projects.all()[0].id
    shot = vidgen.shots.add(project, prompt="pan left")
    if status is None:
        s3.client().delete_objects(Bucket=s3.bucket, Delete={"Objects": [{"Key": key} for key in s3.listed()]})
        s3.client().delete_bucket(Bucket=s3.bucket)
    s3.fails = status
    task = vidgen.tasks.generate(project, [shot.id], GenerateOptions(takes=1)).tasks[0]
    vidgen.worker.start()
    wait_until(lambda: pause_of(vidgen) == f"pause_{code}", 60)
    assert vidgen.tasks.get(task.id).status is TaskStatus.QUEUED
    s3.fails = None
    if status is None:
        s3.client().create_bucket(Bucket=s3.bucket)
    wait_until(lambda: vidgen.tasks.get(task.id).status is TaskStatus.COMPLETED, 60)
