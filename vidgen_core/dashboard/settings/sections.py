"""Sections of the settings page: queue, files, language, notifications, and the installation itself."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import streamlit as st

from vidgen_core import __version__
from vidgen_core.config.schema import ChecksSettings, Settings
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import (
    Visit,
    clock,
    current_visit,
    handle_errors,
    sentence,
    session_value,
    toast_later,
)
from vidgen_core.dashboard.settings.form import SettingsForm
from vidgen_core.domain.errors import InputError
from vidgen_core.i18n import Text
from vidgen_core.media.disk import translate_os_errors
from vidgen_core.media.naming import check_pattern, take_path
from vidgen_core.services.system.diagnostics import Finding

#: Services whose bots can sign their messages.
_SIGNED: Final = ("feishu", "dingtalk")
_FINDINGS: Final = "_findings"
_MARKS: Final = {
    "ok": ":green[:material/check_circle:]",
    "warning": ":orange[:material/warning:]",
    "bad": ":red[:material/error:]",
}


def runner(visit: Visit) -> None:
    """How the worker goes through the queue."""
    form = SettingsForm(visit, "runner")
    form.concurrency("runner.max_concurrent", form.settings.runner.slider_top)
    form.columns(
        ("runner.takes_per_shot", "runner.poll_interval", "runner.max_wait", "runner.slider_top"),
        (
            "runner.retry_on_fail",
            "runner.max_retries",
            "runner.retry_unknown_failures",
            "runner.backoff_base",
            "runner.backoff_max",
        ),
    )
    form.show_end()


def files(visit: Visit) -> None:
    """Where videos are saved and under what name, and what may be downloaded."""
    form = SettingsForm(visit, "files")
    typed = form.field("save_dir", live="300ms", placeholder=str(visit.app.locations.videos))
    folder = _show_folder(visit, typed)
    _show_example(visit, folder, form.field("file_pattern", live="300ms"))
    form.field("library.allow_private_links")
    form.columns(("download.min_rate",), ("download.max_bytes",))
    form.show_end()


def checks(visit: Visit) -> None:
    """What finished clips are checked for, and the limits."""
    st.markdown(visit.t("checks.intro"))
    form = SettingsForm(visit, "checks")
    form.field("checks.enabled")
    form.field("checks.ask_model")
    names = [f"checks.{name}" for name in ChecksSettings().limits]
    third = -(-len(names) // 3)
    form.columns(*(tuple(names[start : start + third]) for start in range(0, len(names), third)))
    form.show_end()


def chain(visit: Visit) -> None:
    """How shots of a chain continue each other."""
    form = SettingsForm(visit, "chain")
    form.field("chain.first_passing")
    form.columns(("chain.least_sharpness",), ("chain.most_colour",), ("chain.least_similarity",))
    form.show_end()


def look(visit: Visit) -> None:
    """Language and theme."""
    form = SettingsForm(visit, "look")
    form.field("language")
    st.caption(f":material/contrast: {visit.t('settings.theme')}")
    form.show_end()


# --- notifications


def notifications(visit: Visit) -> None:
    """The section of the settings page."""
    t, saved = visit.t, visit.app.settings().notices
    st.markdown(t("notices.intro"))
    form = SettingsForm(visit, "notices")
    url = saved.url.get_secret_value()
    kind = form.field("notices.kind")
    # Only the host is shown: the rest of the address is the key to the group.
    host = urlsplit(url).hostname or ""
    form.field("notices.url", saved=t("notices.is", host=host) if url else t("notices.none"))
    st.caption(t("notices.where"))
    if kind in _SIGNED:
        form.field("notices.secret", saved=t("notices.secret_is") if saved.secret.get_secret_value() else "")
    form.columns(
        ("notices.on_batch_end", "notices.on_pause", "notices.on_budget", "notices.on_question"),
        ("notices.least_tasks", "notices.language", "notices.address"),
    )
    form.show_end()
    fixed = "notices.url" in form.fixed
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("notices.send_test"),
            icon=":material/send:",
            key="notices_test",
            help=t("notices.test_help"),
            disabled=not url,
            on_click=_send_test,
        )
        st.button(
            t("notices.remove"),
            icon=":material/link_off:",
            key="notices_remove",
            disabled=not url or fixed,
            on_click=_remove_webhook,
        )


@handle_errors
def _send_test() -> None:
    visit = current_visit()
    toast_later(visit.t("notices.tested", host=visit.app.notifications.test()), ":material/send:")


@handle_errors
def _remove_webhook() -> None:
    visit = current_visit()
    visit.app.settings_file.change({"notices.url": "", "notices.secret": ""})
    toast_later(visit.t("notices.removed"), ":material/link_off:")


# --- the installation


def about(visit: Visit) -> None:
    """The installation: version, paths, diagnostics and a backup."""
    t, app = visit.t, visit.app
    facts = {
        "version": __version__,
        "home": str(app.locations.home),
        "settings": app.settings_file.place,
        "database": app.store.place,
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
    with translate_os_errors(target):
        target.parent.mkdir(mode=0o700, exist_ok=True)
    visit.app.cleanup.backup(target)
    toast_later(visit.t("settings.backed_up", path=plain(str(target))), ":material/backup:")


# --- the save folder


def _show_folder(visit: Visit, typed: str) -> Path:
    """Show where a typed folder is, whether it is writable, and its free space; return it."""
    t = visit.t
    folder = Settings.model_construct(save_dir=typed.strip()).save_folder(visit.app.locations)
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        st.error(t("settings.folder_closed", path=plain(str(folder))), icon=":material/folder_off:")
        return folder
    free = t.bytes(shutil.disk_usage(existing).free)
    known = "settings.folder_ready" if folder.exists() else "settings.folder_new"
    st.caption(f":material/folder: {t(known, path=plain(str(folder)), free=free)}")
    return folder


def _show_example(visit: Visit, folder: Path, pattern: str) -> None:
    """The path that the pattern makes of a take, or why it cannot be used."""
    t = visit.t
    try:
        check_pattern(pattern)
        example = _example(visit, pattern)
    except InputError as error:
        st.error(sentence(error), icon=":material/error:")
    else:
        st.caption(f":material/movie: {t('settings.pattern_example', path=plain(str(folder / example)))}")


def _example(visit: Visit, pattern: str) -> str:
    settings = visit.app.settings()
    section = settings.providers.of(settings.mode)
    return str(
        take_path(pattern, project=visit.project.name, shot="1.0", take=1, model=section.model, provider=settings.mode)
    )
