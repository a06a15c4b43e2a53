"""Which folders of the server somebody may name who does not own it or does not sit at it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Refused, SettingsError
from vidgen_core.services.access.permissions import AT_HOME, Role, Visitor, as_visitor
from vidgen_core.services.exports.film import Format, Options
from vidgen_core.services.facade import Vidgen

AWAY = [Visitor(Role.MAKER, "Ma"), Visitor(Role.OWNER, "Ow"), Visitor(Role.MAKER, "Ma", is_local=True)]
FREE = [AT_HOME, Visitor(Role.OWNER, "Ow", is_local=True)]


@pytest.fixture
def app(locations: Locations) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as app:
        app.projects.ensure("ep01")
        yield app


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder that nobody has listed, with a picture."""
    return with_picture(tmp_path / "private")


@pytest.fixture
def listed(tmp_path: Path, app: Vidgen) -> Path:
    """A folder that the owner has listed."""
    folder = with_picture(tmp_path / "listed")
    app.settings_file.change({"access.path_roots": f"{folder}, {tmp_path / 'other'}"})
    return folder


def with_picture(folder: Path) -> Path:
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 96)).save(folder / "1.png")
    return folder


def names(folder: Path) -> dict[str, Callable[[Vidgen], object]]:
    """Every way to name a place on the server."""
    return {
        "folder": lambda app: app.imports.plan([folder]),
        "picture": lambda app: app.imports.plan([folder / "1.png"]),
        "look": lambda app: app.imports.inspect(folder / "list.csv"),
        "form": lambda app: app.imports.plan_one({"image": str(folder / "1.png"), "prompt": "p"}),
        "watch": lambda app: app.watched_folders.set(1, str(folder)),
        "shot": lambda app: app.shots.add(1, prompt="p", image=folder / "1.png"),
        "script": lambda app: app.scripts.read(folder / "a.txt", "a.txt"),
    }


def settings_of(folder: Path) -> dict[str, Callable[[Vidgen], object]]:
    return {
        name: lambda app, name=name: app.settings_file.change({name: str(folder)})  # type: ignore[misc]
        for name in ("save_dir", "providers.lovart.browser_program", "providers.lovart.browser_profile")
    }


@pytest.mark.parametrize("visitor", AWAY)
@pytest.mark.parametrize("way", [*names(Path()), *settings_of(Path())])
def test_somebody_from_elsewhere_names_no_folder_that_is_not_listed(
    app: Vidgen, secret: Path, visitor: Visitor, way: str
) -> None:
    (secret / "list.csv").write_text("prompt\np\n")
    (secret / "a.txt").write_text("a")
    ways = names(secret) | settings_of(secret)
    with pytest.raises(Refused) as refused:
        ways[way](as_visitor(app, visitor))
    assert refused.value.code in ("path_outside_roots", "role_forbids_owner")
    assert (refused.value.code == "role_forbids_owner") is (visitor.role < Role.OWNER and way in settings_of(secret))


@pytest.mark.parametrize("visitor", FREE)
def test_an_owner_at_this_machine_is_free(app: Vidgen, secret: Path, visitor: Visitor) -> None:
    free = as_visitor(app, visitor)
    assert len(free.imports.plan([secret]).ok) == 1
    assert free.watched_folders.set(1, str(secret)).folder == str(secret)
    free.settings_file.change({"save_dir": str(secret)})


@pytest.mark.parametrize("visitor", AWAY)
def test_what_the_owner_has_listed_is_in_reach_and_nothing_that_leads_out_of_it(
    app: Vidgen, secret: Path, listed: Path, visitor: Visitor
) -> None:
    away = as_visitor(app, visitor)
    assert len(away.imports.plan([listed]).ok) == 1
    assert away.watched_folders.set(1, str(listed)).folder == str(listed)
    (listed / "out").symlink_to(secret)
    neighbour = with_picture(listed.with_name("listed-too"))
    for path in (listed / ".." / secret.name, listed / "out", neighbour, listed.parent, Path("~"), listed / "\0"):
        with pytest.raises(Refused, match="path_outside_roots"):
            away.imports.plan([path])
        with pytest.raises(Refused, match="path_outside_roots"):
            away.watched_folders.set(1, str(path))
    if os.name != "nt":
        with pytest.raises(Refused, match="path_outside_roots"):
            away.watched_folders.set(1, r"C:\Users")


def test_a_picture_that_is_a_link_out_of_a_listed_folder_is_refused(app: Vidgen, secret: Path, listed: Path) -> None:
    (listed / "2.png").symlink_to(secret / "1.png")
    plan = as_visitor(app, AWAY[0]).imports.plan([listed])
    assert [(shot.verdict, [reason.code for reason in shot.reasons]) for shot in plan.shots] == [
        ("ok", []),
        ("rejected", ["path_outside_roots"]),
    ]
    assert plan.shots[1].image is None


def test_a_picture_that_has_become_a_link_since_the_plan_was_made_is_refused(
    app: Vidgen, secret: Path, listed: Path
) -> None:
    away = as_visitor(app, AWAY[0])
    plan = away.imports.plan([listed])
    (listed / "1.png").unlink()
    (listed / "1.png").symlink_to(secret / "1.png")

    done = away.imports.apply(1, plan)
    assert (done.added, [note.code for note in done.rejected]) == ((), ["path_outside_roots"])


def test_a_relative_path_is_judged_as_it_is_opened(
    app: Vidgen, secret: Path, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.settings_file.change({"access.path_roots": str(locations.home / "private")})
    monkeypatch.chdir(secret.parent)
    with pytest.raises(Refused, match="path_outside_roots"):
        as_visitor(app, AWAY[0]).imports.plan([Path("private")])


def test_a_list_in_a_listed_folder_names_no_picture_outside(app: Vidgen, secret: Path, listed: Path) -> None:
    (listed / "list.csv").write_text(f"image,prompt\n{secret / '1.png'},p\n../private/1.png,p\n1.png,p\n")
    plan = as_visitor(app, AWAY[0]).imports.plan([listed / "list.csv"])
    # Whether they are there is not looked at: the picture of that name beside the list is meant, or none.
    assert [shot.image for shot in plan.shots] == [listed / "1.png"] * 3
    (listed / "1.png").rename(listed / "3.png")
    assert not as_visitor(app, AWAY[0]).imports.plan([listed / "list.csv"]).ok


def test_files_that_were_sent_here_are_in_reach(app: Vidgen, secret: Path) -> None:
    away = as_visitor(app, AWAY[0])
    staging = away.imports.open_staging()
    (staging.path / "1.png").write_bytes((secret / "1.png").read_bytes())
    assert len(away.imports.plan([staging.path / "1.png"]).ok) == 1
    with pytest.raises(Refused, match="path_outside_roots"):
        away.imports.plan([app.locations.home])


def test_a_draft_is_written_into_listed_folders_only(
    app: Vidgen, secret: Path, listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.services.exports.exports.Exports._carry_out", lambda *_: None)
    monkeypatch.setattr("vidgen_core.services.exports.film.Film.check", lambda *_: None)
    for folder, within in ((secret, False), (listed, True)):
        options = Options(drafts_folder=str(folder))
        export = as_visitor(app, AWAY[0]).exports.start(1, Format.JIANYING, options)
        assert (Path(export.path) == folder) is within
        # The draft still says where the visitor's own machine has its folder.
        assert within or export.path.endswith(".zip")
    assert Path(app.exports.start(1, Format.JIANYING, Options(drafts_folder=str(secret))).path) == secret


@pytest.mark.parametrize("written", ["/a, /b", "/a\n/b", f"/a{os.pathsep}/b", json.dumps(["/a", "/b"])])
@pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
def test_roots_can_be_listed_in_any_usual_way(app: Vidgen, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("VIDGEN_ACCESS__PATH_ROOTS", written)
    app.settings_file.path.touch()
    with Vidgen.open(app.locations) as again:
        assert again.settings().access.roots == (Path("/a"), Path("/b"))


@pytest.mark.parametrize("written", ["pictures", "../up", "[1", "[[]]"])
def test_a_root_that_is_none_is_refused(app: Vidgen, written: str) -> None:
    with pytest.raises(SettingsError, match="setting_invalid"):
        app.settings_file.change({"access.path_roots": written})
