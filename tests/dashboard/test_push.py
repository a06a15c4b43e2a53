"""Reruns of parts of a page."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from vidgen_core.dashboard.shell import live_updates as push

    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.checkbox("early", on_change=push.rerun_fragments, args=(["not_drawn_yet"],))


def test_a_click_that_comes_before_its_part_is_drawn_draws_the_page() -> None:
    page = AppTest.from_function(_page, default_timeout=60).run()

    page.checkbox[0].check().run()

    assert not page.exception
    assert page.checkbox[0].value
    assert page.session_state["runs"] == 2


def _page_and_part() -> None:
    import streamlit as st

    from vidgen_core.dashboard.shell import live_updates as push

    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.checkbox("changed", on_change=push.rerun_fragments, args=(["part"],))
    st.fragment(key="part")(lambda: st.write("part"))()
    st.write(f"page {st.session_state['runs']}")


def test_a_change_that_comes_with_a_rerun_of_the_page_leaves_the_page_whole() -> None:
    page = AppTest.from_function(_page_and_part, default_timeout=60).run()

    page.checkbox[0].check().run()

    assert not page.exception
    assert [text.value for text in page.markdown] == ["part", "page 2"]


def _watching() -> None:
    from types import SimpleNamespace

    import streamlit as st

    from vidgen_core.dashboard.shell import live_updates

    live_updates.begin(SimpleNamespace(revision=lambda: 1))  # type: ignore[arg-type]
    st.session_state.setdefault("number", 1)
    live_updates.watch("clock")
    live_updates.watch("strip", lambda: st.session_state["number"])
    found = [live_updates.due()]
    st.session_state["number"] += 1
    found += [live_updates.due(), live_updates.due()]
    st.session_state["found"] = found


def test_a_part_that_would_show_the_same_is_left_alone() -> None:
    page = AppTest.from_function(_watching, default_timeout=60).run()

    assert not page.exception
    assert page.session_state["found"] == [["clock"], ["clock", "strip"], ["clock"]]


def _watching_shots() -> None:
    from types import SimpleNamespace

    import streamlit as st

    from vidgen_core.dashboard.shell import live_updates as push

    push.begin(SimpleNamespace(revision=lambda: 1))  # type: ignore[arg-type]
    push.watch("header")
    push.watch("card_7", shots=[7])
    push.watch("takes", shots=[7, 8])
    st.session_state["found"] = [push.due([]), push.due([8]), push.due([7, 9]), push.due()]


def test_a_part_that_shows_some_shots_hears_of_these_only() -> None:
    page = AppTest.from_function(_watching_shots, default_timeout=60).run()

    assert not page.exception
    everything = ["header", "card_7", "takes"]
    assert page.session_state["found"] == [["header"], ["header", "takes"], everything, everything]


def _watching_each() -> None:
    from types import SimpleNamespace

    import streamlit as st

    from vidgen_core.dashboard.shell import live_updates as push

    asked = st.session_state.setdefault("asked", [])
    shown = {7: "rain", 8: "snow"}

    def shows() -> dict[int, object]:
        asked.append(len(asked))
        return dict(shown)

    push.begin(SimpleNamespace(revision=lambda: 1))  # type: ignore[arg-type]
    push.watch_each({7: "card_7", 8: "card_8"}, shows)
    found = [push.due()]
    shown[7] = "hail"
    found += [push.due([8]), push.due([7, 8])]
    del shown[8]
    st.session_state["found"] = [*found, push.due(), push.due()]


def test_parts_that_are_asked_together_are_told_apart() -> None:
    page = AppTest.from_function(_watching_each, default_timeout=60).run()

    assert not page.exception
    assert page.session_state["found"] == [[], [], ["card_7"], ["card_8"], []]
    assert len(page.session_state["asked"]) == 6, "once to begin with, and once for each look"
