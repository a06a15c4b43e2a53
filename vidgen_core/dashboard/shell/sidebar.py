"""The sidebar: the project, the pages with how far it has come, Auto-run, and the language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from vidgen_core.dashboard.session import LANGUAGE, current_visit, remember, show_told
from vidgen_core.dashboard.shell import autopilot_switch, live_updates, project_menu, sign_in
from vidgen_core.dashboard.shell.project_menu import FIRST, PROJECT
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import LANGUAGES, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.autopilot.progress import ProgressStep
from vidgen_core.services.facade import Vidgen

_FRAGMENT: Final = "sidebar_pages"
#: The page where what a step lacks is worked at.
_WORKED_AT: Final = {
    "script": "script",
    "storyboard": "add",
    "pictures": "pictures",
    "order": "storyboard",
    "prompts": "shots",
    "videos": "shots",
    "choice": "pick",
    "export": "export",
}
#: Shots without a reference image stand on the page of all shots, under this entry of its own.
_PICTURES: Final = "pictures"


def show(pages: Mapping[str, st.Page]) -> None:
    """Draw the pages with their counts, and have them refreshed.

    :param pages: those that the visitor may open, by name
    """
    t = current_visit().t
    live_updates.watch(_FRAGMENT, _shown)

    @st.fragment(key=_FRAGMENT)
    def draw() -> None:
        show_told()
        _links(pages)

    draw()
    _language(t)
    sign_in.show_account(t)


def _shown() -> object:
    visit = current_visit()
    return visit.app.progress.steps(visit.project.id), visit.app.progress.run(visit.project.id)


def _links(pages: Mapping[str, st.Page]) -> None:
    visit = current_visit()
    t, steps = visit.t, {step.name: step for step in visit.app.progress.steps(visit.project.id)}
    coming = next((_WORKED_AT[step.lack] for step in steps.values() if step.state == "next"), None)
    with st.container(key="sidebar_pages", gap=None):
        for name, page in pages.items():
            if name == "shots":
                _pictures(t, page, steps[_PICTURES], coming == _PICTURES)
            count = _count(t, name, steps)
            label = _label(t, page.title, count, coming == name)
            # A link that is opened in another tab leads to the same project there.
            asked = {PROJECT: visit.project.name}
            st.page_link(page, label=label, icon=page.icon, width="stretch", query_params=asked)
    if sign_in.may(Role.MAKER):
        autopilot_switch.switch(t, steps["storyboard"].total)


def _pictures(t: Text, page: st.Page, step: ProgressStep, coming: bool) -> None:
    """A filter of the shots that stands beside the pages: those without a reference image."""
    if step.total:
        count = f"{t.number(step.done)}/{t.number(step.total)}"
        label = _label(t, t("way.step.pictures"), count, coming)
        asked = {"state": "without_picture"} if step.missing else {"state": "all"}
        asked |= {PROJECT: current_visit().project.name}
        with st.container(key="sidebar_pictures", gap=None):
            st.page_link(page, label=label, icon=":material/image:", width="stretch", query_params=asked)


def _count(t: Text, name: str, steps: Mapping[str, ProgressStep]) -> str:
    """What a page has, or what waits there."""
    if name == "pick":
        export = steps["export"]
        return t("shell.new", n=t.number(export.missing)) if export.lack == "choice" else ""
    step = steps.get({"shots": "order"}.get(name, name))
    return t.number(step.total) if step and step.total else ""


def _label(t: Text, title: str, count: str, coming: bool) -> str:
    """The page with its count; the next step is named as such."""
    words = [
        title,
        *([f":gray[{count}]"] if count else []),
        *([f":violet-badge[{t('shell.coming')}]"] if coming else []),
    ]
    return " ".join(words)


# --- the project


def choose_project(app: Vidgen, t: Text, projects: list[Project]) -> Project:
    """The project that is named in the address or was chosen here; else the newest one with shots."""
    if not projects:
        if not sign_in.may(Role.MAKER):
            st.info(t("share.nothing_yet"))
            st.stop()
        projects = [app.projects.ensure(t("shell.first_project"))]
    elif FIRST not in st.session_state and PROJECT not in st.query_params:
        projects = app.projects.all() if app.projects.welcome(t.lang) else projects
    projects = sorted(projects, key=lambda project: (project.created_at, project.id), reverse=True)
    project_menu.keep_open()
    open_now = st.session_state.get(PROJECT)
    offered = [one for one in projects if not one.archived or one.name == open_now] or projects[:1]
    names = [one.name for one in offered]
    if open_now not in names:
        # It was renamed or deleted, here or elsewhere.
        st.session_state.pop(PROJECT, None)
    first = st.session_state.get(FIRST)
    if first not in names:
        first = next((one.name for one in offered if app.shots.counts(one.id)["all"]), names[0])
        st.session_state[FIRST] = first
    names.sort(key=lambda name: name != first)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", key="project_row"):
        name = st.selectbox(t("shell.project"), names, key=PROJECT, bind="query-params")
        project = next((project for project in projects if project.name == name), projects[0])
        if sign_in.may(Role.MAKER):
            project_menu.show(app, t, project, [one for one in projects if one.archived])
    return project


def _language(t: Text) -> None:
    st.segmented_control(
        t("shell.language"),
        LANGUAGES,
        default=t.lang,
        required=True,
        format_func=lambda lang: {"zh": "中文", "en": "English"}[lang],
        key=LANGUAGE,
        on_change=remember,
        args=(LANGUAGE,),
        persist_state="session",
        label_visibility="collapsed",
        width="stretch",
    )
