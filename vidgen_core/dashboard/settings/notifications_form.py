"""The settings of notices: where to, of what, and a test message. For owners."""

from __future__ import annotations

from typing import Final, get_args
from urllib.parse import urlsplit

import streamlit as st

from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.settings.form import Form
from vidgen_core.services.notifications.messages import Kind

_KINDS: Final = list(get_args(Kind))
_SIGNED: Final = ("feishu", "dingtalk")


def show(visit: Visit) -> None:
    """Draw the section."""
    t, saved = visit.t, visit.app.settings().notices
    st.markdown(t("notices.intro"))
    form = Form(visit, "notices")
    url = saved.url.get_secret_value()
    kind = form.choice("notices.kind", _KINDS, lambda name: t(f"notices.kind.{name}"))
    # Only the host is shown: the rest of the address is the key to the group.
    host = urlsplit(url).hostname or ""
    form.secret("notices.url", t("notices.is", host=host) if url else t("notices.none"))
    st.caption(t("notices.where"))
    if kind in _SIGNED:
        form.secret("notices.secret", t("notices.secret_is") if saved.secret.get_secret_value() else "")
    left, right = st.columns(2, gap="medium")
    with left:
        form.toggle("notices.on_batch_end")
        form.toggle("notices.on_pause")
    with right:
        form.number("notices.least_tasks")
        form.choice("notices.language", ["auto", "zh", "en"], lambda name: t(f"settings.language.{name}"))
    form.show_end()
    fixed = "notices.url" in form.fixed
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("notices.send_test"),
            icon=":material/send:",
            key="notices_test",
            help=t("notices.test_help"),
            disabled=not url,
            on_click=_test,
        )
        st.button(
            t("notices.remove"),
            icon=":material/link_off:",
            key="notices_remove",
            disabled=not url or fixed,
            on_click=_remove,
        )


@handle_errors
def _test() -> None:
    visit = current_visit()
    toast_later(visit.t("notices.tested", host=visit.app.notifications.test()), ":material/send:")


@handle_errors
def _remove() -> None:
    visit = current_visit()
    visit.app.settings_file.change({"notices.url": "", "notices.secret": ""})
    toast_later(visit.t("notices.removed"), ":material/link_off:")
