"""The screens' parts; the only package that imports Streamlit.

A page begins with ``visit = here()`` and finds in it the façade, the project and the words of this visitor::

    from vidgen_core.dashboard.session import here

    visit = here()
    st.title(visit.t("tasks.title"))

Fragments are rerun by the push signal when their key is given to ``push.watch`` (any change of the project) or
``push.watch(…, shots=…)`` (a change of these).
"""
