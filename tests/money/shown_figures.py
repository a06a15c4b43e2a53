"""What the figures screen shows, number by number, beside the API's answer and the list."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from streamlit.testing.v1 import AppTest

from vidgen_core.i18n import Text

T = Text("en")
#: Rows of the list: group, name, measure, value, unit.
Rows = Sequence[tuple[str, ...]]


def m(name: str) -> str:
    """What a measure is called."""
    return T(f"figures.measure.{name}")


def cents(amount: Any) -> Decimal | None:
    """An amount to the digits that people are shown: two from 1 on, four below."""
    if amount is None:
        return None
    exact = Decimal(str(amount))
    return exact.quantize(Decimal("0.01") if abs(exact) >= 1 else Decimal("0.0001"))


def said(words: str) -> Decimal | None:
    """The amount in words such as ``at least ≈¥1,234.50``; None where it is said not to be known."""
    found = re.search(r"\d[\d,]*(?:\.\d+)?", words)
    return cents(found[0].replace(",", "")) if found else None


def compare(at: AppTest, api: dict[str, Any], listed: Rows) -> None:
    """Every number on the screen is that of the API, and every amount of money that of the list, too."""
    _key_numbers(at, api, listed)
    tables = [frame.value.to_dict("records") for frame in at.dataframe]
    _money(_table(tables, m("owed")), api, listed)
    _days(_table(tables, T("figures.axis.day"), m("spent")), api, listed)
    _shares(_table(tables, m("cost_per_chosen")), api, listed)
    _keys(_table(tables, T("figures.of_key")), api, listed)
    _errors(_table(tables, T("figures.errors_title")), api)
    _charts(at, api)


def _table(tables: list[list[dict[str, Any]]], *columns: str) -> list[dict[str, Any]]:
    """The one that has these columns."""
    [found] = [rows for rows in tables if set(columns) <= rows[0].keys()]
    return found


def _of_list(listed: Rows, group: str, name: str, measure: str, unit: str = "CNY") -> Decimal | None:
    wanted = (T(f"figures.group.{group}"), name, m(measure))
    return next((cents(value) for *named, value, of in listed if (*named,) == wanted and of == unit), None)


def _key_numbers(at: AppTest, api: dict[str, Any], listed: Rows) -> None:
    shown = {metric.label: metric.value for metric in at.metric}
    assert said(shown[m("spent")]) == cents(api["spend"]["total"]) == _of_list(listed, "period", "", "total")
    each = _of_list(listed, "period", "", "cost_per_chosen")
    assert said(shown[m("cost_per_chosen")]) == cents(api["cost_per_chosen"]) == each
    for name in ("success_rate", "acceptance_rate"):
        assert said(shown[m(name)]) == cents(round(api[name] * 100, 1)), name
    assert said(shown[m("takes_per_hour")]) == cents(round(api["takes_per_hour"], 1))
    words = " ".join(element.value for element in at.markdown)
    for name in ("completed", "chosen", "failed", "cancelled", "attempts"):
        assert f"{m(name)} **{api[name]}**" in words


def _money(rows: list[dict[str, Any]], api: dict[str, Any], listed: Rows) -> None:
    for row, line in zip(rows, api["spend"]["lines"], strict=True):
        unit = f"{line['currency']} ({line['provider']})" if line["provider"] else line["currency"]
        assert said(row[m("owed")]) == cents(line["owed"]) == _of_list(listed, "period", "", "owed", unit)
        for charge in ("charged", "estimated", "assumed", "unknown", "refunded"):
            # Nothing of a kind has no line in the list.
            of_list = _of_list(listed, "period", "", charge, unit) or cents(0)
            assert cents(row[m(charge)]) == cents(line[charge]) == of_list, (unit, charge)


def _days(rows: list[dict[str, Any]], api: dict[str, Any], listed: Rows) -> None:
    for row, day in zip(rows, reversed(api["days"]), strict=True):
        name = row[T("figures.axis.day")].isoformat()
        assert name == day["day"]
        assert said(row[m("spent")]) == cents(day["spend"]["total"]) == _of_list(listed, "days", name, "total")


def _shares(rows: list[dict[str, Any]], api: dict[str, Any], listed: Rows) -> None:
    groups = ["providers"] * len(api["providers"]) + ["models"] * len(api["models"])
    for row, group, share in zip(rows, groups, (*api["providers"], *api["models"]), strict=True):
        name = T.provider(share["provider"]) + (f" · {share['model']}" if share["model"] else "")
        assert row[T("figures.group.models")] == name
        assert [row[m(what)] for what in ("completed", "failed", "chosen")] == [
            share[what] for what in ("completed", "failed", "chosen")
        ]
        assert said(row[m("spent")]) == cents(share["spend"]["total"]) == _of_list(listed, group, name, "total")
        each = _of_list(listed, group, name, "cost_per_chosen")
        assert said(row[m("cost_per_chosen")]) == cents(share["cost_per_chosen"]) == each


def _keys(rows: list[dict[str, Any]], api: dict[str, Any], listed: Rows) -> None:
    for row, key in zip(rows, api["keys"], strict=True):
        name = T.provider(key["provider"]) + f" · {key['key']}"
        assert row[T("figures.of_key")] == name
        assert [row[m(what)] for what in ("attempts", "succeeded", "failed", "refused")] == [
            key[what] for what in ("attempts", "succeeded", "failed", "refused")
        ]
        assert said(row[m("spent")]) == cents(key["spend"]["total"]) == _of_list(listed, "keys", name, "total")


def _errors(rows: list[dict[str, Any]], api: dict[str, Any]) -> None:
    assert [(row[m("tasks")], row[m("attempts")]) for row in rows] == [
        (error["tasks"], error["attempts"]) for error in api["errors"]
    ]


def _charts(at: AppTest, api: dict[str, Any]) -> None:
    """The bars of money, day by day, add up to what is owed in each currency."""
    drawn: dict[str, Decimal] = {}
    for chart in at.get("vega_lite_chart"):
        spec = json.loads(chart.proto.spec)
        if spec["encoding"].get("color", {}).get("field") == "charge":
            currency = spec["encoding"]["y"]["title"].split(" ")[0]
            rows = pa.ipc.open_stream(chart.proto.datasets[0].data.data).read_all().to_pylist()
            drawn[currency] = sum((Decimal(str(row["amount"])) for row in rows), Decimal(0))
    assert drawn == {line["currency"]: Decimal(str(line["owed"])) for line in api["spend"]["lines"] if line["owed"]}
