"""Exports run in the background, show how far they are, can be cancelled, and outlive the process as files."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import httpx
import pytest
from doubles import embedded_worker, files_of_at_most, wait_until
from exporting_material import COLOURS, make_video
from starlette.applications import Starlette

from vidgen_core.cli.program import run
from vidgen_core.config.paths import Locations
from vidgen_core.db.repositories.tasks import TaskRepository
from vidgen_core.db.schema.library import takes as takes_table
from vidgen_core.domain.errors import FileError, InputError, NotFound, Refused, VidgenError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project
from vidgen_core.domain.takes import NewTake, Take
from vidgen_core.domain.tasks import NewTask
from vidgen_core.media import video
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.exports import exports
from vidgen_core.services.exports.exports import Export
from vidgen_core.services.exports.film import EVERYTHING, Format, Options
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.system.cleanup import CleanupScope, without_secrets
from vidgen_core.web import serve
from vidgen_core.web.app_instance import close_vidgen


@pytest.fixture
def app(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vidgen]:
    monkeypatch.setenv("VIDGEN_HOME", str(locations.home))
    embedded_worker(monkeypatch, works=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    with Vidgen.open(locations) as opened:
        yield opened


def add_take(app: Vidgen, project: Project, shot_id: int, colour: tuple[int, int, int]) -> Take:
    """A finished take as the runner leaves it."""
    task = app.tasks.generate(project.id, [shot_id], GenerateOptions(takes=1)).tasks[0]
    file = make_video(app.locations.videos / project.name / task.shot / f"{task.shot}-v{task.take}.mp4", colour)
    facts = video.probe(file)
    new = NewTake(
        project_id=project.id,
        shot_id=shot_id,
        task_id=task.id,
        number=task.take,
        folder=str(app.locations.videos),
        file=file.relative_to(app.locations.videos).as_posix(),
        poster=None,
        seconds=facts.seconds,
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        sha256=video.sha256_file(file),
        provider=ProviderId("local"),
        model="ken-burns",
    )
    with app.store.write() as tx:
        tx.tasks.note(task.id, file=str(file))
        return tx.takes.add(new)


@pytest.fixture
def project(app: Vidgen) -> Project:
    """Three shots with two takes each; the first two shots have their first take chosen."""
    project = app.projects.ensure("ep01")
    for place in range(3):
        shot = app.shots.add(project.id, f"{place + 1}.0", f"Prompt {place}")
        app.shots.edit(shot.id, script=f"Line {place}")
        first = add_take(app, project, shot.id, COLOURS[place])
        add_take(app, project, shot.id, COLOURS[place + 3])
        if place < 2:
            app.takes.choose(shot.id, first.id)
    return project


def ended(app: Vidgen, export: Export) -> Export:
    return wait_until(lambda: _ended(app, export), timeout=60)


def _ended(app: Vidgen, export: Export) -> Export | None:
    found = app.exports.get(export.project_id, export.id)
    return None if found.live else found


@pytest.mark.parametrize("kind", list(Format))
def test_every_format_ends_with_a_file_that_can_be_downloaded(app: Vidgen, project: Project, kind: Format) -> None:
    export = ended(app, app.exports.start(project.id, kind))

    assert (export.state, export.progress, export.failure) == ("done", 1.0, None)
    path = app.exports.file(project.id, export.id)
    assert path.stat().st_size == export.bytes > 0
    assert path.is_relative_to(app.locations.exports)


def test_everything_is_exported_at_once_and_what_fails_stops_no_other(
    app: Vidgen, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = app.exports.start_all(project.id, Options(numbers=False))
    assert [(export.format, export.rows) for export in started] == list(EVERYTHING)
    assert {ended(app, export).state for export in started} == {"done"}

    app.shots.edit(app.shots.ids(project.id)[0], script="你好")
    monkeypatch.setattr("vidgen_core.media.text_overlay._FONTS", ())
    files, failed = app.exports.write_all(project.id, tmp_path / "out", Options(subtitles=True))
    assert [(kind, error.code) for kind, error in failed] == [(Format.MP4, "export_font_missing")]
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    assert {file.name for file in files} == {
        "ep01.zip", "ep01-jianying.zip", "ep01.fcpxml", "ep01.xml", "ep01.otio", "ep01.edl", "ep01.srt", "ep01.ass",
        "ep01.pdf", "ep01-shots.xlsx", "ep01-tasks.xlsx",
    }  # fmt: skip


def test_what_was_exported_is_listed_by_the_next_process(locations: Locations, app: Vidgen, project: Project) -> None:
    export = ended(app, app.exports.start(project.id, Format.ZIP))

    with Vidgen.open(locations) as next_one:
        assert [found.id for found in next_one.exports.all(project.id)] == [export.id]
        next_one.exports.remove(project.id, export.id)
        assert next_one.exports.all(project.id) == []
    assert not Path(export.path).exists()


def test_two_exports_at_once_get_two_files(app: Vidgen, project: Project) -> None:
    both = [app.exports.start(project.id, Format.ZIP) for _ in range(2)]
    assert len({ended(app, export).path for export in both}) == 2


def test_a_start_with_nothing_chosen_is_refused_at_once(app: Vidgen) -> None:
    empty = app.projects.ensure("empty")
    with pytest.raises(Refused) as refused:
        app.exports.start(empty.id, Format.MP4)
    assert refused.value.code == "export_nothing_chosen"
    with pytest.raises(Refused) as refused:
        app.exports.write(empty.id, Format.CSV, app.locations.home / "list.csv")
    assert refused.value.code == "export_no_rows"


def test_a_start_with_a_wrong_pattern_is_refused_at_once(app: Vidgen, project: Project) -> None:
    with pytest.raises(InputError):
        app.exports.start(project.id, Format.ZIP, Options(pattern="{nope}"))


def test_a_full_disk_ends_an_export_with_its_sentence(
    app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.media.disk._free", lambda _: 10)
    export = ended(app, app.exports.start(project.id, Format.ZIP))
    assert export.state == "failed"
    assert export.failure is not None
    assert export.failure.code == "disk_full"


def test_an_unforeseen_end_is_told_too(
    app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("vidgen_core.services.exports.writers.write_film", break_down)
    export = ended(app, app.exports.start(project.id, Format.ZIP))
    assert export.failure is not None
    assert (export.state, export.failure.code) == ("failed", "export_failed")
    assert "broken" in caplog.text


def test_a_cancelled_export_leaves_no_file(app: Vidgen, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(film: Any, kind: Any, target: Path, options: Any, progress: Any, language: str) -> None:
        begun.set()
        assert go_on.wait(30)
        progress(0.5)
        target.write_bytes(b"too late")

    monkeypatch.setattr("vidgen_core.services.exports.writers.write_film", slow)
    first, second = (app.exports.start(project.id, Format.ZIP) for _ in range(2))
    assert begun.wait(30)
    assert app.exports.get(project.id, second.id).state == "waiting"
    app.exports.cancel(first.id)
    app.exports.cancel(second.id)
    go_on.set()
    assert [ended(app, export).state for export in (first, second)] == ["cancelled", "cancelled"]
    assert not Path(first.path).exists()
    with pytest.raises(NotFound):
        app.exports.file(project.id, first.id)


def test_a_draft_goes_straight_to_a_folder_of_this_machine(app: Vidgen, project: Project, tmp_path: Path) -> None:
    drafts = tmp_path / "JianyingPro Drafts"
    drafts.mkdir()
    export = ended(app, app.exports.start(project.id, Format.JIANYING, Options(drafts_folder=str(drafts))))
    assert Path(export.path).parent == drafts
    assert export.folder
    app.exports.remove(project.id, export.id)
    assert (Path(export.path) / "draft_content.json").is_file()


def test_names_are_shown_before_anything_is_written(app: Vidgen, project: Project) -> None:
    assert app.exports.names(project.id, "{order}-{shot}") == ["1-1.0.mp4", "2-2.0.mp4"]


# --- download


async def test_an_export_is_downloaded_under_its_own_name(app: Vidgen, project: Project) -> None:
    export = ended(app, app.exports.start(project.id, Format.ZIP))
    serving = serve("127.0.0.1")
    routes = httpx.ASGITransport(Starlette(routes=serving.routes, middleware=serving.middleware))
    address = f"/app/static/media/export/{project.id}"
    try:
        async with httpx.AsyncClient(transport=routes, base_url="http://127.0.0.1") as client:
            answer = await client.get(f"{address}/{export.id}")
            nothing = await client.get(f"{address}/nope")
            foreign = await client.get(f"{address}/{export.id}", headers={"Origin": "http://evil.example"})
    finally:
        close_vidgen()
    path = app.exports.file(project.id, export.id)
    assert len(answer.content) == export.bytes
    assert path.name in answer.headers["content-disposition"]
    assert (nothing.status_code, foreign.status_code) == (404, 403)


async def test_a_timeline_comes_back_by_the_api(app: Vidgen, project: Project, tmp_path: Path) -> None:
    cut = app.exports.write(project.id, Format.EDL, tmp_path / "cut.edl")
    lines = (
        cut.read_text(encoding="utf-8")
        .replace("1.0-v1", "x")
        .replace("2.0-v1", "1.0-v1")
        .replace("x.mp4", "2.0-v1.mp4")
    )
    serving = serve("127.0.0.1")
    routes = httpx.ASGITransport(Starlette(routes=serving.routes, middleware=serving.middleware))
    try:
        async with httpx.AsyncClient(transport=routes, base_url="http://127.0.0.1") as client:

            async def sent(text: str, **data: str) -> httpx.Response:
                return await client.post(
                    "/api/edit", files={"file": ("cut.edl", text.encode())}, data={"project": "ep01", **data}
                )

            looked, applied = await sent(lines, dry_run="true"), await sent(lines)
            undone = await client.delete("/api/edit", params={"project": "ep01"})
            again = await client.delete("/api/edit", params={"project": "ep01"})
            wrong = await sent("hello")
    finally:
        close_vidgen()
    assert looked.json() | {"applied": True} == applied.json()
    assert [(change["shot"], change["place"]) for change in applied.json()["changes"]] == [("2.0", 1), ("1.0", 2)]
    assert (undone.json(), again.status_code) == ({"file": "cut.edl"}, 409)
    assert wrong.status_code == 422
    assert "OTIO" in wrong.json()["error"]["message"]


# --- making room


def test_a_clean_up_shows_what_would_go_and_never_a_chosen_take(app: Vidgen, project: Project) -> None:
    def planned(scope: CleanupScope, days: float = 0) -> list[str]:
        return [f"{item.shot}-v{item.take.number}" for item in app.cleanup.plan(project.id, scope, days).items]

    assert planned(CleanupScope.DECIDED) == ["1.0-v2", "2.0-v2"]
    assert planned(CleanupScope.UNCHOSEN) == ["1.0-v2", "2.0-v2", "3.0-v1", "3.0-v2"]
    assert planned(CleanupScope.REJECTED) == []
    last = app.takes.takes_of(app.shots.ids(project.id)[2])[0]
    app.takes.reject(last.id, "blurred")
    assert planned(CleanupScope.REJECTED) == ["3.0-v1"]
    assert planned(CleanupScope.UNCHOSEN, days=7) == []
    with app.store.write() as tx:
        long_ago = datetime.now(UTC) - timedelta(days=8)
        tx.execute(takes_table.update().where(takes_table.c.id == last.id).values(created_at=long_ago))
    assert planned(CleanupScope.UNCHOSEN, days=7) == ["3.0-v1"]


def test_what_was_cleaned_up_says_so_and_the_rest_stays(app: Vidgen, project: Project) -> None:
    plan = app.cleanup.plan(project.id, CleanupScope.DECIDED)
    # Chosen between the look and the click.
    late = plan.items[1].take
    app.takes.choose(late.shot_id, late.id)

    cleaned = app.cleanup.carry_out(project.id, [item.take.id for item in plan.items])

    assert (cleaned.files, cleaned.bytes, cleaned.kept) == (1, plan.items[0].bytes, 1)
    gone = app.takes.get(plan.items[0].take.id)
    assert gone.warnings == ("file_cleaned",)
    assert not app.takes.file(gone).exists()
    assert app.tasks.get(gone.task_id).file is None
    assert app.takes.file(late).is_file()
    assert app.takes.get(late.id).warnings == ()
    assert app.cleanup.plan(project.id, CleanupScope.DECIDED).items == tuple(
        item for item in app.cleanup.plan(project.id, CleanupScope.UNCHOSEN).items if item.shot == "2.0"
    )


def test_a_file_that_two_takes_share_stays(app: Vidgen, project: Project) -> None:
    first, second = app.takes.takes_of(app.shots.ids(project.id)[2])
    with app.store.write() as tx:
        tx.takes.update(second.id, file=first.file, sha256=first.sha256)
    assert "3.0" not in {item.shot for item in app.cleanup.plan(project.id, CleanupScope.UNCHOSEN).items}


def test_a_take_outside_of_its_folder_is_never_deleted(app: Vidgen, project: Project, tmp_path: Path) -> None:
    stranger = make_video(tmp_path / "stranger.mp4", COLOURS[0])
    take = app.takes.takes_of(app.shots.ids(project.id)[2])[0]
    with app.store.write() as tx:
        tx.takes.update(take.id, file="../../stranger.mp4")
    assert app.cleanup.carry_out(project.id, [take.id]).kept == 1
    assert stranger.is_file()


def test_the_latest_export_comes_first_though_the_clock_went_back(
    app: Vidgen, project: Project, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=3)

    with monkeypatch.context() as patch:
        patch.setattr(exports, "datetime", Ahead)
        first = ended(app, app.exports.start(project.id, Format.SRT))
    second = ended(app, app.exports.start(project.id, Format.SRT))

    assert first.started_at > second.started_at
    wait_until(lambda: [export.id for export in app.exports.all(project.id)] == [second.id, first.id])
    app.close()
    with Vidgen.open(locations) as again:
        assert [export.id for export in again.exports.all(project.id)] == [second.id, first.id]


# --- copies


def test_a_backup_is_a_whole_database_and_settings_without_secrets(
    app: Vidgen, project: Project, tmp_path: Path
) -> None:
    app.locations.settings_file.write_text(
        'mode = "local"\n# old: sk-commented-out\n[providers.yunwu]\nmodel = "veo3"\n'
        'keys = [{ name = "main", secret = "sk-very-secret" }]\n[providers.kie]\nwebhook_secret = "whsec"\n',
        encoding="utf-8",
    )
    database, settings = app.cleanup.backup(tmp_path / "copy.db")

    with sqlite3.connect(database) as copy:
        assert copy.execute("SELECT count(*) FROM takes").fetchone() == (6,)
    copy.close()
    text = settings.read_text(encoding="utf-8")
    assert 'model = "veo3"' in text
    assert "sk-" not in text
    assert "whsec" not in text
    assert without_secrets("secret = [") == ""


def test_a_backup_that_finds_no_room_leaves_nothing(app: Vidgen, project: Project, tmp_path: Path) -> None:
    with files_of_at_most(20_000), pytest.raises(VidgenError):
        app.cleanup.backup(tmp_path / "copy.db")

    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy")] == []
    assert app.cleanup.backup(tmp_path / "copy.db")[0].is_file()


def test_a_backup_into_a_folder_that_takes_none_names_that_folder(app: Vidgen) -> None:
    # Not even an owner may write there.
    with pytest.raises(FileError) as raised:
        app.cleanup.backup(Path("/proc/copy.db"))

    assert "/proc" in str(raised.value.params)


def test_a_workbook_without_a_folder_for_temporary_files_is_one_sentence(
    app: Vidgen, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(FileError) as raised:
        app.exports.write(project.id, Format.XLSX, tmp_path / "out.xlsx")

    assert raised.value.params["path"].startswith(str(tmp_path / "gone"))


@pytest.mark.parametrize("kind", [Format.XLSX, Format.JIANYING])
def test_no_room_for_what_is_written_on_the_way_is_said(
    app: Vidgen, project: Project, tmp_path: Path, kind: Format
) -> None:
    with files_of_at_most(500), pytest.raises(FileError) as raised:
        app.exports.write(project.id, kind, tmp_path / f"out.{kind}.zip")

    assert raised.value.code == "file_not_written"
    assert not list(tmp_path.glob("out*"))


def test_a_backup_holds_no_secret_of_any_kind(app: Vidgen, project: Project, tmp_path: Path) -> None:
    sharing = Auth(app.settings_file)
    sharing.ensure_token()
    for role in Role:
        sharing.set_password(role, "long-enough-for-everybody")
    app.settings_file.change(
        {
            "providers.kie.webhook_secret": "whsec-0123456789",
            "providers.yunwu.keys": [{"name": "main", "secret": "sk-0123456789abcdef"}],
        }
    )
    before = app.locations.settings_file.read_text(encoding="utf-8")

    copies = app.cleanup.backup(tmp_path / "copy.db")

    kept = b"".join(copy.read_bytes() for copy in copies)
    secrets = [sharing.settings.token.get_secret_value(), "$argon2", "whsec-0123456789", "sk-0123456789abcdef"]
    assert [secret for secret in secrets if secret in before] == secrets
    assert [secret for secret in secrets if secret.encode() in kept] == []


def test_a_backup_made_while_work_goes_on_is_a_data_home_again(app: Vidgen, project: Project, tmp_path: Path) -> None:
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            app.shots.add(project.id, prompt="made meanwhile")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        copies = [app.cleanup.backup(tmp_path / f"{n}.db")[0] for n in range(3)]
    finally:
        ended.set()
        worker.join()

    for place, copy in enumerate(copies):
        home = Locations(tmp_path / f"home {place}")
        home.home.mkdir()
        copy.rename(home.database)
        with Vidgen.open(home) as restored:
            found = restored.projects.find("ep01")
            assert found is not None
            assert restored.shots.by_number(found.id, "1.0") is not None
            assert len(restored.exports.film(found.id).takes) == 2
            restored.shots.add(found.id, prompt="and on it goes")


def test_a_backup_into_a_folder_that_is_not_there_is_refused(app: Vidgen, tmp_path: Path) -> None:
    with pytest.raises(FileError) as refused:
        app.cleanup.backup(tmp_path / "nowhere" / "copy.db")
    assert refused.value.code == "backup_folder_missing"


# --- the command line


def test_the_command_line_exports_by_ending_and_into_folders(
    app: Vidgen, project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", "--project", "ep01", "--to", str(tmp_path / "film.mp4"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"file": str(tmp_path / "film.mp4"), "format": "mp4", "takes": 2, "missing": ["3.0"]}
    assert video.probe(tmp_path / "film.mp4").frames == 24

    out = tmp_path / "out"
    out.mkdir()
    for kind in ("zip", "otio", "fcpxml", "edl", "csv", "json", "xlsx"):
        assert run(["export", "--project", "ep01", "--to", str(out), "--format", kind]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"ep01.{kind}" for kind in ("zip", "otio", "fcpxml", "edl", "csv", "json", "xlsx")
    )
    assert run(["export", "--project", "ep01", "--to", str(out / "drafts"), "--format", "jianying"]) == 0
    assert len(list((out / "drafts").glob("*/draft_content.json"))) == 1


def test_the_command_line_lists_tasks_and_packs_pictures(app: Vidgen, project: Project, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.json"
    assert run(["export", "--project", "ep01", "--to", str(tasks), "--list", "tasks"]) == 0
    assert len(json.loads(tasks.read_text(encoding="utf-8"))) == 6
    packed = tmp_path / "list.zip"
    assert run(["export", "--project", "ep01", "--to", str(packed), "--format", "csv", "--pictures"]) == 0
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["shots.csv"]


def test_a_list_with_pictures_is_called_zip_whatever_ending_was_asked_for(
    app: Vidgen, project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "list.csv"
    assert run(["export", "--project", "ep01", "--to", str(asked), "--pictures", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(tmp_path / "list.zip")
    assert not asked.exists()
    with zipfile.ZipFile(tmp_path / "list.zip") as archive:
        assert archive.namelist() == ["shots.csv"]


def test_a_long_list_of_tasks_is_read_some_hundreds_at_a_time(
    app: Vidgen, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first, *_] = app.tasks.page(project.id).items
    new = NewTask(
        project_id=project.id, shot_id=first.shot_id, provider=first.provider, model=first.model, params=first.params
    )
    with app.store.write() as tx:
        added = tx.tasks.add([new] * 1_200)
    read: list[int] = []
    many = TaskRepository.many
    monkeypatch.setattr(TaskRepository, "many", lambda tx, ids: read.append(len(ids)) or many(tx, ids))

    app.exports.write(project.id, Format.JSON, tmp_path / "tasks.json", Options(rows="tasks"))

    listed = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in listed] == [str(number) for number in (*range(1, 7), *(task.id for task in added))]
    assert max(read) <= 500


@pytest.mark.parametrize(
    "words",
    [
        ["--to", "x.foo"],
        ["--to", "x.csv", "--list", "nothing"],
        ["--to", "x.zip", "--pattern", "{nope}"],
        ["--to", "x.zip", "--project", "empty"],
    ],
)
def test_the_command_line_answers_wrong_options_with_a_sentence(
    app: Vidgen, project: Project, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.projects.ensure("empty")
    given = [str(tmp_path / word) if word.startswith("x.") else word for word in words]
    project_words = [] if "--project" in given else ["--project", "ep01"]
    assert run(["export", *given, *project_words]) == 2
    complaint = capsys.readouterr().err.strip()
    assert complaint
    assert "Traceback" not in complaint
    assert "export_" not in complaint


def test_the_command_line_backs_up(app: Vidgen, project: Project, tmp_path: Path) -> None:
    assert run(["backup", str(tmp_path / "copy.db")]) == 0
    assert (tmp_path / "copy.db").stat().st_size > 0
