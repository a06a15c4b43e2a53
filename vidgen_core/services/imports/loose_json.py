"""JSON and YAML that are not to the letter: what language models, word processors and people make of them.

Nothing is made up: what is not whole is left out and named by its line.
"""

from __future__ import annotations

import itertools
import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import yaml

from vidgen_core.services.imports.columns import KEPT, match_columns, plain_header
from vidgen_core.services.imports.numbers import number_of


class Damaged(NamedTuple):
    """An entry of a list that cannot be read."""

    #: Line of the text, from 1.
    line: int
    #: Its beginning.
    text: str


#: Where JSON begins in a text with words around it.
_BEGIN: Final = re.compile(r"(?m)^[ \t]*+[\[{]\s*+[\"'“\[{]")
#: An object that begins, not a brace in a sentence.
_ENTRY: Final = re.compile(r"\{(?=\s*+(?:[\"'“”]|[^\W\d]\w*+\s*+:))")
_KEY: Final = re.compile(r"(?:[\"'“”]([^\"'“”:,{}\[\]\n]{1,60}+)[\"'“”]|[{,]\s*+([^\W\d]\w{0,60}+))\s*+:")
#: What is left of an object whose beginning is missing.
_REST: Final = re.compile(r"[\"“”][^{}\[\]\"“”]*+\}")
_COMMENT: Final = re.compile(r"(?m)^[ \t]*+//.*$|(?<=[,{\[])[ \t]*+//[^\n\"]*+$|(?<![^\s,{\[])/\*(?:[^*]|\*(?!/))*+\*/")
#: Strings and braces; what stands in single quotes ends before a mark.
_TOKEN: Final = re.compile(r"[{}]|\"(?:[^\"\\]|\\.)*+\"|(?<=[\[{,:\s])'(?:[^'\\\n]|\\.|'(?!\s*[,:}\]]))*+'", re.DOTALL)
_NAMES_AND_STRINGS: Final = re.compile(
    _TOKEN.pattern.removeprefix("[{}]|") + r"|([{,]\s*+)([^\W\d]\w*+)\s*+:(?=[^\s/])", re.DOTALL
)
#: A path of Windows whose backslashes nobody has doubled.
_BACKSLASHED: Final = re.compile(r"\"(?:[A-Za-z]:\\(?![\\/])|\\\\(?!\\)[^\"\\/]++\\(?!\\))")
#: Quotes of a word processor around a key or a value.
_TYPESET: Final = re.compile(r"[{,\[]\s*+“|\"\s*+:\s*+[“”]")
#: Letters of YAML; its reader is far slower than that of JSON.
_LONGEST_YAML: Final = 5_000_000
#: Letters of one entry that is looked at closely.
_LONGEST_ENTRY: Final = 50_000
#: Letters that are read twice in search of what is whole, for each letter of a text.
_PATIENCE: Final = 30
_ITEM: Final = re.compile(r"( *)- ")
#: A key within a value.
_GLUED: Final = re.compile(r"[\"“”]\s*+:|[\"“”]\s++[\"“”]")
_MARKS: Final = re.compile(r"[\"'“”:,{}\[\]\n]")
_DEEPEST: Final = 8
_KEPT: Final = frozenset(map(plain_header, KEPT))


def read_json(text: str) -> Any:
    """A text as JSON, in which line ends may stand as they are; None for what is none."""
    try:
        return json.loads(text, strict=False, object_pairs_hook=_as_object)
    except (ValueError, RecursionError):
        return None


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values under one name are two entries of which a part is missing."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[key] != value for key, value in pairs):
        raise ValueError
    return found


class _Yaml(yaml.CBaseLoader):  # type: ignore[misc]
    """Makes texts, lists and objects only."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return _as_object(
            [
                (self.construct_object(key, deep=deep), self.construct_object(value, deep=deep))
                for key, value in node.value
            ]
        )


def read_loosely(text: str) -> Any:
    """What a text holds that is not JSON to the letter: JSON lines, objects one behind the other, JSON between words, with
    comments, trailing commas or the quotes of a word processor, and YAML; None for what is none of it.
    """
    begin = _BEGIN.search(text)
    if begin and _fields(_keys(text[: begin.start()])):
        begin = None
    inner = text[begin.start() : max(text.rfind("}"), text.rfind("]")) + 1] if begin else text
    for read in (read_json, _one_by_one, _json_lines):
        for candidate in dict.fromkeys((text, inner)):
            if (found := read(candidate)) is not None:
                return found
    found = _as_meant(inner)
    return found if isinstance(found, dict | list) else None


def read_whole(text: str, is_holder: Callable[[str], bool]) -> Any:
    """The entries of JSON or YAML that is broken in its midst, with ``Damaged`` where one is not whole; None where none is.

    :param is_holder: whether shots, or what holds them, stand below a key
    """
    found: list[Any] = []
    if _ENTRY.search(text):
        found = _ObjectsInBrokenJson(_without_comments(text), is_holder).read()
    elif text.lstrip().startswith("["):
        found = _by_line(text)
    elif len(text) <= _LONGEST_YAML:
        lines = text.split("\n")
        found = list(_items(lines, 0, len(lines), is_holder))
    if not any(map(_is_whole, _flat(found))):
        return None
    return found[0] if len(found) == 1 and isinstance(found[0], dict) and "project" in found[0] else found


def _flat(found: list[Any]) -> Iterator[Any]:
    for one in found:
        yield one
        for inner in one.values() if isinstance(one, dict) else ():
            yield from _flat(inner) if isinstance(inner, list) else ()


def _is_whole(one: Any) -> bool:
    return isinstance(one, str | list) or (isinstance(one, dict) and bool(_fields(one)))


def _without_comments(text: str) -> str:
    """The text on the same lines."""
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text) if "//" in text or "/*" in text else text


def _by_line(text: str) -> list[Any]:
    """Texts or rows, one a line."""
    found: list[Any] = []
    for place, line in enumerate(text.split("\n"), start=1):
        if bare := line.strip(", \t\r[]") and line.strip().rstrip(","):
            tried = (bare, bare[1:], bare[:-1], bare[1:-1])
            read = (read_json(part) for part in tried)
            one = next((held for held in read if isinstance(held, str) or _is_row(held)), None)
            found.append(Damaged(place, bare[:60]) if one is None else one)
    return found


def _is_row(held: Any) -> bool:
    return isinstance(held, list) and not any(isinstance(one, list | dict) for one in held)


def _as_meant(text: str) -> Any:
    """JSON with comments, trailing commas, other quotes or single backslashes, and YAML."""
    bare = _without_comments(text)
    if _TYPESET.search(bare):
        bare = re.sub(r"([\[{,:]\s*+)[“”]", r'\1"', re.sub(r"[“”](?=\s*+[,:}\]])", '"', bare))
    bare = _NAMES_AND_STRINGS.sub(_named, bare)
    found = read_json(bare)
    return _yaml(bare) if found is None else found


def _named(found: re.Match[str]) -> str:
    """A bare name before a colon in quotes; a string with the backslashes doubled of a path, and without those that nothing needs."""
    if found[1] is not None:
        return f'{found[1]}"{found[2]}": '
    if found[0][0] == "'":
        return found[0].replace("\\'", "''")
    if _BACKSLASHED.match(found[0]):
        return found[0].replace("\\", "\\\\")
    return re.sub(r"\\(?=')", "", found[0])


def _json_lines(text: str) -> list[Any] | None:
    """One text or array a line; None: it is something else."""
    found: list[Any] = []
    for line in filter(None, (line.strip().rstrip(",") for line in text.split("\n"))):
        found.append(read_json(line))
        if not isinstance(found[-1], str | list) or type(found[-1]) is not type(found[0]):
            return None
    if any(isinstance(one, list) and any(isinstance(held, dict) for held in one) for one in found):
        # One list behind the other.
        found = list(itertools.chain(*found))
    return found if len(found) > 1 else None


def _one_by_one(text: str) -> list[Any] | None:
    """Objects with nothing but blanks or commas between them."""
    decoder, place, found = json.JSONDecoder(strict=False, object_pairs_hook=_as_object), 0, []
    text = text.strip()
    try:
        while place < len(text):
            one, place = decoder.raw_decode(text, place)
            found.append(one)
            place += len(text[place:]) - len(text[place:].lstrip(", \t\r\n"))
    except (ValueError, RecursionError):
        return None
    return found if len(found) > 1 and all(isinstance(one, dict) for one in found) else None


def _yaml(text: str) -> Any:
    """YAML with every value as it is written: ``1-2`` is no date and ``no`` no answer. References, which can grow without end, are refused."""
    if len(text) > _LONGEST_YAML:
        return None
    try:
        if _is_refused(yaml.parse(text, Loader=yaml.CBaseLoader)):
            return None
        return _without_nulls(yaml.load(text, Loader=_Yaml))  # noqa: S506 - this loader makes texts, lists and objects only
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None


def _is_refused(events: Iterable[yaml.Event]) -> bool:
    """References, which can grow without end, and what YAML makes of JSON in which a comma, a colon or a value is missing."""
    in_braces: list[bool] = []
    for event in events:
        match event:
            case yaml.AliasEvent():
                return True
            case yaml.CollectionStartEvent():
                in_braces.append(bool(event.flow_style))
            case yaml.CollectionEndEvent():
                in_braces.pop()
            case yaml.ScalarEvent(value=value, style=style) if not style and (
                _GLUED.search(value) or (in_braces and in_braces[-1] and (not value or value[-1] in '"”'))
            ):
                return True
    return False


def _without_nulls(held: Any) -> Any:
    match held:
        case dict():
            return {str(key): _without_nulls(value) for key, value in held.items()}
        case list():
            return [_without_nulls(one) for one in held]
        case _:
            return None if held in ("null", "~", "", "None", "undefined") else held


class _Opened(NamedTuple):
    """The key at the end of a text, whose value begins there."""

    name: str
    before: str
    in_list: bool


def _opened(text: str) -> _Opened | None:
    bare = text.rstrip()
    rest = bare.removesuffix("[").rstrip()
    if not rest.endswith(":"):
        return None
    tail = rest[-80:-1].rstrip().rstrip("\"'“”")
    name = _MARKS.split(tail)[-1].strip()
    return _Opened(name, rest[: rest.rindex(name)].rstrip().rstrip("\"'“”"), bare.endswith("[")) if name else None


class _ObjectsInBrokenJson:
    """Goes through JSON from one beginning of an object to the next, and takes what is whole."""

    def __init__(self, text: str, is_holder: Callable[[str], bool]) -> None:
        self._text = text
        self._is_holder = is_holder
        self._decoder = json.JSONDecoder(strict=False, object_pairs_hook=_as_object)
        self._left = _PATIENCE * len(text) + _LONGEST_ENTRY
        self._parts: list[Any] = []
        #: Where entries go: the list of the scene that has begun.
        self._into = self._parts
        self._scenes: list[tuple[dict[str, Any], list[Any]]] = []
        #: Keys of the damaged entry in which the text stands; None outside of one.
        self._inside: dict[str, None] | None = None
        #: Of each entry that was taken, by its identity: where it begins.
        self._taken: dict[int, int] = {}
        #: Key before the next object.
        self._key = ""
        #: A place of the text, and its line.
        self._counted = (0, 1)

    def read(self) -> list[Any]:
        """The entries within what holds them; none where too much is broken."""
        starts = [found.start() for found in _ENTRY.finditer(self._text)]
        place = 0
        for start, following in itertools.pairwise([*starts, len(self._text)]):
            if start < place:
                continue
            self._between(place, start)
            one, place = self._whole(start)
            if self._left < 0:
                return []
            if one is None:
                self._begun(start, following)
                place = following
            else:
                self._take(one, start)
        self._between(place, len(self._text))
        self._without_parts()
        empty = [scene for scene, entries in self._scenes if not entries]
        parts = [one for one in self._parts if not any(one is scene for scene in empty)]
        project = next((scene["project"] for scene in empty if "project" in scene), None)
        return [{"project": project, "scenes": parts}] if project else parts

    def _whole(self, start: int) -> tuple[dict[str, Any] | None, int]:
        """The object that begins there, and its end; None for one that is not whole."""
        try:
            return self._decoder.raw_decode(self._text, start)
        except json.JSONDecodeError as error:
            self._left -= error.pos - start
        except (ValueError, RecursionError):
            self._left -= min(_LONGEST_ENTRY, len(self._text) - start)
        depth, end = 0, start
        for token in _TOKEN.finditer(self._text, start, start + _LONGEST_ENTRY):
            end = token.end()
            depth += {"{": 1, "}": -1}.get(token[0], 0)
            if not depth:
                break
        self._left -= end - start
        one = None if depth else _as_meant(self._text[start:end])
        return (one, end) if isinstance(one, dict) else (None, start)

    def _take(self, one: dict[str, Any], start: int) -> None:
        if self._is_part(one):
            return
        self._inside = None
        known = match_columns(list(one)).fields
        one = {"shot": self._key, **one} if self._key and known and "shot" not in known else one
        self._into.append(one)
        self._taken[id(one)] = start
        self._key = ""

    def _is_part(self, keys: dict[str, Any]) -> bool:
        """Whether an object belongs to the damaged entry around it."""
        if self._inside is None:
            return False
        fields, known = _fields(keys), _fields(self._inside)
        return not (fields & known if known else fields and self._inside.keys() <= keys.keys())

    def _without_parts(self) -> None:
        """Leave out objects that are no shots: they are left of a damaged one, or describe something else."""
        lists = (self._parts, *(entries for _, entries in self._scenes))
        parts = keys_of_parts([one for entries in lists for one in entries if id(one) in self._taken])
        for entries in lists if parts else ():
            kept: list[Any] = []
            for one in entries:
                if id(one) not in self._taken or frozenset(one) not in parts:
                    kept.append(one)
                elif not kept or not isinstance(kept[-1], Damaged):
                    start = self._taken[id(one)]
                    text = self._text[start : start + 60].partition("\n")[0]
                    kept.append(Damaged(1 + self._text.count("\n", 0, start), text))
            entries[:] = kept

    def _between(self, place: int, start: int) -> None:
        """What stands behind an object, before the next one."""
        tail = self._text[place:start]
        if not tail:
            return
        closed = re.search(r"[{}\]]", re.sub(r'"[^"]*+"', "", tail))
        key = _opened(tail)
        self._key = key.name if key and not key.in_list and number_of(key.name) else ""
        if self._inside is not None:
            self._inside = None if "}" in tail else self._inside
        elif closed and closed[0] != "]" and _REST.search(tail):
            self._refuse(place, tail)

    def _begun(self, start: int, following: int) -> None:
        """An object that is not whole: one that holds others, or a damaged entry."""
        piece = self._text[start:following]
        keys, opened = _keys(piece), _opened(piece)
        if opened and not opened.in_list and len(keys) == 1 and number_of(opened.name):
            self._key = opened.name
        elif opened and (self._is_holder(opened.name) or self._holds(opened, keys)):
            head = _as_meant(opened.before.rstrip(", \t\r\n") + "}")
            entries: list[Any] = []
            scene = {**(head if isinstance(head, dict) else {}), opened.name: entries}
            self._scenes.append((scene, entries))
            self._parts.append(scene)
            self._into = entries
            self._inside = None
        elif not self._is_part(keys):
            end = piece.rfind("}") + 1
            self._refuse(start, piece[:end] or piece)
            self._inside = keys if opened and not end and match_columns(list(keys)).fields else None
            self._between(start + end if end else following, following)
        elif piece.count("}") > 1:
            self._inside = None

    def _holds(self, opened: _Opened, keys: dict[str, None]) -> bool:
        """Whether shots may stand below a key that is no usual one for it."""
        is_field = bool(match_columns([opened.name]).meant) or plain_header(opened.name) in _KEPT
        return not _fields(keys) and not is_field and (opened.in_list or len(keys) == 1 or not self._parts)

    def _refuse(self, place: int, piece: str) -> None:
        said = piece.lstrip(" \t\r\n,]}")
        begin = place + len(piece) - len(said)
        before, line = self._counted
        line += self._text.count("\n", before, begin)
        self._counted = begin, line
        try:
            self._decoder.raw_decode(said)
        except json.JSONDecodeError as error:
            # Where the reader stumbled, within the entry.
            line += min(error.lineno - 1, said.rstrip(" \t\r\n,[]{").count("\n"))
        except (ValueError, RecursionError):
            pass
        self._into.append(Damaged(line, " ".join(said[:200].split())[:60]))


def keys_of_parts(objects: Iterable[dict[str, Any]]) -> set[frozenset[str]]:
    """The keys of those among the objects of a damaged storyboard that are no shots: of what stands within shots, or has another text than most."""
    shots = [(one, frozenset(_fields(one))) for one in objects]
    shots = [(one, fields) for one, fields in shots if fields]
    parts = {frozenset(part) for one, fields in shots for part in _within(one) if not _fields(part) & fields}
    counts = Counter(fields for one, fields in shots if frozenset(one) not in parts)
    for usual, most in counts.most_common(1):
        parts |= {frozenset(one) for one, fields in shots if not fields & usual and counts[fields] < most}
    return parts


def _within(held: Any) -> Iterator[dict[str, Any]]:
    for one in held.values() if isinstance(held, dict) else held:
        if isinstance(one, dict):
            yield one
        if isinstance(one, dict | list):
            yield from _within(one)


def _keys(text: str) -> dict[str, None]:
    return dict.fromkeys(found[1] or found[2] for found in _KEY.finditer(text))


def _fields(keys: dict[str, Any]) -> set[str]:
    """The keys that make a shot of an entry; empty where none does."""
    names = list(keys)
    fields = match_columns(names).fields
    return {names[fields[field]] for field in ("prompt", "image", "picture_prompt") if field in fields}


def _items(lines: list[str], first: int, last: int, is_holder: Callable[[str], bool], depth: int = 0) -> Iterator[Any]:
    """What is whole of YAML: an item that cannot be read is taken apart into the items within it."""
    text = textwrap.dedent("\n".join(lines[first:last]))
    held = _yaml(text)
    if isinstance(held, dict | list):
        yield from held if isinstance(held, list) else [held]
        return
    marks = [
        (place, len(found[1])) for place in range(first + bool(depth), last) if (found := _ITEM.match(lines[place]))
    ]
    indent = min((deep for _, deep in marks), default=0)
    inner = [place for place, deep in marks if deep == indent]
    above = textwrap.dedent("\n".join(lines[first : inner[0]])) if inner else text
    opened = _opened(above)
    head = _yaml(re.sub(r"\A- ", "  ", opened.before)) if opened else None
    is_scene = opened and (is_holder(opened.name) or (isinstance(head, dict) and not _fields(head)))
    if depth > _DEEPEST or not inner or not (is_scene or not above.strip()):
        yield Damaged(first + 1, " ".join(text[:200].split())[:60])
        return
    entries = [
        one
        for begin, end in itertools.pairwise([*inner, last])
        for one in _items(lines, begin, _end_of_item(lines, begin, end, indent), is_holder, depth + 1)
    ]
    yield from [{**head, "shots": entries}] if isinstance(head, dict) else entries


def _end_of_item(lines: list[str], begin: int, end: int, indent: int) -> int:
    """Where what stands behind the last item of a list begins; an unindented field of a shot belongs to it."""
    for place in range(begin + 1, end):
        line = lines[place]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            rest = {other.partition(":")[0].strip(): None for other in lines[place:end]}
            return end if _fields(rest) else place
    return end
