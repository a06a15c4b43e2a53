"""Import shots by form, list, pictures, links or folder, with a preview before they are stored."""

import streamlit as st

from vidgen_core.dashboard.add import forms, preview, request, watch
from vidgen_core.dashboard.session import current_visit

WAYS = {
    "pictures": forms.pictures,
    "list": forms.lists,
    "form": forms.form,
    "links": forms.links,
    "folder": watch.folder,
}

visit = current_visit()
t = visit.t
for tab, way in zip(st.tabs([t(f"add.way.{name}") for name in WAYS], key="add_way"), WAYS.values(), strict=True):
    with tab:
        way(visit)
planned = request.planned(visit)
if planned is not None:
    preview.show(visit, planned)
preview.show_outcome(visit)
