"""What Streamlit 1.67 does otherwise here than by itself; the server calls ``install`` once.

- A field looks up its own value of the session. Streamlit copies the whole session for every text field, radio and select
  box that is drawn, with one class made for each component in it, only to see whether the field's own key holds None: a page
  of n shots takes n² steps, a third of all its time.
- A reference to an element that the browser has is thrown away with the run of its fragment. Streamlit keeps it when the run
  is interrupted, for it does not say whose it is; the browser then gets an element for a place that does not exist and shows
  *Bad delta path index*.
- Only the navigation in code names the pages: a folder named ``pages`` beside the script makes Streamlit run its files alone
  when the first visitor of a fresh process comes by a deep link.
- An address that leads to no page shows the first one, with a sentence of ours; Streamlit's dialog knows English alone.
- Files of the configuration are not looked at five times a second; nothing changes them while the server runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streamlit.commands import navigation
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import create_reference_msg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils import script_run_context
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.watcher.polling_path_watcher import PollingPathWatcher

from vidgen_core.dashboard.session import toast_later, words

#: As Streamlit made them.
_COPIED: Final[Any] = vars(SafeSessionState)["filtered_state"]
_CLEAR: Final[Any] = vars(ForwardMsgQueue)["clear"]


class SessionLookup(Mapping[str, Any]):
    """The values of a session by key, each looked up when it is asked for; copied only to go through all of them."""

    def __init__(self, state: SafeSessionState) -> None:
        self._state = state

    def __getitem__(self, key: str) -> Any:
        return self._state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._copy())

    def __len__(self) -> int:
        return len(self._copy())

    def __repr__(self) -> str:
        return repr(self._copy())

    def _copy(self) -> dict[str, Any]:
        copied: dict[str, Any] = _COPIED.fget(self._state)
        return copied


def _reference(message: ForwardMsg) -> ForwardMsg:
    """A reference that names its fragment in ``hash``, which nobody reads of a reference."""
    reference = create_reference_msg(message)
    reference.hash = message.delta.fragment_id
    return reference


def _clear(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is not None:
        queue._queue = [
            message
            for message in queue._queue
            if not (message.HasField("ref_hash") and message.hash in fragment_ids_this_run)
        ]
    _CLEAR(queue, retain_lifecycle_msgs, fragment_ids_this_run)


def _say_no_page(ctx: ScriptRunContext) -> None:  # noqa: ARG001 - as Streamlit calls it
    toast_later(words(None)("shell.page_unknown"), ":material/link_off:")


def install() -> None:
    """Have Streamlit work so from now on."""
    SafeSessionState.filtered_state = property(SessionLookup)  # type: ignore[assignment, method-assign]
    script_run_context.create_reference_msg = _reference  # type: ignore[assignment, attr-defined]
    ForwardMsgQueue.clear = _clear  # type: ignore[assignment, method-assign]
    navigation.send_page_not_found = _say_no_page
    PagesManager.uses_pages_directory = False
    PollingPathWatcher._schedule = lambda _watcher: None  # type: ignore[assignment, method-assign]
