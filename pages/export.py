"""Export: what is chosen and what is missing, in every form it can leave in, and room on the disk."""

import streamlit as st

from vidgen_core.dashboard.export.cleanup import show_cleanup
from vidgen_core.dashboard.export.edits import show_edit
from vidgen_core.dashboard.export.finish import show_finishing
from vidgen_core.dashboard.export.jobs import show_exports
from vidgen_core.dashboard.export.options import show_options, show_summary
from vidgen_core.dashboard.session import Visit, current_visit, page_file
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.services.access.permissions import Role


def empty(visit: Visit) -> None:
    """Nothing is chosen: lists can go out all the same."""
    t = visit.t
    with st.container(border=True, horizontal_alignment="center", gap="medium", key="export_nothing"):
        st.markdown(f"### {t('export.nothing_title')}", text_alignment="center", anchors=False)
        st.markdown(t("export.nothing"), text_alignment="center")
        if visit.app.shots.counts(visit.project.id)["to_choose"]:
            st.page_link(page_file("pick"), label=t("shell.page.pick"), icon=":material/star:")
        else:
            st.page_link(page_file("shots"), label=t("export.to_shots"), icon=":material/view_agenda:")


visit = current_visit()
film = visit.app.exports.film(visit.project.id)
if film.takes:
    show_summary(visit, film)
    if may(Role.MAKER):
        show_finishing(visit, film)
else:
    empty(visit)
usable = show_options(visit) if may(Role.MAKER) else False
show_exports(film, usable=usable)
if may(Role.MAKER):
    show_edit(visit)
if may(Role.OWNER):
    show_cleanup(visit)
