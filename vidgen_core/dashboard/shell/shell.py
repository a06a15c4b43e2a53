"""The frame of every page: navigation, project, language, header, and the listener for changes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.media import icon
from vidgen_core.dashboard.session import LANGUAGE, Visit, begin, handle_errors, show_told, words
from vidgen_core.dashboard.shell import header, live_updates, progress_strip, sign_in
from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import LANGUAGES, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

_LOG = logging.getLogger(__name__)
#: File below ``pages/``, icon; the first one is shown at ``/``.
PAGES: Final = {
    "shots": ":material/view_agenda:",
    "tasks": ":material/checklist:",
    "script": ":material/article:",
    "add": ":material/add_photo_alternate:",
    "storyboard": ":material/grid_view:",
    "pick": ":material/star:",
    "export": ":material/output:",
    "log": ":material/receipt_long:",
    "analytics": ":material/monitoring:",
    "settings": ":material/settings:",
}
#: Pages that not everybody sees.
_FOR: Final = {"script": Role.MAKER, "add": Role.MAKER, "settings": Role.OWNER}
#: Key of the project picker and name of the parameter in addresses.
PROJECT: Final = "project"
_ASSETS: Final = Path(__file__).parent / "assets"
_NEW_PROJECT: Final = "new_project"


def render(open_app: Callable[[], Vidgen], pages: Path) -> None:
    """Draw the page that the address names, in its frame.

    :param pages: the folder of the page files
    """
    st.set_page_config(page_title="Vidgen", page_icon="🎬", layout="wide")
    try:
        app = sign_in.enter(open_app())
        t = words(app)
        projects = app.projects.all()
    except VidgenError as error:
        st.error(words(None).error(error.kind, error.code, error.params), icon=":material/error:")
        st.stop()
    _look(t)
    st.logo(_ASSETS / "logo.svg", icon_image=_ASSETS / "mark.svg", size="large")
    known = _pages(t, pages)
    page = st.navigation(list(known.values()), expanded=True)
    st.set_page_config(page_title=f"{page.title} · Vidgen")
    with st.sidebar:
        project = _project(app, t, projects)
        _language(t)
        sign_in.show_account(t)
    begin(Visit(app, project, t), pages)
    live_updates.begin(app)
    show_told()
    # Toasts and dialogs share a place: a toast of a fragment that was drawn before the dialog would take the dialog's.
    dialogs.show()
    header.show()
    progress_strip.show(known)
    page.run()
    live_updates.listen()


def _look(t: Text) -> None:
    """The one style of all screens. It is drawn first: what comes after the first dialog or toast would vanish with it."""
    words = {"--words-upload": t("shell.upload"), "--words-drop": t("shell.drop_here")}
    root = " ".join(f"{name}: {json.dumps(word, ensure_ascii=False)};" for name, word in words.items())
    css = (_ASSETS / "look.css").read_text(encoding="utf-8")
    st.html(f"<style>:root {{ {root} }}\n{css}</style>")


def _pages(t: Text, pages: Path) -> dict[str, st.Page]:
    """The pages that the visitor may open, by name."""
    return {
        name: st.Page(
            pages / f"{name}.py",
            title=t(f"shell.page.{name}"),
            help=t(f"shell.page_help.{name}"),
            icon=sign,
            default=name == "shots",
        )
        for name, sign in PAGES.items()
        if (pages / f"{name}.py").exists() and sign_in.may(_FOR.get(name, Role.VIEWER))
    }


def _project(app: Vidgen, t: Text, projects: list[Project]) -> Project:
    if not projects:
        if not sign_in.may(Role.MAKER):
            st.info(t("share.nothing_yet"))
            st.stop()
        projects = [app.projects.ensure(t("shell.first_project"))]
    projects = sorted(projects, key=lambda project: (project.created_at, project.id), reverse=True)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        name = st.selectbox(
            t("shell.project"),
            [project.name for project in projects],
            key=PROJECT,
            bind="query-params",
        )
        if sign_in.may(Role.MAKER):
            _new_project(app, t)
    return next((project for project in projects if project.name == name), projects[0])


def _new_project(app: Vidgen, t: Text) -> None:
    with st.popover(icon("add", t("shell.new_project")), key="new_project_box"):
        st.text_input(t("shell.new_project_name"), key=_NEW_PROJECT, on_change=_add_project, args=(app,))
        st.button(
            t("shell.new_project_make"), type="primary", key="new_project_make", on_click=_add_project, args=(app,)
        )


@handle_errors
def _add_project(app: Vidgen) -> None:
    name = st.session_state.get(_NEW_PROJECT, "")
    if name.strip():
        st.session_state[PROJECT] = app.projects.ensure(name).name
        st.session_state[_NEW_PROJECT] = ""


def _language(t: Text) -> None:
    st.segmented_control(
        t("shell.language"),
        LANGUAGES,
        default=t.lang,
        required=True,
        format_func=lambda lang: {"zh": "中文", "en": "English"}[lang],
        key=LANGUAGE,
        persist_state="session",
        label_visibility="collapsed",
        width="stretch",
    )


def tell_of(error: Exception) -> bool:
    """Draw an error that no callback has answered as a sentence; for ``st.App(on_script_error=…)``.

    :returns: True, so that Streamlit draws no traceback
    """
    t = words(None)
    if isinstance(error, VidgenError):
        st.error(t.error(error.kind, error.code, error.params), icon=":material/error:")
    else:
        _LOG.error("A page failed", exc_info=error)
        st.error(t("shell.crashed"), icon=":material/error:")
    return True
