"""Makes foreign text and foreign JSON harmless: whatever passes here can be stored, shown, compared and counted with.

Answers of providers pass here once, where they are read (``http``); nothing behind that has to guard against a lone
surrogate, a NUL, ``NaN``, a number of a thousand digits or a list in a list ten thousand deep.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit
from xml.etree import ElementTree as ET

#: Levels of lists and objects that are kept; what lies deeper becomes None.
DEEPEST: Final = 60
#: Digits of a whole number that is kept as one; a longer one is kept as its text.
DIGITS: Final = 18
#: Characters of a text too deep for the parser that are read again.
_MENDED: Final = 1_000_000
#: Characters of a text that is JSON only in part that are looked through.
_CUT: Final = 65536
#: Control characters except tab, line feed and carriage return; those that turn the direction of what stands around them;
#: halves of surrogate pairs; what is no character.
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_NO_IDS: Final = frozenset(
    {
        "null",
        "none",
        "nil",
        "nan",
        "undefined",
        "true",
        "false",
        "inf",
        "infinity",
        "[object object]",
        "n/a",
        "unknown",
        "string",
    }
    | {"error", "failed", "failure", "fail", "invalid", "rejected", "0", "-1"}
)
#: What every id has: a letter or a digit that can stand in an address.
_OF_AN_ID: Final = re.compile("[A-Za-z0-9]")


def clean_text(text: str) -> str:
    """``text`` without what SQLite, XML or a terminal cannot take."""
    if text.isascii() and text.isprintable():
        return text
    return _UNFIT.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text)


def clean(value: Any, hide: Callable[[str], str] = lambda text: text, depth: int = 0) -> Any:
    """A JSON value of which every text is clean, every number finite and nothing too deep.

    :param hide: takes secrets out of a text
    """
    if isinstance(value, str):
        return hide(clean_text(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 10**DIGITS else str(value)[:400]
    if isinstance(value, dict):
        if depth >= DEEPEST:
            return None
        return {hide(clean_text(str(name))): clean(inner, hide, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        if (text := _bytes_in(value)) and (hidden := hide(text)) != text:
            return hidden
        return None if depth >= DEEPEST else [clean(inner, hide, depth + 1) for inner in value]
    return value


def _bytes_in(value: list[Any]) -> str:
    """The text that a list is, of bytes or single characters; empty: it is none."""
    if not 8 <= len(value) <= 1000:
        return ""
    if all(isinstance(one, str) and len(one) == 1 for one in value):
        return "".join(value)
    printable = all(type(one) is int and 32 <= one < 127 for one in value)
    return bytes(value).decode() if printable else ""


def read_json(text: str) -> Any:
    """Parse a JSON text, before it is cleaned; None where it is none.

    Numbers that are none (``NaN``) are None, whole numbers too long for the store are their text. A stream of events
    (text/event-stream) that nobody asked for, or of lines, is the list of its data; a single one is its data. What makes
    JSON a script, or stands behind it, is passed over.
    """
    text = text.removeprefix("\ufeff")
    try:
        return _parse(text)
    except ValueError:
        return _read_events(text) or _read_lines(text)
    except RecursionError:
        return _read_shallow(text)


def _read_events(text: str) -> Any:
    """The data of server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html); None: there is none."""
    found = []
    for data in re.findall(r"^data:(.*)$", text, re.MULTILINE):
        try:
            found.append(_parse(data))
        except (ValueError, RecursionError):
            # ``[DONE]``, and what was cut off at the end.
            continue
    return found[0] if len(found) == 1 else found or None


#: What makes JSON a call (JSONP), or keeps browsers from running it.
_SCRIPT: Final = re.compile(
    r"\s*+(?:/\*\*/\s*+)?(?:[A-Za-z_$][\w$.]{0,80}\s*+\(|\)\]\}'?,?|(?:while|for)\s*+\([1;]*+\);)?\s*+(?=[{\[])"
)
#: The whole object or list that comes after another.
_NEXT: Final = re.compile(r"\s*+(?=[{\[])")


def _read_lines(text: str) -> Any:
    """The whole objects and lists with which a text begins; None: it begins with none."""
    found: list[Any] = []
    start = _SCRIPT.match(text)
    while start is not None:
        try:
            value, end = _DECODER.raw_decode(text, start.end())
        except (ValueError, RecursionError):
            break
        found.append(value)
        start = _NEXT.match(text, end)
    return found[0] if len(found) == 1 else found or None


def read_cut(text: str) -> Any:
    """What stands whole in a JSON text that was cut off, or that something stands around; None: nothing.

    A member counts when its value has ended; what was begun after it is left out.
    """
    start = min((place for mark in "{[" if (place := text.find(mark)) >= 0), default=None)
    if start is None:
        return None
    closing: list[str] = []
    whole_until, left_open = start, ""
    quoted, value = False, False
    for token in re.finditer(r'\\.|["{}\[\],:]', text[start : start + _CUT], re.DOTALL):
        mark, end = token[0], start + token.end()
        if mark == '"':
            quoted = not quoted
        if quoted or mark[0] == "\\":
            continue
        if mark in "{[":
            closing.append("}" if mark == "{" else "]")
        elif mark in "}]" and (not closing or closing.pop() != mark):
            break
        if mark in "}]" or (mark == '"' and value):
            whole_until, left_open = end, "".join(reversed(closing))
        elif mark == ",":
            whole_until, left_open = end - 1, "".join(reversed(closing))
        if not closing:
            break
        value = mark == ":"
    try:
        return _parse(text[start:whole_until] + left_open)
    except (ValueError, RecursionError):
        return None


def read_xml(text: str) -> Any:
    """An XML document as the JSON that would say the same; None: it is none, or one that defines things of its own.

    Elements and attributes are members, in the order in which they come; a root that only says that this is an answer is left out.
    """
    text = text.strip().removeprefix("\ufeff")
    if not text.startswith("<") or len(text) > _CUT or "<!" in text.replace("<![CDATA[", ""):
        return None
    try:
        root = ET.fromstring(text)  # noqa: S314 - short, and without definitions that could grow
        found = _element(root)
    except (ET.ParseError, ValueError, RecursionError):
        return None
    name = _local(root.tag)
    return found if isinstance(found, dict) and name.lower() in _ENVELOPES else {name: found}


_ENVELOPES: Final = frozenset({"response", "result", "data", "output", "root", "xml", "body", "answer"})


def _element(element: ET.Element) -> Any:
    pairs = [
        *((_local(name), value) for name, value in element.items()),
        *((_local(one.tag), _element(one)) for one in element),
    ]
    text = (element.text or "").strip()
    if not pairs:
        return text
    members: dict[str, Any] = {"text": text} if text else {}
    for name, value in pairs:
        members[name] = value if name not in members else [members[name], value]
    return members


def _local(name: str) -> str:
    """A name without its namespace."""
    return str(name).rpartition("}")[2]


def _parse(text: str) -> Any:
    return _DECODER.decode(text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of members with one name the last that holds anything."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found or value not in (None, "", [], {}):
            found[name] = value
    return found


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else digits[:400]


_DECODER: Final = json.JSONDecoder(parse_int=_int, parse_constant=lambda _: None, object_pairs_hook=_members)


def _read_shallow(text: str) -> Any:
    """The same for a text that is nested too deeply: what lies below ``DEEPEST`` is left out."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in text[:_MENDED]:
        below = depth > DEEPEST
        if quoted:
            quoted, escaped = escaped or character != '"', character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept.append("null")
            below = depth > DEEPEST
        elif character in "]}":
            depth -= 1
        if not below:
            kept.append(character)
    try:
        return _parse("".join(kept))
    except (ValueError, RecursionError):
        return None


def whole(value: Any) -> int | None:
    """A whole number of at most ``DIGITS`` digits, given as a number or in plain ASCII digits; None: it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 else None
    if isinstance(value, int):
        return value if abs(value) < 10**DIGITS else None
    if isinstance(value, str):
        digits = value.strip()
        bare = digits.removeprefix("-")
        return int(digits) if bare.isascii() and bare.isdigit() and len(bare) <= DIGITS else None
    return None


def identifier(value: Any) -> str | None:
    """The id that a value is: a text that says something and that a database can index, or a whole number above zero."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _NO_IDS or len(text.encode(errors="replace")) > 1000:
            return None
        # Words are said to people.
        return text if _OF_AN_ID.search(text) and not re.search(r"\s", text) else None
    number = whole(value)
    return str(number) if number is not None and number > 0 else None


#: What ids of jobs look like where only their place tells that they are some.
_ID_IN_ADDRESS: Final = re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9_.:~-]{5,199}")


def identifier_in_address(location: str, looks: Sequence[str]) -> str | None:
    """The id in an address (RFC 9110, 10.2.2) that is one of those at which jobs are asked for; None: it is another one."""
    for look in looks if location else ():
        known = urlsplit(look)
        try:
            given = urlsplit(urljoin(looks[-1].removesuffix("/{id}"), location))
        except ValueError:
            return None
        if (given.scheme, given.netloc) != (known.scheme, known.netloc):
            continue
        name = next((name for name, value in parse_qsl(known.query) if value == "{id}"), None)
        if name is None:
            path = re.fullmatch(re.escape(known.path).replace(re.escape("{id}"), "([^/]+)") + "/?", given.path)
            found = unquote(path[1]) if path else ""
        else:
            found = dict(parse_qsl(given.query)).get(name, "") if given.path == known.path else ""
        if _ID_IN_ADDRESS.fullmatch(found):
            return found
    return None
