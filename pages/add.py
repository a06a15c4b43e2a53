"""Add: shots come in by form, list, pictures, links or folder, and are looked at before they are stored."""

import streamlit as st

from vidgen_core.ui import add_forms, add_order, add_preview, add_watch
from vidgen_core.ui.session import here

WAYS = {
    "pictures": add_forms.pictures,
    "list": add_forms.lists,
    "form": add_forms.form,
    "links": add_forms.links,
    "folder": add_watch.folder,
}

visit = here()
t = visit.t
for tab, way in zip(st.tabs([t(f"add.way.{name}") for name in WAYS], key="add_way"), WAYS.values(), strict=True):
    with tab:
        way(visit)
planned = add_order.planned(visit)
if planned is not None:
    add_preview.show(visit, planned)
add_preview.show_outcome(visit)
