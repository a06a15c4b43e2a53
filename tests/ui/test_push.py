"""Reruns of parts of a page."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from vidgen_core.ui import push

    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.checkbox("early", on_change=push.rerun_fragments, args=(["not_drawn_yet"],))


def test_a_click_that_comes_before_its_part_is_drawn_draws_the_page() -> None:
    page = AppTest.from_function(_page, default_timeout=60).run()

    page.checkbox[0].check().run()

    assert not page.exception
    assert page.checkbox[0].value
    assert page.session_state["runs"] == 2
