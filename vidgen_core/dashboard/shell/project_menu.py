"""What is done with whole projects: make, rename, copy, archive, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import BY_BUTTON, current_visit, handle_errors, sentence, toast_later
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

#: Key of the project picker and name of the parameter in addresses.
PROJECT: Final = "project"
#: The project that is open where the address names none: one for the whole session.
FIRST: Final = "_project_first"
#: The project before, and the one that a button has opened, until the browser has heard of that: until then it asks for the one before.
_OPENED: Final = "_project_opened"
_NEW: Final = "new_project"
_NAME: Final = "project_name"
_FILES: Final = "project_delete_files"
#: Pixels of the menu, however long a name is.
_WIDTH: Final = 260


def show(app: Vidgen, t: Text, project: Project, archived: Sequence[Project]) -> None:
    """One button: a new project, and everything else that is done with one."""
    with dialogs.menu(t("shell.new_project"), "new_project_box"), st.container(width=_WIDTH):
        st.text_input(t("shell.new_project_name"), key=_NEW, on_change=_add, args=(app,))
        st.button(t("shell.new_project_make"), type="primary", key="new_project_make", on_click=_add, args=(app,))
        st.divider()
        st.caption(plain(project.name))
        _choice(t, "rename", ":material/edit:", _ask_name, "rename", project)
        _choice(t, "copy", ":material/content_copy:", _ask_name, "copy", project)
        if project.archived:
            _choice(t, "unarchive", ":material/unarchive:", _archive, project, False)
        else:
            _choice(t, "archive", ":material/archive:", _archive, project, True)
        if sign_in.may(Role.OWNER):
            _choice(t, "delete", ":material/delete:", _ask_delete, project)
        for one in archived:
            if one.id != project.id:
                label = t("project.open_archived", name=plain(one.name))
                st.button(
                    label, key=f"open_archived_{one.id}", type="tertiary", on_click=open_project, args=(one.name,)
                )


def _choice(t: Text, name: str, sign: str, act: Callable[..., None], *args: object) -> None:
    st.button(t(f"project.{name}"), key=f"project_{name}", icon=sign, on_click=act, args=args, width="stretch")


def open_project(name: str) -> None:
    """Go on in another project, which the address names from now on; to be called in a widget callback."""
    st.session_state[_OPENED] = (st.session_state.get(PROJECT), name)
    st.session_state[PROJECT] = name


def keep_open() -> None:
    """Keep the project open that a button has opened, whatever leaves a browser that has not heard of it, and the address true.

    Of a value that is set here Streamlit writes the parameter.
    """
    asked, (before, opened) = st.session_state.get(PROJECT), st.session_state.get(_OPENED, (None, None))
    if asked == before != opened:
        st.session_state[PROJECT] = opened
    elif st.session_state.pop(BY_BUTTON, False) and asked:
        st.session_state[PROJECT] = asked


def browser_heard() -> None:
    """Let the next choice of the project before count; to be called when a browser has sent something."""
    if st.session_state.get(PROJECT) != st.session_state.get(_OPENED, (None, None))[0]:
        st.session_state.pop(_OPENED, None)


def _leave(project: Project) -> None:
    """Go on in the newest of the other projects."""
    others = [one for one in current_visit().app.projects.all() if not one.archived and one.id != project.id]
    if others:
        open_project(max(others, key=lambda one: (one.created_at, one.id)).name)


@handle_errors
def _add(app: Vidgen) -> None:
    name = st.session_state.get(_NEW, "")
    if name.strip():
        open_project(app.projects.ensure(name).name)
        st.session_state[_NEW] = ""


def _ask_name(verb: str, project: Project) -> None:
    dialogs.ask(current_visit().t(f"project.{verb}"), _name_form, verb, project)


def _name_form(verb: str, project: Project) -> None:
    t = current_visit().t
    begun = project.name if verb == "rename" else t("project.copy_of", name=project.name)
    # A field of its own that comes with its words: into one that is there they would be written after what was typed last.
    field = f"{_NAME}_{verb}_{begun}"
    st.text_input(t("project.name"), begun, key=field, live=True)
    if verb == "copy":
        st.caption(t("project.copy_help"))
    if wrong := st.session_state.pop("_project_wrong", None):
        st.error(wrong, icon=":material/error:")
    dialogs.buttons("project", t(f"project.{verb}"), _named, verb, project.id, field)


def _named(verb: str, project_id: int, field: str) -> None:
    projects, name = current_visit().app.projects, st.session_state[field]
    try:
        changed = projects.rename(project_id, name) if verb == "rename" else projects.copy(project_id, name)
    except VidgenError as error:
        # Said in the dialog, which stays with what was typed.
        st.session_state["_project_wrong"] = sentence(error)
        return
    open_project(changed.name)
    st.rerun()


@handle_errors
def _archive(project: Project, archived: bool) -> None:
    visit = current_visit()
    visit.app.projects.archive(project.id, archived)
    toast_later(visit.t("cli.project_archived" if archived else "cli.project_unarchived", name=project.name))
    if archived:
        _leave(project)


@handle_errors
def _ask_delete(project: Project) -> None:
    visit = current_visit()
    title = visit.t("project.delete_title", name=plain(project.name))
    dialogs.ask(title, _delete_form, project, icon=":material/delete:")


def _delete_form(project: Project) -> None:
    """What goes, what that frees, and whether the files go, too."""
    visit = current_visit()
    t, gone = visit.t, visit.app.projects.deletion(project.id)
    st.markdown(
        t("project.delete_question", shots=t.n("common.shots", gone.shots), takes=t.n("common.takes", gone.takes))
    )
    if gone.busy:
        st.warning(t.error("parameter", "project_busy", {"n": gone.busy}), icon=":material/hourglass_top:")
    files = st.checkbox(t("project.delete_files", size=t.bytes(gone.bytes)), key=_FILES, disabled=not gone.files)
    dialogs.buttons("project", t("project.delete"), _delete, project, files, disabled=bool(gone.busy))


@handle_errors
def _delete(project: Project, files: bool) -> None:
    visit = current_visit()
    visit.app.projects.delete(project.id, files=files)
    _leave(project)
    toast_later(visit.t("cli.project_deleted", name=project.name), ":material/delete:")
    st.rerun()
