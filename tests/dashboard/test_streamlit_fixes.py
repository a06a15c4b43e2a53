"""What Streamlit does otherwise here: values of a session are looked up, and no reference outlives its fragment's run."""

from __future__ import annotations

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils import script_run_context
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState
from streamlit.watcher.polling_path_watcher import PollingPathWatcher

from vidgen_core.dashboard.shell import streamlit_fixes


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit with its fixes, for one test."""
    for owner, name in (
        (SafeSessionState, "filtered_state"),
        (script_run_context, "create_reference_msg"),
        (ForwardMsgQueue, "clear"),
        (PagesManager, "uses_pages_directory"),
        (PollingPathWatcher, "_schedule"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    streamlit_fixes.install()


@pytest.fixture
def state() -> SafeSessionState:
    """A session with two values."""
    state = SafeSessionState(SessionState(), lambda: None)
    state["prompt"], state["name"] = None, "ep01"
    return state


def _element(fragment: str, *place: int) -> ForwardMsg:
    message = ForwardMsg(hash="long text")
    message.delta.new_element.markdown.body = "long text"
    message.delta.fragment_id = fragment
    message.metadata.delta_path.extend(place)
    return message


def test_a_reference_to_a_cached_element_goes_with_the_interrupted_run_of_its_fragment() -> None:
    queue = ForwardMsgQueue()
    queue.enqueue(_element("cards", 0, 0))
    queue.enqueue(script_run_context.create_reference_msg(_element("cards", 0, 2)))
    queue.enqueue(script_run_context.create_reference_msg(_element("header", 1, 0)))
    queue.enqueue(script_run_context.create_reference_msg(_element("", 2, 0)))

    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["cards"])

    left = queue.flush()
    assert [list(message.metadata.delta_path) for message in left] == [[1, 0], [2, 0]]
    assert {message.ref_hash for message in left} == {"long text"}


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
