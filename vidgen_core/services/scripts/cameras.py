"""Camera moves that can be chosen, in words that models and the Local renderer understand alike."""

from __future__ import annotations

from typing import Final

from vidgen_core.media.camera_words import Move, read_camera

#: Name → the move the Local renderer makes of it, and its words by language.
CAMERAS: Final[dict[str, tuple[Move, dict[str, str]]]] = {
    "push_in": (Move.PUSH, {"zh": "镜头缓缓推进", "en": "slow push in"}),
    "pull_back": (Move.PULL, {"zh": "镜头缓缓后拉", "en": "the camera slowly pulls back"}),
    "zoom_in": (Move.ZOOM_IN, {"zh": "镜头缓慢拉近", "en": "slow zoom in"}),
    "zoom_out": (Move.ZOOM_OUT, {"zh": "镜头缓慢拉远", "en": "slow zoom out"}),
    "pan_left": (Move.PAN_LEFT, {"zh": "镜头缓缓向左横摇", "en": "slow pan left"}),
    "pan_right": (Move.PAN_RIGHT, {"zh": "镜头缓缓向右横摇", "en": "slow pan right"}),
    "tilt_up": (Move.TILT_UP, {"zh": "镜头缓缓上摇", "en": "slow tilt up"}),
    "tilt_down": (Move.TILT_DOWN, {"zh": "镜头缓缓下摇", "en": "slow tilt down"}),
    "orbit": (Move.ORBIT, {"zh": "镜头环绕拍摄", "en": "slow orbit shot"}),
    "handheld": (Move.HANDHELD, {"zh": "手持镜头", "en": "handheld camera"}),
    "still": (Move.STILL, {"zh": "固定镜头", "en": "static camera"}),
}
#: Moves for what is seen, one after the other; speech is watched with a quiet camera.
_SEEN: Final = ("push_in", "pan_right", "zoom_out", "tilt_up", "pan_left", "zoom_in", "pull_back")
_SAID: Final = ("still", "zoom_in")


def camera_words(name: str, language: str) -> str:
    """The words of a move; empty for none."""
    return CAMERAS[name][1][language] if name in CAMERAS else ""


def camera_for(place: int, *, speech: bool) -> str:
    """A move for the shot at this place of its scene, from 0; always the same one."""
    moves = _SAID if speech else _SEEN
    return moves[place % len(moves)]


def says_camera(prompt: str) -> bool:
    """Whether a prompt already says what the camera does."""
    return read_camera(prompt).moves != (Move.DRIFT,)
