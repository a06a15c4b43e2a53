"""The installation itself: version, where things lie, its health, and a copy of the database."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import streamlit as st

from vidgen_core import __version__
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors, session_value, toast_later
from vidgen_core.i18n import Text
from vidgen_core.services.system.diagnostics import Finding

_FINDINGS: Final = "_findings"
_MARKS: Final = {
    "ok": ":green[:material/check_circle:]",
    "warning": ":orange[:material/warning:]",
    "bad": ":red[:material/error:]",
}


def show(visit: Visit) -> None:
    t, app = visit.t, visit.app
    facts = {
        "version": __version__,
        "home": str(app.locations.home),
        "settings": str(app.locations.settings_file),
        "database": str(app.locations.database),
    }
    st.table(
        {t(f"settings.about.{name}"): plain(value) for name, value in facts.items()},
        border="horizontal",
        alt=t("settings.tab.about"),
    )
    with st.container(horizontal=True, gap="small"):
        st.button(t("settings.doctor"), icon=":material/stethoscope:", key="doctor", on_click=_examine)
        st.button(
            t("settings.backup"),
            icon=":material/backup:",
            key="backup",
            on_click=_back_up,
            help=t("settings.help.backup"),
        )
    for finding in session_value(_FINDINGS, []):
        st.markdown(_finding(t, finding))


@handle_errors
def _examine() -> None:
    st.session_state[_FINDINGS] = current_visit().app.diagnostics.doctor()


def _finding(t: Text, finding: Finding) -> str:
    mark = "ok" if finding.ok else "warning" if finding.warning else "bad"
    params = dict(finding.params)
    for name in ("free", "bytes"):
        if name in params:
            params[name] = t.bytes(params[name])
    if "error" in params:
        params["error"] = t.error("parameter", params["error"], params.get("of") or {})
    return f"{_MARKS[mark]} {plain(t(f'doctor.{finding.code}', **params))}"


@handle_errors
def _back_up() -> None:
    visit = current_visit()
    name = f"vidgen-{datetime.now(clock()):%Y%m%d-%H%M%S}.db"
    target = visit.app.locations.home / "backups" / name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    visit.app.cleanup.backup(target)
    toast_later(visit.t("settings.backed_up", path=plain(str(target))), ":material/backup:")
