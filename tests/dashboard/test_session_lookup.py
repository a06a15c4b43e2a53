"""A field asks for its own value of the session; nothing else is read."""

from __future__ import annotations

import pytest
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState

from vidgen_core.dashboard.shell import session_lookup


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> SafeSessionState:
    """A session with two values, in a Streamlit that looks up."""
    monkeypatch.setattr(SafeSessionState, "filtered_state", SafeSessionState.filtered_state)
    session_lookup.install()
    state = SafeSessionState(SessionState(), lambda: None)
    state["prompt"], state["name"] = None, "ep01"
    return state


def test_what_a_field_asks_for_is_looked_up_and_nothing_is_copied(
    state: SafeSessionState, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[SessionState] = []
    monkeypatch.setattr(SessionState, "filtered_state", property(lambda session: copies.append(session) or {}))

    seen = state.filtered_state

    assert "prompt" in seen
    assert seen["prompt"] is None
    assert "other" not in seen
    with pytest.raises(KeyError):
        seen["other"]
    assert not copies


def test_whoever_goes_through_all_of_it_finds_all(state: SafeSessionState) -> None:
    seen = state.filtered_state

    assert dict(seen) == {"prompt": None, "name": "ep01"}
    assert len(seen) == 2
    assert str(seen) == str(dict(seen))
