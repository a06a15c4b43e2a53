"""Everything that can be set, section by section; a save is checked first and applies at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import save_folder
from vidgen_core.dashboard.components.labels import mode_label
from vidgen_core.dashboard.session import Visit, current_visit, show_told
from vidgen_core.dashboard.settings import (
    access_form,
    budget_form,
    keys_table,
    llm_form,
    notifications_form,
    picture_settings,
    provider_fields,
)
from vidgen_core.dashboard.settings import form as settings_form
from vidgen_core.dashboard.settings.form import Form
from vidgen_core.dashboard.shell import about
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
    else:
        st.caption(visit.t("settings.no_key_needed"))
    form = Form(visit, f"provider_{mode}")
    with st.container(border=True, key=f"form_provider_{mode}"):
        with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
            takes = settings_form.model(form, mode)
            settings_form.size(form, mode, takes)
        with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
            settings_form.ratio(form, mode, takes)
            settings_form.duration(form, mode, takes)
        settings_form.notes(form, takes)
        provider_fields.show(form, mode)
        form.show_end()


def runner(visit: Visit) -> None:
    form = Form(visit, "runner")
    form.concurrency("runner.max_concurrent", form.settings.runner.slider_top)
    left, right = st.columns(2, gap="medium")
    with left:
        form.slider("runner.takes_per_shot", 1, 5)
        form.number("runner.poll_interval", step=0.5)
        form.number("runner.max_wait", step=30.0)
        form.number("runner.slider_top")
    with right:
        form.toggle("runner.retry_on_fail")
        form.number("runner.max_retries")
        form.toggle("runner.retry_unknown_failures")
        form.number("runner.backoff_base", step=1.0)
        form.number("runner.backoff_max", step=10.0)
    form.show_end()


def files(visit: Visit) -> None:
    form = Form(visit, "files")
    folder = save_folder.show_folder(
        visit, form.text("save_dir", live="300ms", placeholder=str(visit.app.locations.videos))
    )
    save_folder.show_example(visit, folder, form.text("file_pattern", live="300ms"))
    form.toggle("library.allow_private_links")
    left, right = st.columns(2, gap="medium")
    with left:
        form.number("download.min_rate", step=1024)
    with right:
        form.number("download.max_bytes", step=1_000_000)
    form.show_end()


def look(visit: Visit) -> None:
    form = Form(visit, "look")
    form.choice("language", ["auto", "zh", "en"], lambda name: visit.t(f"settings.language.{name}"))
    st.caption(f":material/contrast: {visit.t('settings.theme')}")
    form.show_end()


_SECTIONS: Final[dict[str, Callable[[Visit], None]]] = {
    "providers": providers,
    "pictures": picture_settings.section,
    "runner": runner,
    "files": files,
    "budget": budget_form.show,
    "look": look,
    "notices": notifications_form.show,
    "writing": llm_form.show,
    "sharing": access_form.show,
    "about": about.show,
}

show_told()
visit = current_visit()
st.title(visit.t("settings.title"), anchor=False)
for (_, section), tab in zip(
    _SECTIONS.items(), st.tabs([visit.t(f"settings.tab.{name}") for name in _SECTIONS], key="settings_tab"), strict=True
):
    with tab:
        section(visit)
