"""Small answers leave at once.

Streamlit binds its socket without naming TCP as its protocol. asyncio takes such sockets for something else and leaves
Nagle's algorithm on, so that every answer of more than one message waits some 40 ms until the browser has acknowledged the
first (``_set_nodelay`` in CPython's ``asyncio/base_events.py``; ``_bind_socket`` in Streamlit 1.67).
"""

from __future__ import annotations

import gc
import socket


def disable_nagle() -> int:
    """Let every connection that a listening socket of this process accepts from now on send without waiting.

    Accepted sockets take the option over from the one that listens.

    :return: how many sockets listen
    """
    # Nobody hands the socket on: it belongs to Streamlit's server, which is asked for nothing else.
    listening = [found for found in gc.get_objects() if isinstance(found, socket.socket) and _listens(found)]
    for found in listening:
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return len(listening)


def _listens(found: socket.socket) -> bool:
    try:
        return found.family in (socket.AF_INET, socket.AF_INET6) and bool(
            found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
    except OSError:
        # Closed already.
        return False
