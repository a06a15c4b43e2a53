"""The analytics page: filters, key numbers and charts of a period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components.labels import mode_label
from vidgen_core.dashboard.quality import accuracy
from vidgen_core.dashboard.reports import charts
from vidgen_core.dashboard.session import Visit, page_file
from vidgen_core.domain.providers import ProviderId
from vidgen_core.i18n import Text
from vidgen_core.services.reports.text import cost_each, rate, spend_words, suggestion_words
from vidgen_core.services.reports.values import Report

#: Days back from today; ``all``: from the beginning, ``own``: as picked.
_PERIODS: Final = {"7": 7, "30": 30, "90": 90, "all": None, "own": None}
_SCOPE: Final = "figures_scope"
#: Pixels.
_SELECT: Final = 170
_DAYS: Final = 220
_CHARTS: Final[tuple[Callable[[Text, Report], None], ...]] = (
    charts.spend_by_day,
    charts.brought_by_day,
    charts.stages,
    charts.per_hour,
    charts.errors,
)
#: With tables that need the whole width.
_WIDE: Final[tuple[Callable[[Text, Report], None], ...]] = (charts.shares, charts.keys)


class FigureScope(NamedTuple):
    """What the filters leave; None: all, from the beginning, to the end."""

    project_id: int | None
    since: date | None
    until: date | None
    provider: ProviderId | None


def show_scope(t: Text) -> None:
    st.segmented_control(
        t("figures.scope"),
        ["project", "all"],
        default="project",
        required=True,
        format_func=lambda name: t("figures.this_project" if name == "project" else "figures.all_projects"),
        key=_SCOPE,
        label_visibility="collapsed",
        persist_state="session",
        wrap=False,
    )


def show_filters(visit: Visit) -> FigureScope:
    """Period and provider; return what they and the scope ask for."""
    t = visit.t
    period = st.selectbox(
        t("figures.period"),
        list(_PERIODS),
        index=1,
        format_func=lambda name: t(f"figures.period.{name}"),
        key="figures_period",
        label_visibility="collapsed",
        width=_SELECT,
        persist_state="session",
    )
    since, until = _own_period(t) if period == "own" else (_days_back(period), None)
    provider = st.selectbox(
        t("figures.provider"),
        list(visit.app.modes),
        index=None,
        format_func=lambda mode: f"{mode.spec.icon} {mode_label(t, mode)}",
        placeholder=t("figures.provider_all"),
        key="figures_provider",
        label_visibility="collapsed",
        width=_SELECT,
        persist_state="session",
    )
    return FigureScope(visit.project.id if _of_project() else None, since, until, provider)


def _of_project() -> bool:
    return bool(st.session_state.get(_SCOPE) == "project")


def _today() -> date:
    """On the clock of the studio's machine, as days are counted."""
    return datetime.now(UTC).astimezone().date()


def _days_back(period: str) -> date | None:
    days = _PERIODS[period]
    return _today() - timedelta(days=days - 1) if days else None


def _own_period(t: Text) -> tuple[date | None, date | None]:
    """Two days; until the second is picked, the first one alone."""
    picked = st.date_input(
        t("figures.period.from_to"),
        (_today() - timedelta(days=6), _today()),
        key="figures_days",
        label_visibility="collapsed",
        width=_DAYS,
    )
    days = sorted(picked) if isinstance(picked, tuple) else [picked]
    return (days[0], days[-1]) if days else (None, None)


def show_key_numbers(t: Text, figures: Report) -> None:
    """What a studio asks first."""
    per_hour, spend = figures.takes_per_hour, figures.spend
    # Several currencies do not fit into one number; the table of the money has them all.
    spent = spend_words(t, spend) if spend.total is not None else t("figures.several")
    numbers = {
        "cost_per_chosen": cost_each(t, figures.spend, figures.cost_per_chosen),
        "spent": spent,
        "success_rate": rate(t, figures.success_rate),
        "acceptance_rate": rate(t, figures.acceptance_rate),
        "takes_per_hour": "–" if per_hour is None else t.number(round(per_hour, 1)),
    }
    with st.grid(5, min_column_width=160, gap="small"):
        for name, value in numbers.items():
            st.metric(t(f"figures.measure.{name}"), value, help=t(f"figures.help.{name}"), border=True)
    counts = ["completed", "chosen", "failed", "cancelled", "attempts"]
    counts += [name for name in ("pictures", "questions") if getattr(figures, name)]
    words = " · ".join(f"{t(f'figures.measure.{name}')} **{t.number(getattr(figures, name))}**" for name in counts)
    st.markdown(words)
    st.info(suggestion_words(t, figures.suggestion), icon=":material/lightbulb:")


def show_empty(t: Text, provider: ProviderId | None) -> None:
    named = t("figures.empty_filtered", provider=mode_label(t, provider)) if provider else t("figures.empty")
    st.info(named, icon=":material/monitoring:")
    st.page_link(page_file("shots"), label=t("figures.to_shots"), icon=":material/view_agenda:")


def show_charts(visit: Visit, figures: Report) -> None:
    charts.money(visit, figures)
    with st.grid(2, min_column_width=380, gap="medium"):
        for draw in _CHARTS:
            with st.container(border=True):
                draw(visit.t, figures)
    accuracy.drawing(visit.t, figures.drawing)
    accuracy.show(visit, visit.project.id if _of_project() else None)
    for draw in _WIDE:
        with st.container(border=True):
            draw(visit.t, figures)
