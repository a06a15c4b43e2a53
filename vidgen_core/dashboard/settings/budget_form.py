"""Settings of budget and prices: limits, price table, exchange rates, and the spend so far."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from vidgen_core.config.money_settings import WRITING_UNITS
from vidgen_core.dashboard.components.labels import mode_label, plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, sentence, session_value, toast_later
from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import WRITING, ProviderId, provider_ids, specs
from vidgen_core.i18n import Text
from vidgen_core.money import CREDITS, PRICES_AS_OF, Price
from vidgen_core.services.billing.budget import SpendLine

_ROUND: Final = "_budget_round"
_WRONG: Final = "_budget_wrong"
#: What an amount is for: ``settings.price.unit_<name>`` in the catalogues.
_UNITS: Final = ["take", "second", *WRITING_UNITS]
#: Lines of the ledger that are shown.
_LINES: Final = 200


def show(visit: Visit) -> None:
    """The whole section."""
    _limits(visit)
    _project(visit)
    _prices(visit)
    _rates(visit)
    _spend(visit)


def _limits(visit: Visit) -> None:
    form = SettingsForm(visit, "budget")
    with st.container(border=True, key="form_budget"):
        form.columns(
            ("budget.limit", "budget.warn_at"),
            ("budget.per_day", "budget.low_balance"),
            ("budget.currency", "gate.ask_above_tasks"),
        )
        form.columns(("gate.ask_above",), ("gate.currency",))
        form.field("budget.canary")
        form.show_end()


def _project(visit: Visit) -> None:
    t = visit.t
    limit = visit.app.budget.project_limit(visit.project.id)
    with st.container(horizontal=True, vertical_alignment="bottom", key="form_budget_project"):
        st.number_input(
            t(
                "settings.project_limit",
                project=plain(visit.project.name),
                currency=visit.app.settings().budget.currency,
            ),
            value=float(limit),
            min_value=0.0,
            step=10.0,
            format="%g",
            key="budget_project_limit",
            help=t("settings.project_limit_help"),
        )
        st.button(t("common.save"), key="budget_project_save", on_click=_save_project)


@handle_errors
def _save_project() -> None:
    visit = current_visit()
    visit.app.budget.limit_project(visit.project.id, Decimal(str(st.session_state["budget_project_limit"])))
    toast_later(visit.t("settings.saved"), ":material/check:")


# --- prices


def _prices(visit: Visit) -> None:
    t = visit.t
    st.markdown(f"#### {t('settings.prices')}", anchors=False)
    st.caption(t("settings.prices_intro"))
    fixed = "prices" in visit.app.settings_file.from_environment()
    own = [row.model_dump() for row in visit.app.settings().prices]
    _editor(visit, "prices", own, _price_columns(t), fixed=fixed)
    with st.expander(t("settings.prices_known", day=PRICES_AS_OF.isoformat()), icon=":material/list_alt:"):
        for mode in [one.id for one in specs() if one.lists_prices]:
            st.button(
                t("settings.prices_refresh", provider=mode_label(t, mode)),
                icon=":material/refresh:",
                key=f"prices_refresh_{mode}",
                on_click=_refresh,
                args=(mode,),
            )
        rows = [_known(t, price) for price in visit.app.budget.prices() if price.source != "own"]
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            placeholder="–",
            key="prices_known",
            height="content" if len(rows) < 12 else 420,
        )


def _known(t: Text, price: Price) -> dict[str, Any]:
    amount = t.money(Money(amount=price.amount, currency=price.currency), estimated=price.assumed)
    return {
        t("settings.price.provider"): mode_label(t, price.provider),
        t("settings.price.model"): price.model,
        t("settings.price.amount"): t(f"settings.price.per_{price.unit}", amount=amount),
        t("settings.price.source"): t(f"settings.price.source_{price.source}"),
        t("settings.price.as_of"): price.as_of.isoformat() if price.as_of else "",
    }


@handle_errors
def _refresh(mode: ProviderId) -> None:
    visit = current_visit()
    visit.app.budget.refresh_soon(mode)
    toast_later(visit.t("settings.prices_fetching"), ":material/refresh:")


def _price_columns(t: Text) -> dict[str, ColumnConfig]:
    column = st.column_config
    return {
        "provider": column.SelectboxColumn(
            t("settings.price.provider"),
            options=[*provider_ids(), WRITING],
            required=True,
            default=next(one.name for one in specs() if one.videos and not one.free),
            format_func=lambda name: t.provider(str(name)),
        ),
        "model": column.TextColumn(t("settings.price.model"), required=True),
        "amount": column.NumberColumn(t("settings.price.amount"), required=True, min_value=0.0, format="%g"),
        "currency": column.TextColumn(t("settings.price.currency"), required=True, default="CNY"),
        "unit": column.SelectboxColumn(
            t("settings.price.unit"),
            options=_UNITS,
            required=True,
            default="take",
            format_func=lambda unit: t(f"settings.price.unit_{unit}"),
        ),
        "size": column.TextColumn(t("settings.price.size"), help=t("settings.price.size_help"), default=""),
        "seconds": column.NumberColumn(t("settings.price.seconds"), help=t("settings.price.seconds_help"), format="%g"),
        "sound": column.SelectboxColumn(
            t("settings.price.sound"),
            help=t("settings.price.sound_help"),
            options=[True, False],
            format_func=lambda on: t(f"material.sound.{on}"),
        ),
        "as_of": column.DateColumn(t("settings.price.as_of")),
    }


# --- rates


def _rates(visit: Visit) -> None:
    t = visit.t
    st.markdown(f"#### {t('settings.rates')}", anchors=False)
    st.caption(t("settings.rates_intro", currency=visit.app.settings().budget.currency))
    fixed = "budget.rates" in visit.app.settings_file.from_environment()
    rows = [rate.model_dump() for rate in visit.app.settings().budget.rates]
    column = st.column_config
    columns = {
        "of": column.TextColumn(t("settings.rate.of"), required=True, help=t("settings.rate.of_help")),
        "worth": column.NumberColumn(t("settings.rate.worth"), required=True, min_value=0.0, format="%g"),
        "as_of": column.DateColumn(t("settings.price.as_of")),
    }
    _editor(visit, "rates", rows, columns, fixed=fixed)


# --- tables that are edited


def _editor(
    visit: Visit, name: str, rows: list[dict[str, Any]], columns: dict[str, ColumnConfig], *, fixed: bool
) -> None:
    """A table whose rows are added, changed and taken away, and a button that keeps them."""
    t = visit.t
    round_ = session_value(_ROUND, {}).setdefault(name, 0)
    shown = pd.DataFrame([_plain(row) for row in rows], columns=list(columns))
    for column in ("amount", "worth", "seconds"):
        if column in shown:
            shown[column] = pd.to_numeric(shown[column])
    if "sound" in shown:
        shown["sound"] = shown["sound"].astype("boolean")
    if "as_of" in shown:
        shown["as_of"] = pd.to_datetime(shown["as_of"])
    edited = st.data_editor(
        shown,
        column_config=columns,
        num_rows="fixed" if fixed else "dynamic",
        disabled=fixed,
        hide_index=True,
        placeholder="–",
        key=f"budget_{name}_{round_}",
        alt=t(f"settings.{name}"),
    )
    wrong = session_value(_WRONG, {}).get(name)
    if wrong:
        st.error(wrong, icon=":material/error:")
    if fixed:
        st.caption(f":material/lock: {t('settings.from_environment', variable=f'VIDGEN_{name.upper()}')}")
        return
    # In the run itself, not in a callback: only here the table holds what was typed last.
    if st.button(t(f"settings.{name}_save"), key=f"budget_{name}_save", type="primary"):
        save_rows(name, edited)
        st.rerun()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if isinstance(value, Decimal) else value.value if isinstance(value, ProviderId) else value
        for name, value in row.items()
    }


def rows_of(edited: pd.DataFrame) -> list[dict[str, Any]]:
    """What an editor holds as rows for the settings: empty cells are left out, numbers keep their digits."""
    rows = []
    for record in edited.to_dict("records"):
        row = {str(name): value for name, value in record.items() if not _empty(value)}
        for name in ("amount", "worth"):
            if name in row:
                row[name] = f"{row[name]:.12g}"
        if "sound" in row:
            row["sound"] = bool(row["sound"])
        if "as_of" in row:
            row["as_of"] = pd.Timestamp(row["as_of"]).date()
        if row:
            rows.append(row)
    return rows


def _empty(value: Any) -> bool:
    return value is None or bool(pd.isna(value)) or value == ""


@handle_errors
def save_rows(name: str, edited: pd.DataFrame) -> None:
    """Keep the rows of an editor (``prices``, ``rates``); what is wrong is said below it."""
    visit = current_visit()
    wrong: dict[str, Any] = session_value(_WRONG, {})
    try:
        if name == "prices":
            started = visit.app.budget.set_prices(rows_of(edited))
        else:
            visit.app.settings_file.change({"budget.rates": rows_of(edited)})
            started = 0
    except VidgenError as error:
        # What was typed stays in the table.
        wrong[name] = sentence(error)
        return
    wrong.pop(name, None)
    session_value(_ROUND, {})[name] += 1
    toast_later(visit.t("settings.saved"), ":material/check:")
    if started:
        toast_later(visit.t.n("settings.prices_started", started), ":material/play_arrow:")


# --- what it has cost


def _spend(visit: Visit) -> None:
    t = visit.t
    st.markdown(f"#### {t('settings.spend')}", anchors=False)
    lines = visit.app.budget.spend(visit.project.id)
    if not lines:
        st.caption(t("cli.spend_nothing"))
        return
    rows = [_spend_row(t, line) for line in lines[:_LINES]]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="budget_spend", height="content" if len(rows) < 12 else 420)
    for one in visit.app.budget.differences()[:5]:
        name = "cli.spend_difference" if one.difference.amount else "cli.spend_no_difference"
        amounts = {which: t.money(getattr(one, which), False) for which in ("gone", "ledger", "difference")}
        since = t.ago((pd.Timestamp.now("UTC") - pd.Timestamp(one.since)).total_seconds())
        st.caption(t(name, provider=mode_label(t, one.provider), keys=", ".join(one.keys), since=since, **amounts))


def _spend_row(t: Text, line: SpendLine) -> dict[str, str]:
    def said(amount: Decimal) -> str:
        money = Money(amount=amount, currency=line.currency or CREDITS)
        return t.money(money, estimated=False) if amount else "–"

    amounts = {name: said(getattr(line, name)) for name in ("estimated", "charged", "refunded", "unknown")}
    converted = line.worth if line.worth and line.worth != line.owed else None
    return {
        t("cli.spend.day"): str(line.day),
        t("cli.spend.provider"): mode_label(t, line.provider),
        t("cli.spend.key"): line.key or "–",
        **{t(f"cli.spend.{name}"): amount for name, amount in amounts.items()},
        t("cli.spend.worth"): t.money(converted, estimated=True) if converted else "–",
    }
