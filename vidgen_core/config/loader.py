"""Environment over file over defaults."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as EnvironmentUnreadable

from vidgen_core.config.error_messages import reason_of
from vidgen_core.config.lookup import is_section, leaves, nearest
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import PREFIX, Settings
from vidgen_core.domain.errors import SettingsError


def load_settings(locations: Locations) -> Settings:
    """Environment over file over defaults; a missing file is an empty one.

    :raises SettingsError: ``settings_unreadable`` and ``settings_not_utf8`` (path, line), ``settings_unopenable`` (path, why),
        ``setting_invalid`` (field, reason, where), ``setting_unknown`` (field, nearest)
    """
    path = locations.settings_file
    return build(read(path), str(path))


def read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        # Windows editors put a byte order mark in front, and write UTF-16 where they say Unicode.
        return data.decode(json.detect_encoding(data))
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError("settings_not_utf8", path=str(path), line=line) from None
    except OSError as error:
        raise SettingsError("settings_unopenable", path=str(path), why=error.strerror or "") from error


def read(path: Path) -> dict[str, Any]:
    return parse(read_text(path), str(path))


def parse(text: str, where: str) -> dict[str, Any]:
    """:raises SettingsError: ``settings_unreadable`` (path, line)"""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        named = re.search(r"at line (\d+)", str(error))
        line = int(named.group(1)) if named else text.count("\n") + 1
    # Outside of the handler: the parser's error quotes the file, and with it perhaps a key.
    raise SettingsError("settings_unreadable", path=where, line=line)


def build(data: Mapping[str, Any], where: str) -> Settings:
    private = [name for name in data if name.startswith("_")]
    if private:
        # These would be taken for options of pydantic-settings itself.
        raise SettingsError("setting_unknown", field=private[0], nearest=nearest(private[0], Settings.model_fields))
    try:
        return Settings(**data)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[0]
    except (EnvironmentUnreadable, json.JSONDecodeError):
        variable = _unreadable_variable()
        field = variable.removeprefix(PREFIX).lower().replace("__", ".")
        # Without its cause, which quotes the value, and with it perhaps a key.
        raise SettingsError("setting_invalid", field=field, reason="json", where=variable) from None
    raise _setting_error(details, where)


def _unreadable_variable() -> str:
    """The environment variable whose list or section is not JSON."""
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX) and not _is_json(value) and _takes_json(name.upper()):
            return name.upper()
    return PREFIX


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _takes_json(variable: str) -> bool:
    name = variable.removeprefix(PREFIX).lower().replace("__", ".")
    return any(
        (leaf == name and isinstance(default, tuple)) or leaf.startswith(f"{name}.")
        for leaf, (_, _, default) in leaves().items()
    )


def _setting_error(details: ErrorDetails, where: str) -> SettingsError:
    field = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        return SettingsError("setting_unknown", field=field, nearest=_nearest_sibling(details["loc"]))
    if any(field == name or field.startswith(f"{name}.") for name in environment_names()):
        where = PREFIX + field.upper().replace(".", "__")
    return SettingsError("setting_invalid", field=field, where=where, **reason_of(details))


def _nearest_sibling(loc: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    known: list[str] = []
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        known.append(part)
        model = _section_in(model.model_fields[part].annotation) or model
    name = nearest(str(loc[-1]), model.model_fields)
    return name if ", " in name else ".".join([*known, name])


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field is, or that the rows of its list are."""
    return next((kind for kind in (annotation, *get_args(annotation)) if is_section(kind)), None)


def environment_names() -> frozenset[str]:
    try:
        given = EnvSettingsSource(Settings)()
    except (EnvironmentUnreadable, json.JSONDecodeError):
        # Reading the settings reports it; nothing can be said about names here.
        return frozenset()
    return frozenset(name for name in leaves() if _present(given, name.split(".")))


def _present(data: Any, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True
