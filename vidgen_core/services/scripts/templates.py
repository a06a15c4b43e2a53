"""Prompts without a model: from a line of the script, its scene, a camera move and the project's style."""

from __future__ import annotations

import re
from typing import Final

from vidgen_core.services.scripts.cameras import camera_for, camera_words, says_camera
from vidgen_core.services.scripts.splitting import Kind, Line, language_of, read_lines

#: What the writer of versions is called when no model wrote.
TEMPLATE: Final = "template"
_ENDS: Final = '。.！!？?…”"』」'


def picture_prompt(line: Line, words: str, language: str, style: str = "") -> str:
    """What is to be seen in the first frame."""
    place = _place(line.heading)
    if line.kind is Kind.SPEECH and line.speaker:
        seen = f"{line.speaker}正在说话的画面" if language == "zh" else f"{line.speaker} speaking"
    else:
        seen = _ended(words)
    return _sentence([place, seen, style], language)


def video_prompt(words: str, place: int, language: str, *, speech: bool, speaker: str = "", camera: str = "") -> str:
    """What happens, and what the camera does.

    :param place: the shot's place in its scene, from 0; decides the move where none is chosen
    :param camera: name of a camera move; empty: one that fits
    """
    move = camera_words(camera or camera_for(place, speech=speech), language)
    said = _ended(words)
    if speech:
        said = _speech(said, speaker, language)
    return _sentence([said] if says_camera(said) and not camera else [said, move], language)


def _speech(said: str, speaker: str, language: str) -> str:
    if language == "zh":
        return f"{speaker or '人物'}开口说：“{said}”"
    return f'{speaker or "The character"} says: "{said}"'


def from_line(script: str, place: int, *, camera: str = "", style: str = "", language: str = "") -> str:
    """A video prompt for a shot of which only its line of the script is known."""
    lines = read_lines(script)
    tongue = language or language_of(script)
    first = lines[0] if lines else None
    speech = first is not None and first.kind is Kind.SPEECH
    words = " ".join(line.text for line in lines) or script
    prompt = video_prompt(words, place, tongue, speech=speech, speaker=first.speaker if first else "", camera=camera)
    return _sentence([prompt, style], tongue)


def _place(heading: str) -> str:
    """The heading without its number: ``第3场 外景 河边 夜`` is ``外景 河边 夜``."""
    numeral = r"[0-9０-９零〇一二两三四五六七八九十百千]+"
    bare = re.sub(
        rf"^(?:第\s*{numeral}\s*[场幕集景章回节话]|(?:场景|场次|场)\s*{numeral}?)\s*[:：、.]?\s*", "", heading
    )
    return bare.strip(" ：:、.")


def _ended(words: str) -> str:
    return words.strip().rstrip("；;，,、")


def _sentence(parts: list[str], language: str) -> str:
    """Parts as sentences; what ends one stays, what does not gets a full stop."""
    stop, gap = ("。", "") if language == "zh" else (".", " ")
    kept = [part.strip() for part in parts if part.strip()]
    return gap.join(part if part[-1] in _ENDS else part + stop for part in kept)
