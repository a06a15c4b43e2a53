"""Settings of sharing: how people sign in, and the token for programs. For owners."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.settings.form import SettingsForm, label, variable
from vidgen_core.domain.providers import specs
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role

_SECTION: Final = "sharing"


def show(visit: Visit) -> None:
    """Draw the section."""
    t = visit.t
    form = SettingsForm(visit, "sharing")
    way = form.field(f"{_SECTION}.sign_in")
    if way == "oidc":
        st.caption(t("share.oidc_secrets"))
        for people in ("owners", "makers", "viewers"):
            form.field(f"{_SECTION}.{people}")
    for setting in (f"{_SECTION}.allowed_hosts", f"{_SECTION}.trusted_proxies", "access.path_roots"):
        form.field(setting)
    form.show_end()
    if way != "oidc":
        for role in reversed(Role):
            _password(visit, role)
    _token(visit)
    st.caption(f":material/webhook: {t('share.callback', url=_callback_address())}")


def _password(visit: Visit, role: Role) -> None:
    t, setting = visit.t, f"{_SECTION}.{role.word}_password"
    key = f"sharing_password_{role.word}"
    there = Auth(visit.app.settings_file).has_password(role)
    fixed = setting in visit.app.settings_file.from_environment()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            label(t, setting),
            type="password",
            key=key,
            help=t(f"settings.help.{setting}"),
            placeholder=t("share.password_is" if there else "share.password_none"),
            autocomplete="new-password",
            disabled=fixed,
        )
        st.button(t("share.set"), key=f"{key}_set", on_click=_set, args=(role, key), disabled=fixed)
        st.button(t("share.remove"), key=f"{key}_remove", on_click=_set, args=(role, None), disabled=fixed or not there)
    if fixed:
        st.caption(f":material/lock: {t('settings.from_environment', variable=variable(setting))}")


@handle_errors
def _set(role: Role, key: str | None) -> None:
    """Change a password to what was typed, or take it away."""
    typed = st.session_state[key] if key else ""
    if key and not typed:
        return
    Auth(current_visit().app.settings_file).set_password(role, typed)
    if key:
        st.session_state[key] = ""
    toast_later(current_visit().t("share.password_kept"), ":material/check:")


def _token(visit: Visit) -> None:
    t = visit.t
    st.subheader(t("settings.field.sharing.token"), anchor=False)
    st.caption(t("share.api"))
    secret = visit.app.settings().sharing.token.get_secret_value()
    if secret and st.toggle(t("share.show"), key="sharing_show_token"):
        st.code(secret, language=None)
    fixed = f"{_SECTION}.token" in visit.app.settings_file.from_environment()
    st.button(t("share.renew"), key="sharing_renew", icon=":material/autorenew:", on_click=_renew, disabled=fixed)


@handle_errors
def _renew() -> None:
    Auth(current_visit().app.settings_file).renew_token()
    toast_later(current_visit().t("share.renewed"), ":material/check:")


def _callback_address() -> str:
    """Where this server can be told of results, as the browser knows it; the first provider that tells of them."""
    provider = next((spec.name for spec in specs() if spec.callback), "provider")
    parts = str(st.context.url or "http://127.0.0.1:8501").split("/")
    return "/".join(parts[:3]) + outside(f"/api/{provider}/callback")
