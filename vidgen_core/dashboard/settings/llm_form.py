"""Settings of the language model that proposes storyboards and writes prompts."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.session import Visit, current_visit, sentence
from vidgen_core.dashboard.settings import form as settings_form
from vidgen_core.dashboard.settings import keys_table
from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.errors import SettingsError, VidgenError
from vidgen_core.domain.setting_values import mask_secret

_KEYS: Final = "writing.keys"
_RESULT: Final = "_writing_test"


def show(visit: Visit) -> None:
    form = SettingsForm(visit, "writing")
    left, right = st.columns(2, gap="medium")
    with left:
        form.field("writing.base_url")
        form.field("writing.model")
        _key(form)
        form.field("writing.vision")
        form.field("writing.language")
    with right:
        for name in ("temperature", "piece_size", "max_concurrent", "price_in", "price_out", "currency"):
            form.field(f"writing.{name}")
    form.show_end(_save, form)


def _key(form: SettingsForm) -> None:
    """A password field beside its test; what is saved is shown masked, as a hint."""
    t, keys = form.t, form.settings.writing.keys
    fixed = _KEYS in form.fixed
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            t("settings.field.writing.keys"),
            key=form.key(keys_table.TYPED),
            type="password",
            placeholder=mask_secret(keys[0].secret.get_secret_value()) if keys else "sk-…",
            disabled=fixed,
            autocomplete="off",
        )
        st.button(
            t("settings.writing.test"),
            icon=":material/network_check:",
            key="writing_test",
            on_click=_test,
            args=(form,),
        )
    if fixed:
        st.caption(f":material/lock: {t('settings.from_environment', variable=settings_form.variable(_KEYS))}")
    keys_table.say_elsewhere(t, keys)
    if _RESULT in st.session_state:
        good, words = st.session_state[_RESULT]
        (st.success if good else st.error)(words)


def _test(form: SettingsForm) -> None:
    try:
        models = current_visit().app.llm_queue.test(keys_table.typed(form) or None)
    except SettingsError as error:
        st.session_state[_RESULT] = (False, settings_form.wrong(form.t, error))
    except VidgenError as error:
        st.session_state[_RESULT] = (False, sentence(error))
    else:
        st.session_state[_RESULT] = (True, current_visit().t("settings.writing.connected", n=len(models)))


def _save(form: SettingsForm) -> None:
    try:
        more = keys_table.changed_by_typed(form, _KEYS, form.settings.writing.keys)
    except SettingsError as error:
        form.state["wrong"] = settings_form.wrong(form.t, error)
        return
    form.save(more)
    st.session_state.pop(_RESULT, None)
