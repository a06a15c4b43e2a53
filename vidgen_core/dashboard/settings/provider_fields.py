"""The settings that only one provider has, drawn from its settings class.

The class says everything: the kind of a field is that of its value, ``step`` and ``placeholder`` of a field and the choice
that it depends on (``only_if``) stand in its ``json_schema_extra``. Labels and help are those of the catalogues, else the
field's own name and sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from vidgen_core.dashboard.settings.form import Form
from vidgen_core.domain.provider_settings import ADDRESSES, ProviderSettings
from vidgen_core.domain.providers import ProviderId


def show(form: Form, mode: ProviderId) -> None:
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


def _fields(form: Form, mode: ProviderId, fields: Mapping[str, FieldInfo], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Draw fields in two columns; return what the choices among them are."""
    found: dict[str, Any] = {}
    wanted = {name: field for name, field in fields.items() if _condition(field).items() <= chosen.items()}
    if not wanted:
        return found
    columns = st.columns(2)
    for place, (name, field) in enumerate(wanted.items()):
        with columns[place % 2]:
            value = _field(form, mode, name, field)
            if get_origin(field.annotation) is Literal:
                found[name] = value
    return found


def _field(form: Form, mode: ProviderId, name: str, field: FieldInfo) -> Any:
    setting, kind, extra = f"providers.{mode}.{name}", field.annotation, _extra(field)
    if get_origin(kind) is Literal:
        return form.choice(setting, get_args(kind), lambda value: _word(form, mode, name, str(value)))
    if kind is bool:
        return form.toggle(setting)
    if kind is SecretStr:
        return form.secret(setting, form.t("settings.unchanged"))
    if kind in (int, float, Decimal):
        return form.number(setting, step=extra.get("step", 1 if kind is int else 1.0))
    placeholder = extra.get("placeholder")
    return form.text(
        setting, placeholder=placeholder and (form.t(placeholder) if form.t.has(placeholder) else placeholder)
    )


def _word(form: Form, mode: ProviderId, name: str, value: str) -> str:
    ids = (f"settings.{mode}.{name}.{value}", f"settings.{name}.{value}")
    return next((form.t(id_) for id_ in ids if form.t.has(id_)), value)


def _notes(form: Form, mode: ProviderId, chosen: Mapping[str, Any]) -> None:
    """What people should know of what they have chosen."""
    folder = form.visit.app.locations.of_provider(mode)
    for value in chosen.values():
        if form.t.has(warning := f"settings.{mode}.{value}_warning"):
            st.warning(form.t(warning), icon=":material/science:")
        if form.t.has(note := f"settings.{mode}.{value}_note"):
            st.caption(form.t(note, folder=str(folder)))


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _condition(field: FieldInfo) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _extra(field).get("only_if", {})
    return found
