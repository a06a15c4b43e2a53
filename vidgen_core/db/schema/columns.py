"""Kinds of columns, and short ways to write tables."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, Dialect, Double, Index, Integer, MetaData, Table, TypeDecorator, text

MICRO: Final = 1_000_000

#: A whole number of 64 bits; SQLite's INTEGER is one.
WHOLE: Final = Integer().with_variant(BigInteger(), "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime as seconds since 1970 in UTC."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        return None if value is None else value.timestamp()

    def process_result_value(self, value: float | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Micros(TypeDecorator[Decimal]):
    """An amount of money as whole millionths, so that the database can add exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int((value * MICRO).to_integral_value(ROUND_HALF_EVEN))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(int(value)) / MICRO


def required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind) for name in names]


def json_column(name: str) -> Column[Any]:
    return Column(name, JSON(none_as_null=True))


def columns_of(table: Table, *names: str) -> list[Column[Any]]:
    return [table.c[name] for name in names]


def partial_index(name: str, *columns: Any, where: str) -> Index:
    # Migrations name it for PostgreSQL: to do it here would load that dialect for everybody.
    return Index(name, *columns, sqlite_where=text(where))


metadata = MetaData()
