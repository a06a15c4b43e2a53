"""A screen without a browser: what a program of somebody else could send to Streamlit's socket."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX
from streamlit.util import calc_hash
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from vidgen_core.services.access.sessions import COOKIE

__all__ = ["ConnectionClosed", "InvalidStatus", "RawScreen"]


class RawScreen:
    """One socket to ``/_stcore/stream``.

    :param url: of the server
    :param session: the screen to take up again
    """

    def __init__(self, url: str, *, origin: str | None = None, cookie: str = "", session: str = "") -> None:
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        self._socket = connect(
            f"{url.replace('http', 'ws', 1)}/_stcore/stream",
            origin=origin,
            additional_headers=headers,
            subprotocols=["streamlit", "x", session] if session else ["streamlit"],
            max_size=None,
            proxy=None,
            legacy=True,
        )
        self.heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def run(self, query: str = "") -> None:
        """Ask for the page to be drawn."""
        message = BackMsg()
        message.rerun_script.query_string = query
        self._socket.send(message.SerializeToString())

    def press(self, button: str) -> None:
        """Press a button by its key, once it has been drawn."""
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self.id_of(button)
        state.trigger_value = True
        self._socket.send(message.SerializeToString())

    def leave_with(self, component: str, page: str, **event: object) -> None:
        """Send an event of a component along with a change of page: Streamlit merges the two when it is busy."""
        message = BackMsg()
        message.rerun_script.page_script_hash = calc_hash(page)
        state = message.rerun_script.widget_states.widgets.add()
        state.id = f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{self.id_of(component)}__events"
        state.json_trigger_value = json.dumps([{"event": name, "value": value} for name, value in event.items()])
        self._socket.send(message.SerializeToString())

    def id_of(self, widget: str) -> str:
        """The id of a widget, listened for until it has been drawn."""
        pattern = re.compile(rb"\$\$ID-[0-9a-f]+-" + widget.encode() + rb"(?![a-z_])")
        while (found := pattern.search(self.heard)) is None:
            self.heard += bytes(self._socket.recv(60))
        return found[0].decode()

    def hear_until(self, words: str) -> None:
        """Listen until a text has been said."""
        while words.encode() not in self.heard:
            self.heard += bytes(self._socket.recv(60))

    def all_heard(self, patience: float) -> Iterator[bytes]:
        """What is still said until the socket is closed or nothing comes for so long."""
        with contextlib.suppress(TimeoutError):
            while True:
                yield bytes(self._socket.recv(patience))
