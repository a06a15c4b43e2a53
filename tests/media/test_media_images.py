"""Pictures of every kind are taken, and what is none is refused with its own reason."""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from media_material import texture
from PIL import Image, ImageCms

from vidgen_core.domain.errors import FileError
from vidgen_core.media.images import (
    PIXEL_LIMIT,
    crop_shown,
    fit_jpeg,
    inspect_image,
    keep_image,
    open_upright,
    thumbnail,
)
from vidgen_core.media.sample_art import sample_scene, write_sample

Saver = Callable[[Image.Image, Path], None]
KINDS: dict[str, tuple[str, Saver]] = {
    "jpg": ("JPEG", lambda image, path: image.save(path, quality=90)),
    "png": ("PNG", lambda image, path: image.save(path)),
    "webp": ("WEBP", lambda image, path: image.save(path, quality=90)),
    "gif": ("GIF", lambda image, path: image.save(path)),
    "bmp": ("BMP", lambda image, path: image.save(path)),
    "tif": ("TIFF", lambda image, path: image.save(path)),
    "avif": ("AVIF", lambda image, path: image.save(path)),
    "heic": ("HEIF", lambda image, path: pillow_heif.from_pillow(image).save(path, quality=80)),
}


def refusal(path: Path) -> FileError:
    with pytest.raises(FileError) as caught:
        inspect_image(path)
    assert caught.value.params["path"] == str(path)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_every_kind_are_read(tmp_path: Path, kind: str) -> None:
    name, save = KINDS[kind]
    path = tmp_path / f"picture.{kind}"
    save(texture(160, 120), path)

    facts = inspect_image(path)

    assert (facts.format, facts.width, facts.height) == (name, 160, 120)
    assert facts.bytes == path.stat().st_size
    assert (facts.has_alpha, facts.rotated, facts.animated) == (False, False, False)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_every_kind_become_jpeg(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"picture.{kind}"
    KINDS[kind][1](texture(160, 120), path)

    copy = _jpeg(fit_jpeg(path, max_bytes=100_000))

    assert (copy.format, copy.mode, copy.size) == ("JPEG", "RGB", (160, 120))
    # A GIF has 256 colours only.
    assert np.abs(np.asarray(copy, float) - np.asarray(texture(160, 120), float)).mean() < 12


def test_the_kind_is_told_by_the_content_not_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    texture(100, 100).save(path, "PNG")

    assert inspect_image(path).format == "PNG"
    assert keep_image(path, tmp_path / "images").endswith(".png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    upright = Image.new("RGB", (120, 80), "black")
    upright.paste((255, 0, 0), (0, 0, 40, 30))
    path = tmp_path / "phone.jpg"
    _stored_as(upright, orientation).save(path, quality=95, exif=_exif(orientation))

    facts = inspect_image(path)
    copy = _jpeg(fit_jpeg(path, max_bytes=100_000))

    assert (facts.width, facts.height) == (120, 80)
    assert facts.rotated == (orientation != 1)
    assert copy.size == (120, 80)
    assert copy.getpixel((10, 10))[0] > 200  # type: ignore[index]
    assert copy.getpixel((100, 70))[0] < 50  # type: ignore[index]
    assert not copy.getexif(), "no metadata goes out"


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a secret place"
    return exif


def _stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """How a camera stores an upright picture under an orientation: the inverse of what a viewer does."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(turns[orientation]) if orientation in turns else upright


def test_a_large_rotated_picture_that_is_read_small_is_still_upright(tmp_path: Path) -> None:
    upright = Image.new("RGB", (600, 1800), "black")
    upright.paste((255, 255, 255), (0, 0, 600, 300))
    for kind in ("jpg", "png"):
        path = tmp_path / f"phone.{kind}"
        _stored_as(upright, 6).save(path, exif=_exif(6))

        small = open_upright(path, (60, 180))

        assert small.width * 3 == small.height
        assert 180 <= small.height < 600
        assert np.asarray(small.convert("L"))[:20].mean() > 240
        assert np.asarray(small.convert("L"))[-100:].mean() < 10


def test_a_phone_photo_in_heic_comes_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.heic"
    pillow_heif.from_pillow(texture(160, 120)).save(path, quality=80)

    assert open_upright(path).size == (160, 120)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_seen_and_laid_on_white(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 50, 100))
    path = tmp_path / "alpha.png"
    picture.convert(mode).save(path)

    copy = _jpeg(fit_jpeg(path, max_bytes=100_000))

    assert inspect_image(path).has_alpha
    assert min(copy.getpixel((80, 50))) > 245  # type: ignore[type-var]
    assert copy.getpixel((20, 50))[0] < 60  # type: ignore[index]


def test_an_animation_is_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])

    assert inspect_image(path).animated
    assert open_upright(path).getpixel((40, 40)) == (255, 0, 0)


def test_colours_of_another_profile_are_brought_to_srgb(tmp_path: Path) -> None:
    path = tmp_path / "profile.png"
    Image.new("RGB", (100, 100), (250, 0, 0)).save(path, icc_profile=_red_and_blue_swapped())

    red, _, blue = open_upright(path).getpixel((50, 50))  # type: ignore[misc]

    assert red < 20 < 200 < blue
    assert "icc_profile" not in _jpeg(fit_jpeg(path, max_bytes=50_000)).info


def _red_and_blue_swapped() -> bytes:
    """SRGB whose profile takes red for blue: nobody who leaves it out can miss it."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = data.index(b"rXYZ"), data.index(b"bXYZ")
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def test_a_profile_that_is_none_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    texture(100, 100).save(path, icc_profile=b"no profile at all")

    np.testing.assert_array_equal(np.asarray(open_upright(path)), np.asarray(texture(100, 100)))


def test_colours_of_a_printer_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (100, 100), (0, 255, 255, 0)).save(path, quality=95)

    red, green, _ = open_upright(path).getpixel((50, 50))  # type: ignore[misc]

    assert red > 200 > 100 > green


def _jpeg(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_sixteen_bits_of_grey_are_scaled_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    ramp = np.tile(np.linspace(0, 65535, 128, dtype=np.uint16), (128, 1))
    Image.fromarray(ramp).save(path)

    shown = np.asarray(open_upright(path).convert("L"), float)

    assert shown[64, 64] == pytest.approx(128, abs=4)
    assert shown[64, 120] > shown[64, 100] > shown[64, 30]


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.png").code == "image_missing"
    (tmp_path / "file").write_text("x")
    assert refusal(tmp_path / "file" / "below.png").code == "image_missing"


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "image_unreadable"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_picture_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.png"
    texture(100, 100).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        # The superuser may read everything: the system's answer is given in its place.
        monkeypatch.setattr(Path, "open", _denied)

    error = refusal(path)

    assert (error.code, error.params["system"]) == ("image_unreadable", "EACCES")


def _denied(path: Path, *args: object, **kwargs: object) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()

    assert refusal(tmp_path / "empty.jpg").code == "image_empty"


@pytest.mark.parametrize(
    "content", [b"just words", b"<html>404</html>", b"\0" * 5000, b"RIFF____WAVEfmt ", b"%PDF-1.4"]
)
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "words.png").write_bytes(content)

    assert refusal(tmp_path / "words.png").code == "image_not_a_picture"


@pytest.mark.parametrize("part", [0.3, 0.7, 0.98])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_cut_off(tmp_path: Path, kind: str, part: float) -> None:
    whole, cut = tmp_path / f"whole.{kind}", tmp_path / f"cut.{kind}"
    KINDS[kind][1](texture(200, 150), whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * part)])

    assert refusal(cut).code == "image_truncated"


def test_a_progressive_jpeg_that_is_cut_off(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    texture(200, 150).save(buffer, "JPEG", progressive=True)
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])

    assert refusal(tmp_path / "cut.jpg").code == "image_truncated"


def _png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [11_000, 15_000, 30_000, 60_000])
def test_a_small_file_that_claims_to_be_huge_is_not_even_decoded(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_header(side, side))

    error = refusal(path)

    assert (error.code, error.params["limit"]) == ("image_too_many_pixels", PIXEL_LIMIT)
    with pytest.raises(FileError, match="image_too_many_pixels"):
        fit_jpeg(path, max_bytes=10_000)


def test_an_icon_is_too_small(tmp_path: Path) -> None:
    texture(200, 63).save(tmp_path / "icon.png")

    error = refusal(tmp_path / "icon.png")

    assert error.code == "image_too_small"
    assert (error.params["width"], error.params["height"], error.params["least"]) == (200, 63, 64)


def test_a_picture_is_kept_untouched_under_its_content(tmp_path: Path) -> None:
    path, images = tmp_path / "任意 名字.JPG", tmp_path / "images"
    texture(200, 200).save(path, "JPEG", exif=_exif(6))

    key = keep_image(path, images)

    assert key == f"{hashlib.sha256(path.read_bytes()).hexdigest()}.jpg"
    assert (images / key).read_bytes() == path.read_bytes()
    assert keep_image(path, images) == key
    assert keep_image(path.read_bytes(), images) == key
    assert [each.name for each in images.iterdir()] == [key]


def test_a_kept_copy_that_is_damaged_is_mended(tmp_path: Path) -> None:
    path, images = tmp_path / "a.png", tmp_path / "images"
    texture(100, 100).save(path)
    key = keep_image(path, images)
    (images / key).write_bytes(b"")

    keep_image(path, images)

    assert (images / key).read_bytes() == path.read_bytes()


def test_a_bad_picture_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="image_not_a_picture"):
        keep_image(b"<svg/>", tmp_path / "images")

    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("limit", [200_000, 40_000, 12_000, 4_000])
def test_a_copy_fits_and_uses_most_of_the_room(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "large.png"
    texture(800, 600, seed=4).save(path)

    data = fit_jpeg(path, max_bytes=limit)

    copy = _jpeg(data)
    assert limit * 0.4 < len(data) <= limit or copy.size == (800, 600)
    assert copy.width / copy.height == pytest.approx(4 / 3, rel=0.05)


def test_a_longest_edge_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    texture(1200, 900).save(path)

    assert _jpeg(fit_jpeg(path, max_bytes=10**6, max_edge=500)).size == (500, 375)
    assert _jpeg(fit_jpeg(path, max_bytes=10**6, max_edge=5000)).size == (1200, 900)


def test_a_limit_nothing_fits_under_is_said(tmp_path: Path, picture: Path) -> None:
    with pytest.raises(FileError) as caught:
        fit_jpeg(picture, max_bytes=500)

    assert caught.value.code == "image_cannot_fit"
    assert caught.value.params["limit"] == 500


def test_a_thumbnail_is_small_upright_and_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "phone.jpg", tmp_path / "new" / "thumbnail.jpg"
    texture(1600, 900).save(source, exif=_exif(6))

    thumbnail(source, target, 200)

    with Image.open(target) as small:
        assert small.size == (112, 200)
    assert [each.name for each in target.parent.iterdir()] == ["thumbnail.jpg"]


@pytest.mark.parametrize(
    ("size", "ratio", "kept"),
    [((400, 200), (1, 1), (50, 0, 150, 100)), ((200, 400), (16, 9), (0, 72, 100, 128)), ((180, 320), (9, 16), None)],
)
def test_what_a_ratio_cuts_off_is_dimmed_and_what_stays_is_framed(
    tmp_path: Path, size: tuple[int, int], ratio: tuple[int, int], kept: tuple[int, int, int, int] | None
) -> None:
    source, target = tmp_path / "grey.png", tmp_path / "cropped.jpg"
    Image.new("RGB", size, (200, 200, 200)).save(source)

    crop_shown(source, target, 200 if size[0] != 180 else 320, ratio)

    with Image.open(target) as shown:
        bright = np.asarray(shown.convert("L")) > 150
    wide, high = bright.shape[1], bright.shape[0]
    if kept is None:
        assert bright.all()
        return
    scale = wide / (200 if size[0] > size[1] else 100)
    left, top, right, bottom = (round(edge * scale) for edge in kept)
    assert bright[top + 4 : bottom - 4, left + 4 : right - 4].all()
    assert not bright[: max(0, top - 4), :].any()
    assert not bright[min(high, bottom + 4) :, :].any()
    assert not bright[:, : max(0, left - 4)].any()
    assert not bright[:, min(wide, right + 4) :].any()


def test_sample_scenes_are_the_same_for_one_seed_and_differ_between_seeds(tmp_path: Path) -> None:
    scenes = [np.asarray(sample_scene("", 120, 160, seed), float) for seed in range(8)]

    assert all(scene.shape == (160, 120, 3) for scene in scenes)
    np.testing.assert_array_equal(scenes[3], np.asarray(sample_scene("", 120, 160, 3), float))
    for i, one in enumerate(scenes):
        assert one.std() > 15, "not just a colour"
        assert all(np.abs(one - other).mean() > 5 for other in scenes[:i])


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.png", "PNG")])
def test_a_sample_picture_is_a_picture(tmp_path: Path, name: str, kind: str) -> None:
    write_sample(tmp_path / "samples" / name, 5, 320, 200)

    facts = inspect_image(tmp_path / "samples" / name)
    assert (facts.format, facts.width, facts.height) == (kind, 320, 200)
