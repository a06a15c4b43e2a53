"""Rendered videos are what was asked for, and move the way the prompt says."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from doubles import one_round
from media_material import growth, shift, travel
from PIL import Image

from vidgen_core.domain.errors import FileError, InputError
from vidgen_core.media import kenburns
from vidgen_core.media.camera_words import Move
from vidgen_core.media.kenburns import RenderSpec, find_subject, pixel_size, render
from vidgen_core.media.video import probe

PROMPTS = {
    Move.DRIFT: "a quiet evening",
    Move.STILL: "static shot",
    Move.PAN_LEFT: "pan left",
    Move.PAN_RIGHT: "向右平移",
    Move.TILT_UP: "tilt up",
    Move.TILT_DOWN: "镜头下摇",
    Move.ZOOM_IN: "zoom in",
    Move.ZOOM_OUT: "镜头拉远",
    Move.PUSH: "push in",
    Move.PULL: "dolly out",
    Move.ORBIT: "orbit shot",
    Move.ROLL: "camera roll",
    Move.HANDHELD: "handheld",
}
Renderer = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("seed", "way"),
    one_round(
        [1, 2, 3],
        [(Move.PAN_LEFT, 0, 1), (Move.PAN_RIGHT, 0, -1), (Move.TILT_UP, 1, 1), (Move.TILT_DOWN, 1, -1)],
    ),
)
def test_the_picture_slides_against_the_camera(rendered: Renderer, way: tuple[Move, int, int], seed: int) -> None:
    move, axis, sign = way
    frames = rendered(PROMPTS[move], seed=seed)

    moved = shift(frames[0], frames[-1])

    assert moved[axis] * sign > 160 * 0.15, "a real move, in the right direction"
    assert abs(moved[1 - axis]) < 160 * 0.06, "and hardly in the other one"


@pytest.mark.parametrize(
    ("seed", "way"),
    one_round([1, 2, 3], [(Move.ZOOM_IN, 1), (Move.PUSH, 1), (Move.ZOOM_OUT, -1), (Move.PULL, -1)]),
)
def test_the_picture_grows_when_the_camera_goes_nearer(rendered: Renderer, way: tuple[Move, int], seed: int) -> None:
    move, sign = way
    frames = rendered(PROMPTS[move], seed=seed)

    assert growth(frames) * sign > 12


def test_a_push_goes_further_than_a_zoom(rendered: Renderer) -> None:
    zoomed, pushed = rendered("zoom in"), rendered("push in")

    assert growth(pushed) > growth(zoomed) + 4


def test_two_moves_are_made_at_once(rendered: Renderer) -> None:
    frames = rendered("pan left while zooming in")

    assert travel(frames)[-1] > 20
    assert growth(frames) > 8


def test_a_roll_turns_the_horizon(rendered: Renderer) -> None:
    frames = rendered(PROMPTS[Move.ROLL])

    left, right = shift(frames[0][:, :64], frames[-1][:, :64])[1], shift(frames[0][:, -64:], frames[-1][:, -64:])[1]

    assert left * right < 0, "one side goes up while the other goes down"
    assert abs(left - right) > 6


def test_an_orbit_brings_one_side_nearer_and_takes_the_other_away(rendered: Renderer) -> None:
    frames = rendered(PROMPTS[Move.ORBIT])

    left, right = (
        shift(frames[0][-64:, part], frames[-1][-64:, part])[1] - shift(frames[0][:64, part], frames[-1][:64, part])[1]
        for part in (slice(0, 56), slice(-56, None))
    )

    assert left * right < 0
    assert abs(left - right) > 4


def test_a_hand_sways_without_going_anywhere(rendered: Renderer) -> None:
    frames = rendered(PROMPTS[Move.HANDHELD], seconds=3.0)

    steps = np.array([shift(frames[0], frame) for frame in frames[::6]])

    assert np.ptp(steps[:, 0]) > 1
    assert np.ptp(steps[:, 1]) > 1
    assert np.abs(steps).max() < 160 * 0.08
    assert (np.diff(np.sign(np.diff(steps[:, 0]))) != 0).any(), "it turns round"


def test_a_still_camera_stands_and_a_silent_prompt_drifts(rendered: Renderer) -> None:
    still, drift = rendered(PROMPTS[Move.STILL]), rendered(PROMPTS[Move.DRIFT])

    assert np.abs(still[0] - still[-1]).mean() < 2.5, "only what compression does"
    assert np.abs(drift[0] - drift[-1]).mean() > 5


def test_slow_words_make_slow_moves(rendered: Renderer) -> None:
    slow, usual, fast = (travel(rendered(prompt))[-1] for prompt in ("缓缓向左平移", "向左平移", "快速向左平移"))

    assert slow < usual * 0.75
    assert fast > usual * 1.2


def test_moves_begin_and_end_softly(rendered: Renderer) -> None:
    steps = np.diff(travel(rendered("fast pan left", seconds=2.0)))

    assert (steps >= 0).all(), "it never goes back"
    assert steps[0] < steps[len(steps) // 2] > steps[-1]


def test_the_same_request_gives_the_same_frames(rendered: Renderer) -> None:
    for prompt in ("handheld, slowly zoom in", "orbit shot"):
        np.testing.assert_array_equal(rendered(prompt, seed=7), rendered(prompt, seed=7))


@pytest.mark.parametrize("move", list(PROMPTS))
def test_another_seed_gives_another_take(rendered: Renderer, move: Move) -> None:
    one, other = rendered(PROMPTS[move], seed=1), rendered(PROMPTS[move], seed=2)

    assert np.abs(one - other).mean() > 3


@pytest.mark.parametrize(
    ("move", "size", "seed"), one_round(list(PROMPTS), [(300, 300), (90, 700), (900, 100)], [1, 2])
)
def test_no_edge_is_ever_seen(tmp_path: Path, rendered: Renderer, move: Move, size: tuple[int, int], seed: int) -> None:
    white = tmp_path / "white.png"
    Image.new("RGB", size, "white").save(white)

    assert rendered(f"fast {PROMPTS[move]} 快速", image=white, seed=seed).min() > 225


@pytest.mark.parametrize(
    ("move", "place", "seed"), one_round(list(PROMPTS), [(0.3, 0.35), (0.5, 0.5), (0.7, 0.6)], [1, 2])
)
def test_the_subject_stays_in_the_frame(
    tmp_path: Path, rendered: Renderer, move: Move, place: tuple[float, float], seed: int
) -> None:
    scene = Image.new("RGB", (640, 360), (30, 40, 50))
    x, y = round(place[0] * 640), round(place[1] * 360)
    scene.paste((255, 240, 200), (x - 20, y - 20, x + 20, y + 20))
    scene.save(tmp_path / "scene.png")

    frames = rendered(PROMPTS[move], image=tmp_path / "scene.png", seed=seed)
    assert (frames > 180).any(axis=(1, 2)).all()


def test_the_subject_is_found_where_it_stands_out() -> None:
    scene = Image.new("RGB", (400, 300), (90, 120, 90))
    scene.paste((220, 40, 30), (240, 80, 300, 150))

    assert find_subject(scene) == pytest.approx((0.675, 0.383), abs=0.08)
    assert find_subject(Image.new("RGB", (400, 300), "grey")) == pytest.approx((0.5, 0.5), abs=0.01)


@pytest.mark.parametrize(
    ("width", "height", "seconds", "fps", "frames"),
    [(160, 284, 1.0, 24, 24), (284, 160, 0.5, 30, 15), (162, 162, 1.5, 24, 36), (130, 98, 0.04, 24, 1)],
)
def test_size_length_and_rate_are_exact(
    tmp_path: Path, picture: Path, width: int, height: int, seconds: float, fps: int, frames: int
) -> None:
    target = tmp_path / "new folder" / "clip.mp4"

    render(RenderSpec(image=picture, prompt="zoom in", width=width, height=height, seconds=seconds, fps=fps), target)

    facts = probe(target)
    assert (facts.width, facts.height, facts.frames, facts.fps) == (width, height, frames, fps)
    assert facts.seconds == pytest.approx(frames / fps, abs=0.01)
    assert facts.codec == "h264"
    assert facts.faststart


def test_it_is_the_video_every_player_plays(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert next(container.decode(stream)).pts == 0
        assert "mp4" in container.format.name
        assert stream.codec_context.colorspace == 1, "BT.709, and marked so"


def test_colours_are_those_of_the_picture(tmp_path: Path) -> None:
    source, target = tmp_path / "colour.png", tmp_path / "colour.mp4"
    Image.new("RGB", (200, 200), (200, 60, 30)).save(source)

    render(RenderSpec(image=source, prompt="", width=128, height=128, seconds=0.2), target)

    with av.open(str(target)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert shown.mean(axis=(0, 1)) == pytest.approx((200, 60, 30), abs=4)


def test_a_picture_turned_by_its_exif_is_shown_upright(tmp_path: Path, rendered: Renderer) -> None:
    lying = Image.new("L", (300, 200), 30)
    lying.paste(230, (0, 0, 150, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what lies left comes up
    lying.convert("RGB").save(tmp_path / "lying.jpg", exif=exif)

    frame = rendered("static shot", image=tmp_path / "lying.jpg")[0]

    assert frame[:50].mean() > 200
    assert frame[-50:].mean() < 60


def test_without_a_picture_a_quiet_ground_is_drawn_that_follows_the_words(rendered: Renderer) -> None:
    sea, fire = rendered("the sea", image=None), rendered("a fire", image=None)

    assert sea.std() > 3, "more than one colour"
    assert np.abs(sea[0] - fire[0]).mean() > 2
    assert np.abs(sea[0] - sea[-1]).mean() > 0.2, "it moves"


def test_a_caption_stands_in_the_lower_left_corner(tmp_path: Path, picture: Path) -> None:
    bare, lettered = tmp_path / "bare.mp4", tmp_path / "lettered.mp4"
    spec = RenderSpec(image=picture, prompt="static shot", width=320, height=320, seconds=0.2)

    render(spec, bare)
    render(spec.model_copy(update={"caption": "样片 Sample"}), lettered)

    changed = np.abs(_rgb(bare) - _rgb(lettered)).max(axis=2)
    assert changed[280:, :120].max() > 60
    assert changed[:200].max() < 60


def _rgb(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)


def test_progress_is_told_and_true(tmp_path: Path, picture: Path) -> None:
    told: list[float] = []

    render(RenderSpec(image=picture, prompt="", width=64, height=64, seconds=2), tmp_path / "clip.mp4", told.append)

    assert told == sorted(told)
    assert told[-1] == 1.0
    assert any(0.3 < progress < 0.7 for progress in told)
    assert told[0] <= 2 / 48


def test_a_rendering_that_is_ended_leaves_nothing_behind(tmp_path: Path, picture: Path) -> None:
    class NoLongerWantedError(Exception):
        pass

    def end(progress: float) -> None:
        if progress > 0.5:
            raise NoLongerWantedError

    folder = tmp_path / "videos"
    with pytest.raises(NoLongerWantedError):
        render(RenderSpec(image=picture, prompt="", width=64, height=64), folder / "clip.mp4", end)

    assert list(folder.iterdir()) == []


def test_a_picture_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture at all")

    with pytest.raises(FileError, match="image_not_a_picture"):
        render(RenderSpec(image=tmp_path / "words.png", prompt="", width=64, height=64), tmp_path / "out" / "clip.mp4")

    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the most memory used")
def test_a_huge_picture_takes_no_huge_memory(tmp_path: Path) -> None:
    source = tmp_path / "huge.jpg"
    Image.new("RGB", (10_000, 10_000), (120, 90, 60)).save(source, quality=70)
    code = (
        "import re, sys; from pathlib import Path; from vidgen_core.media.kenburns import RenderSpec, render\n"
        "spec = RenderSpec(image=Path(sys.argv[1]), prompt='zoom in', width=128, height=128, seconds=0.2)\n"
        "render(spec, Path(sys.argv[2]))\n"
        "print(re.search(r'VmHWM:\\s*(\\d+) kB', Path('/proc/self/status').read_text())[1])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, source, tmp_path / "clip.mp4"], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 200 * 1024, "decoded at full size, the picture alone would take 400 MB"


@pytest.mark.parametrize(
    ("size", "ratio", "pixels"),
    [
        ("720P", "9:16", (720, 1280)),
        ("720P", "16:9", (1280, 720)),
        ("1080P", "9:16", (1080, 1920)),
        ("1080p", "16:9", (1920, 1080)),
        ("1080P", "1:1", (1080, 1080)),
        ("480P", "16:9", (854, 480)),
        ("4K", "16:9", (3840, 2160)),
        ("720P", "4:3", (960, 720)),
        ("720P", "3:4", (720, 960)),
        ("720P", "2:3", (720, 1080)),
        ("720P", "3:2", (1080, 720)),
        ("720P", "21:9", (1680, 720)),
        ("1280x720", "9:16", (1280, 720)),
        ("1281×719", "1:1", (1280, 720)),
    ],
)
def test_sizes_and_ratios_become_even_pixels(size: str, ratio: str, pixels: tuple[int, int]) -> None:
    assert pixel_size(size, ratio) == pixels
    assert all(edge % 2 == 0 for edge in pixels)


@pytest.mark.parametrize("size", ["", "big", "720", "0x0", "99999x99999", "12x", "-720x1280", "1280xx720"])
def test_an_unknown_size_is_refused(size: str) -> None:
    with pytest.raises(InputError) as caught:
        pixel_size(size, "9:16")
    assert caught.value.code == "size_unknown"
    assert caught.value.params == {"size": size}


@pytest.mark.parametrize("ratio", ["", "wide", "16", "0:9", "9:0", "100:1", "-9:16", "9:16:3"])
def test_an_unknown_ratio_is_refused(ratio: str) -> None:
    with pytest.raises(InputError) as caught:
        pixel_size("720P", ratio)
    assert caught.value.code == "ratio_unknown"


@pytest.mark.parametrize(
    "box", [(0, 0, 388.8, 691.2), (10.25, 20.5, 400.0, 713.3), (3.9, 0.1, 373.9, 657.9), (101, 7, 400, 539)]
)
def test_a_view_is_cut_at_parts_of_a_pixel(box: tuple[float, float, float, float]) -> None:
    """As Pillow does it, which takes fractions, but within a fortieth of what a whole pixel would make."""
    y, x = np.mgrid[0:720, 0:400]
    picture = Image.fromarray((127 + 60 * np.sin(x / 5) + 60 * np.cos(y / 7)).astype(np.uint8))
    kind = Image.Resampling.BICUBIC if box[2] - box[0] < 360 else Image.Resampling.BILINEAR
    wanted = np.asarray(picture.resize((360, 640), kind, box=box)).astype(float)

    [cut, same] = kenburns._resized(kenburns._as_colours(picture, picture), box, 360, 640)

    moved = np.abs(np.diff(wanted, axis=1)).mean()
    assert np.abs(cut - wanted).mean() < max(moved / 40, 0.3)
    assert np.array_equal(cut, same)
