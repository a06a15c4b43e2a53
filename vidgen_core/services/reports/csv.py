"""Figures as a list for spreadsheets: one number a line, so that any of them can be found, filtered and added up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from vidgen_core.i18n import Text
from vidgen_core.services.exports.task_list import write_csv
from vidgen_core.services.reports.values import KeyShare, Report, Share, SpendTotals
from vidgen_core.services.schemas.base import iso

#: Group, name and model or key, measure, value, unit.
_Line = tuple[str, str, str, Any, str]
#: ``figures.column.<name>`` in the catalogues heads each column.
COLUMNS: Final = ("group", "name", "measure", "value", "unit")
_COUNTS: Final = ("completed", "failed", "cancelled", "attempts", "chosen")


def as_csv(figures: Report, t: Text) -> bytes:
    """UTF-8 with a byte order mark, which Excel wants; amounts in full, rates as parts of 1."""
    rows = (
        (t(f"figures.group.{group}"), name, t(f"figures.measure.{measure}"), _plain(value), unit)
        for group, name, measure, value, unit in _lines(figures, t)
    )
    file = io.BytesIO()
    write_csv([[t(f"figures.column.{name}") for name in COLUMNS], *rows], file)
    return file.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # Never 4E+1, and 0.40 no more than 0.4.
        return format(value.normalize(), "f")
    return round(value, 6) if isinstance(value, float) else value


def _lines(figures: Report, t: Text) -> Iterator[_Line]:
    yield from _period(figures)
    for stage in figures.stages:
        name = t(f"figures.stage.{stage.stage}")
        yield "stages", name, "n", stage.n, ""
        if stage.p50 is not None and stage.p90 is not None:
            yield "stages", name, "p50", stage.p50, "s"
            yield "stages", name, "p90", stage.p90, "s"
    for error in figures.errors:
        yield "errors", t(f"tasks.kind.{error.kind}"), "tasks", error.tasks, ""
        yield "errors", t(f"tasks.kind.{error.kind}"), "attempts", error.attempts, ""
    for day in figures.days:
        for measure in ("completed", "failed", "chosen"):
            yield "days", day.day.isoformat(), measure, getattr(day, measure), ""
        yield from _money("days", day.day.isoformat(), day.spend)
    for hour in figures.hours:
        yield "hours", iso(hour.at) or "", "completed", hour.takes, ""
    for share in figures.providers:
        yield from _share("providers", t.provider(share.provider), share)
    for share in figures.models:
        yield from _share("models", f"{t.provider(share.provider)} · {share.model}", share)
    for key in figures.keys:
        yield from _key(f"{t.provider(key.provider)} · {key.key}", key)


def _period(figures: Report) -> Iterator[_Line]:
    for measure in (*_COUNTS, "pictures", "questions"):
        yield "period", "", measure, getattr(figures, measure), ""
    for measure in ("success_rate", "acceptance_rate", "takes_per_hour"):
        if getattr(figures, measure) is not None:
            yield "period", "", measure, getattr(figures, measure), ""
    yield from _money("period", "", figures.spend)
    if figures.cost_per_chosen is not None:
        yield "period", "", "cost_per_chosen", figures.cost_per_chosen, figures.spend.currency
    if figures.drawing is not None:
        yield "period", "", "draws_saved", figures.drawing.draws_saved, ""
        if figures.drawing.saved is not None:
            yield "period", "", "money_saved", figures.drawing.saved, figures.drawing.spend.currency
    if figures.suggestion is not None:
        yield "period", "", "suggested_takes", figures.suggestion.takes, ""


def _money(group: str, name: str, spend: SpendTotals) -> Iterator[_Line]:
    for line in spend.lines:
        unit = f"{line.currency} ({line.provider})" if line.provider else line.currency
        for charge in ("owed", "charged", "estimated", "assumed", "unknown", "refunded"):
            amount = getattr(line, charge)
            if amount or charge == "owed":
                yield group, name, charge, amount, unit
    if spend.total is not None:
        yield group, name, "total", spend.total, spend.currency
    if spend.unpriced:
        yield group, name, "unpriced", spend.unpriced, ""


def _share(group: str, name: str, share: Share) -> Iterator[_Line]:
    for measure in _COUNTS:
        yield group, name, measure, getattr(share, measure), ""
    if share.success_rate is not None:
        yield group, name, "success_rate", share.success_rate, ""
    yield from _money(group, name, share.spend)
    if share.cost_per_chosen is not None:
        yield group, name, "cost_per_chosen", share.cost_per_chosen, share.spend.currency


def _key(name: str, key: KeyShare) -> Iterator[_Line]:
    for measure in ("attempts", "succeeded", "failed", "refused"):
        yield "keys", name, measure, getattr(key, measure), ""
    if key.success_rate is not None:
        yield "keys", name, "success_rate", key.success_rate, ""
    yield from _money("keys", name, key.spend)
