"""Exports are read by programs that did not write them: validators, other libraries' loaders, players."""

from __future__ import annotations

import base64
import json
import os
import re
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import av
import opentimelineio as otio
import pysubs2
import pytest
from exporting_material import AT, COLOURS, UPRIGHT, WIDE, ImagesIn, make_video, quiet, shot, take_of
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image
from pyJianYingDraft import DraftFolder

from vidgen_core.domain.errors import Refused
from vidgen_core.services.exports.cut import lay_out
from vidgen_core.services.exports.editing.edited_timeline import read_uses
from vidgen_core.services.exports.facts import read_facts, usual_rate
from vidgen_core.services.exports.film import Film, Format, Options, make_film
from vidgen_core.services.exports.timelines.jianying import write_draft, write_draft_zip
from vidgen_core.services.exports.timelines.subtitles import _CLOSING, columns_of, cues, wrap
from vidgen_core.services.exports.writers import write_film

ODD = "she says \"no\" & <leaves>\u000b \u2028 \U0001f3ac 'end' \ufffe ]]> 雨夜"
#: Apple's own files are not ours to ship: name a folder of them to check against all of their rules.
APPLES = sorted(Path(os.environ.get("VIDGEN_TEST_DTDS", "/nowhere")).glob("FCPXMLv1_*.dtd"))
#: What FCPXML 1.9 to 1.13 ask of the elements used here (Apple, "FCPXML Reference").
RULES = Path(__file__).with_name("fcpxml_rules.dtd")


@pytest.fixture
def mixed(tmp_path: Path) -> Film:
    """Takes of other rates and sizes in a folder with an odd name, one trimmed, one silent, a still and a gap."""
    folder = tmp_path / "夜 #1 & 100%"
    files = {
        1: make_video(folder / "一 1.mp4", COLOURS[0], UPRIGHT, frames=24, fps=24, sound=True),
        2: make_video(folder / "b'2.mp4", COLOURS[1], WIDE, frames=60, fps=30),
        3: make_video(folder / "c.mp4", COLOURS[2], UPRIGHT, frames=16, fps=16, sound=True),
    }
    Image.new("RGB", UPRIGHT).save(tmp_path / "图.png")
    shots = [
        shot(1, prompt=ODD, script="“走吧。”\nWe should go, before the rain comes and the road is gone."),
        shot(2, number='2 <b>&"', script="好"),
        shot(3),
        shot(4, image="图.png"),
        shot(5),
    ]
    chosen = [take_of(each, files[each.id]) for each in shots if each.id in files]
    chosen[1] = chosen[1].model_copy(update={"trim_in": 0.5, "trim_out": 1.5, "warnings": ("ratio_differs",)})
    return make_film(f"雨夜 {ODD}", shots, chosen, ImagesIn(tmp_path), AT, stills=True)


def written(film: Film, kind: Format, tmp_path: Path, **options: object) -> Path:
    target = tmp_path / f"out.{kind}"
    write_film(film, kind, target, Options.model_validate(options), quiet)
    return target


# --- Final Cut Pro


@pytest.mark.parametrize("rules", [RULES, *APPLES], ids=lambda path: path.stem)
def test_final_cut_xml_is_valid_by_the_rules_of_its_version(mixed: Film, tmp_path: Path, rules: Path) -> None:
    text = written(mixed, Format.FCPXML, tmp_path).read_text(encoding="utf-8")
    version = re.search(r'fcpxml version="([\d.]+)"', text)
    assert version
    if rules != RULES:
        # Later versions allow all that is in it; earlier ones do not know where its media stand.
        theirs = rules.stem.removeprefix("FCPXMLv").replace("_", ".")
        if [int(part) for part in theirs.split(".")] < [int(part) for part in version[1].split(".")]:
            pytest.skip("an older version")
        text = text.replace(version[0], f'fcpxml version="{theirs}"')
    dtd = etree.DTD(str(rules))
    assert dtd.validate(etree.fromstring(text.encode())), dtd.error_log.filter_from_errors()


def test_final_cut_xml_keeps_rates_sizes_trims_and_addresses(mixed: Film, tmp_path: Path) -> None:
    root = etree.parse(str(written(mixed, Format.FCPXML, tmp_path))).getroot()

    formats = {each.get("id"): each for each in root.iter("format")}
    assets = list(root.iter("asset"))
    assert [formats[each.get("format")].get("frameDuration") for each in assets] == ["1/24s", "1/30s", "1/16s", None]
    assert [formats[each.get("format")].get("width") for each in assets] == ["72", "128", "72", None]
    assert [each.get("hasAudio") for each in assets] == ["1", None, "1", None]
    assert all(each[0].get("src").isascii() and each[0].get("src").startswith("file:///") for each in assets)
    clips = list(root.iter("asset-clip"))
    (form,) = [formats[each.get("format")] for each in root.iter("sequence")]
    frame = Fraction(form.get("frameDuration").rstrip("s"))
    for clip in root.find(".//spine"):
        for name in ("offset", "duration", "start"):
            assert (Fraction(clip.get(name).rstrip("s")) / frame).denominator == 1, "whole frames of the sequence"
    assert (clips[1].get("start"), clips[1].get("duration")) == ("1/2s", "1s")
    assert clips[1].find("conform-rate").attrib == {"scaleEnabled": "0", "srcFrameRate": "30"}
    assert "走吧" in clips[0].find("note").text
    assert [marker.get("value") for marker in clips[1].iter("marker")] == ["Prompt", "Line", "Doubt"]


# --- OpenTimelineIO, EDL, Premiere


def test_markers_tell_prompt_lines_and_doubts(mixed: Film, tmp_path: Path) -> None:
    timeline = otio.adapters.read_from_file(str(written(mixed, Format.OTIO, tmp_path)))

    second = list(timeline.find_clips())[1]
    assert [(marker.name, marker.comment) for marker in second.markers][:2] == [("Prompt", "Prompt 2"), ("Line", "好")]
    assert second.source_range == otio.opentime.TimeRange(
        otio.opentime.RationalTime(12, 24), otio.opentime.RationalTime(24, 24)
    )
    assert [type(item).__name__ for item in timeline.video_tracks()[0]] == ["Clip", "Clip", "Clip", "Clip", "Gap"]


@pytest.mark.parametrize("kind", [Format.EDL, Format.PREMIERE])
def test_other_timelines_read_back_with_the_same_clips(mixed: Film, tmp_path: Path, kind: Format) -> None:
    adapter, facts = {"edl": ("cmx_3600", {"rate": 24}), "xml": ("fcp_xml", {})}[kind]
    read = otio.adapters.read_from_file(str(written(mixed, kind, tmp_path)), adapter, **facts)

    timeline = read if isinstance(read, otio.schema.Timeline) else read[0]
    clips = list(timeline.video_tracks()[0].find_clips())
    assert [round(clip.duration().to_seconds(), 2) for clip in clips] == [1.0, 1.0, 1.0, 3.0]
    assert round(clips[1].source_range.start_time.to_seconds(), 2) == 0.5


def test_premiere_is_told_each_files_own_size_rate_and_sound(mixed: Film, tmp_path: Path) -> None:
    root = etree.parse(str(written(mixed, Format.PREMIERE, tmp_path))).getroot()

    files = [each for each in root.iter("file") if each.find("pathurl") is not None]
    by_path = {each.find("pathurl").text: each for each in files}
    assert all(path.startswith("file://localhost/") and path.isascii() for path in by_path)
    (second,) = [each for path, each in by_path.items() if "b%272" in path]
    assert second.findtext("rate/timebase") == "30"
    assert second.findtext("media/video/samplecharacteristics/width") == "128"
    assert second.find("media/audio/channelcount") is None
    assert root.findtext(".//sequence/media/video/format/samplecharacteristics/width") == "72"


# --- 剪映


def test_a_draft_registers_its_media_and_its_own_loader_opens_it(mixed: Film, tmp_path: Path) -> None:
    drafts = tmp_path / "com.lveditor.draft"
    drafts.mkdir()
    draft = write_draft(mixed, drafts, Options(), quiet)

    script = DraftFolder(str(drafts)).load_template(draft.name)
    content = json.loads((draft / "draft_content.json").read_text(encoding="utf-8"))
    meta = json.loads((draft / "draft_meta_info.json").read_text(encoding="utf-8"))
    videos = content["materials"]["videos"]
    registered = {each["id"]: each for group in meta["draft_materials"] for each in group["value"]}
    assert len(videos) == 4
    for video in videos:
        assert Path(video["path"]).is_file()
        assert registered[video["local_material_id"]]["file_Path"] == video["path"]
    assert (meta["draft_fold_path"], meta["draft_root_path"]) == (draft.as_posix(), drafts.as_posix())
    texts = [json.loads(text["content"])["text"] for text in content["materials"]["texts"]]
    assert [text.replace("\n", " ") for text in texts] == [
        "“走吧。”", "We should go, before the rain comes and the road is gone.", "好",
    ]  # fmt: skip
    assert [track["type"] for track in content["tracks"]] == ["video", "text"]
    second = content["tracks"][0]["segments"][1]
    assert second["source_timerange"] == {"start": 500_000, "duration": 1_000_000}
    assert script.duration == content["duration"]


@pytest.mark.parametrize(
    ("folder", "absolute"),
    [("C:\\Users\\张 三\\JianyingPro Drafts\\", PureWindowsPath), ("/Users/a b/Movies/JianyingPro", PurePosixPath)],
)
def test_a_zipped_draft_names_its_media_where_they_will_lie(
    mixed: Film, tmp_path: Path, folder: str, absolute: type[PurePosixPath]
) -> None:
    write_draft_zip(mixed, tmp_path / "d.zip", Options(drafts_folder=folder), quiet)

    with zipfile.ZipFile(tmp_path / "d.zip") as archive:
        name = archive.namelist()[0].split("/")[0]
        content = json.loads(archive.read(f"{name}/draft_content.json"))
        names = set(archive.namelist())
    for video in content["materials"]["videos"]:
        path = absolute(video["path"])
        assert path.is_absolute()
        assert path.is_relative_to(absolute(folder) / name)
        assert f"{name}/{path.relative_to(absolute(folder) / name).as_posix()}" in names


# --- subtitles


def test_lines_share_the_length_of_their_shot_and_follow_its_trim(mixed: Film, tmp_path: Path) -> None:
    files = [pysubs2.load(str(written(mixed, kind, tmp_path)), encoding="utf-8-sig") for kind in ("srt", "ass")]

    for read in files:
        first, second, third = read
        assert (first.start, second.end) == (0, 1000)
        assert 0 < first.end == second.start < 300, "by its length"
        assert (third.start, third.end, third.plaintext) == (1000, 2000, "好")
    assert files[1].info["PlayResX"] == "72"


def test_without_any_line_there_are_no_subtitles(mixed: Film, tmp_path: Path) -> None:
    silent = tuple(
        clip.model_copy(update={"shot": clip.shot.model_copy(update={"script": ""})}) for clip in mixed.clips
    )
    with pytest.raises(Refused, match="export_no_lines"):
        written(mixed.model_copy(update={"clips": silent}), Format.SRT, tmp_path)


@given(st.text(max_size=120), st.integers(8, 60))
def test_wrapping_loses_no_letter_and_keeps_to_the_width(text: str, columns: int) -> None:
    text = " ".join(text.split())
    lines = wrap(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())
    # A word that is longer than a line stays whole, and a closing sign stays behind what it closes.
    assert all(columns_of(line) <= columns or all(part[0] in _CLOSING for part in line.split()[1:]) for line in lines)


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4))
def test_any_line_survives_a_subtitle_file(small_video: Path, lines: list[str]) -> None:
    one = shot(1, script="\n".join(lines))
    film = make_film("p", [one], [take_of(one, small_video)], ImagesIn(small_video.parent), AT)
    target = small_video.parent / "any.srt"
    told = cues(lay_out(film, 3.0))
    if not told:
        return
    write_film(film, Format.SRT, target, Options(), quiet)
    assert len(pysubs2.load(str(target), encoding="utf-8-sig")) == len(told)


@pytest.fixture(scope="module")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("small") / "1.mp4", COLOURS[0])


# --- the contact sheet


def test_the_contact_sheet_has_every_clip_with_number_line_and_prompt(mixed: Film, tmp_path: Path) -> None:
    data = written(mixed, Format.PDF, tmp_path).read_bytes()

    assert data.startswith(b"%PDF-")
    assert data.count(b"/Subtype /Image") == 4, "the last shot has no picture"
    streams = re.findall(rb"/ASCII85Decode /FlateDecode[^>]*>>\s*stream\r?\n(.*?)~>", data, re.DOTALL)
    pages = b"".join(zlib.decompress(base64.a85decode(stream.strip())) for stream in streams)
    for text in ("1. 1.0-v1", "走吧", "Prompt 3", "雨夜"):
        # Strings of this font are UTF-16 (ISO 32000-1, 9.7.5.2), their bytes escaped where they must be.
        whole = text.encode("utf-16-be")
        escaped = "".join(chr(byte) if 32 <= byte < 127 and byte not in b"()\\" else f"\\{byte:03o}" for byte in whole)
        assert escaped.encode() in pages or whole in pages, text


# --- the rough cut


def test_the_rough_cut_keeps_trims_sound_and_the_lines_that_are_burned_in(mixed: Film, tmp_path: Path) -> None:
    plain = written(mixed, Format.MP4, tmp_path)
    facts = read_facts(plain)
    assert (facts.width, facts.height, facts.sound) == (72, 128, True)
    assert abs(facts.seconds - 9) < Fraction(1, 10)
    bright = [frame.to_ndarray(format="gray")[-24:].max() for frame in frames_at(plain, 1.2)]
    burned = written(mixed, Format.MP4, tmp_path, subtitles=True)
    lettered = [frame.to_ndarray(format="gray")[-24:].max() for frame in frames_at(burned, 1.2)]
    assert lettered[0] > bright[0] + 60, "white letters over the lower part of the picture"


def test_a_cut_of_the_last_frame_in_another_rate_has_that_frame(tmp_path: Path) -> None:
    one, two = shot(1), shot(2)
    files = [make_video(tmp_path / f"{n}.mp4", COLOURS[n], frames=24, fps=24) for n in range(2)]
    # The last frame of a timeline of 30 frames begins behind that of the video.
    tail = take_of(one, files[0]).model_copy(update={"trim_in": 29 / 30, "trim_out": 1.0})
    film = make_film("p", [one, two], [tail, take_of(two, files[1])], ImagesIn(tmp_path), AT)

    assert abs(read_facts(written(film, Format.MP4, tmp_path)).seconds - Fraction(25, 24)) < Fraction(1, 100)
    for kind in (Format.OTIO, Format.FCPXML, Format.EDL, Format.PREMIERE):
        first, second = read_uses(written(film, kind, tmp_path).read_bytes(), Fraction(24))
        assert (first.begin, first.length, second.at) == pytest.approx((23 / 24, 1 / 24, 1 / 24)), kind


def test_letters_that_no_font_has_are_said_before_anything_is_written(
    mixed: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.media.text_overlay._FONTS", ())
    with pytest.raises(Refused, match="export_font_missing"):
        written(mixed, Format.MP4, tmp_path, subtitles=True)
    assert not (tmp_path / "out.mp4").exists()


def frames_at(path: Path, seconds: float) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return [frame for frame in container.decode(video=0) if (frame.time or 0) >= seconds][:1]


@pytest.mark.parametrize(
    ("container", "codec"),
    [("webm", "libvpx"), ("mov", "libx264"), ("mpegts", "libx264"), ("avi", "mpeg4"), ("gif", "gif")],
)
def test_takes_of_any_container_go_out_whole_under_their_own_ending(tmp_path: Path, container: str, codec: str) -> None:
    ending = {"mpegts": ".ts"}.get(container, f".{container}")
    source = tmp_path / f"a{ending}"
    with av.open(str(source), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb8" if codec == "gif" else "yuv420p"
        for place in range(25):
            picture = Image.new("RGB", (64, 64), (40 + 8 * place, 90, 30))
            frame = av.VideoFrame.from_image(picture)
            frame.pts = place
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    other = make_video(tmp_path / "b.mp4", COLOURS[1], frames=24, sound=True)
    one, two = shot(1), shot(2)
    facts = read_facts(source)
    take = take_of(two, other).model_copy(
        update={"id": 1, "shot_id": 1, "folder": str(tmp_path), "file": source.name, "seconds": float(facts.seconds)}
    )
    film = make_film("p", [one, two], [take, take_of(two, other)], ImagesIn(tmp_path), AT)

    with zipfile.ZipFile(written(film, Format.ZIP, tmp_path, timelines=True)) as archive:
        assert archive.read(f"001_1.0-v1{ending}") == source.read_bytes()
    cut = read_facts(written(film, Format.MP4, tmp_path))
    assert abs(cut.seconds - 2) < Fraction(1, 8)
    write_draft_zip(film, tmp_path / "d.zip", Options(), quiet)
    with zipfile.ZipFile(tmp_path / "d.zip") as archive:
        assert any(name.endswith(f"materials/001_1.0-v1{ending}") for name in archive.namelist())


# --- rates


@pytest.mark.parametrize(
    "rate", ["24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60", "16", "12", "25/2", "120"]
)
def test_every_rate_goes_through_every_timeline(tmp_path: Path, rate: str) -> None:
    fps = Fraction(rate)
    long, short = "很长的名字" * 12 + " a.mp4", "b.mp4"
    shots = [shot(1, number="1" * 90, prompt="x\n" * 400), shot(2)]
    files = [rated_video(tmp_path / name, fps, 40) for name in (long, short)]
    takes = [take_of(each, file) for each, file in zip(shots, files, strict=True)]
    takes[1] = takes[1].model_copy(update={"trim_in": float(10 / fps), "trim_out": float(30 / fps)})
    film = make_film("n" * 300, shots, takes, ImagesIn(tmp_path), AT)
    base = usual_rate([read_facts(files[0])])
    # No frame is shown longer than another, but for 16: not every editor cuts at 48.
    assert base == 24 if fps == 16 else 1 in ((base / fps).denominator, (fps / base).denominator)

    for kind, adapter in ((Format.OTIO, "otio_json"), (Format.EDL, "cmx_3600"), (Format.PREMIERE, "fcp_xml")):
        target = written(film, kind, tmp_path)
        uses = read_uses(target.read_bytes(), base)
        assert [use.length for use in uses] == pytest.approx([40 / fps, 20 / fps], abs=1.5 / base), adapter
        assert uses[1].begin == pytest.approx(10 / fps, abs=1.5 / base), adapter
    edl = written(film, Format.EDL, tmp_path).read_text(encoding="utf-8").splitlines()
    assert all(line.startswith(("TITLE: ", "FCM: ", "* ", "00")) or not line for line in edl)
    assert edl[1] == ("FCM: DROP FRAME" if rate in ("30000/1001", "60000/1001") else "FCM: NON-DROP FRAME")
    xml = written(film, Format.FCPXML, tmp_path).read_bytes()
    assert [use.length for use in read_uses(xml, base)] == pytest.approx([40 / fps, 20 / fps], abs=1.5 / base)
    assert xml.count(b'<conform-rate scaleEnabled="0"') == (0 if fps == base else 2)


def test_a_length_in_thousandths_of_a_second_keeps_its_last_frame(tmp_path: Path) -> None:
    file = rated_video(tmp_path / "a.mp4", Fraction(30), 25, video_track_timescale="1000")
    film = make_film("p", [shot(1)], [take_of(shot(1), file)], ImagesIn(tmp_path), AT)
    assert read_facts(file).seconds < Fraction(25, 30)

    timeline = otio.adapters.read_from_file(str(written(film, Format.OTIO, tmp_path)))

    assert timeline.duration().value == 25


def rated_video(path: Path, fps: Fraction, frames: int, **options: str) -> Path:
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for place in range(frames):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 64), (5 * place, 90, 30)))
            frame.pts = place
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
