"""Request schemas of KIE's jobs: the fields of ``input``, from a model's OpenAPI document or from the built-in table.

``GET /api/v1/models/{id}/schema`` returns an OpenAPI 3.1 document of one model. ``$ref`` points into the document, with
segments that are percent-encoded and may end in a blank; ``input`` is an object or a ``oneOf`` of alternatives of which
exactly one is to be satisfied (KIE's guide *Running AI models on KIE*, 2026-09). Nothing in a document is trusted: what is
too deep, too large or of no known form is left out or makes the document unusable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final, Literal
from urllib.parse import unquote

from vidgen_core.domain.base import Frozen

#: The one path that orders are sent to; a model of another path is none of ours.
PATH: Final = "/api/v1/jobs/createTask"
#: What a document may hold at most; more is no request schema.
_DEEPEST: Final = 12
_FIELDS: Final = 80
_VALUES: Final = 120
_ALTERNATIVES: Final = 12
_SCHEMAS: Final = 20_000
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_DESCRIPTION: Final = 2000

FieldType = Literal["string", "number", "integer", "boolean", "string[]", "object[]", "object", "unknown"]
Value = str | int | float | bool


class Field(Frozen):
    """One field of a request."""

    type: FieldType
    required: bool = False
    enum: tuple[Value, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    #: What a number is a multiple of.
    step: float | None = None
    #: Characters of a text, or entries of a list.
    shortest: int | None = None
    longest: int | None = None
    description: str = ""

    @property
    def is_list(self) -> bool:
        return self.type.endswith("[]")


class Form(Frozen):
    """One complete set of fields that a model can be asked with."""

    fields: dict[str, Field]
    #: The request may name an address that is told when the job has ended.
    callback: bool = True


def read_document(document: Any, model: str) -> tuple[Form, ...] | None:
    """The forms in a model's OpenAPI document; None where it describes no job of ``model`` that could be ordered."""
    if not isinstance(document, Mapping):
        return None
    try:
        return _forms(_Reader(document), model)
    except _TooLarge:
        return None


def _forms(reader: _Reader, model: str) -> tuple[Form, ...] | None:
    body = reader.body()
    properties = reader.properties(body)
    names = reader.at(properties.get("model")).get("enum")
    if isinstance(names, list) and names and model not in names:
        return None
    callback = "callBackUrl" in properties
    forms = tuple(
        Form(fields=fields, callback=callback)
        for alternative in reader.alternatives(properties.get("input"))
        if (fields := reader.fields(alternative)) is not None
    )
    return forms or None


def form_of(rows: Mapping[str, Any], *, callback: bool = True) -> Form:
    """The form of a row of the built-in table, whose fields are short JSON schemas (``string[]`` is a list of texts)."""
    return Form(
        fields={name: _field(row, required=bool(row.get("required"))) for name, row in rows.items()}, callback=callback
    )


class _TooLarge(Exception):
    """A document names the same things over and over."""


class _Reader:
    """Reads one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = _SCHEMAS

    def body(self) -> Mapping[str, Any]:
        """The schema of the JSON body that is posted."""
        where: Any = self._document
        for step in ("paths", PATH, "post", "requestBody", "content", "application/json", "schema"):
            where = self.at(where).get(step)
        return self.at(where)

    def at(self, schema: Any, depth: int = 0) -> Mapping[str, Any]:
        """A schema with its references followed; empty where it is none."""
        self._left -= 1
        if self._left < 0:
            raise _TooLarge
        while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str) and depth < _DEEPEST:
            schema, depth = self._follow(schema["$ref"]), depth + 1
        return schema if isinstance(schema, Mapping) and "$ref" not in schema else {}

    def _follow(self, pointer: str) -> Any:
        where: Any = self._document
        if not pointer.startswith("#/") or len(pointer) > 500:
            return None
        for segment in pointer[2:].split("/"):
            name = unquote(segment).replace("~1", "/").replace("~0", "~")
            where = where.get(name) if isinstance(where, Mapping) else None
        return where

    def properties(self, schema: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
        """The properties of an object and of all that it consists of."""
        found: dict[str, Any] = {}
        if depth > _DEEPEST:
            return found
        for part in _list(schema.get("allOf")):
            found |= self.properties(self.at(part), depth + 1)
        own = schema.get("properties")
        return found | (dict(own) if isinstance(own, Mapping) else {})

    def required(self, schema: Mapping[str, Any], depth: int = 0) -> set[str]:
        found = {name for name in _list(schema.get("required")) if isinstance(name, str)}
        if depth <= _DEEPEST:
            for part in _list(schema.get("allOf")):
                found |= self.required(self.at(part), depth + 1)
        return found

    def alternatives(self, schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
        """The object itself, or each of its branches, and those within them, with what is common to all."""
        whole = self.at(schema)
        parts = [[part] for part in _list(whole.get("allOf"))] + [_list(whole.get(key)) for key in ("oneOf", "anyOf")]
        choices = [
            [inner for one in part if self.at(one).get("type") != "null" for inner in self.alternatives(one, depth + 1)]
            for part in parts
            if part and depth < _DEEPEST
        ]
        own = {key: whole[key] for key in ("properties", "required") if key in whole}
        for chosen in islice(product(*choices), _ALTERNATIVES):
            yield {"allOf": [own, *chosen]}

    def fields(self, schema: Mapping[str, Any]) -> dict[str, Field] | None:
        """The fields of an object; None where it has none, or more than a request has."""
        properties, required = self.properties(schema), self.required(schema)
        if not properties or len(properties) > _FIELDS or not required <= set(properties):
            return None
        if not all(_NAME.fullmatch(name) for name in properties):
            return None
        return {name: self._field(inner, required=name in required) for name, inner in properties.items()}

    def _field(self, schema: Any, *, required: bool) -> Field:
        return _field(self._value(schema), required=required)

    def _value(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """The schema of a value in one piece; of one that may be of several kinds, the kind that is of use."""
        found = dict(self.at(schema))
        if depth > _DEEPEST:
            return found
        for part in _list(found.pop("allOf", None)):
            found = self._value(part, depth + 1) | found
        inner = [one for key in ("anyOf", "oneOf") for one in _list(found.pop(key, None))][:_VALUES]
        options = [one for one in (self._value(option, depth + 1) for option in inner) if not _is_nothing(one)]
        lists = [one for one in options if one.get("type") == "array"]
        spans = [one for one in options if not _BOUNDS.isdisjoint(one)]
        words = [word for one in options for word in _words(one)]
        if len(options) == 1:
            found |= options[0]
        elif lists:
            # One or several of the same.
            found |= lists[0]
        elif len(spans) == 1:
            # A number, or a word such as *auto* for none.
            found |= spans[0]
        elif options and all(_words(one) for one in options):
            found |= {"enum": words}
        if isinstance(found.get("items"), Mapping):
            found["items"] = self._value(found["items"], depth + 1)
        return found


#: What bounds a number.
_BOUNDS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
#: A pattern that is nothing but its words.
_CHOICE: Final = re.compile(r"\^\(?(?:\?:)?([\w.:]+(?:\|[\w.:]+)+)\)?\$")


def _is_nothing(row: Mapping[str, Any]) -> bool:
    return row.get("type") == "null" or (set(row) & {"const", "enum"} != set() and not _words(row))


def _words(row: Mapping[str, Any]) -> list[Any]:
    """The values that are taken and no others, without that for nothing; empty: any."""
    found = _list(row.get("enum")) or ([row["const"]] if "const" in row else [])
    if not found and (choice := _CHOICE.fullmatch(str(row.get("pattern") or "")[:_DESCRIPTION])):
        found = choice[1].split("|")
    return [one for one in found if one is not None]


def _field(row: Mapping[str, Any], *, required: bool) -> Field:
    values = _words(row)
    kind = _type(row, values)
    usable = len(values) <= _VALUES and all(isinstance(one, Value) for one in values)
    sizes = ("minItems", "maxItems") if kind.endswith("[]") else ("minLength", "maxLength")
    return Field(
        type=kind if usable else "unknown",
        required=required,
        enum=tuple(values) if usable else (),
        default=row.get("default"),
        minimum=_bound(row, "minimum", "exclusiveMinimum", 1),
        maximum=_bound(row, "maximum", "exclusiveMaximum", -1),
        step=_number(row.get("multipleOf")),
        shortest=_count(row.get(sizes[0])),
        longest=_count(row.get(sizes[1])),
        description=str(row.get("description") or "")[:_DESCRIPTION],
    )


def _type(row: Mapping[str, Any], values: Sequence[Any]) -> FieldType:
    kind = row.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    if kind is None:
        # A schema without a type says it by its values.
        kinds = {_KINDS.get(type(one)) for one in (values or [row.get("default")])}
        kind = kinds.pop() if len(kinds) == 1 else "number" if kinds == {"integer", "number"} else None
    if kind == "array":
        items = row.get("items")
        inner = items.get("type") if isinstance(items, Mapping) else None
        kind = f"{inner}[]" if inner in ("string", "object") else None
    known: dict[Any, FieldType] = {
        "string": "string", "number": "number", "integer": "integer", "boolean": "boolean", "object": "object",
        "string[]": "string[]", "object[]": "object[]",
    }  # fmt: skip
    return known.get(kind, "unknown") if isinstance(kind, str) else "unknown"


_KINDS: Final[dict[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def _bound(row: Mapping[str, Any], name: str, beyond: str, step: int) -> float | None:
    """The first or last number that is taken: whole ones are all that is sent (3.1: a number beyond, 3.0: whether it is beyond)."""
    found, outside = _number(row.get(name)), row.get(beyond)
    if outside is True and found is not None:
        return found + step
    open_ = _number(outside)
    if open_ is None:
        return found
    inner = float(math.floor(open_) + 1 if step > 0 else math.ceil(open_) - 1)
    return inner if found is None else max(found, inner) if step > 0 else min(found, inner)


def _number(value: Any) -> float | None:
    """A number, or one that is written as a text."""
    try:
        found = None if isinstance(value, bool) or not isinstance(value, int | float | str) else float(value)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and math.isfinite(found) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
