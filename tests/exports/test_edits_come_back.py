"""A timeline that was edited elsewhere gives shots their order and takes their points; what cannot be followed is said."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import opentimelineio as otio
import pytest
from exporting_material import AT, COLOURS, UPRIGHT, make_video, shot
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project
from vidgen_core.domain.takes import NewTake, Take
from vidgen_core.i18n import get_text
from vidgen_core.services.exports.editing.edit_plan import EditPlan, make_plan
from vidgen_core.services.exports.editing.edited_timeline import Use
from vidgen_core.services.exports.facts import read_facts
from vidgen_core.services.exports.film import Format, Options
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.schemas.edits import EditResponse

ADAPTERS = {Format.OTIO: "otio_json", Format.PREMIERE: "fcp_xml", Format.EDL: "cmx_3600"}


@pytest.fixture
def app(locations: Locations) -> Iterator[Vidgen]:
    with Vidgen.open(locations) as app:
        yield app


@pytest.fixture
def project(app: Vidgen, tmp_path: Path) -> Project:
    """Four shots of two takes of two seconds; the first take of each is chosen."""
    project = app.projects.ensure("雨夜")
    for place in range(4):
        shot = app.shots.add(project.id, f"{place + 1}.0", f"Prompt {place}")
        for number in (1, 2):
            file = make_video(tmp_path / "夜 1" / f"{shot.number}-v{number}.mp4", COLOURS[place], frames=48)
            take = add_take(app, project, shot.id, number, file)
            if number == 1:
                app.takes.choose(shot.id, take)
    return project


def add_take(app: Vidgen, project: Project, shot_id: int, number: int, file: Path) -> int:
    task = app.tasks.generate(project.id, [shot_id], GenerateOptions(takes=1)).tasks[0]
    with app.store.write() as tx:
        return tx.takes.add(
            NewTake(
                project_id=project.id,
                shot_id=shot_id,
                task_id=task.id,
                number=number,
                folder=str(file.parent),
                file=file.name,
                poster=None,
                seconds=2.0,
                width=72,
                height=128,
                bytes=file.stat().st_size,
                sha256=str(file),
                provider=ProviderId("local"),
                model="m",
            )
        ).id


def exported(app: Vidgen, project: Project, kind: Format, tmp_path: Path) -> Path:
    return app.exports.write(project.id, kind, tmp_path / f"cut.{kind}", Options())


def edited(source: Path, kind: Format, edit: Callable[[otio.schema.Track], None]) -> bytes:
    """The timeline after an editor's work on its first track, written by an adapter that is not ours."""
    read = otio.adapters.read_from_file(str(source), ADAPTERS[kind])
    timeline = read if isinstance(read, otio.schema.Timeline) else read[0]
    while timeline.audio_tracks():
        timeline.tracks.remove(timeline.audio_tracks()[0])
    edit(timeline.video_tracks()[0])
    style = {"style": "premiere", "reelname_len": None} if kind is Format.EDL else {}
    return str(otio.adapters.write_to_string(timeline, ADAPTERS[kind], **style)).encode()


def rearrange(track: otio.schema.Track) -> None:
    """3 1 4 2; the third from 0.5 s to 1.5 s."""
    clips = [item.clone() for item in track]
    del track[:]
    track.extend(clips[place] for place in (2, 0, 3, 1))
    track[0].source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(12, 24), otio.opentime.RationalTime(24, 24)
    )


def final_cut(data: bytes) -> bytes:
    """The same rearrangement as Final Cut Pro writes it."""
    root = ET.fromstring(data)  # noqa: S314 - our own file
    spine = root.find(".//spine")
    assert spine is not None
    clips = list(spine)
    for clip in clips:
        spine.remove(clip)
    for offset, place in zip(("0s", "1s", "3s", "5s"), (2, 0, 3, 1), strict=True):
        clips[place].set("offset", offset)
        spine.append(clips[place])
    clips[2].attrib |= {"start": "1/2s", "duration": "24/24s"}
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def plan_of(app: Vidgen, project: Project, kind: Format, tmp_path: Path) -> EditPlan:
    source = exported(app, project, kind, tmp_path)
    data = final_cut(source.read_bytes()) if kind is Format.FCPXML else edited(source, kind, rearrange)
    return app.edits.plan(project.id, f"cut.{kind}", data)


def numbers(app: Vidgen, project: Project) -> list[str]:
    return [app.shots.get(id_).number for id_ in app.shots.ids(project.id)]


@pytest.mark.parametrize("kind", [*ADAPTERS, Format.FCPXML])
def test_order_and_points_come_back_and_go_out_again(
    app: Vidgen, project: Project, tmp_path: Path, kind: Format
) -> None:
    plan = plan_of(app, project, kind, tmp_path)

    assert plan.notes == ()
    assert numbers(app, project) == ["1.0", "2.0", "3.0", "4.0"], "a plan changes nothing"
    assert [each.shot for each in plan.shots] == ["3.0", "1.0", "4.0", "2.0"]
    app.edits.apply(plan)
    assert numbers(app, project) == ["3.0", "1.0", "4.0", "2.0"]
    film = app.exports.film(project.id)
    assert [(clip.take.trim_in, clip.take.trim_out) for clip in film.takes if clip.take] == [
        (pytest.approx(0.5, abs=0.03), pytest.approx(1.5, abs=0.03)), (None, None), (None, None), (None, None),
    ]  # fmt: skip
    assert film.seconds == pytest.approx(7, abs=0.1)
    # Later exports and the rough cut show the part alone.
    again = otio.adapters.read_from_file(str(exported(app, project, Format.OTIO, tmp_path)))
    assert again.duration() == otio.opentime.RationalTime(168, 24)
    assert app.edits.plan(project.id, "again", (tmp_path / "cut.otio").read_bytes()).changes == ()
    if kind is Format.OTIO:
        assert float(read_facts(exported(app, project, Format.MP4, tmp_path)).seconds) == pytest.approx(7, abs=0.1)

    app.edits.undo(project.id)
    assert numbers(app, project) == ["1.0", "2.0", "3.0", "4.0"]
    assert [clip.take.trim_in for clip in app.exports.film(project.id).takes if clip.take] == [None] * 4
    with pytest.raises(Refused, match="edit_nothing_to_undo"):
        app.edits.undo(project.id)


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("name", ["100%20#?", "a & <b> \"c\" 'd'", "👨‍👩‍👧 עברית", "长" * 60, "x" * 200])
def test_files_are_known_again_whatever_they_are_called(app: Vidgen, tmp_path: Path, kind: Format, name: str) -> None:
    project = app.projects.ensure("p")
    for place in range(2):
        shot = app.shots.add(project.id, f"{place} {name}", "Prompt")
        file = make_video(tmp_path / f"{name}{place}.mp4", COLOURS[place], frames=4)
        app.takes.choose(shot.id, add_take(app, project, shot.id, 1, file))

    def turn(track: otio.schema.Track) -> None:
        clips = [item.clone() for item in track]
        track[:] = clips[::-1]

    plan = app.edits.plan(project.id, "cut", edited(exported(app, project, kind, tmp_path), kind, turn))

    assert [note.code for note in plan.notes if note.code != "outside"] == []
    assert [change.shot[0] for change in plan.shots] == ["1", "0"]


@pytest.mark.parametrize("kind", [*ADAPTERS, Format.FCPXML])
def test_what_went_out_and_comes_back_untouched_changes_nothing(
    app: Vidgen, project: Project, tmp_path: Path, kind: Format
) -> None:
    plan = app.edits.plan(project.id, "cut", exported(app, project, kind, tmp_path).read_bytes())
    assert (plan.changes, plan.notes) == ((), ())


def test_every_clip_that_cannot_be_followed_is_named(app: Vidgen, project: Project, tmp_path: Path) -> None:
    def edit(track: otio.schema.Track) -> None:
        first, second, third, _ = (item.clone() for item in track)
        again = first.clone()
        slow = second.clone()
        slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
        off = third.clone()
        off.enabled = False
        stranger = otio.schema.Clip("logo", otio.schema.ExternalReference("file:///stock/logo.mov"), third.source_range)
        del track[:]
        track.extend([slow, first, stranger, again, off])

    plan = app.edits.plan(project.id, "cut", edited(exported(app, project, Format.OTIO, tmp_path), Format.OTIO, edit))

    assert sorted(note.code for note in plan.notes) == ["disabled", "foreign", "missing", "missing", "retimed", "twice"]
    for language in ("en", "zh"):
        told = EditResponse.of(plan, get_text(language), applied=False)
        assert all(note.reason and "{" not in note.reason and "edit.note" not in note.reason for note in told.notes)
    assert [app.shots.get(id_).number for id_ in plan.order] == ["2.0", "1.0", "3.0", "4.0"]


def test_another_take_of_a_shot_in_the_timeline_is_chosen(app: Vidgen, project: Project, tmp_path: Path) -> None:
    text = exported(app, project, Format.EDL, tmp_path).read_text(encoding="utf-8")
    plan = app.edits.plan(project.id, "cut.edl", text.replace("2.0-v1.mp4", "002_2.0-v2.mp4").encode())

    (change,) = plan.changes
    assert (change.shot, change.take, change.take_before) == ("2.0", 2, 1)
    app.edits.apply(plan)
    assert [clip.take.number for clip in app.exports.film(project.id).takes if clip.take] == [1, 2, 1, 1]
    app.edits.undo(project.id)
    assert [clip.take.number for clip in app.exports.film(project.id).takes if clip.take] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("rename", "found"),
    [
        (lambda name: f"D:\\Media\\{name}", True),
        (lambda name: f"C:/剪辑/001_{name.upper()}", True),
        (lambda name: f"/Volumes/a b/{name.replace('.mp4', ' (2).mp4')}", True),
        ("/Volumes/other-{}.bak".format, False),
    ],
)
def test_media_that_were_moved_are_known_by_their_names(
    app: Vidgen, project: Project, tmp_path: Path, rename: Callable[[str], str], found: bool
) -> None:
    def move(track: otio.schema.Track) -> None:
        for clip in track:
            name = re.split(r"[/\\]", clip.media_reference.target_url)[-1]
            clip.media_reference.target_url = rename(name)
            clip.name, clip.media_reference.name = "Untitled", ""
            clip.metadata.clear()

    data = edited(exported(app, project, Format.OTIO, tmp_path), Format.OTIO, move)
    if found:
        assert len(app.edits.plan(project.id, "cut", data).shots) == 4
    else:
        with pytest.raises(InputError, match="edit_foreign"):
            app.edits.plan(project.id, "cut", data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "edit_unknown"),
        (b"shot,prompt\n1,a\n", "edit_unknown"),
        (b"\x00\x01\xff\xfe" * 50, "edit_unknown"),
        (b'{"OTIO_SCHEMA": "Timeline.1", "tracks": ', "edit_unreadable"),
        (b'{"OTIO_SCHEMA": "Timeline.1", "name": "a"}', None),
        (b"<fcpxml version='1.9'><resources>", "edit_unreadable"),
        (b"<fcpxml version='1.9'/>", "edit_empty"),
        (b"<xmeml version='4'><sequence/></xmeml>", None),
        (b"TITLE: x\n001  AX  V  C  99:99 00:00:01:00 00:00:00:00 00:00:01:00\n", None),
    ],
)
def test_a_file_that_is_no_timeline_is_refused_in_a_sentence(
    app: Vidgen, project: Project, data: bytes, code: str | None
) -> None:
    with pytest.raises(InputError) as refused:
        app.edits.plan(project.id, "cut", data)
    assert refused.value.code == code or (code is None and refused.value.code.startswith("edit_"))
    assert "{" not in get_text("zh").error("parameter", refused.value.code, refused.value.params)


def test_a_plan_of_an_older_order_is_refused(app: Vidgen, project: Project, tmp_path: Path) -> None:
    plan = plan_of(app, project, Format.OTIO, tmp_path)
    app.shots.add(project.id, "9.0", "later")

    with pytest.raises(Refused, match="edit_outdated"):
        app.edits.apply(plan)
    assert numbers(app, project) == ["1.0", "2.0", "3.0", "4.0", "9.0"]


@pytest.mark.parametrize("kind", [*ADAPTERS, Format.FCPXML])
def test_shots_that_are_shown_by_their_picture_keep_their_place(
    app: Vidgen, project: Project, tmp_path: Path, kind: Format
) -> None:
    Image.new("RGB", UPRIGHT).save(tmp_path / "a.png")
    for number in ("4.1", "4.2"):
        app.shots.add(project.id, number, "waits", image=tmp_path / "a.png")
    cut = app.exports.write(project.id, kind, tmp_path / f"cut.{kind}", Options(stills=True))

    plan = app.edits.plan(project.id, "cut", cut.read_bytes())

    assert (plan.changes, plan.notes) == ((), ())


def test_a_timeline_is_found_in_its_package(app: Vidgen, project: Project, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("version.txt", "1.0.0")
        archive.writestr("content.otio", edited(exported(app, project, Format.OTIO, tmp_path), Format.OTIO, rearrange))

    assert app.edits.plan(project.id, "cut.otioz", packed.getvalue()).shots[0].shot == "3.0"
    with pytest.raises(InputError, match="edit_unreadable"):
        app.edits.plan(project.id, "cut.otioz", packed.getvalue()[:200])


def test_an_edl_that_fades_in_is_followed(app: Vidgen, project: Project, tmp_path: Path) -> None:
    lines = exported(app, project, Format.EDL, tmp_path).read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("001"))
    still = "00:00:00:00 00:00:00:00"
    lines[first : first + 1] = [
        f"001  BL       V     C        {still} {still}",
        lines[first].replace(" C  ", " D 024", 1),
    ]

    plan = app.edits.plan(project.id, "cut", "\n".join(lines).encode())

    assert (plan.changes, plan.notes) == ((), ())


def test_what_premiere_switched_off_or_made_faster_is_named(app: Vidgen, project: Project, tmp_path: Path) -> None:
    root = ET.fromstring(exported(app, project, Format.PREMIERE, tmp_path).read_bytes())  # noqa: S314 - our own file
    first, second, *_ = root.iterfind(".//video/track/clipitem")
    for told in first.iterfind("enabled") or ():
        first.remove(told)
    ET.SubElement(first, "enabled").text = "FALSE"
    effect = ET.SubElement(ET.SubElement(second, "filter"), "effect")
    ET.SubElement(effect, "effectid").text = "timeremap"
    parameter = ET.SubElement(effect, "parameter")
    ET.SubElement(parameter, "parameterid").text = "speed"
    ET.SubElement(parameter, "value").text = "200"

    plan = app.edits.plan(project.id, "cut", ET.tostring(root))

    assert {"disabled", "retimed"} <= {note.code for note in plan.notes}
    assert [each.shot for each in plan.shots] == ["2.0", "3.0", "4.0"]


def test_a_compound_clip_is_not_taken_for_the_film(app: Vidgen, project: Project, tmp_path: Path) -> None:
    text = exported(app, project, Format.FCPXML, tmp_path).read_text(encoding="utf-8")
    clip = re.search(r"<asset-clip.*?</asset-clip>", text, re.DOTALL)
    assert clip
    held = f'<media id="m1" name="Comp"><sequence format="r1"><spine>{clip[0]}</spine></sequence></media></resources>'

    plan = app.edits.plan(project.id, "cut", text.replace("</resources>", held).encode())

    assert (plan.changes, plan.notes) == ((), ())


SAME = "file:///x/same.mp4"


@pytest.mark.parametrize(
    ("uses", "order", "twice"),
    [
        ([("1.0-v1", 0, 5), ("2.0-v1", 0, 5)], [1, 2], 0),
        ([("2.0-v1", 1, 2), ("1.0-v1", 0, 5)], [2, 1], 0),
        ([("same.mp4", 0, 2), ("same.mp4", 3, 2)], [1, 2], 0),
        ([("same.mp4", 3, 2), ("same.mp4", 0, 2)], [2, 1], 0),
        ([("same.mp4", 0, 2), ("1.0-v1", 3, 2)], [2, 1], 0),
        ([("same.mp4", 3, 1.5), ("same.mp4", 0, 1), ("same.mp4", 1, 1)], [2, 1], 1),
    ],
)
def test_shots_that_share_a_file_are_told_apart_by_name_and_points(
    uses: list[tuple[str, float, float]], order: list[int], twice: int
) -> None:
    shots = [shot(number, chosen_take_id=100 + number) for number in (1, 2)]
    takes = {
        number: [made_take(number).model_copy(update={"file": "same.mp4", "seconds": 5.0, "trim_in": begin, "trim_out": begin + 2})]
        for number, begin in ((1, 0.0), (2, 3.0))
    }  # fmt: skip
    clips = [
        Use(name=name, file=SAME, at=at, begin=begin, length=length) for at, (name, begin, length) in enumerate(uses)
    ]

    plan = make_plan(1, "cut", shots, takes, clips)

    assert list(plan.order) == order
    assert [note.code for note in plan.notes] == ["twice"] * twice
    assert [each.trim for each in plan.shots] == [
        None if length == 5 else (begin, begin + length) for _, begin, length in uses[:2]
    ]


@given(st.permutations(range(1, 7)), st.integers(0, 6), st.data())
def test_any_order_and_any_points_are_taken_over_once(order: list[int], shown: int, data: st.DataObject) -> None:
    shots = [shot(number, chosen_take_id=100 + number) for number in range(1, 7)]
    takes = {each.id: [made_take(each.id)] for each in shots}
    uses = []
    for at, number in enumerate(order[:shown]):
        begin = data.draw(st.floats(0, 1.5))
        length = data.draw(st.floats(0.2, 2 - begin))
        uses.append(Use(name=f"{number}.0-v1", file=f"/x/{number}.0-v1.mp4", at=at, begin=begin, length=length))
    if not uses:
        return
    plan = make_plan(1, "cut", shots, takes, uses)

    assert sorted(plan.order) == [1, 2, 3, 4, 5, 6]
    assert [id_ for id_ in plan.order if id_ in order[:shown]] == order[:shown]
    assert {note.params["shot"] for note in plan.notes} == {f"{number}.0" for number in order[shown:]}
    trimmed = {each.shot_id: each.trim or (None, None) for each in plan.shots}
    again = make_plan(
        1,
        "cut",
        [shots[id_ - 1] for id_ in plan.order],
        {
            id_: [
                take.model_copy(update=dict(zip(("trim_in", "trim_out"), trimmed.get(id_, (None, None)), strict=True)))
            ]
            for id_, (take,) in takes.items()
        },
        uses,
    )
    assert again.changes == ()


def made_take(shot_id: int) -> Take:
    return Take(
        id=100 + shot_id, project_id=1, shot_id=shot_id, task_id=shot_id, number=1, folder="/x", seconds=2.0,
        file=f"{shot_id}.0-v1.mp4", width=72, height=128, bytes=1, sha256="", provider=ProviderId("local"), model="m",
        created_at=AT,
    )  # fmt: skip
