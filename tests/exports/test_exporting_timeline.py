"""Timelines are read back by readers that did not write them: right clips, order and lengths."""

from __future__ import annotations

import json
import re
import zipfile
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import opentimelineio as otio
import pytest
from exporting_material import COLOURS, UPRIGHT, film_of, frames_of, make_video, quiet
from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.takes import ReviewComment
from vidgen_core.services.exports.cut import lay_out
from vidgen_core.services.exports.film import Film, Format, Options
from vidgen_core.services.exports.timelines.jianying import write_draft, write_draft_zip
from vidgen_core.services.exports.writers import write_film

LENGTHS = [frames_of(number) for number in range(1, 41)]
NAMES = [f"{number}.0-v{1 + number % 3}" for number in range(1, 41)]


def export(film: Film, kind: Format, tmp_path: Path, **options: object) -> str:
    target = tmp_path / f"out.{kind}"
    write_film(film, kind, target, Options.model_validate(options), quiet)
    return target.read_text(encoding="utf-8")


def path_of(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))


def seconds(text: str) -> Fraction:
    """``49/24s``."""
    return Fraction(text.removesuffix("s"))


def test_opentimelineio_reads_back_forty_clips(film: Film, tmp_path: Path) -> None:
    export(film, Format.OTIO, tmp_path)

    timeline = otio.adapters.read_from_file(str(tmp_path / "out.otio"))

    (track,) = timeline.video_tracks()
    assert [clip.name for clip in track] == NAMES
    assert [clip.duration().value for clip in track] == LENGTHS
    assert timeline.duration() == otio.opentime.RationalTime(sum(LENGTHS), 24)
    assert [path_of(clip.media_reference.target_url) for clip in track] == [clip.source for clip in film.takes]
    assert not timeline.audio_tracks()


def test_sound_has_a_track_of_its_own(tmp_path: Path) -> None:
    files = {n: make_video(tmp_path / f"{n}.mp4", COLOURS[n], sound=n == 2) for n in (1, 2)}

    timeline = otio.adapters.read_from_string(export(film_of(files, 2, tmp_path), Format.OTIO, tmp_path), "otio_json")

    (sound,) = timeline.audio_tracks()
    assert [type(item).__name__ for item in sound] == ["Gap", "Clip"]
    assert sound.duration() == timeline.video_tracks()[0].duration()


def test_final_cut_xml_has_every_asset_and_its_place(film: Film, tmp_path: Path) -> None:
    root = ET.fromstring(export(film, Format.FCPXML, tmp_path))  # noqa: S314 - our own file

    assert root.get("version") == "1.9"
    (sequence,) = root.findall("library/event/project/sequence")
    formats = {form.get("id"): form for form in root.findall("resources/format")}
    form = formats[sequence.get("format")]
    assert (form.get("frameDuration"), form.get("width"), form.get("height")) == ("1/24s", "72", "128")
    clips = sequence.findall("spine/asset-clip")
    assets = {asset.get("id"): asset for asset in root.findall("resources/asset")}
    assert [clip.get("name") for clip in clips] == NAMES
    assert [seconds(clip.get("duration", "")) * 24 for clip in clips] == LENGTHS
    assert [seconds(clip.get("offset", "")) * 24 for clip in clips] == [sum(LENGTHS[:n]) for n in range(40)]
    assert seconds(sequence.get("duration", "")) * 24 == sum(LENGTHS)
    used = [assets[clip.get("ref", "")] for clip in clips]
    assert [path_of(asset[0].get("src", "")) for asset in used] == [clip.source for clip in film.takes]
    assert formats[used[4].get("format")].get("width") == "128", "the fifth is wide"
    assert {asset.get("hasAudio") for asset in used} == {None}


def test_an_ntsc_rate_stays_exact(tmp_path: Path) -> None:
    video = make_video(tmp_path / "1.mp4", COLOURS[0], frames=30, fps=30)
    film = film_of({1: video}, 1, tmp_path)
    timeline = _at_rate(film, Fraction(30_000, 1001))

    (sequence,) = ET.fromstring(timeline).iter("sequence")  # noqa: S314 - our own file
    assert seconds(sequence.get("duration", "")) * Fraction(30_000, 1001) == 30


def _at_rate(film: Film, rate: Fraction) -> str:
    from vidgen_core.services.exports.timelines import timeline as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "usual_rate", lambda _: rate)
        built = module.build(film, lay_out(film, 3.0), {clip.order: "file:///x.mp4" for clip in film.clips})
    return module.to_fcpxml(built)


EVENT = re.compile(r"^(\d{3})\s+(\S+)\s+V\s+C\s+([\d:]{11}) ([\d:]{11}) ([\d:]{11}) ([\d:]{11})$", re.MULTILINE)


def frames(timecode: str) -> int:
    hours, minutes, secs, rest = (int(part) for part in timecode.split(":"))
    return ((hours * 60 + minutes) * 60 + secs) * 24 + rest


def test_an_edl_has_every_event_with_source_and_record_times(film: Film, tmp_path: Path) -> None:
    text = export(film, Format.EDL, tmp_path)

    events = EVENT.findall(text)
    assert text.startswith("TITLE: 雨夜 ep01")
    assert [int(number) for number, *_ in events] == list(range(1, 41))
    assert [frames(end) - frames(begin) for _, _, begin, end, _, _ in events] == LENGTHS
    assert [frames(begin) for *_, begin, _ in events] == [sum(LENGTHS[:n]) for n in range(40)]
    assert [frames(end) for *_, end in events] == [sum(LENGTHS[: n + 1]) for n in range(40)]
    files = re.findall(r"^\* FROM CLIP NAME:\s+(.+)$", text, re.MULTILINE)
    assert files == [clip.source.name for clip in film.takes if clip.source]


@pytest.mark.extended
def test_an_edl_of_more_than_999_events_goes_on_in_further_files(tmp_path: Path) -> None:
    video = make_video(tmp_path / "1.mp4", COLOURS[0])
    film = film_of({1: video}, 1, tmp_path)
    many = film.model_copy(update={"clips": film.clips * 1100})

    first = export(many, Format.EDL, tmp_path)
    texts = [first, *(path.read_text() for path in sorted(tmp_path.glob("*-2.edl")))]
    write_film(many, Format.EDL, tmp_path / "all.zip", Options(), quiet)

    events = [EVENT.findall(text) for text in texts]
    assert [len(some) for some in events] == [999, 101]
    assert [some[0][0] for some in events] == ["001"] * 2
    begins = [frames(begin) for some in events for *_, begin, _ in some]
    ends = [frames(end) for some in events for *_, end in some]
    assert (begins[0], begins[1:]) == (0, ends[:-1])
    read = [otio.adapters.read_from_string(text, "cmx_3600", rate=24) for text in texts]
    assert sum(len(list(one.find_clips())) for one in read) == 1100
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert [archive.read(name).decode() for name in archive.namelist()] == texts


def test_missing_shots_are_stills_or_gaps_when_asked_for(tmp_path: Path) -> None:
    files = {n: make_video(tmp_path / f"{n}.mp4", COLOURS[n]) for n in (1, 3)}
    Image.new("RGB", UPRIGHT).save(tmp_path / "picture.png")
    with_picture = film_of(files, 3, tmp_path, stills=True, image="picture.png")
    without = film_of(files, 3, tmp_path, stills=True)

    xml = ET.fromstring(export(with_picture, Format.FCPXML, tmp_path, still_seconds=2))  # noqa: S314
    (spine,) = xml.iter("spine")
    assert [item.tag for item in spine] == ["asset-clip", "video", "asset-clip"]
    assert seconds(spine[1].get("duration", "")) == 2
    assert seconds(spine[2].get("offset", "")) == Fraction(12, 24) + 2
    timeline = otio.adapters.read_from_string(export(without, Format.OTIO, tmp_path, still_seconds=2), "otio_json")
    assert [type(item).__name__ for item in timeline.video_tracks()[0]] == ["Clip", "Gap", "Clip"]


def test_timelines_in_a_zip_name_the_videos_beside_them(film: Film, tmp_path: Path) -> None:
    write_film(film, Format.ZIP, tmp_path / "out.zip", Options(timelines=True), quiet)

    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        timeline = otio.adapters.read_from_string(archive.read("雨夜 ep01.otio").decode(), "otio_json")
        xml = ET.fromstring(archive.read("雨夜 ep01.fcpxml").decode())  # noqa: S314
        edl = archive.read("雨夜 ep01.edl").decode()
        names = set(archive.namelist())
    addresses = [clip.media_reference.target_url for clip in timeline.find_clips()]
    assert {unquote(address) for address in addresses} <= names
    assert {unquote(media.get("src", "")) for media in xml.iter("media-rep")} <= names
    assert set(re.findall(r"FROM CLIP NAME:\s+(.+)", edl)) <= names


# --- 剪映


def check_draft(draft: dict[str, object], film: Film, home: str) -> None:
    """What 剪映 needs of a draft: a canvas, one main track, every segment after the other, every material's path."""
    assert draft["canvas_config"] == {"width": 72, "height": 128, "ratio": "original"}
    materials = {video["id"]: video for video in draft["materials"]["videos"]}  # type: ignore[index]
    (track,) = draft["tracks"]  # type: ignore[misc]
    segments = track["segments"]
    assert [segment["target_timerange"]["duration"] for segment in segments] == [
        pytest.approx(length * 1_000_000 / 24, abs=1000) for length in LENGTHS
    ]
    start = 0
    for segment, clip in zip(segments, film.takes, strict=True):
        assert segment["target_timerange"]["start"] == start
        start += segment["target_timerange"]["duration"]
        material = materials[segment["material_id"]]
        assert material["path"] == f"{home}/materials/{clip.order:03d}_{clip.name}.mp4"
    assert draft["duration"] == start


def test_a_draft_is_written_where_jianying_keeps_its_drafts(film: Film, tmp_path: Path) -> None:
    drafts = tmp_path / "JianyingPro Drafts"

    folder = write_draft(film, drafts, Options(), quiet)
    again = write_draft(film, drafts, Options(), quiet)

    assert folder.parent == again.parent == drafts
    assert folder != again
    for name in ("draft_content.json", "draft_info.json"):
        check_draft(json.loads((folder / name).read_text(encoding="utf-8")), film, folder.as_posix())
    assert json.loads((folder / "draft_meta_info.json").read_text(encoding="utf-8"))["draft_name"] == folder.name
    copies = sorted((folder / "materials").iterdir())
    assert [copy.read_bytes() for copy in copies] == [clip.source.read_bytes() for clip in film.takes if clip.source]
    assert sorted(drafts.iterdir()) == sorted([folder, again])


def test_a_zipped_draft_is_made_for_the_folder_named(film: Film, tmp_path: Path) -> None:
    options = Options(drafts_folder="C:\\Users\\a\\JianyingPro Drafts\\")

    write_draft_zip(film, tmp_path / "draft.zip", options, quiet)

    with zipfile.ZipFile(tmp_path / "draft.zip") as archive:
        name = archive.namelist()[0].split("/")[0]
        draft = json.loads(archive.read(f"{name}/draft_content.json"))
        check_draft(draft, film, f"C:/Users/a/JianyingPro Drafts/{name}")
        assert len([file for file in archive.namelist() if file.startswith(f"{name}/materials/")]) == 40


def test_a_draft_that_finds_no_room_leaves_nothing(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vidgen_core.services.exports.timelines.jianying.copyfile", full)
    with pytest.raises(FileError) as refused:
        write_draft(film, tmp_path / "drafts", Options(), quiet)
    assert refused.value.code == "disk_full"
    assert list((tmp_path / "drafts").iterdir()) == []


# --- a full disk


@pytest.mark.parametrize("kind", [Format.ZIP, Format.MP4, Format.JIANYING])
def test_too_little_room_is_said_before_anything_is_written(
    film: Film, kind: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.media.disk._free", lambda _: 10_000)
    with pytest.raises(FileError) as refused:
        write_film(film, kind, tmp_path / "out", Options(), quiet)
    assert refused.value.code == "disk_full"
    assert refused.value.params["free"] == 10_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [Format.OTIO, Format.FCPXML, Format.EDL])
def test_a_timeline_that_finds_no_room_is_said_so(film: Film, kind: Format, tmp_path: Path) -> None:
    # Linux' own full disk stands where the working file would be.
    (tmp_path / "out.part").symlink_to("/dev/full")
    with pytest.raises(FileError) as refused:
        write_film(film, kind, tmp_path / "out", Options(), quiet)
    assert refused.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_what_reviewers_said_is_a_marker_at_its_moment(tmp_path: Path) -> None:
    film = film_of({1: make_video(tmp_path / "1.mp4", COLOURS[1])}, 1, tmp_path)
    facts = {
        "id": 1,
        "take_id": 1001,
        "link_id": 1,
        "reviewer": "x" * 8,
        "name": "Ann",
        "at": 0.25,
        "created_at": film.at,
    }
    said = ReviewComment.model_validate(facts | {"text": "the <hand> is odd"})
    film = film.model_copy(update={"clips": (film.clips[0].model_copy(update={"comments": (said,)}),)})

    timeline = otio.adapters.read_from_string(export(film, Format.OTIO, tmp_path), "otio_json")

    [marker] = [one for clip in timeline.find_clips() for one in clip.markers if one.name == "Feedback: Ann"]
    assert marker.comment == "the <hand> is odd"
    assert marker.marked_range.start_time.to_seconds() == pytest.approx(0.25, abs=0.05)
    assert "the &lt;hand&gt; is odd" in export(film, Format.FCPXML, tmp_path)
