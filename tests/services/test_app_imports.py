"""From lists and pictures to shots."""

from __future__ import annotations

import base64
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from doubles import files_of_at_most

from vidgen_core.domain.errors import FileError, InputError
from vidgen_core.domain.shots import Project
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.reader import lists_among

HEADER = "镜号,参考图,提示词,数量,备注\n"


@pytest.fixture
def shot_list(tmp_path: Path, picture: Path) -> Path:
    rows = f"1.0,{picture.name},镜头缓缓推进,2,海边\n,,,,\n2.0,gone.png,缺图,,\n3.0,,只有提示词,,\n"
    path = tmp_path / "ep01.csv"
    path.write_bytes((HEADER + rows).encode("gb18030"))
    return path


def test_good_rows_become_shots_and_bad_ones_are_named(app: Vidgen, project: Project, shot_list: Path) -> None:
    imported = app.imports.apply(project.id, app.imports.plan([shot_list]))

    assert [shot.number for shot in imported.added] == ["1.0", "3.0"]
    first = imported.added[0]
    assert (first.prompt, first.params.takes, first.extra) == ("镜头缓缓推进", 2, {"备注": "海边"})
    assert first.image is not None
    assert [(note.line, note.code, note.params["source"]) for note in imported.rejected] == [
        (4, "image_missing", "ep01.csv")
    ]
    assert app.shots.page(project.id).total == 2


def test_reading_the_same_list_again_adds_nothing_unless_asked(app: Vidgen, project: Project, shot_list: Path) -> None:
    app.imports.apply(project.id, app.imports.plan([shot_list]))

    second = app.imports.apply(project.id, app.imports.plan([shot_list]))
    assert (len(second.added), [note.line for note in second.skipped]) == (0, [2, 5])

    asked = app.imports.apply(project.id, app.imports.plan([shot_list]), again=True)
    assert len(asked.added) == 2
    assert app.shots.page(project.id).total == 4


def test_a_preview_says_the_same_and_stores_nothing(app: Vidgen, project: Project, shot_list: Path) -> None:
    plan = app.imports.plan([shot_list])

    before = app.imports.preview(None, plan)
    assert ([row.number for row in before.ok], len(before.skipped), len(before.rejected)) == (["1.0", "3.0"], 0, 1)
    assert list(app.locations.images.iterdir()) == []

    app.imports.apply(project.id, plan)
    after = app.imports.preview(project.id, plan)
    assert (len(after.ok), [note.line for note in after.skipped]) == (0, [2, 5])
    assert len(app.imports.preview(project.id, plan, again=True).ok) == 2


def test_a_picture_that_goes_between_looking_and_importing_refuses_its_row_only(
    app: Vidgen, project: Project, shot_list: Path, picture: Path
) -> None:
    plan = app.imports.plan([shot_list])
    picture.unlink()

    imported = app.imports.apply(project.id, plan)

    assert [shot.number for shot in imported.added] == ["3.0"]
    assert [note.line for note in imported.rejected] == [4, 2]


def uploaded(app: Vidgen, files: dict[str, bytes]) -> ImportPlan:
    """The plan of files that came over the network."""
    staging = app.imports.open_staging()
    paths = [staging.put(name, BytesIO(data)) for name, data in files.items()]
    return app.imports.plan(lists_among(paths) or paths, may_leave=False)


def test_an_upload_finds_its_pictures_and_outlives_its_files(app: Vidgen, project: Project, picture: Path) -> None:
    rows = f"1.0,{picture.name},pan left,,\n".encode()
    plan = uploaded(app, {"list.csv": HEADER.encode() + rows, picture.name: picture.read_bytes()})

    imported = app.imports.apply(project.id, plan)

    shot = imported.added[0]
    assert shot.image is not None
    assert app.shots.image_path(shot.image).read_bytes() == picture.read_bytes()


def test_an_uploaded_list_cannot_reach_other_files_of_this_machine(
    app: Vidgen, project: Project, tmp_path: Path, picture: Path
) -> None:
    rows = f"1.0,{picture.absolute()},pan left,,\n".encode()

    plan = uploaded(app, {"../../list.csv": HEADER.encode() + rows})

    assert [row.verdict for row in plan.shots] == ["rejected"]
    assert not (tmp_path.parent / "list.csv").exists()


def test_pictures_alone_become_shots_in_natural_order(app: Vidgen, project: Project, picture: Path) -> None:
    data = picture.read_bytes()
    plan = uploaded(app, {"shot_10.png": data, "shot_2.png": data})

    imported = app.imports.apply(project.id, plan)

    assert [shot.number for shot in imported.added] == ["2", "10"]


def test_progress_is_told(app: Vidgen, project: Project, shot_list: Path) -> None:
    told: list[tuple[int, int]] = []

    app.imports.apply(project.id, app.imports.plan([shot_list]), progress=lambda *at: told.append(at))

    assert told == [(1, 2), (2, 2)]


def test_a_list_that_is_not_there_is_a_sentence(app: Vidgen, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source_missing"):
        app.imports.plan([tmp_path / "nowhere.csv"])


def packed(files: dict[str, bytes]) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def test_an_archive_is_read_with_the_archives_in_it_and_what_is_no_list_is_named(
    app: Vidgen, tmp_path: Path, picture: Path
) -> None:
    csv = "镜号,参考图,提示词\n1,r.png,a\n".encode()
    archive = tmp_path / "board.zip"
    archive.write_bytes(
        packed(
            {
                "Board.csv": csv,
                "Board_all.csv": csv,
                "pictures.zip": packed({"more.zip": packed({"r.png": picture.read_bytes()})}),
                "说明.pdf": b"%PDF-1.4",
                "cut.mp4": b"xxxx",
                "lines.srt": b"1\n00:00:00,000 --> 00:00:05,000\nHello\n",
            }
        )
    )

    plan = app.imports.plan([archive])

    assert [(shot.number, shot.prompt, shot.has_picture) for shot in plan.shots] == [("1", "a", True)]
    assert sorted((note.params["source"], note.code) for note in plan.notes) == [
        ("cut.mp4", "source_unknown"),
        ("lines.srt", "document_unread"),
        ("说明.pdf", "document_unread"),
    ]


def test_a_document_among_lists_is_named_and_stops_none(app: Vidgen, shot_list: Path, tmp_path: Path) -> None:
    document = tmp_path / "note.pdf"
    document.write_bytes(b"%PDF-1.7")

    plan = app.imports.plan([document, shot_list])

    assert len(plan.ok) == 2
    assert [(note.code, note.params["source"]) for note in plan.notes] == [("document_unread", "note.pdf")]
    with pytest.raises(InputError, match="document_unread"):
        app.imports.plan([document, document])


def test_an_archive_that_finds_no_room_leaves_nothing_and_comes_in_later(
    app: Vidgen, project: Project, picture: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "shots.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("shots.csv", "shot,image,prompt\n1,a.png,pan left\n")
        archive.writestr("a.png", picture.read_bytes() + bytes(200_000))

    with files_of_at_most(100_000), pytest.raises(FileError) as raised:
        app.imports.plan([packed])

    assert raised.value.code == "file_not_written"
    assert [path for path in app.locations.incoming.rglob("*") if path.is_file()] == []
    assert len(app.imports.apply(project.id, app.imports.plan([packed])).added) == 1


def test_pictures_within_a_list_need_no_folder_for_temporary_files(
    app: Vidgen, project: Project, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    data = base64.b64encode(picture.read_bytes()).decode()
    (tmp_path / "shots.csv").write_text(f'shot,image,prompt\n1,"data:image/png;base64,{data}",pan left\n')
    plan = app.imports.plan([tmp_path / "shots.csv"])

    with app.imports.temporary_staging() as staging:
        with files_of_at_most(10), pytest.raises(FileError) as raised:
            app.imports.materialize(project.id, plan, staging)
        written = app.imports.materialize(project.id, plan, staging)
        imported = app.imports.apply(project.id, written)

    assert raised.value.code == "file_not_written"
    assert app.shots.image_path(imported.added[0].image or "").read_bytes() == picture.read_bytes()
    assert app.imports.apply(project.id, plan, again=True).added[0].image == imported.added[0].image


def packed_unsaid(files: dict[bytes, bytes]) -> bytes:
    """A ZIP as programs on Windows make it: names in the system's encoding, which it does not say."""
    names = ["QZ"[place] * len(name) for place, name in enumerate(files)]
    data = packed(dict(zip(names, files.values(), strict=True)))
    for stand_in, name in zip(names, files, strict=True):
        # Once before the file and once in the directory.
        data = data.replace(stand_in.encode(), name)
    return data


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gb18030", ["分镜表.csv", "雪山.png"]),
        ("gb18030", ["劇本喆.csv", "雨夜.png"]),
        ("cp932", ["表.csv", "カット１.png"]),
        ("big5", ["分鏡表.csv", "功能.png"]),
        ("cp437", ["tür.csv", "über.png"]),
        ("utf-8", ["分镜表.csv", "雪山.png"]),
    ],
)
def test_names_in_an_archive_are_read_in_the_encoding_of_its_system(
    app: Vidgen, tmp_path: Path, picture: Path, encoding: str, names: list[str]
) -> None:
    listed = f"shot,image,prompt\n1,{names[1]},pan left\n".encode()
    (tmp_path / "a.zip").write_bytes(
        packed_unsaid({names[0].encode(encoding): listed, names[1].encode(encoding): picture.read_bytes()})
    )

    (shot,) = app.imports.plan([tmp_path / "a.zip"]).shots

    assert (shot.source, shot.image and shot.image.name) == (names[0], names[1])


@pytest.mark.parametrize("name", ["CON.png", "12:30.png", "a.png.", "雨" * 84 + ".png", "what?.png"])
def test_a_name_that_not_every_system_takes_is_found_by_it(
    app: Vidgen, tmp_path: Path, picture: Path, name: str
) -> None:
    listed = f"shot,image,prompt\n1,{name},pan left\n".encode()
    (tmp_path / "a.zip").write_bytes(packed({"l.csv": listed, name: picture.read_bytes()}))

    plan = app.imports.plan([tmp_path / "a.zip"])

    assert [(shot.has_picture, shot.reasons) for shot in plan.shots] == [(True, ())]


def test_the_pages_of_a_table_of_notion_are_its_rows(app: Vidgen, tmp_path: Path, picture: Path) -> None:
    table, id_ = b"shot,prompt,image\n1,a fox,Shots/a.png\n", "0123456789abcdef" * 2
    files = {
        f"Shots {id_}.csv": table,
        f"Shots {id_}_all.csv": table,
        f"Shots/1 {id_}.md": b"# 1\n\nprompt: a fox\nimage: Shots/a.png\n",
        "Shots/a.png": picture.read_bytes(),
    }
    (tmp_path / "a.zip").write_bytes(packed(files))

    assert [(shot.number, shot.has_picture) for shot in app.imports.plan([tmp_path / "a.zip"]).shots] == [("1", True)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", b"PK\3\4cut"),
        ("a.zip", b"<html>"),
        ("b", b"Rar!\x1a\x07"),
        ("c.7z", b"x"),
    ],
)
def test_an_archive_that_cannot_be_unpacked_says_what_to_do(
    app: Vidgen, tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(InputError) as raised:
        app.imports.plan([tmp_path / name])

    assert (raised.value.code, raised.value.params) == ("zip_broken", {"name": name})
