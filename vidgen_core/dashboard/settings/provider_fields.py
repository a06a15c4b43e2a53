"""The settings that only one provider has, drawn from its settings class.

The choice that a field depends on (``only_if``) stands in its ``json_schema_extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.provider_settings import ADDRESSES, ProviderSettings
from vidgen_core.domain.providers import ProviderId


def show(form: SettingsForm, mode: ProviderId) -> None:
    """What only this provider knows, and its addresses and concurrency."""
    own = {
        name: field
        for name, field in mode.spec.settings.model_fields.items()
        if name not in ProviderSettings.model_fields and name not in ADDRESSES
    }
    chosen = _fields(form, mode, {name: field for name, field in own.items() if not _condition(field)}, {})
    _fields(form, mode, {name: field for name, field in own.items() if _condition(field)}, chosen)
    _notes(form, mode, chosen)
    if not mode.is_free:
        with st.expander(form.t("settings.advanced"), icon=":material/tune:"):
            for name in ADDRESSES:
                if name in mode.spec.settings.model_fields:
                    form.text(f"providers.{mode}.{name}")
            form.number(f"providers.{mode}.max_concurrent", placeholder=form.t("settings.as_runner"))


def _fields(
    form: SettingsForm, mode: ProviderId, fields: Mapping[str, FieldInfo], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Draw fields in two columns; return what the choices among them are."""
    found: dict[str, Any] = {}
    wanted = {name: field for name, field in fields.items() if _condition(field).items() <= chosen.items()}
    if not wanted:
        return found
    columns = st.columns(2)
    for place, (name, field) in enumerate(wanted.items()):
        with columns[place % 2]:
            value = form.field(f"providers.{mode}.{name}", saved=form.t("settings.unchanged"))
            if get_origin(field.annotation) is Literal:
                found[name] = value
    return found


def _notes(form: SettingsForm, mode: ProviderId, chosen: Mapping[str, Any]) -> None:
    """What people should know of what they have chosen."""
    folder = form.visit.app.locations.of_provider(mode)
    for value in chosen.values():
        if form.t.has(warning := f"settings.{mode}.{value}_warning"):
            st.warning(form.t(warning), icon=":material/science:")
        if form.t.has(note := f"settings.{mode}.{value}_note"):
            st.caption(form.t(note, folder=str(folder)))


def _condition(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    found: Mapping[str, Any] = extra.get("only_if", {}) if isinstance(extra, dict) else {}  # type: ignore[assignment]
    return found
