"""Whatever picture a person has, it arrives as the provider wants it, and the original stays as it was."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pillow_heif import register_heif_opener
from provider_world import World, make_key, send

from vidgen_core.domain.errors import FileError
from vidgen_core.providers.base import Provider
from vidgen_core.providers.common import picture_copies
from vidgen_core.providers.common.picture_copies import PictureCopies
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.yunwu.adapter import Yunwu

KEY = make_key()


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    values = np.random.default_rng(3).integers(0, 255, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(values)


def large(path: Path) -> Path:
    """More than twelve megabytes."""
    noise(2300, 2000).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def with_alpha(path: Path) -> Path:
    noise(400, 300, 4).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def of_a_phone(path: Path) -> Path:
    register_heif_opener()
    noise(400, 300).save(path.with_suffix(".heic"))
    return path.with_suffix(".heic")


def turned(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise(300, 400).save(path.with_suffix(".jpg"), exif=exif)
    return path.with_suffix(".jpg")


@pytest.fixture(params=[Yunwu, Kie], ids=["yunwu", "kie"])
async def provider(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Provider]:
    provider = request.param(world.settings, world.locations)
    yield provider
    await provider.close()


@pytest.mark.parametrize("make", [large, with_alpha, of_a_phone, turned])
async def test_every_kind_of_picture_arrives_as_an_upright_jpeg(provider, world, tmp_path, make) -> None:
    path = make(tmp_path / "picture")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    await send(provider, world.order(provider, picture=path), KEY)
    seen = world.server.stats()["images"][-1]
    assert seen["format"] == "JPEG"
    assert seen["width"] > seen["height"]
    assert seen["bytes"] <= 8_000_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


async def test_a_picture_that_is_none_is_refused_before_anything_is_sent(provider, world, tmp_path) -> None:
    path = tmp_path / "picture.png"
    path.write_text("not a picture")
    with pytest.raises(FileError):
        await provider.prepare(world.order(provider, picture=path), KEY)
    assert world.server.stats()["submits_total"] == 0


@pytest.fixture
def copies(tmp_path: Path) -> PictureCopies:
    return PictureCopies(tmp_path / "requests")


async def test_takes_of_one_shot_share_a_copy(copies, picture) -> None:
    first = await copies.jpeg(picture, 1_000_000, "1080P")
    assert await copies.jpeg(picture, 1_000_000, "1080P") == first
    assert await copies.jpeg(picture, 100_000, "1080P") != first


async def test_a_picture_that_was_changed_gets_a_new_copy(copies, tmp_path) -> None:
    path = tmp_path / "p.png"
    noise(100, 100).save(path)
    first = await copies.jpeg(path, 1_000_000, "720P")
    noise(120, 100).save(path)
    assert await copies.jpeg(path, 1_000_000, "720P") != first


async def test_a_copy_is_no_finer_than_any_video(copies, tmp_path) -> None:
    path = tmp_path / "p.jpg"
    Image.new("RGB", (5000, 1000)).save(path)
    with Image.open(await copies.jpeg(path, 3_000_000, "1080P")) as copy:
        assert copy.size == (2560, 512)
    with Image.open(await copies.jpeg(path, 3_000_000, "4K")) as copy:
        assert copy.width == 4096


async def test_old_copies_make_room_and_those_just_handed_out_stay(copies, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(picture_copies, "KEPT", 2)
    paths = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        noise(100 + number, 100).save(path)
        paths.append(await copies.jpeg(path, 1_000_000, "720P"))
    assert all(path.exists() for path in paths)
    monkeypatch.setattr(picture_copies, "SAFE", 0.0)
    await copies.jpeg(tmp_path / "3.png", 1_000_000, "720P")
    assert [path.exists() for path in paths] == [False, False, True, True]


async def test_copies_of_a_run_that_was_killed_are_cleared_away(tmp_path, picture) -> None:
    left = tmp_path / "requests" / "old.jpg"
    left.parent.mkdir()
    left.write_text("left over")
    copies = PictureCopies(tmp_path / "requests")
    await copies.jpeg(picture, 1_000_000, "720P")
    assert not left.exists()
    copies.close()
    assert not left.parent.exists()
