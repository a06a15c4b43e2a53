"""Settings as TOML."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import SecretStr
from tomlkit.items import AoT

from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.setting_values import Section


def plain(value: Any) -> Any:
    """A value as TOML knows it; secrets in clear, for they go into the file and nowhere else."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case KeySettings():
            kept: dict[str, Any] = {"name": value.name, "secret": value.secret.get_secret_value()}
            off = {} if value.enabled else {"enabled": False}
            return kept | off | ({"hosts": value.hosts} if value.hosts else {})
        case Section():
            return {
                name: plain(item) for name, item in value.model_dump(exclude_none=True, exclude_defaults=True).items()
            }
        case StrEnum():
            return value.value
        case ProviderId():
            return value.value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Path():
            return str(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case _:
            return value


def put(data: dict[str, Any], name: str, value: Any) -> None:
    *sections, last = name.split(".")
    for section in sections:
        data = data.setdefault(section, {})
    data.pop(last, None)
    if value is not None:
        data[last] = value


def put_toml(document: Any, name: str, value: Any) -> None:
    *sections, last = name.split(".")
    for depth, section in enumerate(sections):
        if section not in document:
            document[section] = tomlkit.table(is_super_table=depth < len(sections) - 1)
        document = document[section]
    if value is None:
        document.pop(last, None)
    elif isinstance(value, list):
        document[last] = _toml_list(value, document.get(last))
    else:
        document[last] = value


def _toml_list(items: list[dict[str, Any]], before: Any) -> Any:
    """Rows in the form they had before; tables that say the same as before keep their comments."""
    if isinstance(before, AoT) and items:
        tables = tomlkit.aot()
        for item in items:
            tables.append(next((table for table in before if table.unwrap() == item), tomlkit.item(item)))
        return tables
    array = tomlkit.array()
    for item in items:
        inline = tomlkit.inline_table()
        inline.update(item)
        array.append(inline)
    return array.multiline(bool(items))
