"""Camera moves in prompts, in English and Chinese.

A cue is *plain* when nobody would say it of anything but a camera (``dolly in``, ``横摇``) and *shy* when people and
things do it too (``moves left``, ``环绕``): a shy cue counts only where its clause speaks of the camera, or says
nothing else at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Move(StrEnum):
    """One camera move; moves on different axes can be combined."""

    #: The default: a slight movement.
    DRIFT = "drift"
    #: An explicitly still camera.
    STILL = "still"
    PAN_LEFT = "pan_left"
    PAN_RIGHT = "pan_right"
    TILT_UP = "tilt_up"
    TILT_DOWN = "tilt_down"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    #: The camera itself goes nearer: further than a zoom.
    PUSH = "push"
    #: The camera itself goes away.
    PULL = "pull"
    #: Around the subject.
    ORBIT = "orbit"
    #: The horizon turns.
    ROLL = "roll"
    HANDHELD = "handheld"


@dataclass(frozen=True)
class Camera:
    """The moves of a prompt in the order named, and how fast they are (1 is usual)."""

    moves: tuple[Move, ...]
    speed: float


@dataclass(frozen=True)
class CameraCue:
    """A phrase for a move."""

    move: Move
    words: re.Pattern[str]
    shy: bool


SLOW: Final = 0.6
FAST: Final = 1.6

#: Two moves on one axis exclude each other; the one named first counts.
AXES: Final = (
    frozenset({Move.PAN_LEFT, Move.PAN_RIGHT}),
    frozenset({Move.TILT_UP, Move.TILT_DOWN}),
    frozenset({Move.ZOOM_IN, Move.ZOOM_OUT, Move.PUSH, Move.PULL}),
    frozenset({Move.ORBIT}),
    frozenset({Move.ROLL}),
    frozenset({Move.HANDHELD}),
)

_ADVERB = r"(?:(?:very|\w+ly|slow|fast)[\s,]+)?"
_TOWARDS = r"(?:(?:over|across|around|to|towards?|from|the|its)\s+)*"
_ZH_ADVERB = (
    r"(?:缓缓|缓慢|慢慢|徐徐|轻轻|轻微|微微|平稳|匀速|快速|迅速|急速|稳稳|逐渐|渐渐|再|地|的|进行|做|镜头|画面)*"
)
_SIDES: Final = {"left": "左", "right": "右"}
_HEIGHTS: Final = {"up": "上", "down": "下"}


def _cue(move: Move, *patterns: str, shy: bool = False) -> CameraCue:
    return CameraCue(move, re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE), shy)


def _pan_cues(side: str, move: Move) -> tuple[CameraCue, ...]:
    other = "右" if side == "left" else "左"
    zh = _SIDES[side]
    return (
        _cue(
            move,
            rf"(?<!frying )(?<!frying-)(?<!sauce )(?<!\bthe )(?<!\bhis )(?<!\bher )(?<!\bhot )(?<!\biron )\bpan(?:s|ned|ning)?[\s-]+{_ADVERB}{_TOWARDS}{side}\b(?!\s+(?:on|in|by)\s+the)",
            rf"\b{side}(?:ward)?[\s-]+pan\b",
            rf"(?:向|往|朝){zh}(?:侧|边|方|面)?{_ZH_ADVERB}(?:平移|横移|横摇|摇镜|摇摄|摇(?!头|晃|摆|曳))",
            rf"{zh}(?:平移|横移|横摇|摇(?!头|晃|摆|曳))",
            rf"(?:平移|横移|横摇|摇镜头?|摇)(?:向|往|至|到){zh}",
            rf"从{other}(?:侧|边)?(?:向|往|到|至){zh}(?:侧|边)?{_ZH_ADVERB}(?:平移|横移|摇|扫)",
        ),
        _cue(
            move,
            rf"\b(?:mov|slid|glid|track|truck|turn|drift|swing|sweep|travel)(?:e|es|s|ed|ing)?\s+{_ADVERB}{_TOWARDS}{side}\b",
            rf"(?:向|往|朝){zh}(?:侧|边|方|面)?{_ZH_ADVERB}(?:移动?|转|扫|滑|运动)",
            rf"{zh}(?:移|转|滑)",
            rf"从{other}(?:侧|边)?(?:向|往|到|至){zh}",
            shy=True,
        ),
    )


def _tilt_cues(height: str, move: Move) -> tuple[CameraCue, ...]:
    zh = _HEIGHTS[height]
    crane = "ris|ascend|lift|climb" if height == "up" else "descend|lower|sink|drop"
    climb, bow = ("升", "仰") if height == "up" else ("降", "俯")
    return (
        _cue(
            move,
            rf"\b(?:tilt|crane|jib|pedestal|boom)(?:s|ed|ing)?[\s-]+{_ADVERB}{_TOWARDS}{height}(?:wards?)?\b",
            rf"\bpan(?:s|ned|ning)?[\s-]+{_ADVERB}{height}(?:wards?)?\b",
            rf"(?:向|往|朝){zh}(?:方|面)?{_ZH_ADVERB}(?:摇(?!头|晃|摆|曳)|{bow}摇|平移)",
            rf"{zh}摇(?!头|晃|摆|曳)|摇{zh}|{bow}(?:摇|拍|摄|角镜头)|{climb}镜头?|(?:镜头|画面){bow}(?!冲)",
        ),
        _cue(
            move,
            rf"\b(?:{crane})(?:e|es|s|ed|ing)?\b",
            rf"\b(?:mov|glid|look|travel|sweep)(?:e|es|s|ed|ing)?\s+{_ADVERB}{height}(?:wards?)?\b",
            rf"(?:向|往|朝){zh}(?:方|面)?{_ZH_ADVERB}(?:移动?|抬|扫|运动|升|降)",
            rf"{zh}(?:移|{climb})|{bow}(?:视|瞰|冲)?|{'抬' if height == 'up' else '压'}(?:高|低|起)",
            shy=True,
        ),
    )


_CUES: Final = (
    *_pan_cues("left", Move.PAN_LEFT),
    *_pan_cues("right", Move.PAN_RIGHT),
    *_tilt_cues("up", Move.TILT_UP),
    *_tilt_cues("down", Move.TILT_DOWN),
    _cue(
        Move.ZOOM_IN,
        rf"\b(?:crash[\s-]+)?zoom(?:s|ed|ing)?[\s-]+{_ADVERB}(?:in|into|closer|towards?)\b",
        r"\bslow\s+zoom\b(?!\s*out)",
        r"拉近(?!距离|关系)|变焦推|镜头放大|推近",
    ),
    _cue(
        Move.ZOOM_IN, r"\bclos(?:es|ing)\s+in\b|\bget(?:s|ting)?\s+closer\b", r"放大|逼近|靠近|聚焦|推向特写", shy=True
    ),
    _cue(
        Move.ZOOM_OUT,
        rf"\bzoom(?:s|ed|ing)?[\s-]+{_ADVERB}(?:out|back|away)\b",
        r"拉远(?!距离|关系)|变焦拉|镜头缩小",
    ),
    _cue(Move.ZOOM_OUT, r"\breveal(?:s|ing)?\s+the\s+(?:whole|entire|wide)", r"缩小|远离", shy=True),
    _cue(
        Move.PUSH,
        r"\bpush(?:es|ed|ing)?[\s-]+(?:\w+ly\s+)?in\b(?!\s+(?:the|a|his|her|their)\s+(?:door|gate|window|drawer|chair|button|crowd))",
        rf"\bdoll(?:y|ies|ied|ying)[\s-]+{_ADVERB}(?:in|into|forwards?|towards?|closer)\b",
        r"\b(?:tracking|follow(?:ing)?|dolly)[\s-]+shot\b|\bfly[\s-]?through\b",
        r"推进(?!剧情|故事|情节|工作|计划|项目|器|剂|部)|推镜头?|(?:向前|往前|朝前|前)推(?!开|倒|门|车|动)|[缓慢急快]推(?!开|倒|门|车|动)|跟拍|跟随镜头|跟镜头",
    ),
    _cue(
        Move.PUSH,
        rf"\b(?:push|mov|glid|fl|track|travel|advanc|creep)(?:e|es|s|y|ies|ed|ing|ying)?\s+{_ADVERB}(?:in|forwards?|towards?|closer|nearer|through|into)\b",
        r"\bfollow(?:s|ing)?\b|\bapproach(?:es|ing)?\b",
        r"推(?!开|倒|门|车|动|出|着|理|测|荐)|前进|前移|向前(?:移动?|运动|飞)|跟随|跟着|穿过|穿越|走近",
        shy=True,
    ),
    _cue(
        Move.PULL,
        rf"\bdoll(?:y|ies|ied|ying)[\s-]+{_ADVERB}(?:out|back|backwards?|away)\b",
        r"\bpull(?:s|ed|ing)?[\s-]+back\b(?!\s+(?:the|a|his|her|their|its)\b)|\bpull[\s-]?out\s+shot\b",
        r"拉镜头?|(?:向后|往后|后)拉(?!开|门)|[缓慢]拉(?!开|门|远|近)",
    ),
    _cue(
        Move.PULL,
        rf"\b(?:pull|mov|glid|fl|retreat|track|travel|back)(?:e|es|s|y|ies|ed|ing|ying)?\s+{_ADVERB}(?:out|back|backwards?|away)\b",
        r"拉(?:开(?!门|窗|抽屉|帘|链)|出|高)|后退|后移|向后(?:移动?|运动)",
        shy=True,
    ),
    _cue(
        Move.ORBIT,
        r"\borbit(?:al|ing)?[\s-]+(?:shot|camera|move|movement)\b|\barc[\s-]+shot\b|\b360(?:[\s-]?degrees?|°)?[\s-]+(?:shot|orbit|rotation|spin|view)",
        r"环绕(?:镜头|拍摄|运镜|主体|人物|移动|一周)|环拍|绕拍|(?:360|三百六十)度?(?:环绕|旋转)|(?:围绕|环绕|绕着?)[^,，。;；]{0,12}(?:拍摄|环拍)",
    ),
    _cue(
        Move.ORBIT,
        r"\borbit(?:s|ed|ing)?\b|\b(?:circl|revolv|rotat|arc|spin|mov|swing|travel)(?:e|es|s|ed|ing)?\s+(?:\w+ly\s+)?(?:all\s+)?around\b|\bcircl(?:es|ing)\b",
        r"环绕|围绕|绕着?(?!口)|弧形",
        shy=True,
    ),
    _cue(
        Move.ROLL,
        r"\b(?:camera|barrel|dutch)[\s-]+rolls?\b|\bdutch[\s-]+(?:angle|tilt)\b",
        r"旋转镜头|镜头(?:缓缓|缓慢|慢慢|快速)?(?:旋转|翻转)|荷兰角",
    ),
    _cue(Move.ROLL, r"\broll(?:s|ing)?\b", r"旋转(?!木马)", shy=True),
    _cue(
        Move.HANDHELD,
        r"\bhand[\s-]?held\b(?!\s+(?:fan|phone|device|console|radio|game|mirror|lamp|torch|fire))",
        r"\bshaky[\s-]?cam\b|\bcamera[\s-]+(?:shakes?|shaking|sways?|swaying)\b",
        r"手持(?=$|\s|[,，、。.;；!！]|镜头|拍摄|摄影|摄像|感|晃|运镜|跟拍|效果|风格|质感|DV|相机|机位|的?(?:晃|抖))",
        r"镜头(?:轻微|微微|略微|有些)?(?:晃动|抖动|摇晃)|晃动镜头|呼吸感",
    ),
)

#: A pan without a side goes with the reading direction.
_SIDELESS: Final = (
    _cue(
        Move.PAN_RIGHT,
        r"\b(?:slow|smooth|gentle|quick|fast|whip|camera|cinematic|horizontal|lateral)[\s-]+pan(?:s|ning)?\b(?!\s*(?:left|right|up|down))",
        r"\bpanning\s+(?:shot|across|over)\b|\bpans\s+(?:across|over)\b|\bpan\s+across\b",
        r"横移镜头|横摇|摇镜头?|平移镜头|镜头(?:缓缓|缓慢|慢慢)?平移|(?:镜头|画面)(?:缓缓|缓慢|慢慢)?摇(?!头|晃|摆|曳|上|下|向|左|右)",
    ),
    _cue(Move.PAN_RIGHT, r"摇(?!头|晃|摆|曳|上|下|向|左|右|滚)|平移|横移", shy=True),
)

_STANDING: Final = re.compile(
    r"\b(?:static|fixed|stationary|locked(?:[\s-]?(?:off|down))?|still|motionless|unmoving)[\s-]+(?:camera|shot|frame|framing|lens|tripod)\b"
    r"|\bcamera\s+(?:(?:is|stays?|remains?|keeps?|holds?|stands?)\s+)?(?:completely\s+|perfectly\s+)?(?:still|static|fixed|stationary|locked|motionless|steady)\b"
    r"|\btripod\s+shot\b|\bno\s+camera\s+(?:movement|motion|move)\b"
    r"|\bcamera\s+(?:does\s+not|doesn.?t|do\s+not|never)\s+move|\b(?:do\s+not|don.?t|never)\s+move\s+the\s+camera\b"
    r"|固定(?:镜头|机位|视角|画面|相机)|(?:镜头|机位|画面|视角|相机)(?:保持|完全)*(?:固定|不动|静止|不变|不移动)|静止镜头|静态镜头|定镜|(?:无|没有|不要|不)运镜|(?:不要|别|勿|不)(?:移动|晃动)(?:镜头|相机)",
    re.IGNORECASE,
)
_CAMERA: Final = re.compile(
    r"\b(?:camera|shot|lens|drone|view(?:point)?)\b|镜头|运镜|机位|相机|摄影机|摄像机|画面|视角|航拍|无人机",
    re.IGNORECASE,
)
_NOT: Final = re.compile(
    r"(?:\b(?:no|not|without|never|avoid|instead\s+of|rather\s+than)\b|n[’']t\b|\bdont\b)[^,;]{0,24}$"
    r"|(?:不要|不(?!断|停|时|同|久|知|仅|只)|别(?!墅|人|致)|勿|没有|禁止|避免|而非)[^,，;；]{0,6}$",
    re.IGNORECASE,
)
_SLOW_WORDS: Final = re.compile(
    r"\bslow(?:ly|er)?\b(?![\s-]*mo)|\bgent(?:le|ly)\b|\bgradual(?:ly)?\b|\bsubt(?:le|ly)\b|\bcreep(?:s|ing)?\b"
    r"|缓缓|缓慢|慢慢|徐徐|轻轻|轻微|微微|渐渐|逐渐|[缓慢](?=推|拉|移|摇)",
    re.IGNORECASE,
)
_FAST_WORDS: Final = re.compile(
    r"\bfast(?:er)?\b|\bquick(?:ly)?\b|\brapid(?:ly)?\b|\bswift(?:ly)?\b|\bsudden(?:ly)?\b|\bwhip\b|\bcrash[\s-]+zoom\b"
    r"|快速|迅速|急速|飞快|极速|高速|猛(?:地|然)?|[急快](?=推|拉|移|摇)",
    re.IGNORECASE,
)
#: Words allowed beside an ambiguous phrase in a clause about the camera only.
_FILLER: Final = re.compile(
    r"\b(?:the|a|an|to|towards?|and|then|while|of|with|it|around|very|slight|smooth(?:ly)?|cinematic|steady)\b"
    r"|(?:向|往|朝|从|地|的|并|再|同时|然后|一边|平稳|匀速|运动|移动|稍|略|上|下|左|右|侧|方)|[\s,，、:：\-()（）]+",
    re.IGNORECASE,
)
_CLAUSES: Final = re.compile(
    r"[.。!！?？;；\n,，、]+|\b(?:and\s+then|while|then|as)\b|同时|然后|接着|随后|并且?", re.IGNORECASE
)


def read_camera(prompt: str) -> Camera:
    """The camera moves of a prompt; a slight drift when it names none."""
    found: list[Move] = []
    speeds: list[float] = []
    for clause in _CLAUSES.split(prompt):
        moves = _moves_of(clause, bool(_CAMERA.search(clause)) or _says_only_moves(clause))
        found.extend(move for move in moves if not _clashes(move, found))
        if moves:
            speeds.append(_speed_of(clause))
    if found:
        return Camera(tuple(found), next((speed for speed in speeds if speed != 1.0), 1.0))
    return Camera((Move.STILL if _STANDING.search(prompt) else Move.DRIFT,), 1.0)


def choose_moves(prompt: str) -> tuple[Move, ...]:
    """The camera moves of a prompt, at most one per axis; never empty."""
    return read_camera(prompt).moves


def _moves_of(clause: str, about_camera: bool) -> list[Move]:
    moves = _matches(_CUES, clause, about_camera)
    if not any(move in AXES[0] | AXES[1] for move in moves):
        moves += _matches(_SIDELESS, clause, about_camera)
    # Phrases for orbiting contain words for turning: a roll beside it is the same phrase, not another move.
    return [move for move in moves if not (move is Move.ROLL and Move.ORBIT in moves)]


def _matches(cues: tuple[CameraCue, ...], clause: str, about_camera: bool) -> list[Move]:
    hits: list[tuple[int, Move]] = []
    for cue in cues:
        match = cue.words.search(clause)
        if match is None or _NOT.search(clause[: match.start()]) or _inside_standing(clause, match):
            continue
        if cue.shy and not about_camera:
            continue
        hits.append((match.start(), cue.move))
    moves: list[Move] = []
    for _, move in sorted(hits, key=lambda hit: hit[0]):
        if not _clashes(move, moves):
            moves.append(move)
    return moves


def _clashes(move: Move, others: list[Move]) -> bool:
    return any(move in axis and not axis.isdisjoint(others) for axis in AXES)


def _inside_standing(clause: str, match: re.Match[str]) -> bool:
    standing = _STANDING.search(clause)
    return standing is not None and standing.start() <= match.start() < standing.end()


def _says_only_moves(clause: str) -> bool:
    """Whether a clause is about nothing but moves, as in "slow push in and roll" or "缓缓推进"."""
    for cue in (*_CUES, *_SIDELESS):
        clause = cue.words.sub(" ", clause)
    return not _bare(clause)


def _bare(text: str) -> str:
    for words in (_SLOW_WORDS, _FAST_WORDS, _FILLER):
        text = words.sub(" ", text)
    return text.strip()


def _speed_of(clause: str) -> float:
    if _SLOW_WORDS.search(clause):
        return SLOW
    return FAST if _FAST_WORDS.search(clause) else 1.0
