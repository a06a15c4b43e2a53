"""The dialog *video settings* (生视频配置): the current provider's key and defaults."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.session import current_visit, show_told
from vidgen_core.dashboard.settings import form as settings_form
from vidgen_core.dashboard.settings import keys_table
from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.setting_values import mask_secret
from vidgen_core.i18n import Text
from vidgen_core.services.facade import Vidgen

_FORM: Final = "video"
_RESULT: Final = "_video_test"


def open_dialog(t: Text, app: Vidgen, mode: ProviderId | None = None) -> None:
    """Open it for a provider, or the one that makes new takes now; half-typed values live through refreshes behind it."""
    mode = mode or app.settings().mode
    SettingsForm(current_visit(), _FORM).begin()
    forget_test()
    st.dialog(t("settings.video_title", provider=t.provider(mode)), width="medium", icon=mode.spec.icon)(_body)(mode)


def _body(mode: ProviderId) -> None:
    show_told()
    visit = current_visit()
    form = SettingsForm(visit, _FORM)
    if visit.app.provider(mode).needs_key:
        key_field(form, mode)
    left, right = st.columns(2)
    with left:
        takes = settings_form.model(form, mode)
    with right:
        settings_form.size(form, mode, takes)
    left, right = st.columns(2)
    with left:
        settings_form.ratio(form, mode, takes)
    with right:
        form.slider("runner.takes_per_shot", 1, 5)
    left, right = st.columns(2)
    with left:
        form.slider(_concurrency(form, mode), 1, form.settings.runner.slider_top)
    with right:
        form.number("runner.poll_interval", step=0.5)
    settings_form.notes(form, takes)
    form.show_end(_save, form, mode, verb="settings.save_video", cancel=st.rerun)


def _concurrency(form: SettingsForm, mode: ProviderId) -> str:
    """The setting that decides: the provider's own where it has one."""
    own = form.settings.providers.of(mode).max_concurrent
    return f"providers.{mode}.max_concurrent" if own else "runner.max_concurrent"


def _save(form: SettingsForm, mode: ProviderId) -> None:
    if save_with_key(form, mode):
        st.rerun()


# --- the key


def save_with_key(form: SettingsForm, mode: ProviderId) -> bool:
    """Save a form with the key that was typed, and have the provider asked at once whether it works."""
    try:
        more = keys_table.changed_by_typed(form, keys_table.setting(mode), form.settings.providers.of(mode).keys)
    except SettingsError as error:
        form.state["wrong"] = settings_form.wrong(form.t, error)
        return False
    if not form.save(more):
        return False
    if more:
        keys_table.test_soon(mode)
    return True


def forget_test() -> None:
    """A dialog begins without the answer of the last test."""
    st.session_state.pop(_RESULT, None)


def key_field(form: SettingsForm, mode: ProviderId) -> None:
    """A password field beside its test; what is saved is shown masked, as a hint."""
    t, keys = form.t, form.settings.providers.of(mode).keys
    fixed = keys_table.setting(mode) in form.fixed
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            t("settings.key.secret"),
            key=form.key(keys_table.TYPED),
            type="password",
            placeholder=mask_secret(keys[0].secret.get_secret_value()) if keys else "sk-…",
            help=t("settings.help.key"),
            disabled=fixed,
            autocomplete="off",
            # What a password manager has filled in counts as well, though nobody has left the field.
            live=True,
        )
        st.button(
            t("settings.test"), icon=":material/network_check:", key="video_test", on_click=_test, args=(form, mode)
        )
    if fixed:
        variable = settings_form.variable(keys_table.setting(mode))
        st.caption(f":material/lock: {t('settings.from_environment', variable=variable)}")
    elif len(keys) > 1:
        st.caption(t.n("settings.more_keys", len(keys) - 1))
    keys_table.say_elsewhere(t, keys)
    if _RESULT in st.session_state:
        keys_table.show_result(st.session_state[_RESULT])


def _test(form: SettingsForm, mode: ProviderId) -> None:
    st.session_state[_RESULT] = keys_table.ask(mode, keys_table.typed(form) or None)
