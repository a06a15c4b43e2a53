"""Everything the pages are made of; the only package that imports Streamlit.

A page begins with ``visit = current_visit()``: the façade, the project and the language of this visitor::

    from vidgen_core.dashboard.session import current_visit

    visit = current_visit()
    st.markdown(visit.t("shots.welcome"))

A fragment is rerun when something has changed once its key is given to ``live_updates.watch`` (any change of the project) or
``live_updates.watch(…, shots=…)`` (a change of these shots).
"""
