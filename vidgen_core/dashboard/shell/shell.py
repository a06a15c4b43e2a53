"""The frame of every page: navigation, project, language, header, and the listener for changes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.session import Visit, begin, show_told, words
from vidgen_core.dashboard.shell import header, live_updates, message_line, sidebar, sign_in
from vidgen_core.domain.errors import VidgenError
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

_LOG = logging.getLogger(__name__)
#: File below ``pages/``, icon; ``shots`` is shown at ``/``.
PAGES: Final = {
    "script": ":material/article:",
    "add": ":material/add_photo_alternate:",
    "storyboard": ":material/grid_view:",
    "shots": ":material/view_agenda:",
    "pick": ":material/star:",
    "export": ":material/output:",
    "tasks": ":material/checklist:",
    "log": ":material/receipt_long:",
    "analytics": ":material/monitoring:",
    "settings": ":material/settings:",
}
#: Pages that not everybody sees.
_FOR: Final = {"script": Role.MAKER, "add": Role.MAKER, "settings": Role.OWNER}
_ASSETS: Final = Path(__file__).parent / "assets"
#: The one style of all screens, which the first page brings along.
LOOK: Final = _ASSETS / "look.css"
#: Pixels of its width, also in the look.
_SIDEBAR: Final = 232
#: Seconds until a page that could not be drawn is tried again.
_AGAIN: Final = 5


def render(open_app: Callable[[], Vidgen], pages: Path) -> None:
    """Draw the page that the address names, in its frame.

    :param pages: the folder of the page files
    """
    st.set_page_config(page_title="Vidgen", page_icon="🎬", layout="wide", initial_sidebar_state=_SIDEBAR)
    try:
        app = sign_in.enter(open_app())
        t = words(app)
        projects = app.projects.all()
    except VidgenError as error:
        st.error(words(None).error(error.kind, error.code, error.params), icon=":material/error:")
        _ask_again()
        st.stop()
    _words(t)
    st.logo(_ASSETS / "logo.svg", icon_image=_ASSETS / "mark.svg", size="large")
    known = _pages(t, pages)
    page = st.navigation(list(known.values()), position="hidden")
    st.set_page_config(page_title=f"{page.title} · Vidgen")
    with st.sidebar:
        project = sidebar.choose_project(app, t, projects)
    begin(Visit(app, project, t), pages, next(name for name, known_page in known.items() if known_page == page))
    live_updates.begin(app)
    with st.sidebar:
        sidebar.show(known)
    show_told()
    # Toasts and dialogs share a place: a toast of a fragment that was drawn before the dialog would take the dialog's.
    dialogs.show()
    with st.container(key="frame", gap=None):
        header.show()
        message_line.show()
    page.run()
    live_updates.listen()


def _words(t: Text) -> None:
    """Words that the style writes. They are drawn first: what comes after the first dialog or toast would vanish with it."""
    words = {"--words-upload": t("shell.upload"), "--words-drop": t("shell.drop_here")}
    root = " ".join(f"{name}: {json.dumps(word, ensure_ascii=False)};" for name, word in words.items())
    st.html(f"<style>:root {{ {root} }}</style>")


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


def _ask_again() -> None:
    """Draw the page once more in some seconds: what is wrong may be over then."""
    drawn = time.monotonic()

    @st.fragment(run_every=_AGAIN)
    def later() -> None:
        if time.monotonic() - drawn > _AGAIN / 2:
            st.rerun()

    later()


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
