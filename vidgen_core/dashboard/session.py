"""The session of one visitor: project, language, session state, and toasts for the next run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.domain.errors import CommitUnknown, VidgenError
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import LANGUAGES, Text, choose_language, get_text
from vidgen_core.services.facade import Vidgen

P = ParamSpec("P")
Choice = TypeVar("Choice", bound=str)

_VISIT: Final = "_visit"
_TOLD: Final = "_told"
#: Clicks of which it is not known whether they were saved, with their transactions.
_UNSURE: Final = "_unsure"
_PAGES: Final = "_pages"
#: The name of the page that is drawn.
_PAGE: Final = "_page"
#: The page that was asked for, and the one where it was.
_LEAVING: Final = "_leaving"
#: A button has just led to another page.
BY_BUTTON: Final = "_page_by_button"
#: The cookie that keeps how a visitor likes to see things, as a query string; written by the header line.
LOOKS_COOKIE: Final = "vidgen_looks"
_LOOKS: Final = "_looks"
#: Key of the language switch.
LANGUAGE: Final = "language"


@dataclass(frozen=True)
class Visit:
    """One visitor on one project, in one language."""

    app: Vidgen
    project: Project
    t: Text


def current_visit() -> Visit:
    """The visit of the session that is running; the shell has begun it."""
    visit: Visit = st.session_state[_VISIT]
    return visit


def begin(visit: Visit, pages: Path, page: str) -> None:
    """Keep the visit for the pages and fragments of this session.

    :param pages: the folder of the page files, which differs between a checkout and an installed package
    :param page: the name of the page that is drawn
    """
    st.session_state[_VISIT] = visit
    st.session_state[_PAGES] = pages
    st.session_state[_PAGE] = page


def page_name() -> str:
    """The name of the page that is drawn."""
    name: str = st.session_state[_PAGE]
    return name


def page_file(name: str) -> Path:
    """The file of a page, for links to it."""
    pages: Path = st.session_state[_PAGES]
    return pages / f"{name}.py"


def open_page(name: str) -> None:
    """Leave for another page, in the same project."""
    leave_for(name)
    _leave()


def leave_for(name: str) -> None:
    """Have the next run leave for another page: a callback cannot."""
    st.session_state[_LEAVING] = (name, page_name())


def _leave() -> None:
    """Leave for the page that was asked for.

    The request is kept until another page is drawn: a rerun that the browser asks for meanwhile names the page that is left, and
    takes the place of the one that would open the other.

    Streamlit takes all parameters from the address on the way, and lets nobody name the one of a widget (the project) again;
    the picker of the project does so in the next run.
    """
    name, left = st.session_state.get(_LEAVING, ("", ""))
    page = page_name()
    if page != left or page == name:
        st.session_state.pop(_LEAVING, None)
    if name and page == left:
        st.session_state[BY_BUTTON] = True
        st.switch_page(page_file(name), query_params={})


def words(app: Vidgen | None) -> Text:
    """The visitor's words: as switched in the sidebar, else as set, else as the browser asks for."""
    chosen = remembered(LANGUAGE, ("", *LANGUAGES))
    setting = app.settings().language if app else "auto"
    return get_text(chosen if chosen in LANGUAGES else choose_language(setting, st.context.locale))


def clock() -> tzinfo:
    """The visitor's time zone; UTC where the browser names none that we know."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def now() -> datetime:
    return datetime.now(UTC)


def session_value(name: str, default: Any) -> Any:
    """A value of this session that no widget owns."""
    return st.session_state.setdefault(name, default)


def remembered(name: str, options: Sequence[Choice]) -> Choice:
    """What this browser's visitor has chosen of ``options``, now or on an earlier visit; the first one else.

    :param name: of a widget; the header line has the browser keep all of them (``looks``)
    """
    chosen = st.session_state.get(name) or _kept_looks().get(name)
    return next((one for one in options if one == chosen), options[0])


def remember(name: str) -> None:
    """Have the browser keep what was chosen; to be called in the callback of the widget."""
    session_value(_LOOKS, {})[name] = st.session_state[name]


def _kept_looks() -> dict[str, str]:
    chosen: dict[str, str] = session_value(_LOOKS, {})
    return dict(parse_qsl(st.context.cookies.get(LOOKS_COOKIE, ""))) | chosen


def looks() -> str:
    """Everything that was chosen in this session, for the browser to keep; empty before anything was."""
    return urlencode(_kept_looks()) if session_value(_LOOKS, {}) else ""


def toast_later(sentence: str, icon: str | None = None) -> None:
    """Say something once, as a toast, when the next part of the page is drawn; callbacks cannot draw by themselves."""
    st.session_state.setdefault(_TOLD, []).append((sentence, icon))


def show_told() -> None:
    """Leave for the page that a callback asked for, else draw its toasts; the shell and every fragment with callbacks begin with it."""
    _leave()
    for sentence, icon in st.session_state.pop(_TOLD, []):
        st.toast(sentence, icon=icon, duration="long")


def sentence(error: VidgenError) -> str:
    """What was wrong and what to do, in the visitor's language, as Markdown; what others say of it stands beneath."""
    t = current_visit().t
    return lines(t.with_words(t.ended(error.kind, error.code, error.params), error.params))


def lines(text: str) -> str:
    """Text whose first line is ours, as Markdown; the others are words of others, shown as they are."""
    own, *others = text.split("\n")
    return "\\\n".join([own, *(plain(other) for other in others)])


def handle_errors(callback: Callable[P, None]) -> Callable[P, None]:
    """A widget callback whose ``VidgenError`` becomes a sentence; what may have been saved is not done again before that is known."""

    @functools.wraps(callback)
    def answering(*args: P.args, **kwargs: P.kwargs) -> None:
        click = f"{callback.__module__}.{callback.__qualname__}{args}{kwargs}"
        unsure: dict[str, CommitUnknown] = session_value(_UNSURE, {})
        try:
            if click in unsure:
                saved = current_visit().app.store.was_committed(unsure[click].transaction)
                unknown = unsure.pop(click)
                if saved is not False:
                    said = current_visit().t("shell.was_saved") if saved else sentence(unknown)
                    toast_later(said, ":material/info:")
                    return
            callback(*args, **kwargs)
        except VidgenError as error:
            if isinstance(error, CommitUnknown):
                unsure[click] = error
            toast_later(sentence(error), ":material/error:")

    return answering
