"""Settings by their dotted names."""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from vidgen_core.config.error_messages import reason_of
from vidgen_core.config.schema import PREFIX, Settings
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.domain.setting_values import Section


class SettingName(NamedTuple):
    """One setting as lists and screens show it."""

    #: Dotted, e.g. ``runner.max_concurrent``.
    name: str
    sentence: str
    default: Any
    secret: bool


class _Leaf(NamedTuple):
    annotation: Any
    section: type[BaseModel]
    default: Any


def is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def leaves() -> Mapping[str, _Leaf]:
    """Every setting by its dotted name, in the order of the file."""
    return _leaves_with(provider_ids())


@functools.lru_cache(maxsize=1)
def _leaves_with(_providers: tuple[ProviderId, ...]) -> Mapping[str, _Leaf]:
    """The same for as long as no provider is registered, which brings a section of its own."""
    return dict(_leaves_of(Settings))


def _leaves_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, _Leaf]]:
    for name, field in model.model_fields.items():
        if is_section(field.annotation):
            yield from _leaves_of(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield (
                f"{prefix}{name}",
                _Leaf(
                    Annotated[field.annotation, field],
                    model,
                    field.get_default(call_default_factory=True),
                ),
            )


@functools.cache
def sentences_of(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each setting of a section in the code.

    Pydantic reads it too, whenever a section is imported, which takes longer than all else that a short command does.
    """
    if not is_section(model) and model is not Settings:
        return {}
    inherited = [sentences_of(base) for base in model.__bases__ if issubclass(base, BaseModel)]
    own = {}
    for pair in itertools.pairwise(ast.parse(inspect.getsource(model)).body[0].body):  # type: ignore[attr-defined]
        match pair:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(sentence))):
                own[name] = inspect.cleandoc(sentence)
    return {name: sentence for known in (*reversed(inherited), own) for name, sentence in known.items()}


def leaf_of(name: str) -> _Leaf:
    if name not in leaves():
        raise SettingsError("setting_unknown", field=name, nearest=nearest(name, leaves()))
    return leaves()[name]


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """The known name most like ``name``; where none is alike, all of them."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else ", ".join(known)


def setting_names() -> list[SettingName]:
    """Every setting in the order of the file."""
    return [
        SettingName(
            name,
            sentences_of(leaf.section)[name.rpartition(".")[2]],
            leaf.default,
            secret=_holds_secret(leaf.annotation),
        )
        for name, leaf in leaves().items()
    ]


def _holds_secret(annotation: Any) -> bool:
    return any(secret in str(annotation) for secret in ("SecretStr", "KeySettings"))


def dotted_get(settings: Settings, name: str) -> Any:
    """The value of ``runner.max_concurrent`` and the like.

    :raises SettingsError: ``setting_unknown``
    """
    leaf_of(name)
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def field_of(settings: Settings, name: str) -> FieldInfo:
    """The schema of one setting: its type, bounds, sentence, and in ``json_schema_extra`` ``step`` and ``placeholder``."""
    *sections, last = name.split(".")
    section: BaseModel = settings
    for part in sections:
        section = getattr(section, part)
    return type(section).model_fields[last]


def parse_value(name: str, text: str) -> Any:
    """``text`` as typed on a command line, as a value for the setting ``name``; lists are written as JSON.

    :raises SettingsError: ``setting_unknown``, ``setting_invalid``
    """
    leaf = leaf_of(name)
    if leaf.default is None and text.strip().lower() in ("", "none"):
        return None
    value: Any = text
    if isinstance(leaf.default, tuple):
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            raise SettingsError("setting_invalid", field=name, reason="json", where="") from None
    try:
        return TypeAdapter(leaf.annotation).validate_python(value)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[0]
        raise SettingsError("setting_invalid", field=name, where="", **reason_of(details)) from None


def variable_of(name: str) -> str:
    return PREFIX + name.upper().replace(".", "__")
