"""The characters and the style of a project, and how a text names a character: ``@小明``, ``@Ann Lee``."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from pydantic import Field

from vidgen_core.domain.base import Frozen

#: Name of the project's setting that holds its ``References``.
REFERENCES: Final = "references"
MOST_CHARACTERS: Final = 40
#: Of one character: pictures, and letters of its texts.
MOST_PICTURES: Final = 6
MOST_NAME: Final = 80
MOST_DESCRIPTION: Final = 2_000
MOST_VOICE: Final = 500
#: Letters, digits and ``_`` of scripts that put spaces between words; in the others a name may stand anywhere in a sentence.
_SPACED: Final = (
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u9fff"
    r"\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
#: What an e-mail address has before its ``@``: behind it no name of such letters is meant.
_LOCAL: Final = r"[a-z0-9._%+-]"
#: E-mail and web addresses, in which an ``@`` names nobody. Behind letters of other scripts only a domain of Latin ones tells.
_ADDRESS: Final = (
    rf"(?<!{_LOCAL}){_LOCAL}{{1,64}}@[\w-]+(?:\.[\w-]+)+|https?://\S+"
    r"|(?<!\w)\w[\w.+-]{0,63}@(?:[a-z0-9-]+\.)+(?-i:[a-z]{2,})\b"
)
_MARK: Final = "[@＠]"
_UNMARKED: Final = rf"(?<!{_SPACED})(?<![@＠/])"
#: How models call what is attached (``@image1``, ``@图片2``), and numbers (``@24fps``): no names either.
_NO_NAME: Final = re.compile(
    r"(?:image|img|video|audio|element|图片?|图像|视频|音频|元素|素材)\s?\d+|\d", re.IGNORECASE
)
_LONGEST_UNKNOWN: Final = 30


class Character(Frozen):
    """Somebody or something that looks the same in every shot."""

    name: str = Field(min_length=1, max_length=MOST_NAME)
    #: How it looks, in words.
    description: str = Field(default="", max_length=MOST_DESCRIPTION)
    #: Keys of its pictures in the image store, the most telling first.
    images: tuple[str, ...] = Field(default=(), max_length=MOST_PICTURES)
    #: How it sounds, in words; said where a video has sound.
    voice: str = Field(default="", max_length=MOST_VOICE)

    @property
    def version(self) -> str:
        """Another one after every change of what is sent of it."""
        text = "\0".join((self.description.strip(), self.voice.strip(), *self.images))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class References(Frozen):
    """What all shots of a project have in common."""

    style: str = Field(default="", max_length=2_000)
    #: Keys of pictures whose manner is followed.
    style_images: tuple[str, ...] = Field(default=(), max_length=4)
    characters: tuple[Character, ...] = Field(default=(), max_length=MOST_CHARACTERS)

    def find(self, text: str, *, bare: bool = False) -> Mentions:
        """The characters that a text names, in their order.

        :param bare: a name counts without its ``@`` as well
        """
        return find(text, tuple(one.name for one in self.characters), bare=bare)

    def named(self, name: str) -> Character | None:
        """The character of that name, however it is written."""
        return next((one for one in self.characters if same_name(one.name, name)), None)


class NamedCharacter(Frozen):
    """A character that the prompt of a take names, and what of it goes along."""

    name: str
    #: Keys of its pictures among the references.
    images: tuple[str, ...] = ()
    #: Its description, or its voice, stands in the prompt.
    words: bool = False
    #: ``Character.version`` at that time.
    version: str = ""


class Mentions(NamedTuple):
    """What a text says of characters."""

    #: The text as a model reads it: without the ``@`` of known names.
    text: str
    #: Places in the list of names, in the order of the text, each once.
    known: tuple[int, ...] = ()
    #: Names with an ``@`` that nobody has; they are left as they stand.
    unknown: tuple[str, ...] = ()


def clean_name(name: str) -> str:
    """A name in one line, without the ``@`` that prompts put before it."""
    return " ".join(unicodedata.normalize("NFC", name).split()).lstrip("@＠ ")


def same_name(one: str, other: str) -> bool:
    """Whether two names cannot be told apart in a prompt."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", clean_name(name)).casefold()


def find(text: str, names: Sequence[str], *, bare: bool = False) -> Mentions:
    """Look for names in a text: the longest counts; addresses and names inside of other words do not."""
    if not bare and "@" not in text and "＠" not in text:
        return Mentions(text)
    known: list[int] = []
    unknown: list[str] = []
    parts: list[str] = []
    end = 0
    for found in _pattern(tuple(names), bare).finditer(text):
        group = found.lastgroup
        if group == "unknown":
            if not _NO_NAME.match(found[group]):
                unknown.append(found[group][:_LONGEST_UNKNOWN])
        elif group:
            known.append(int(group.removeprefix("name")))
            parts += [text[end : found.start()], found[group]]
            end = found.end()
    return Mentions("".join((*parts, text[end:])), tuple(dict.fromkeys(known)), tuple(dict.fromkeys(unknown)))


def rename(text: str, new: Mapping[str, str], names: Sequence[str], after: Sequence[str]) -> str:
    """The text with other names for characters that it names by ``@``; blanks keep apart what would be read otherwise.

    :param new: by the names until now: what they become
    :param names: all names until now
    :param after: all names from now on
    """
    parts: list[str] = []
    end = 0
    for found in _pattern(tuple(names), False).finditer(text):
        group = found.lastgroup or ""
        name = new.get(names[int(group[4:])]) if group.startswith("name") else None
        if name is None:
            continue
        mark, place = found.start(group) - 1, after.index(name)
        before, behind = text[max(0, mark - 1) : mark], text[found.end() : found.end() + 2 * MOST_NAME]
        written = (f"{gap}{text[mark]}{name}{room}" for gap in ("", " ") for room in ("", " "))
        read = (one for one in written if find(before + one + behind, after).known[:1] == (place,))
        parts += [text[end:mark], next(read, f"{text[mark]}{name}")]
        end = found.end()
    return "".join((*parts, text[end:]))


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...], bare: bool) -> re.Pattern[str]:
    """Addresses, then names, the longest first, then whatever else has a mark."""
    by_length = sorted(range(len(names)), key=lambda place: -len(names[place]))
    named = {place: clean_name(names[place]) for place in by_length if clean_name(names[place])}
    # ``@Ann@Bob``: behind a name stands another one and no address.
    behind = "".join(
        rf"|(?<={_MARK}{re.escape(name)})" for name in named.values() if re.match(_LOCAL, name[-1].lower())
    )
    each = [_name(f"name{place}", name, bare, behind) for place, name in named.items()]
    unknown = rf"(?<!{_LOCAL})(?<![@＠/]){_MARK}(?P<unknown>\w[\w-]*)"
    return re.compile("|".join((_ADDRESS, *each, unknown)), re.IGNORECASE)


def _name(group: str, name: str, bare: bool, behind: str) -> str:
    first, last = (re.match(_SPACED, sign) is not None for sign in (name[0], name[-1]))
    before = rf"(?<![@＠/]){f'(?:(?<!{_LOCAL}){behind})' if first else ''}{_MARK}"
    if bare:
        before = f"(?:{before}|{_UNMARKED if first else ''})"
    forms = dict.fromkeys(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    words = "|".join(re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(form)) for form in forms)
    return f"{before}(?P<{group}>{words}){rf'(?!-?{_SPACED})' if last else ''}"
