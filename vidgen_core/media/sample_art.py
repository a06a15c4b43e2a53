"""Pictures drawn by the program: landscapes for the sample project and a quiet ground where a shot has no picture."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Light:
    """The colours of one hour: sky from the top down, the sun or moon, far and near land."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    far: Colour
    near: Colour


LIGHTS: Final = (
    Light((38, 52, 110), (222, 110, 104), (255, 202, 138), (255, 240, 200), (158, 104, 130), (32, 24, 48)),
    Light((52, 120, 196), (140, 192, 232), (232, 244, 248), (255, 252, 232), (138, 172, 196), (22, 62, 62)),
    Light((10, 14, 40), (30, 44, 92), (84, 104, 150), (236, 240, 250), (52, 66, 112), (8, 10, 24)),
    Light((86, 60, 120), (240, 146, 88), (255, 222, 150), (255, 246, 214), (188, 118, 98), (54, 28, 36)),
    Light((28, 92, 108), (112, 180, 170), (250, 226, 190), (255, 244, 222), (104, 150, 148), (12, 46, 52)),
    Light((62, 44, 96), (176, 92, 142), (252, 170, 166), (255, 226, 220), (134, 84, 134), (28, 18, 44)),
)


@dataclass
class Scene:
    """A picture in the making: colours (height, width, 3), coordinates 0–1, and the dice of its seed."""

    canvas: Floats
    x: Floats
    y: Floats
    light: Light
    dice: np.random.Generator

    @property
    def pixel(self) -> float:
        """The height of a pixel in coordinates: how soft an edge is."""
        return 1.0 / len(self.canvas)

    @property
    def shape(self) -> float:
        """Width divided by height, so that circles are round."""
        height, width, _ = self.canvas.shape
        return float(width / height)

    def blend(self, colour: Floats | Colour, mask: Floats) -> None:
        """Lay a colour over the canvas where the mask (0–1) says so."""
        cover = mask[..., None]
        self.canvas = self.canvas * (1 - cover) + np.asarray(colour, np.float32) * cover


def draw_frame(text: str, width: int, height: int, seed: int) -> Image.Image:
    """A landscape of the program's own making; another seed, or another text, gives another one."""
    dice = np.random.default_rng([zlib.crc32(text.encode("utf-8", "replace")), seed & 0xFFFFFFFF])
    x, y = _grid(width, height)
    scene = Scene(np.zeros((height, width, 3), np.float32), x, y, LIGHTS[(seed * 5 + len(text)) % len(LIGHTS)], dice)
    horizon = float(dice.uniform(0.52, 0.64))
    _sky(scene, horizon)
    _sun(scene, horizon)
    _clouds(scene, horizon)
    _SUBJECTS[seed % len(_SUBJECTS)](scene, horizon)
    return _finished(scene)


def draw_backdrop(text: str, width: int, height: int, seed: int) -> Image.Image:
    """A soft gradient with a few lights, its colours chosen by the text."""
    dice = np.random.default_rng([zlib.crc32(text.encode("utf-8", "replace")), seed & 0xFFFFFFFF])
    small = (max(2, width // 8), max(2, height // 8))
    x, y = _grid(*small)
    top, bottom = dice.uniform(18, 70, 3), dice.uniform(60, 150, 3)
    canvas = top + (bottom - top) * y[..., None]
    for _ in range(4):
        centre, reach = dice.uniform(0.1, 0.9, 2), dice.uniform(0.12, 0.35)
        glow = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * reach**2))
        canvas = canvas + glow[..., None] * dice.uniform(10, 70, 3)
    picture = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _sky(scene: Scene, horizon: float) -> None:
    light = scene.light
    height = np.clip(scene.y / horizon, 0, 1)[..., None]
    upper = _mix(light.zenith, light.middle, np.clip(height * 1.6, 0, 1))
    scene.canvas = upper + (np.asarray(light.horizon, np.float32) - upper) * np.clip(height * 1.8 - 0.8, 0, 1)
    if sum(light.zenith) < 100:
        _stars(scene, horizon)


def _stars(scene: Scene, horizon: float) -> None:
    for x, y, size in zip(*scene.dice.uniform(0, 1, (2, 90)), scene.dice.uniform(0.6, 1.8, 90), strict=True):
        distance = _distance(scene, float(x), float(y) * horizon * 0.9)
        scene.blend((255, 255, 245), 0.9 * np.clip(size * 0.0016 / np.maximum(distance, 1e-5) - 0.5, 0, 1))


def _sun(scene: Scene, horizon: float) -> None:
    distance = _distance(scene, float(scene.dice.uniform(0.28, 0.72)), horizon * float(scene.dice.uniform(0.35, 0.8)))
    radius = min(1.0, scene.shape) * float(scene.dice.uniform(0.06, 0.1))
    scene.blend(scene.light.sun, 0.55 * np.exp(-((distance / (radius * 3.2)) ** 2)))
    scene.blend(scene.light.sun, np.clip((radius - distance) / scene.pixel + 0.5, 0, 1))


def _clouds(scene: Scene, horizon: float) -> None:
    """Long soft bands: noise stretched sideways, thinner towards the horizon."""
    rows, columns = scene.canvas.shape[:2]
    noise = sum(
        (_noise(scene.dice, columns, rows, cells, cells * 5) / 2**octave for octave, cells in enumerate((2, 4, 8, 16))),
        start=np.zeros((rows, columns), np.float32),
    )
    veil = np.clip((noise - 1.02) * 1.9, 0, 0.75) * np.clip(1.25 - scene.y / horizon, 0, 1)
    scene.blend(_mix(scene.light.horizon, (255, 255, 255), np.float32(0.45)), veil)


def _mountains(scene: Scene, horizon: float) -> None:
    _ridges(scene, horizon, layers=5, rough=0.55, tall=0.22)


def _lake(scene: Scene, horizon: float) -> None:
    _ridges(scene, horizon - 0.05, layers=3, rough=0.5, tall=0.2)
    _water(scene, horizon + 0.14)
    _trees(scene, 0.93)


def _city(scene: Scene, horizon: float) -> None:
    _ridges(scene, horizon, layers=1, rough=0.4, tall=0.1)
    for depth in (0.25, 0.6, 1.0):
        _buildings(scene, horizon + 0.06 + depth * 0.14, depth)


def _dunes(scene: Scene, horizon: float) -> None:
    _ridges(scene, horizon, layers=4, rough=0.22, tall=0.16)


def _forest(scene: Scene, horizon: float) -> None:
    _ridges(scene, horizon, layers=2, rough=0.5, tall=0.2)
    for ground in (horizon + 0.16, horizon + 0.27, horizon + 0.4):
        _trees(scene, ground)


_SUBJECTS: Final[tuple[Callable[[Scene, float], None], ...]] = (_mountains, _city, _lake, _forest, _dunes)


def _ridges(scene: Scene, horizon: float, layers: int, rough: float, tall: float) -> None:
    """Land in layers, from pale and far to dark and near, each lit a little at its crest."""
    for layer in range(layers):
        depth = (layer + 1) / layers
        base = horizon + depth**1.4 * (0.95 - horizon)
        crest = base - tall * (1 - 0.45 * depth) * _line(scene, 2 + layer, rough)
        land = _mix(scene.light.far, scene.light.near, np.float32(depth**0.8))
        below = scene.y - crest[None, :]
        haze = np.clip(below / 0.3, 0, 1)[..., None] * 0.35 * (1 - depth * 0.6)
        colour = _mix(land, scene.light.horizon, haze)
        colour = colour + (22 * np.exp(-np.clip(below, 0, None) / 0.012))[..., None] * (1 - depth * 0.5)
        scene.blend(colour, np.clip(below / scene.pixel + 0.5, 0, 1))


def _water(scene: Scene, level: float) -> None:
    """The picture above, upside down, darker and in ripples."""
    rows = scene.canvas.shape[0]
    top = round(level * rows)
    mirrored = scene.canvas[max(0, 2 * top - rows) : top][::-1]
    depth = np.linspace(0, 1, len(mirrored), dtype=np.float32)
    ripple = np.sin(depth**0.6 * 160 + scene.dice.uniform(0, 6)) * (1 + 9 * depth) * rows / 1400
    shifted = np.stack([np.roll(row, round(float(by)), axis=0) for row, by in zip(mirrored, ripple, strict=True)])
    scene.canvas[top : top + len(shifted)] = shifted * (0.86 - 0.25 * depth[:, None, None])


def _buildings(scene: Scene, ground: float, depth: float) -> None:
    """A row of towers with some windows lit."""
    colour = np.asarray(_mix(scene.light.far, scene.light.near, np.float32(0.35 + depth * 0.65)), np.float32)
    left = -0.02
    while left < 1.0:
        width = float(scene.dice.uniform(0.05, 0.13)) * (0.5 + depth * 0.5) / max(0.6, scene.shape**0.5)
        top = ground - float(scene.dice.uniform(0.06, 0.34)) * (0.65 + 0.35 * depth)
        _house(scene, colour, (left, left + width, top), depth)
        left += width * float(scene.dice.uniform(0.9, 1.25))


def _house(scene: Scene, colour: Floats, box: tuple[float, float, float], depth: float) -> None:
    left, right, top = box
    rows, columns = scene.canvas.shape[:2]
    x0, x1, y0 = max(0, round(left * columns)), min(columns, round(right * columns)), round(top * rows)
    if x1 - x0 < 4:
        return
    scene.canvas[y0:, x0:x1] = colour
    cell = max(4, round(rows * 0.014 * (0.6 + 0.4 * depth)))
    for y in range(y0 + cell, rows - cell, cell * 2):
        for x in range(x0 + cell // 2 + 1, x1 - cell, cell + cell // 2):
            if scene.dice.random() < 0.28:
                warm = np.asarray((255, 214, 140), np.float32) * float(scene.dice.uniform(0.55, 1.0))
                scene.canvas[y : y + cell, x : x + max(2, cell * 2 // 3)] = colour + (warm - colour) * (
                    0.3 + 0.6 * depth
                )


def _trees(scene: Scene, ground: float) -> None:
    """Firs: the nearer their ground is to the lower edge, the larger and darker they are."""
    depth = min(1.0, max(0.0, (ground - 0.6) / 0.35))
    colour = _mix(scene.light.far, scene.light.near, np.float32(0.55 + 0.45 * depth))
    foot = ground + 0.02 * _line(scene, 3, 0.4)
    cover: Floats = np.clip((scene.y - foot[None, :]) / scene.pixel + 0.5, 0, 1)
    for _ in range(int(46 - 24 * depth)):
        middle, size = (
            float(scene.dice.uniform(-0.03, 1.03)),
            float(scene.dice.uniform(0.5, 1.0)) * (0.07 + 0.17 * depth),
        )
        cover = np.maximum(cover, _fir(scene, middle, ground + 0.02 - size, size))
    scene.blend(colour, cover)


def _fir(scene: Scene, middle: float, top: float, size: float) -> Floats:
    down = (scene.y - top) / size
    boughs = (down * 6) % 1.0
    reach = size * 0.26 * down * (0.62 + 0.38 * boughs)
    inside = (reach - np.abs(scene.x - middle) * scene.shape) / scene.pixel + 0.5
    fir: Floats = np.where((down >= 0) & (down <= 1), np.clip(inside, 0, 1), np.float32(0))
    return fir


def _line(scene: Scene, cells: int, rough: float) -> Floats:
    """A rough line from left to right, about 0–1: noise in octaves."""
    columns = scene.canvas.shape[1]
    total, weight, sum_of_weights = np.zeros(columns, np.float32), 1.0, 0.0
    for octave in range(7):
        total += np.float32(weight) * _smooth(scene.dice.random(cells * 2**octave + 3).astype(np.float32), columns)
        sum_of_weights += weight
        weight *= rough
    return total / np.float32(sum_of_weights)


def _smooth(values: Floats, length: int) -> Floats:
    """Values spread over a length, with soft steps between them."""
    place = np.linspace(0, len(values) - 1.001, length, dtype=np.float32)
    left = place.astype(np.int64)
    step = place - left
    step = step * step * (3 - 2 * step)
    spread: Floats = values[left] * (1 - step) + values[left + 1] * step
    return spread


def _noise(dice: np.random.Generator, width: int, height: int, across: int, down: int) -> Floats:
    grid = Image.fromarray((dice.random((down + 1, across + 1)) * 255).astype(np.uint8))
    return np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), np.float32) / np.float32(255)


def _mix(one: Floats | Colour, other: Floats | Colour, share: Floats | np.float32) -> Floats:
    first = np.asarray(one, np.float32)
    mixed: Floats = first + (np.asarray(other, np.float32) - first) * share
    return mixed


def _distance(scene: Scene, x: float, y: float) -> Floats:
    away: Floats = np.hypot((scene.x - x) * scene.shape, scene.y - y)
    return away


def _finished(scene: Scene) -> Image.Image:
    """With a little grain, so that soft skies do not break into bands."""
    grain = scene.dice.normal(0, 1.6, scene.canvas.shape[:2]).astype(np.float32)[..., None]
    return Image.fromarray(np.clip(scene.canvas + grain, 0, 255).astype(np.uint8))


def _grid(width: int, height: int) -> tuple[Floats, Floats]:
    """Coordinates from 0 to 1, rightwards and downwards."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / np.float32(max(1, width - 1)), y / np.float32(max(1, height - 1))
