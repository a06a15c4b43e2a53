"""A video that begins with its picture is told from one that does not, whatever was cut, zoomed or encoded."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from vidgen_core.config.schema import ChecksSettings
from vidgen_core.media.first_frame_match import similarity
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.media.sample_art import write_sample
from vidgen_core.media.video import first_picture

MOVES = ("hold still", "zoom in", "zoom out", "pan left", "orbit", "push in fast", "镜头上摇")


def scene(seed: int, size: tuple[int, int] = (480, 640)) -> Image.Image:
    """A picture with things in it; another seed is another picture."""
    lots = random.Random(seed)
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = lots.randrange(size[0]), lots.randrange(size[1])
        across = lots.randrange(size[0] // 12, size[0] // 3)
        colour = tuple(lots.randrange(256) for _ in range(3))
        (draw.ellipse if lots.random() < 0.5 else draw.rectangle)(
            (x - across, y - across, x + across, y + across), colour
        )
    return image


def encoded(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def alike(frame: Image.Image, picture: Image.Image) -> bool:
    found = similarity(frame, picture)
    assert found is not None
    return found >= ChecksSettings().first_frame_differs


def begins_with(film: Path, picture: Path) -> bool:
    with Image.open(picture) as opened:
        return alike(first_picture(film, 256), opened)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        scene(seed).save(path)
    return paths


@pytest.mark.parametrize(
    ("move", "size"), [*((move, (72, 128)) for move in MOVES), ("zoom in", (128, 72)), ("zoom out", (96, 96))]
)
def test_takes_of_the_local_renderer_are_never_doubted(
    pictures: list[Path], tmp_path: Path, move: str, size: tuple[int, int]
) -> None:
    sample = tmp_path / "sample.png"
    write_sample(sample, 7, 480, 640)
    for number, picture in enumerate((pictures[0], sample)):
        film = tmp_path / f"{number}.mp4"
        render(RenderSpec(image=picture, prompt=move, width=size[0], height=size[1], seconds=0.2, fps=10), film)
        assert begins_with(film, picture)


def test_a_video_of_another_picture_is_doubted(pictures: list[Path], tmp_path: Path) -> None:
    for shown in pictures:
        film = tmp_path / f"{shown.stem}.mp4"
        render(RenderSpec(image=shown, prompt="zoom in", width=144, height=256, seconds=0.2, fps=10), film)
        assert [begins_with(film, wanted) for wanted in pictures] == [wanted == shown for wanted in pictures]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: encoded(image, 8),
        lambda image: image.crop((60, 80, 420, 560)),
        lambda image: image.crop((0, 160, 480, 430)),
        lambda image: ImageOps.pad(image, (1024, 576)),
        lambda image: ImageOps.expand(image, 40, "white"),
        lambda image: ImageOps.autocontrast(image.point(lambda value: int(value * 0.6 + 40))),
        lambda image: image.resize((90, 120)),
        lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    ],
    ids=["coarse", "zoomed", "cut to lie", "barred", "bordered", "graded", "small", "tilted"],
)
def test_what_a_model_or_an_encoder_does_to_a_picture_leaves_it_the_same(change) -> None:
    picture = scene(11)
    assert alike(change(picture), picture)
    assert not alike(change(scene(12)), picture)


def test_an_even_picture_says_nothing() -> None:
    assert similarity(scene(1), Image.new("RGB", (480, 640), "grey")) is None
