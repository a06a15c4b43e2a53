"""Keyset paging: a page begins after the keys of the last row before it, so that it costs the same wherever it lies.

The keys travel as one opaque word, the *mark* of a page. They are those that the row had when it was read: when it changes
or goes, the next page still begins where this one ended.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, literal

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.queries import LONGEST_MARK

_MOST: Final = 2**63


def mark_of(order: str, keys: Sequence[Any]) -> str:
    """The mark of the page after the row with these keys.

    :param order: its name; a mark is of use in the same order only
    """
    return base64.urlsafe_b64encode(json.dumps([order, *keys]).encode()).decode().rstrip("=")


def keys_of(mark: str, order: str, columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    """The keys in a mark, which may come from outside.

    :raises InputError: page_mark_unknown
    """
    try:
        keys: list[Any]
        told, *keys = json.loads(base64.urlsafe_b64decode(mark[:LONGEST_MARK] + "=="))
    except (ValueError, TypeError, RecursionError):
        raise InputError("page_mark_unknown") from None
    if told != order or len(keys) != len(columns) or not all(map(_fits, keys, columns)):
        raise InputError("page_mark_unknown")
    return keys


def _fits(key: Any, column: ColumnElement[Any]) -> bool:
    match key, column.type.python_type:
        case None, _:
            return True
        case bool(), _:
            return False
        case int(), kind if kind in (int, float):
            return -_MOST <= key < _MOST
        case str(), kind if kind is str:
            return not re.search("[\0\ud800-\udfff]", key)
        case float(), kind:
            return kind is float
    return False


def parts_after(
    columns: Sequence[ColumnElement[Any]], keys: Sequence[Any], *, descending: bool = False
) -> list[ColumnElement[bool]]:
    """The rows after one, in an order that goes by these columns, none of them NULL: first those that share most keys with it.

    SQLite finds each part along an index, and would not find ``(a, id) > (?, ?)`` where the index names its row's id.
    """
    values = [literal(key, column.type) for key, column in zip(keys, columns, strict=True)]
    same = [column == value for column, value in zip(columns, values, strict=True)]
    return [
        and_(*same[:place], columns[place] < values[place] if descending else columns[place] > values[place])
        for place in reversed(range(len(columns)))
    ]
