"""Charts of the analytics page, each with its numbers as a table; no meaning by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from vidgen_core.dashboard.components.labels import mode_label
from vidgen_core.dashboard.session import Visit, clock
from vidgen_core.services.reports.text import cost_each, owed_words, rate, spend_words

if TYPE_CHECKING:
    from vidgen_core.i18n import Text
    from vidgen_core.services.reports.values import Report, Share

_HEIGHT: Final = 220
#: Readable on white and on near black.
_GREEN, _RED, _BLUE, _ORANGE, _VIOLET, _GRAY = "#2f9e62", "#dd5454", "#4f7fe0", "#d98a29", "#8b6fe8", "#8a94a6"
_CHARGES: Final = {
    "charged": _GREEN,
    "estimated": _BLUE,
    "assumed": _VIOLET,
    "unknown": _ORANGE,
    "refunded": _GRAY,
}
_ENDS: Final = {"completed": _BLUE, "failed": _RED, "chosen": _GREEN}


def spend_by_day(t: Text, figures: Report) -> None:
    """One chart for each currency, as the provider has it."""
    st.subheader(t("figures.spend_by_day"), anchor=False)
    rows = [
        {
            "day": pd.Timestamp(day.day),
            "account": f"{line.currency} · {mode_label(t, line.provider)}" if line.provider else line.currency,
            "charge": t(f"figures.measure.{charge}"),
            "amount": float(getattr(line, charge)),
        }
        for day in figures.days
        for line in day.spend.lines
        for charge in _CHARGES
        # What was given back was not spent; the table of the money has it.
        if charge != "refunded" and getattr(line, charge)
    ]
    for account in dict.fromkeys(str(row["account"]) for row in rows):
        of_it = [row for row in rows if row["account"] == account]
        _bars(t, of_it, ("day", "amount", "charge"), _words(t, _CHARGES), account, "figures_spend")
    days = [{"day": day.day, _m(t, "spent"): spend_words(t, day.spend)} for day in reversed(figures.days)]
    _numbers(t, pd.DataFrame(days).rename(columns={"day": t("figures.axis.day")}), "spend")
    st.caption(t("figures.days_note"))


def brought_by_day(t: Text, figures: Report) -> None:
    st.subheader(t("figures.brought_by_day"), anchor=False)
    rows = [
        {"day": pd.Timestamp(day.day), "end": _m(t, name), "n": getattr(day, name)}
        for day in figures.days
        for name in ("completed", "failed")
    ]
    _bars(t, rows, ("day", "n", "end"), _words(t, _ENDS), t("figures.axis.takes"), "figures_brought")
    days = [
        {t("figures.axis.day"): day.day, **{_m(t, name): getattr(day, name) for name in _ENDS}}
        for day in reversed(figures.days)
    ]
    _numbers(t, pd.DataFrame(days), "brought")


def per_hour(t: Text, figures: Report) -> None:
    st.subheader(t("figures.per_hour_title"), anchor=False)
    if not figures.hours:
        st.caption(t("figures.unknown"))
        return
    # Altair draws moments of UTC as they stand: the visitor's clock is put into them.
    at = [pd.Timestamp(hour.at).tz_convert(clock()).tz_localize(None) for hour in figures.hours]
    frame = pd.DataFrame({"at": at, "takes": [hour.takes for hour in figures.hours]})
    chart = (
        alt.Chart(frame, height=_HEIGHT)
        .mark_bar(color=_BLUE, cornerRadiusEnd=2)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%m-%d %H:%M", labelOverlap=True)),
            y=alt.Y("takes:Q", title=t("figures.axis.takes"), axis=alt.Axis(tickMinStep=1)),
            tooltip=[
                alt.Tooltip("at:T", title=t("figures.axis.hour"), format="%Y-%m-%d %H:%M"),
                alt.Tooltip("takes:Q", title=t("figures.axis.takes")),
            ],
        )
    )
    st.altair_chart(chart, width="stretch", key="figures_hours")
    _numbers(t, frame.rename(columns={"at": t("figures.axis.hour"), "takes": t("figures.axis.takes")})[::-1], "hours")
    st.caption(t("figures.per_hour_note"))


def stages(t: Text, figures: Report) -> None:
    st.subheader(t("figures.stages_title"), anchor=False)
    known = [one for one in figures.stages if one.p50 is not None and one.p90 is not None]
    rows = [
        {"stage": t(f"figures.stage.{one.stage}"), "share": _m(t, name), "seconds": getattr(one, name)}
        for one in known
        for name in ("p50", "p90")
    ]
    colours = {_m(t, "p50"): _BLUE, _m(t, "p90"): _ORANGE}
    _beside(t, rows, ("stage", "seconds", "share"), colours, t("figures.axis.seconds"), "figures_stages")
    _table(
        [
            {
                t("figures.group.stages"): t(f"figures.stage.{one.stage}"),
                _m(t, "p50"): t.duration(one.p50 or 0),
                _m(t, "p90"): t.duration(one.p90 or 0),
                _m(t, "n"): one.n,
            }
            for one in known
        ]
    )
    st.caption(t("figures.stages_note"))


def errors(t: Text, figures: Report) -> None:
    st.subheader(t("figures.errors_title"), anchor=False)
    if not figures.errors:
        st.caption(f":material/check_circle: {t('figures.errors_none')}")
        return
    rows = [
        {"kind": t(f"tasks.kind.{one.kind}"), "what": _m(t, name), "n": getattr(one, name)}
        for one in figures.errors
        for name in ("tasks", "attempts")
    ]
    colours = {_m(t, "tasks"): _RED, _m(t, "attempts"): _ORANGE}
    _beside(t, rows, ("kind", "n", "what"), colours, t("figures.axis.count"), "figures_errors")
    _table(
        [
            {
                t("figures.errors_title"): t(f"tasks.kind.{one.kind}"),
                _m(t, "tasks"): one.tasks,
                _m(t, "attempts"): one.attempts,
            }
            for one in figures.errors
        ]
    )
    st.caption(t("figures.errors_note"))


def shares(t: Text, figures: Report) -> None:
    """Providers with their models, by takes made; the last columns say what they cost."""
    st.subheader(t("figures.shares_title"), anchor=False)
    rows = [
        {"model": _share_name(t, one), "end": _m(t, name), "n": getattr(one, name)}
        for one in figures.models
        for name in ("completed", "failed", "chosen")
    ]
    _beside(t, rows, ("model", "n", "end"), _words(t, _ENDS), t("figures.axis.takes"), "figures_models")
    several = len(figures.providers) > 1 or len(figures.models) > 1
    _table([_share_row(t, one) for one in (*(figures.providers if several else ()), *figures.models)])


def keys(t: Text, figures: Report) -> None:
    st.subheader(t("figures.keys_title"), anchor=False)
    if not figures.keys:
        st.caption(t("figures.keys_none"))
        return
    names = ("succeeded", "failed", "refused")
    rows = [
        {"key": f"{mode_label(t, one.provider)} · {one.key}", "end": _m(t, name), "n": getattr(one, name)}
        for one in figures.keys
        for name in names
    ]
    colours = dict(zip((_m(t, name) for name in names), (_GREEN, _RED, _GRAY), strict=True))
    _beside(t, rows, ("key", "n", "end"), colours, _m(t, "attempts"), "figures_keys")
    _table(
        [
            {
                t("figures.of_key"): f"{mode_label(t, one.provider)} · {one.key}",
                _m(t, "attempts"): one.attempts,
                **{_m(t, name): getattr(one, name) for name in names},
                _m(t, "success_rate"): rate(t, one.success_rate),
                _m(t, "spent"): spend_words(t, one.spend),
            }
            for one in figures.keys
        ]
    )


def money(visit: Visit, figures: Report) -> None:
    """Each currency by what is known of it, and what keeps the total from being exact."""
    t, spend = visit.t, figures.spend
    st.subheader(t("figures.money_title"), anchor=False)
    _table(
        [
            {
                _m(t, "owed"): owed_words(t, line),
                **{_m(t, charge): float(getattr(line, charge)) for charge in _CHARGES},
            }
            for line in spend.lines
        ]
    )
    if spend.unpriced:
        st.warning(t.n("figures.unpriced_note", spend.unpriced), icon=":material/help:")
    if spend.total is None:
        st.warning(t("figures.no_rate_note", currency=spend.currency), icon=":material/currency_exchange:")
    if spend.estimated or spend.converted:
        st.caption(t("figures.estimated_note"))


# --- how they are drawn


def _m(t: Text, name: str) -> str:
    return t(f"figures.measure.{name}")


def _words(t: Text, colours: dict[str, str]) -> dict[str, str]:
    return {_m(t, name): colour for name, colour in colours.items()}


def _colour(field: str, colours: dict[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=alt.Legend(title=None, orient="top", columns=3, labelLimit=260))


def _bars(
    t: Text, rows: Sequence[dict[str, Any]], fields: tuple[str, str, str], colours: dict[str, str], title: str, key: str
) -> None:
    """Stacked bars, one for each day; a few days are as wide as many."""
    at, amount, what = fields
    seen = {word: colour for word, colour in colours.items() if any(row[what] == word for row in rows)}
    chart = (
        alt.Chart(pd.DataFrame(rows), height=_HEIGHT)
        .mark_bar(cornerRadiusEnd=2, width={"band": 0.8})
        .encode(
            x=alt.X(
                f"yearmonthdate({at}):O", title=None, axis=alt.Axis(format="%m-%d", labelAngle=0, labelOverlap=True)
            ),
            y=alt.Y(f"{amount}:Q", title=title),
            color=_colour(what, seen),
            tooltip=[
                alt.Tooltip(f"{at}:T", title=t("figures.axis.day"), format="%Y-%m-%d"),
                alt.Tooltip(f"{what}:N", title=t("figures.column.measure")),
                alt.Tooltip(f"{amount}:Q", title=title),
            ],
        )
    )
    st.altair_chart(chart, width="stretch", key=f"{key}_{title}")


def _beside(
    t: Text, rows: Sequence[dict[str, Any]], fields: tuple[str, str, str], colours: dict[str, str], title: str, key: str
) -> None:
    """Horizontal bars side by side, so that long names have room; nothing without rows."""
    if not rows:
        st.caption(t("figures.unknown"))
        return
    name, amount, what = fields
    order = list(dict.fromkeys(row[name] for row in rows))
    seen = {word: colour for word, colour in colours.items() if any(row[what] == word for row in rows)}
    chart = (
        alt.Chart(pd.DataFrame(rows), height=alt.Step(12))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=alt.Y(f"{name}:N", title=None, sort=order, axis=alt.Axis(labelLimit=170)),
            yOffset=alt.YOffset(f"{what}:N", sort=list(seen)),
            x=alt.X(f"{amount}:Q", title=title, axis=alt.Axis(tickCount=5)),
            color=_colour(what, seen),
            tooltip=[
                alt.Tooltip(f"{name}:N", title=t("figures.column.name")),
                alt.Tooltip(f"{what}:N", title=t("figures.column.measure")),
                alt.Tooltip(f"{amount}:Q", title=title),
            ],
        )
    )
    st.altair_chart(chart, width="stretch", key=key)


def _numbers(t: Text, frame: pd.DataFrame, name: str) -> None:
    with st.expander(t("figures.numbers"), icon=":material/table_rows:", key=f"figures_numbers_{name}"):
        st.dataframe(frame, hide_index=True, placeholder="–", width="stretch")


def _table(rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        st.dataframe(pd.DataFrame(list(rows)), hide_index=True, placeholder="–", width="stretch")


def _share_name(t: Text, share: Share) -> str:
    return f"{mode_label(t, share.provider)} · {share.model}" if share.model else mode_label(t, share.provider)


def _share_row(t: Text, share: Share) -> dict[str, Any]:
    return {
        t("figures.group.models"): _share_name(t, share),
        _m(t, "completed"): share.completed,
        _m(t, "failed"): share.failed,
        _m(t, "success_rate"): rate(t, share.success_rate),
        _m(t, "chosen"): share.chosen,
        _m(t, "spent"): spend_words(t, share.spend),
        _m(t, "cost_per_chosen"): cost_each(t, share.spend, share.cost_per_chosen),
    }
