"""A field of a page looks up its own value of the session, not all of them.

Streamlit 1.67 copies the whole session for every text field, radio and select box that is drawn, with one class made for each
component in it, only to see whether the field's own key holds None: a page of n shots takes n² steps, a third of all its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from streamlit.runtime.state.safe_session_state import SafeSessionState

#: The property as Streamlit made it.
_COPIED: Final[Any] = vars(SafeSessionState)["filtered_state"]


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


def install() -> None:
    """Have Streamlit look up single values from now on; the server calls it once."""
    SafeSessionState.filtered_state = property(SessionLookup)  # type: ignore[assignment, method-assign]
