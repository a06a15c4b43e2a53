"""The path of a virtual camera over a still picture, frame by frame.

A *view* is the part of the picture that one frame shows. All lengths are pixels of the picture. A path is straight in
the corners of its views, so a way between two views that lie in the picture never leaves it: no border is ever seen.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vidgen_core.media.camera_words import Camera, Move

Floats = npt.NDArray[np.float64]
#: left, top, right, bottom
Box = tuple[float, float, float, float]

#: Distance of the eye from the picture in diagonals of the frame: a lens of about 58 degrees.
EYE: Final = 0.9
#: How far a full move goes at usual speed: of the view's width or height, or of its scale.
PAN: Final = 0.28
ZOOM: Final = 0.30
PUSH: Final = 0.45
DRIFT: Final = 0.06
#: radians
YAW: Final = math.radians(17)
ROLL: Final = math.radians(6)
#: The largest zoom, as a multiple of the widest view.
NEAREST: Final = 2.2


@dataclass(frozen=True)
class Stage:
    """The picture and the frame it is shown in; ``subject`` is its focal point, as fractions of width and height."""

    width: int
    height: int
    frame_width: int
    frame_height: int
    subject: tuple[float, float] = (0.5, 0.5)

    @property
    def cover(self) -> tuple[float, float]:
        """Width and height of the widest view: the frame's shape, cut to cover."""
        scale = min(self.width / self.frame_width, self.height / self.frame_height)
        return self.frame_width * scale, self.frame_height * scale


@dataclass(frozen=True)
class View:
    """Centre and zoom: 1 is the widest view."""

    x: float
    y: float
    zoom: float


@dataclass(frozen=True)
class CameraPath:
    """One entry a frame: centre of the view, nearness, turn around the upright axis and around the line of sight (radians)."""

    x: Floats
    y: Floats
    zoom: Floats
    yaw: Floats
    roll: Floats

    @property
    def nearest(self) -> float:
        """The largest zoom of the path; the subject has no influence on it."""
        return float(self.zoom.max())

    @property
    def flat(self) -> bool:
        """Whether the views are upright rectangles, which are cheaper to render."""
        return not (self.yaw.any() or self.roll.any())


@dataclass(frozen=True)
class _Movement:
    """The sum of the moves: travel in fractions of the view, growth of the zoom, turns in radians, sway in fractions of the view."""

    right: float
    down: float
    nearer: float
    yaw: float
    roll: float
    sway: float


def plan_path(camera: Camera, stage: Stage, frames: int, seconds: float, seed: int) -> CameraPath:
    """The path of a camera; the seed varies reach, start and anchor but never the kind of move."""
    dice = random.Random(f"{seed}/camera")
    movement = _movement(camera, dice)
    yaw, roll = _turns(movement, frames)
    sway_x, sway_y = _sway(movement.sway, frames, seconds, dice)
    margin = _margin(stage, float(np.abs(yaw).max()), float(np.abs(roll).max()), movement.sway)
    first, last = _ends(movement, stage, margin, dice)
    eased = _ease(np.linspace(0.0, 1.0, frames))
    zoom = np.exp(math.log(first.zoom) * (1 - eased) + math.log(last.zoom) * eased)
    along = _along(zoom, first.zoom, last.zoom, eased)
    wide, high = stage.cover
    x = first.x + (last.x - first.x) * along + sway_x * wide / zoom
    y = first.y + (last.y - first.y) * along + sway_y * high / zoom
    return CameraPath(x, y, zoom, yaw, roll)


def matrices(path: CameraPath, stage: Stage) -> list[Floats]:
    """One 3×3 homography a frame, from frame pixels to picture pixels, both counted from the upper left corner."""
    return [_homography(path, stage, i) for i in range(len(path.x))]


def boxes(path: CameraPath, stage: Stage) -> list[Box]:
    """One box (left, top, right, bottom) a frame, for a flat path; never outside the picture."""
    wide, high = stage.cover
    w, h = wide / path.zoom, high / path.zoom
    left = np.clip(path.x - w / 2, 0, stage.width - w)
    top = np.clip(path.y - h / 2, 0, stage.height - h)
    right, bottom = np.minimum(left + w, stage.width), np.minimum(top + h, stage.height)
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in zip(left, top, right, bottom, strict=True)]


def _movement(camera: Camera, dice: random.Random) -> _Movement:
    reach = camera.speed * dice.uniform(0.85, 1.15)
    moves = set(camera.moves)
    side = dice.choice((-1.0, 1.0))
    lean = dice.choice((-1.0, 1.0))
    if Move.DRIFT in moves:
        return _Movement(
            side * DRIFT * reach, lean * DRIFT * 0.5 * reach, dice.choice((-1, 1)) * DRIFT * reach, 0, 0, 0
        )
    if Move.STILL in moves:
        return _Movement(0, 0, 0, 0, 0, 0)
    return _Movement(
        right=reach * (PAN * _sign(moves, Move.PAN_RIGHT, Move.PAN_LEFT) + (Move.ORBIT in moves) * side * 0.12),
        down=reach * PAN * _sign(moves, Move.TILT_DOWN, Move.TILT_UP),
        nearer=reach * (ZOOM * _sign(moves, Move.ZOOM_IN, Move.ZOOM_OUT) + PUSH * _sign(moves, Move.PUSH, Move.PULL)),
        yaw=(Move.ORBIT in moves) * side * YAW * min(1.3, reach),
        roll=(Move.ROLL in moves) * side * ROLL * min(1.5, reach),
        sway=(Move.HANDHELD in moves) * 0.016 * dice.uniform(0.9, 1.2),
    )


def _sign(moves: set[Move], plus: Move, minus: Move) -> int:
    return (plus in moves) - (minus in moves)


def _ease(t: Floats) -> Floats:
    """Ease in and out, but never stop: a clip that begins with a still second seems broken."""
    return 0.25 * t + 0.75 * (1 - np.cos(np.pi * t)) / 2


def _turns(movement: _Movement, frames: int) -> tuple[Floats, Floats]:
    eased = _ease(np.linspace(0.0, 1.0, frames))
    return movement.yaw * (2 * eased - 1), movement.roll * (2 * eased - 1)


def _sway(size: float, frames: int, seconds: float, dice: random.Random) -> tuple[Floats, Floats]:
    """Camera shake of a hand, in fractions of the view."""
    t = np.linspace(0.0, seconds, frames)
    return _waves(t, dice) * size, _waves(t, dice) * size


def _waves(t: Floats, dice: random.Random) -> Floats:
    """Slow waves of unrelated lengths within −1…1, from breathing to the tremor of a hand."""
    total = np.zeros_like(t)
    for hertz, weight in ((0.35, 0.5), (0.9, 0.3), (1.9, 0.15), (3.7, 0.05)):
        total += weight * np.sin(2 * np.pi * (hertz * dice.uniform(0.85, 1.15) * t + dice.random()))
    return total


def _margin(stage: Stage, yaw: float, roll: float, sway: float) -> float:
    """The zoom needed so that turns and sway show no edge; 1 is none."""
    if not (yaw or roll or sway):
        return 1.0
    w, h = stage.frame_width / 2, stage.frame_height / 2
    reach = 1.0
    for turn, bank in ((yaw, roll), (yaw, -roll), (-yaw, roll), (-yaw, -roll)):
        corners = _turned(stage, turn, bank) @ np.array([[w, -w, w, -w], [h, h, -h, -h], [1, 1, 1, 1]])
        reach = max(reach, float(np.max(np.abs(corners[:2] / corners[2]) / np.array([[w], [h]]))))
    return (reach + 2 * sway) * 1.002


def _turned(stage: Stage, yaw: float, roll: float) -> Floats:
    """Frame to picture for a camera turned towards the picture's centre; both measured from the centre.

    With the picture turned by ``yaw`` around its upright axis at distance f, a ray through (x, y) meets it at
    u = x / (cos yaw − x sin yaw / f), v = y cos yaw / (cos yaw − x sin yaw / f).
    """
    eye = EYE * math.hypot(stage.frame_width, stage.frame_height)
    side = np.array([[1, 0, 0], [0, math.cos(yaw), 0], [-math.sin(yaw) / eye, 0, math.cos(yaw)]])
    c, s = math.cos(roll), math.sin(roll)
    bank = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    turned: Floats = side @ bank
    return turned


def _homography(path: CameraPath, stage: Stage, i: int) -> Floats:
    scale = stage.cover[0] / stage.frame_width / path.zoom[i]
    to_centre = np.array([[1, 0, -stage.frame_width / 2], [0, 1, -stage.frame_height / 2], [0, 0, 1]])
    place = np.array([[scale, 0, path.x[i]], [0, scale, path.y[i]], [0, 0, 1]])
    matrix: Floats = place @ _turned(stage, float(path.yaw[i]), float(path.roll[i])) @ to_centre
    return matrix


def _ends(movement: _Movement, stage: Stage, margin: float, dice: random.Random) -> tuple[View, View]:
    """Where the camera starts and ends, with the subject between, both wholly inside the picture."""
    widest = _room(movement, stage, margin) * dice.uniform(1.01, 1.07)
    near = min(widest * (1 + abs(movement.nearer)), max(NEAREST, widest * 1.1))
    zooms = (widest, near) if movement.nearer >= 0 else (near, widest)
    wide, high = stage.cover
    x = stage.subject[0] * stage.width + dice.uniform(-0.03, 0.03) * wide
    y = stage.subject[1] * stage.height + dice.uniform(-0.03, 0.03) * high
    travel_x, travel_y = movement.right * wide / widest, movement.down * high / widest
    x0, x1 = _span(x, travel_x, stage.width, [margin * wide / zoom for zoom in zooms])
    y0, y1 = _span(y, travel_y, stage.height, [margin * high / zoom for zoom in zooms])
    return View(x0, y0, zooms[0]), View(x1, y1, zooms[1])


def _room(movement: _Movement, stage: Stage, margin: float) -> float:
    """The zoom needed for travel, turns and sway."""
    wide, high = stage.cover
    return max(
        margin, wide * (margin + abs(movement.right)) / stage.width, high * (margin + abs(movement.down)) / stage.height
    )


def _span(middle: float, travel: float, length: float, views: list[float]) -> tuple[float, float]:
    """Two centres ``travel`` apart around ``middle``, each view inside; what one end cannot go, the other goes."""
    first = _inside(middle - travel / 2, views[0], length)
    last = _inside(first + travel, views[1], length)
    return _inside(last - travel, views[0], length), last


def _inside(centre: float, view: float, length: float) -> float:
    return min(max(centre, view / 2), length - view / 2) if view < length else length / 2


def _along(zoom: Floats, first: float, last: float, eased: Floats) -> Floats:
    """How far between the two ends the view is: straight in the size of the view, so its corners go straight."""
    if math.isclose(first, last):
        return eased
    along: Floats = (1 / first - 1 / zoom) / (1 / first - 1 / last)
    return along
