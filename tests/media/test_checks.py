"""Each fault of a clip is told by its check, good clips pass, and hostile ones cost a bounded time and one sentence."""

from __future__ import annotations

import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from vidgen_core.config.schema import ChecksSettings
from vidgen_core.domain.errors import FileError
from vidgen_core.domain.takes import CheckResult, Severity, Verdict
from vidgen_core.fake_provider.storage import faulty_clips
from vidgen_core.i18n import LANGUAGES, Text, get_text
from vidgen_core.media import checks, sample_art, video
from vidgen_core.media.checks.clip import ClipRequest
from vidgen_core.media.checks.process import CheckProcess
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.media.text_overlay import font_for

LIMITS = ChecksSettings().limits
SAMPLES = Path(sample_art.__file__).parent / "sample_images"
SECONDS = 1.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def good(folder: Path, number: int = 1, move: str = "zoom in") -> Path:
    path = folder / f"good-{number}-{move}.mp4"
    if not path.exists():
        picture = SAMPLES / f"{number}.jpg"
        render(RenderSpec(image=picture, prompt=move, width=180, height=320, seconds=SECONDS, fps=24), path)
    return path


def judged(path: Path, number: int = 1, **asked: object) -> list[CheckResult]:
    known = {"ratio": "9:16", "seconds": SECONDS, "first_frame": SAMPLES / f"{number}.jpg", **asked}
    return checks.run(path, ClipRequest.model_validate(known), LIMITS)


def failed(results: list[CheckResult]) -> set[str]:
    return {one.code for one in results if one.severity is Severity.FAIL}


@pytest.mark.parametrize("move", ["zoom in", "pan left", "orbit shot", "handheld", "push in fast"])
def test_a_good_clip_passes(folder: Path, move: str) -> None:
    results = judged(good(folder, 1, move))
    assert checks.verdict_of(results) is Verdict.PASS, results
    assert {"frozen", "cuts", "flicker", "blurred", "first_frame_differs", "black"} <= {one.code for one in results}


@pytest.mark.parametrize(
    ("fault", "code"), [("frozen", "frozen"), ("black-frames", "black"), ("flicker", "flicker"), ("blurred", "blurred")]
)
def test_a_fault_is_told_by_its_check(folder: Path, fault: str, code: str) -> None:
    path = folder / f"{fault}.mp4"
    faulty_clips.spoil(good(folder), path, fault, 3)
    results = judged(path)
    assert code in failed(results)
    assert checks.verdict_of(results) is Verdict.FAIL
    assert judged(path) == results


def test_a_frame_is_held_against_the_part_of_its_picture_that_it_shows(folder: Path) -> None:
    picture, path, blurred = folder / "wide.png", folder / "part.mp4", folder / "part-blurred.mp4"
    wide = Image.fromarray(np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (640, 1080))).convert("RGB")
    with Image.open(SAMPLES / "1.jpg") as opened:
        wide.paste(opened.resize((360, 640)), (360, 0))
    wide.save(picture)
    render(RenderSpec(image=picture, prompt="zoom in", width=360, height=640, seconds=SECONDS, fps=12), path)
    faulty_clips.spoil(path, blurred, "blurred", 3)
    assert "blurred" not in failed(judged(path, first_frame=picture))
    assert "blurred" in failed(judged(blurred, first_frame=picture))


def test_a_picture_of_little_but_sky_is_told_when_it_is_blurred(folder: Path) -> None:
    picture, path, blurred = folder / "sky.png", folder / "sky.mp4", folder / "sky-blurred.mp4"
    sample_art.write_sample(picture, 21, 720, 960)
    render(RenderSpec(image=picture, prompt="tilt up", width=480, height=480, seconds=SECONDS, fps=12, seed=3), path)
    faulty_clips.spoil(path, blurred, "blurred", 1)
    assert "blurred" not in failed(judged(path, first_frame=picture))
    assert "blurred" in failed(judged(blurred, first_frame=picture))


@pytest.mark.parametrize("number", [1, 4])
def test_a_clip_that_was_made_without_a_picture_is_told_when_it_is_blurred(folder: Path, number: int) -> None:
    path = folder / f"blurred-alone-{number}.mp4"
    faulty_clips.spoil(good(folder, number), path, "blurred", 3)
    assert failed(judged(good(folder, number), first_frame=None)) == set()
    assert failed(judged(path, first_frame=None)) == {"blurred"}


def test_text_on_top_is_read(folder: Path) -> None:
    pytest.importorskip("rapidocr")
    large, path = folder / "large.mp4", folder / "text.mp4"
    render(RenderSpec(image=SAMPLES / "2.jpg", prompt="pan left", width=360, height=640, seconds=0.5, fps=12), large)
    faulty_clips.spoil(large, path, "text-on-top", 1)
    assert "text" in failed(judged(path, 2))
    assert "text" not in failed(judged(large, 2))


def test_letters_that_the_picture_has_are_no_text_on_top_where_the_camera_is_nearer(folder: Path) -> None:
    pytest.importorskip("rapidocr")
    picture, path = folder / "letters.png", folder / "letters.mp4"
    with Image.open(SAMPLES / "1.jpg") as opened:
        wide = opened.convert("RGB").resize((1280, 720))
    ImageDraw.Draw(wide).text((600, 330), "unicef", fill="white", font=font_for("unicef", 20))
    wide.save(picture)
    render(RenderSpec(image=picture, prompt="zoom in", width=180, height=320, seconds=SECONDS, fps=24), path)
    seen = next(one for one in judged(path, first_frame=None) if one.code == "text")
    assert seen.severity is Severity.FAIL
    assert "text" not in failed(judged(path, first_frame=picture))


def test_a_cut_and_another_picture_are_told(folder: Path) -> None:
    cut = folder / "cut.mp4"
    faulty_clips.cut_together(good(folder, 1), good(folder, 5), cut)
    assert "cuts" in failed(judged(cut))
    assert "first_frame_differs" in failed(judged(good(folder, 5), 1))
    assert "last_frame_differs" in failed(judged(good(folder), last_frame=SAMPLES / "5.jpg"))


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"ratio": "16:9"}, "ratio_differs"), ({"seconds": 8.0}, "length_differs"), ({"same": 1}, "same_file"),
     ({"sound": True}, "silent")],
)  # fmt: skip
def test_what_was_asked_for_is_compared(folder: Path, asked: dict[str, object], code: str) -> None:
    assert failed(judged(good(folder), **asked)) == {code}


@pytest.mark.parametrize("faded", [True, False])
def test_a_fade_to_black_at_the_end_is_no_fault(folder: Path, faded: bool) -> None:
    frames, fps = faulty_clips.read_frames(good(folder))
    last = [Image.eval(frames[-1], lambda value, part=part: int(value * part)) for part in np.linspace(1, 0, 30)]
    last = last if faded else [Image.new("RGB", frames[0].size)] * 8
    path = folder / f"faded-{faded}.mp4"
    faulty_clips.write_clip([*frames, *last], path, fps)
    assert ("black" in failed(judged(path))) is not faded


def timed(path: Path, frames: list[Image.Image], times: list[float], end: float, ticks: int = 1000) -> Path:
    """A clip whose frames are shown at these seconds, the last one until the end."""
    even = path.with_suffix(".even.mp4")
    with av.open(str(even), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"bf": "0", "preset": "superfast"})
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_image(picture)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(even)) as source, av.open(str(path), "w") as made:
        target = made.add_stream_from_template(source.streams.video[0])
        target.time_base = Fraction(1, ticks)
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for packet, at, until in zip(packets, times, [*times[1:], end], strict=True):
            packet.stream, packet.time_base = target, Fraction(1, ticks)
            packet.pts = packet.dts = round(at * ticks)
            packet.duration = round((until - at) * ticks)
            made.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "times", "codes"),
    [
        ("end", [n / 24 for n in range(36)], {"frozen"}),
        ("middle", [n / 24 + (3 if n >= 18 else 0) for n in range(36)], {"frozen"}),
        ("hours", [n / 1000 if n < 35 else 36_000.0 for n in range(36)], {"frozen"}),
        ("at-once", [0.0 if n < 35 else 36.0 for n in range(36)], {"frozen"}),
        ("uneven", [n / 24 + n % 3 / 90 for n in range(36)], set()),
    ],
)
def test_frames_that_an_encoder_left_out_stand_still(
    folder: Path, name: str, times: list[float], codes: set[str]
) -> None:
    frames, _ = faulty_clips.read_frames(good(folder, 1, "pan left"))
    end = max(4.5, times[-1] + 1) if codes else 1.5
    # Matroska alone may say that several frames are shown at once.
    path = timed(folder / f"times-{name}.{'mkv' if name == 'at-once' else 'mp4'}", frames, times, end)
    assert failed(judged(path, seconds=None)) == codes


def test_frames_a_billionth_of_a_second_apart_are_judged_like_others(folder: Path) -> None:
    frames, _ = faulty_clips.read_frames(good(folder, 1, "pan left"))
    path = timed(folder / "instant.mp4", frames, [n / 1e9 for n in range(36)], 1.5, ticks=10**9)
    asked, process = ClipRequest(first_frame=SAMPLES / "1.jpg"), CheckProcess()
    try:
        assert failed(process.run(path, asked, LIMITS) or []) == {"frozen"}
    finally:
        process.stop()


def test_one_black_frame_may_last(folder: Path) -> None:
    frames, _ = faulty_clips.read_frames(good(folder, 1, "pan left"))
    black = [*frames, Image.new("RGB", frames[0].size)]
    path = timed(folder / "black-end.mp4", black, [n / 24 for n in range(37)], 2.5)
    assert "black" in failed(judged(path, seconds=None))


def test_frames_that_a_file_leaves_out_are_not_missed(folder: Path) -> None:
    frames, _ = faulty_clips.read_frames(good(folder, 1, "pan left"))
    # What is shown before its beginning an MP4 leaves out by its edit list.
    path = timed(folder / "trimmed.mp4", frames, [n / 24 - 0.25 for n in range(36)], 1.25)
    assert failed(judged(path, seconds=None)) == set()


def test_a_clip_of_broken_packets_is_damaged_however_many_there_are(folder: Path) -> None:
    frames, fps = faulty_clips.read_frames(good(folder, 1, "pan left"))
    whole, path = folder / "many.mp4", folder / "many-broken.mp4"
    faulty_clips.write_clip([*frames, *frames[::-1], *frames], whole, fps, "mpeg4")
    with av.open(str(whole)) as source, av.open(str(path), "w") as made:
        target = made.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(one for one in source.demux(video=0) if one.size):
            sent = packet if number < 40 else av.Packet(b"broken")
            sent.pts, sent.dts, sent.duration, sent.time_base = (
                packet.pts,
                packet.dts,
                packet.duration,
                packet.time_base,
            )
            sent.stream = target
            made.mux(sent)
    assert "damaged" in failed(judged(path, seconds=None))


def test_a_clip_is_seen_to_its_end_also_where_its_size_changes(folder: Path) -> None:
    frames, fps = faulty_clips.read_frames(good(folder, 1, "pan left"))
    path, parts = folder / "sizes.webm", [folder / "size-1.webm", folder / "size-2.webm"]
    faulty_clips.write_clip(frames, parts[0], fps, "libvpx-vp9")
    faulty_clips.write_clip([Image.new("RGB", (160, 90))] * 36, parts[1], fps, "libvpx-vp9")
    with av.open(str(path), "w") as made:
        with av.open(str(parts[0])) as source:
            target = made.add_stream_from_template(source.streams.video[0])
        for number, part in enumerate(parts):
            with av.open(str(part)) as source:
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts = packet.dts = packet.pts + number * 1500
                        packet.stream = target
                        made.mux(packet)
    assert "black" in failed(judged(path, seconds=None))


def test_fewer_pixels_change_no_verdict(folder: Path) -> None:
    results = judged(good(folder), size="720P")
    assert next(one for one in results if one.code == "size_differs").severity is Severity.NOTE
    assert checks.verdict_of(results) is Verdict.PASS


def test_a_single_picture_is_no_video_whatever_was_asked_for(folder: Path) -> None:
    path = folder / "picture.mp4"
    frames, fps = faulty_clips.read_frames(good(folder))
    faulty_clips.write_clip(frames[:1], path, fps)
    assert failed(judged(path, seconds=None)) == {"frozen"}


def test_a_scene_that_was_to_stand_still_may_do_so(folder: Path) -> None:
    path = good(folder, 1, "static camera")
    assert failed(judged(path)) == {"frozen"}
    assert failed(judged(path, still=True)) == set()


@pytest.mark.parametrize(("loudness", "codes"), [(0.2, set()), (0.0, {"silent"})])
def test_sound_is_heard(folder: Path, loudness: float, codes: set[str]) -> None:
    path = folder / f"sound-{loudness}.mp4"
    frames, fps = faulty_clips.read_frames(good(folder))
    faulty_clips.write_clip(frames, path, fps, sound=faulty_clips.hum(SECONDS, loudness))
    assert failed(judged(path, sound=True)) == codes


def test_a_loud_and_clipped_track_is_doubtful(folder: Path) -> None:
    path = folder / "loud.mp4"
    frames, fps = faulty_clips.read_frames(good(folder))
    noise = np.sign(np.sin(np.arange(int(44_100 * SECONDS)) * 0.05)).astype(np.float32)
    faulty_clips.write_clip(frames, path, fps, sound=noise)
    results = judged(path, sound=True)
    assert {one.code for one in results if one.severity is Severity.DOUBT} >= {"loud"}
    assert checks.verdict_of(results) is Verdict.DOUBT


def test_a_limit_can_be_moved_to_whatever_was_measured(folder: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 60, (12, 12, 3), dtype=np.uint8)
    dark, bright = (Image.fromarray(noise + least).resize((240, 240)) for least in (np.uint8(0), np.uint8(195)))
    path, picture = folder / "opposite.mp4", folder / "opposite.png"
    dark.save(picture)
    square = np.sign(np.sin(np.arange(88_200) * 0.28)).astype(np.float32)
    faulty_clips.write_clip([bright] * 24, path, 12, sound=square)
    results = judged(path, first_frame=picture, last_frame=picture, sound=True)
    assert {"first_frame_differs", "last_frame_differs", "silent", "loud"} <= {one.code for one in results}
    for one in results:
        if one.code in LIMITS:
            ChecksSettings.model_validate({one.code: one.value})


def hostile(folder: Path, kind: str) -> Path:
    """A file that claims what no clip is."""
    path = folder / f"{kind}.mp4"
    data = good(folder).read_bytes()
    match kind:
        case "nothing":
            path.write_bytes(b"")
        case "half":
            path.write_bytes(data[: len(data) // 2])
        case "noise":
            path.write_bytes(data[:2000] + np.random.default_rng(1).bytes(len(data) - 2000))
        case "text":
            path.write_text("#EXTM3U\n/etc/passwd\n")
        case "huge":
            with av.open(str(path), "w") as container:
                stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
                stream.width, stream.height = 8192, 5200
                container.mux(stream.encode(av.VideoFrame(8192, 5200, "yuv420p")))
                container.mux(stream.encode())
        case "lying":
            # Its container says 64 × 64 pixels, its pictures have more than are decoded.
            data = hostile(folder, "huge").read_bytes()
            path.write_bytes(data.replace(struct.pack(">HH", 8192, 5200), struct.pack(">HH", 64, 64)))
        case "long":
            with av.open(str(path), "w") as container:
                stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
                stream.width = stream.height = 16
                frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
                for number in range(6_000):
                    frame.pts = number * 6
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    "kind", ["nothing", "half", "noise", "text", "huge", "lying", pytest.param("long", marks=pytest.mark.extended)]
)
def test_a_hostile_clip_fails_with_one_sentence(folder: Path, kind: str) -> None:
    results = judged(hostile(folder, kind))
    assert checks.verdict_of(results) is Verdict.FAIL
    reasons = [one for one in results if one.severity is Severity.FAIL]
    assert len(reasons) == 1 or kind == "long"
    if kind in ("huge", "lying"):
        # Nor is a frame of it ever decoded by the worker.
        with pytest.raises(FileError, match=r"video_too_large|video_unplayable"):
            video.look_at(hostile(folder, kind), 360)


def test_what_takes_too_long_is_doubted_and_the_next_clip_is_checked(folder: Path) -> None:
    process = CheckProcess(longest=0.001)
    try:
        results = process.run(good(folder), ClipRequest(), LIMITS)
        assert results is not None
        assert [(one.code, one.severity) for one in results] == [(checks.UNCHECKED, Severity.DOUBT)]
        process._longest = 600.0
        again = process.run(good(folder), ClipRequest(ratio="9:16"), LIMITS)
        assert again is not None
        assert again == checks.run(good(folder), ClipRequest(ratio="9:16"), LIMITS)
    finally:
        process.stop()


def test_a_process_that_is_stopped_says_nothing(folder: Path) -> None:
    process = CheckProcess()
    process.stop()
    assert process.run(folder / "gone.mp4", ClipRequest(), LIMITS) is None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_check_has_its_sentence_and_its_setting(lang: str) -> None:
    t: Text = get_text(lang)
    codes = {check.code for check in checks.CHECKS}
    assert codes == set(LIMITS)
    for code in {*codes, checks.UNPLAYABLE, checks.UNCHECKED}:
        assert t.has(f"shots.warning.{code}")


def test_importing_the_checks_loads_no_models() -> None:
    code = "import sys, vidgen_core.media.checks; assert not {'rapidocr', 'onnxruntime', 'cv2'} & sys.modules.keys()"
    subprocess.run([*(__import__("sys").executable,), "-c", code], check=True)


def test_a_picture_is_compared_upright(folder: Path) -> None:
    picture = folder / "turned.png"
    with Image.open(SAMPLES / "1.jpg") as opened:
        opened.rotate(180).save(picture)
    assert "first_frame_differs" in failed(judged(good(folder), first_frame=picture))
