"""The dialog *image provider* (生图供应商) and its section of the settings page."""

from __future__ import annotations

import streamlit as st

from vidgen_core.config.picture_settings import AUTO
from vidgen_core.dashboard.session import Visit, current_visit, show_told
from vidgen_core.dashboard.settings import form as settings_form
from vidgen_core.dashboard.settings import keys_table, video_settings
from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.providers import ProviderId, paid_picture_provider, picture_providers
from vidgen_core.i18n import Text
from vidgen_core.providers.capabilities import Capabilities

_FORM = "images"
_SECTION = f"providers.{paid_picture_provider()}"


def open_dialog(t: Text) -> None:
    """Open it; half-typed values live through refreshes behind it."""
    SettingsForm(current_visit(), _FORM).begin()
    video_settings.forget_test()
    st.dialog(t("pictures.settings_title"), width="medium", icon=paid_picture_provider().spec.icon)(_body)()


def _body() -> None:
    show_told()
    form = SettingsForm(current_visit(), _FORM)
    drawing = drawn_by(form)
    video_settings.key_field(form, paid_picture_provider())
    fields(form, drawing)
    form.show_end(_save, form, verb="pictures.settings_save", cancel=st.rerun)


def _save(form: SettingsForm) -> None:
    if video_settings.save_with_key(form, paid_picture_provider()):
        st.rerun()


def drawn_by(form: SettingsForm) -> ProviderId:
    """Who draws, as the form says now."""
    t = form.t
    chosen = form.choice(
        f"{_SECTION}.drawn_by",
        [AUTO, *reversed(picture_providers())],
        lambda who: t(f"settings.drawn_by.{who}") if t.has(f"settings.drawn_by.{who}") else t.provider(who),
    )
    return form.settings.draws if chosen == AUTO else ProviderId(chosen)


def fields(form: SettingsForm, drawing: ProviderId) -> None:
    """What the dialog and the page share."""
    t = form.t
    left, right = st.columns(2)
    with left:
        takes = _model(form, drawing)
        form.field(f"{_SECTION}.way")
        form.field(f"{_SECTION}.pictures_per_shot")
    with right:
        form.choice(f"{_SECTION}.size", takes.sizes, own=True)
        form.choice(f"{_SECTION}.aspect_ratio", ["Auto", *takes.aspect_ratios], lambda ratio: _ratio(t, ratio))
        form.choice(
            f"{_SECTION}.quality",
            ["auto", "low", "medium", "high", "standard", "hd"],
            lambda quality: t(f"settings.quality.{quality}"),
        )


def _model(form: SettingsForm, drawing: ProviderId) -> Capabilities:
    """Which model draws; return what it takes."""
    usual = drawing.spec.picture_model
    if drawing.is_free or usual is None:
        return settings_form.model(form, paid_picture_provider())
    provider = form.visit.app.provider(drawing)
    chosen = form.choice(
        f"{_SECTION}.drawn_by_model",
        ["", *provider.picture_models()],
        lambda model: model or form.t("settings.usual_model", model=usual),
        own=True,
    )
    return provider.capabilities(chosen or usual)


def _ratio(t: Text, ratio: str) -> str:
    return t("settings.ratio_as_video") if ratio.lower() == "auto" else ratio


def section(visit: Visit) -> None:
    """The part of the settings page."""
    keys_table.show(visit, paid_picture_provider())
    form = SettingsForm(visit, f"provider_{paid_picture_provider()}")
    with st.container(border=True, key=f"form_provider_{paid_picture_provider()}"):
        fields(form, drawn_by(form))
        with st.expander(form.t("settings.advanced"), icon=":material/tune:"):
            form.text(f"{_SECTION}.base_url")
            form.number(f"{_SECTION}.wait", step=10.0)
            form.number(f"{_SECTION}.image_max_bytes", step=100_000)
            form.number(f"{_SECTION}.max_concurrent", placeholder=form.t("settings.as_runner"))
        form.show_end()
