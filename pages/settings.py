"""Everything that can be set, section by section; a save is checked first and applies at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.labels import mode_label
from vidgen_core.dashboard.session import Visit, current_visit, show_told
from vidgen_core.dashboard.settings import (
    access_form,
    agents_form,
    budget_form,
    keys_table,
    llm_form,
    picture_settings,
    provider_fields,
    sections,
)
from vidgen_core.dashboard.settings import form as settings_form
from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.providers import ProviderId


def providers(visit: Visit) -> None:
    """Each provider's own part, the one in force first to be seen."""
    names = {mode: f"{mode.spec.icon} {mode_label(visit.t, mode)}" for mode in visit.app.modes}
    tabs = st.tabs(list(names.values()), default=names[visit.app.settings().mode], key="settings_provider")
    for mode, tab in zip(names, tabs, strict=True):
        with tab:
            provider(visit, mode)


def provider(visit: Visit, mode: ProviderId) -> None:
    if visit.app.provider(mode).needs_key:
        keys_table.show(visit, mode)
    form = SettingsForm(visit, f"provider_{mode}")
    with st.container(border=True, key=f"form_provider_{mode}"):
        with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
            takes = settings_form.model(form, mode)
            settings_form.size(form, mode, takes)
        with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
            settings_form.ratio(form, mode, takes)
            settings_form.duration(form, mode, takes)
        settings_form.notes(form, takes)
        provider_fields.show(form, mode)
        if not visit.app.provider(mode).needs_key:
            st.caption(visit.t("settings.no_key_needed"))
        form.show_end()


_SECTIONS: Final[dict[str, Callable[[Visit], None]]] = {
    "providers": providers,
    "pictures": picture_settings.section,
    "runner": sections.runner,
    "files": sections.files,
    "checks": sections.checks,
    "chain": sections.chain,
    "budget": budget_form.show,
    "look": sections.look,
    "notices": sections.notifications,
    "writing": llm_form.show,
    "sharing": access_form.show,
    "agents": agents_form.show,
    "about": sections.about,
}

show_told()
visit = current_visit()
for (_, section), tab in zip(
    _SECTIONS.items(), st.tabs([visit.t(f"settings.tab.{name}") for name in _SECTIONS], key="settings_tab"), strict=True
):
    with tab:
        section(visit)
