"""What may be kept and shown of a raw answer: no key, no picture, no signature of a link.

Every pattern here is linear: no answer can keep the program busy.
"""

from __future__ import annotations

import base64
import codecs
import contextlib
import functools
import html
import logging
import re
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import takewhile
from typing import Final
from urllib.parse import quote, unquote

import httpx

#: Bytes kept of a raw answer.
EVIDENCE_BYTES: Final = 4096
#: Characters kept of what a provider said, for sentences.
SAID_CHARACTERS: Final = 300
#: As many characters of a key in a row give it away.
TELLING: Final = 8
#: A shorter key is searched for as a word of its own only: its letters stand in other words, too.
SHORT: Final = 12
#: Longer texts of an answer are pictures; nothing of them is kept as text.
_LONGEST: Final = 65536
MASK: Final = "****"

_DATA_URI: Final = re.compile(r"(data:[\w/+.-]{1,40};base64,)[A-Za-z0-9+/=_-]{40,}")
_BEARER: Final = re.compile(r"\b(bearer[ \t:+]{1,8}|bearer%20)[^\s\"',;]{6,}", re.IGNORECASE)
_LINK: Final = re.compile(r"https?:\\?/\\?/[^\s\"'<>]+", re.IGNORECASE)
_KEY: Final = re.compile(r"\b((?:sk|ak|pk|key)[-_])[A-Za-z0-9_-]{12,}")
#: Anything this long without a break is a picture or a token, and explains nothing.
_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{400,}")
_SMALL: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_ESCAPED: Final = re.compile(r"\\u00([2-7][0-9a-fA-F])|%([2-7][0-9a-fA-F])|&#(\d{2,3});")
#: A character in any of the ways of writing it as a number, escaped once more than once.
_NUMBERED: Final = re.compile(
    r"(?:%(?:25){0,4}(?:u0{0,4})?|\\{1,4}u\{?0{0,6}|\\{1,4}x|\\0{0,4}|&(?:amp;){0,4}#x0{0,4}|=|0x|U\+00)([2-7][0-9a-f])[;} ]?|&(?:amp;){0,4}#0?(\d{2,3});",
    re.IGNORECASE,
)
#: Characters written as their numbers one after the other, as programs print bytes.
_COUNTED: Final = re.compile(r"(?<![0-9])(?:0o)?0?([0-9]{2,3})(?![0-9])[^\w\"'{}]{0,3}")
_MANY_COUNTED: Final = re.compile(r"(?:(?:0o)?[0-9]{2,4}[^\w\"'{}]{1,3}){11}(?:0o)?[0-9]{2,4}")
#: What can be hexadecimal or base64.
_CODED: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEXADECIMAL: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
#: How often one is coded in another.
_CODED_IN_CODED: Final = 4
#: What can be put between the characters of a key without hiding it from people.
_BETWEEN: Final = re.compile(r"[\W_]+")


def redact(text: str, *secrets: str) -> str:
    """``text`` without the given secrets, anything that looks like one, picture bytes and queries of links."""
    text = hide_traces(text, *secrets)
    text = _DATA_URI.sub(r"\1…", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _LINK.sub(_without_signature, text)
    text = _KEY.sub(rf"\1{MASK}", text)
    return _RUN.sub("…", text)


def _without_signature(found: re.Match[str]) -> str:
    link, mark, query = found[0].partition("?")
    if not query:
        return found[0]
    return f"{link}{mark}…" + ("\\" if query.endswith("\\") else "")


def hide(text: str, *secrets: str) -> str:
    """``text`` without whole secrets, in any form in which they may be echoed; ids and links stay usable."""
    if not text or len(text) > _LONGEST:
        return text
    for secret in secrets:
        if secret:
            pattern = _pattern(secret)
            text = pattern.sub(MASK, text)
            plain = _unescaped(text)
            if plain != text and pattern.search(plain):
                text = pattern.sub(MASK, plain)
            if (_was_disguised if len(text) <= _REPEATED else _is_disguised)(text, secret):
                return MASK
    return text


def _is_disguised(text: str, secret: str) -> bool:
    """Whether a secret stands there with something between its characters, or these as numbers or in another width."""
    forms = _bare_forms(secret)
    if not forms or len(text) < SHORT:
        return False
    bare = [_BETWEEN.sub("", one).lower() for plain in _opened(text) for one in _counted(plain)]
    longest = max(map(len, bare))
    return any(form in one for form in takewhile(lambda form: len(form) <= longest, forms) for one in bare)


#: Characters of a text that is remembered: looks at a job are answered with the same ids and links again and again.
_REPEATED: Final = 1000
_was_disguised = functools.lru_cache(maxsize=1024)(_is_disguised)


def _counted(text: str) -> set[str]:
    """A text, and the same with numbers as the characters that they may stand for."""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text)
    found = {plain, _NUMBERED.sub(lambda found: chr(int(found[1], 16) if found[1] else int(found[2])), plain)}
    if _MANY_COUNTED.search(plain):
        found.add(_COUNTED.sub(lambda found: chr(int(found[1])), plain))
        found.add(_COUNTED.sub(_of_octal, plain))
    return found


def _of_octal(found: re.Match[str]) -> str:
    return found[0] if "8" in found[1] or "9" in found[1] else chr(int(found[1], 8))


def _opened(text: str) -> Iterator[str]:
    """A text, and what it says where it is escaped, packed or coded, one in the other."""
    yield text
    for _ in range(_CODED_IN_CODED):
        plain = _CODED.sub(_decoded, html.unescape(unquote(text)))
        if plain == text:
            return
        yield plain
        text = plain


def _decoded(found: re.Match[str]) -> str:
    """What stands there in hexadecimal or base64, packed or not; what is none of it as it is."""
    coded = found[0].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = (
            bytes.fromhex(coded) if _HEXADECIMAL.fullmatch(coded) else base64.b64decode(coded + "=" * (-len(coded) % 4))
        )
    except ValueError:
        return found[0]
    for way in (47, -15) if not data.isascii() else ():
        with contextlib.suppress(zlib.error):
            data = zlib.decompressobj(way).decompress(data, _LONGEST)
            break
    # Characters of two or four bytes (UTF-16, UTF-32).
    data = data.replace(b"\0", b"").removeprefix(b"\xff\xfe")
    return data.decode() if data.isascii() else found[0]


@functools.lru_cache(maxsize=256)
def _bare_forms(secret: str) -> tuple[str, ...]:
    """Letters and digits of a secret, plain, turned and coded once or twice, the shortest first; of one with too few nothing."""
    if len(_BETWEEN.sub("", secret)) < SHORT:
        return ()
    turned = {secret, secret[::-1], codecs.encode(secret, "rot13"), codecs.encode(secret[::-1], "rot13")}
    # Each character in two bytes, too (UTF-16).
    coded = _coded(secret) | _coded("".join(f"{character}\0" for character in secret))
    forms = {
        *turned,
        *coded,
        *_in_base85(secret),
        *_coded(secret[::-1]),
        *(form for one in coded for form in _coded(one)),
    }
    bare = {_BETWEEN.sub("", form).lower() for form in forms}
    return tuple(sorted((form for form in bare if len(form) >= SHORT), key=len))


def _coded(text: str) -> set[str]:
    """A text as hexadecimal, base32 and base64."""
    data = text.encode()
    return {data.hex(), base64.b32encode(data).decode(), *_in_base64(text)}


def _in_base85(secret: str) -> set[str]:
    """What of both its base85 stays the same wherever it stands: its groups of four bytes at each of the places they can have."""
    data = secret.encode()
    parts = [data[first : first + (len(data) - first) // 4 * 4] for first in range(4)]
    return {code(part).decode() for part in parts for code in (base64.b85encode, base64.a85encode)}


def hide_traces(text: str, *secrets: str) -> str:
    """As ``hide``, and without parts of secrets either: for text that is shown and kept, never followed."""
    text = hide(text, *secrets)
    for secret in secrets:
        if len(secret) >= TELLING and len(text) <= _LONGEST:
            text = _without_parts(text, secret)
            plain = _unescaped(text)
            if plain != text and (mended := _without_parts(plain, secret)) != plain:
                text = mended
    return text


def mask(text: str, *secrets: str) -> str:
    """One value of an answer without secrets: ids and links, which are one word of ASCII, stay usable."""
    one_word = text.isascii() and len(text.split()) < 2
    return hide(text, *secrets) if one_word else hide_traces(text, *secrets)


def _unescaped(text: str) -> str:
    """With characters written as escapes (JSON, URL, HTML) as themselves."""
    if "\\u00" not in text and "%" not in text and "&#" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)) if not found[3] else chr(int(found[3])), text)


@functools.lru_cache(maxsize=256)
def _pattern(secret: str) -> re.Pattern[str]:
    """Any of the forms of a secret."""
    forms = {secret, quote(secret, safe=""), secret.encode().hex(), *_in_base64(secret)}
    expressions = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
    if len(secret) < SHORT:
        expressions = [rf"(?<![A-Za-z0-9_-]){re.escape(secret)}(?![A-Za-z0-9_-])"]
    return re.compile("|".join(expressions), re.IGNORECASE)


def _in_base64(secret: str) -> set[str]:
    """What of its base64 stays the same whatever stands before and after it, at each of the three places it can have."""
    forms = set()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        first = {0: 0, 1: 2, 2: 3}[before]
        last = len(coded) - ((before + len(secret.encode())) % 3 != 0)
        forms |= {coded[first:last], coded[first:last].replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= SHORT}


@functools.lru_cache(maxsize=256)
def _parts(secret: str) -> frozenset[str]:
    """All its pieces of ``TELLING`` characters, in small letters."""
    small = secret.translate(_SMALL)
    return frozenset(small[at : at + TELLING] for at in range(len(small) - TELLING + 1))


def _without_parts(text: str, secret: str) -> str:
    """Mask each run of the text that is a piece of the secret."""
    parts, small = _parts(secret), text.translate(_SMALL)
    if not any(part in small for part in parts):
        return text
    kept, at = [], 0
    while at < len(text):
        if small[at : at + TELLING] not in parts:
            kept.append(text[at])
            at += 1
            continue
        at += TELLING
        while at < len(text) and small[at - TELLING + 1 : at + 1] in parts:
            at += 1
        kept.append(MASK)
    return "".join(kept)


def cut(text: str, limit: int = EVIDENCE_BYTES) -> str:
    """At most ``limit`` bytes of UTF-8, whole characters."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= limit else data[: limit - 3].decode("utf-8", "ignore") + "…"


class _WithoutQueries(logging.Filter):
    """Keeps signed links out of the log lines of the HTTP client."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        return True


def _without_query(value: object) -> object:
    return str(value.copy_with(query=None)) if isinstance(value, httpx.URL) else value


_FILTER: Final = _WithoutQueries()


def quiet_http_logs() -> None:
    """Keep what is sent out of the logs of the libraries below, whatever level the root logger has."""
    logging.getLogger("httpx").addFilter(_FILTER)
