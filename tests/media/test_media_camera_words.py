"""What prompts say about the camera, and what only sounds like it."""

import pytest

from vidgen_core.media.camera_words import AXES, FAST, SLOW, Move, choose_moves, read_camera


@pytest.mark.parametrize(
    ("prompt", "moves"),
    [
        ("camera slowly zooms in", {Move.ZOOM_IN}),
        ("The camera zooms out to reveal the valley", {Move.ZOOM_OUT}),
        ("zooming in on her eyes", {Move.ZOOM_IN}),
        ("pan left", {Move.PAN_LEFT}),
        ("A slow pan to the right over the harbour", {Move.PAN_RIGHT}),
        ("the camera pans slowly towards the left", {Move.PAN_LEFT}),
        ("camera moves right along the wall", {Move.PAN_RIGHT}),
        ("tilt up to the tower", {Move.TILT_UP}),
        ("crane down", {Move.TILT_DOWN}),
        ("push in on the cup", {Move.PUSH}),
        ("dolly in", {Move.PUSH}),
        ("dolly out", {Move.PULL}),
        ("the camera pulls back from the house", {Move.PULL}),
        ("camera orbits around the statue", {Move.ORBIT}),
        ("orbit shot, golden hour", {Move.ORBIT}),
        ("handheld footage, night market", {Move.HANDHELD}),
        ("slow push in and roll", {Move.PUSH, Move.ROLL}),
        ("pan left while zooming in", {Move.PAN_LEFT, Move.ZOOM_IN}),
        ("handheld camera, slowly pushing in", {Move.HANDHELD, Move.PUSH}),
        ("镜头缓缓推进", {Move.PUSH}),
        ("缓慢推进，海面波光粼粼", {Move.PUSH}),
        ("镜头拉近人物面部", {Move.ZOOM_IN}),
        ("拉远", {Move.ZOOM_OUT}),
        ("镜头慢慢拉远，露出整座城市", {Move.ZOOM_OUT}),
        ("镜头后拉", {Move.PULL}),
        ("向左平移", {Move.PAN_LEFT}),
        ("镜头从左向右缓缓平移", {Move.PAN_RIGHT}),
        ("镜头右移", {Move.PAN_RIGHT}),
        ("摇镜头", {Move.PAN_RIGHT}),
        ("摇", {Move.PAN_RIGHT}),
        ("上摇", {Move.TILT_UP}),
        ("镜头缓缓向下摇", {Move.TILT_DOWN}),
        ("俯拍", {Move.TILT_DOWN}),
        ("镜头俯视大地", {Move.TILT_DOWN}),
        ("镜头上升", {Move.TILT_UP}),
        ("环绕", {Move.ORBIT}),
        ("镜头环绕人物旋转", {Move.ORBIT}),
        ("手持", {Move.HANDHELD}),
        ("手持镜头跟拍", {Move.HANDHELD, Move.PUSH}),
        ("向右平移，同时推进", {Move.PAN_RIGHT, Move.PUSH}),
    ],
)
def test_camera_words_become_moves(prompt: str, moves: set[Move]) -> None:
    assert set(choose_moves(prompt)) == moves


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "   \n",
        "a quiet evening by the lake",
        "a frying pan left on the stove",
        "she takes the pan to the right burner",
        "he pushes the door open and walks in",
        "two men push in the door",
        "a boy pulls back the curtain",
        "the moon orbits the planet",
        "a truck left the garage",
        "leaves roll across the street",
        "she holds a handheld fan",
        "a man moves left through the crowd",
        "slow motion, water splashing",
        "他推门而入",
        "少年拉开窗帘",
        "群山环绕的村庄",
        "她手持长剑站在雪中",
        "小船在水面上摇晃",
        "她摇头微笑",
        "推进剧情的关键一幕",
        "小女孩向左转身跑开",
        "旋转木马在夜里发光",
    ],
)
def test_ordinary_words_leave_the_camera_to_its_quiet_drift(prompt: str) -> None:
    assert choose_moves(prompt) == (Move.DRIFT,)


@pytest.mark.parametrize(
    "prompt",
    [
        "static shot of a lighthouse",
        "the camera stays still while people pass",
        "Do not move the camera",
        "fixed camera, no zooming in",
        "固定镜头，人群走过",
        "镜头不动",
        "机位固定，烛光摇曳",
    ],
)
def test_a_camera_asked_to_stand_still_does(prompt: str) -> None:
    assert choose_moves(prompt) == (Move.STILL,)


@pytest.mark.parametrize(
    "prompt", ["do not zoom in", "without panning left", "the camera never pans left", "不要推进", "镜头不要向左平移"]
)
def test_a_move_that_is_ruled_out_is_not_made(prompt: str) -> None:
    assert set(choose_moves(prompt)) <= {Move.DRIFT, Move.STILL}


@pytest.mark.parametrize(
    ("prompt", "speed"),
    [
        ("camera slowly zooms in", SLOW),
        ("镜头缓缓推进", SLOW),
        ("zoom in", 1.0),
        ("fast pan left", FAST),
        ("whip pan right", FAST),
        ("快速拉远", FAST),
        ("a fast car, the light is soft. zoom in", 1.0),
        ("slow motion, pan left", 1.0),
    ],
)
def test_speed_is_taken_from_the_words_beside_the_move(prompt: str, speed: float) -> None:
    assert read_camera(prompt).speed == speed


def test_of_two_opposite_moves_the_first_is_made() -> None:
    assert choose_moves("zoom in, then zoom out") == (Move.ZOOM_IN,)
    assert choose_moves("向右平移，然后向左平移") == (Move.PAN_RIGHT,)


def test_no_axis_is_used_twice_however_much_is_asked() -> None:
    every = (
        "pan left, pan right, tilt up, tilt down, zoom in, push in, pull back, orbit shot, handheld, camera roll " * 3
    )

    moves = choose_moves(every)

    assert all(len(axis & set(moves)) <= 1 for axis in AXES)
    assert len(moves) == len(AXES)
