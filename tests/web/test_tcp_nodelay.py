"""Answers that leave at once."""

from __future__ import annotations

import socket

from vidgen_core.web.server import disable_nagle


def waits(found: socket.socket) -> bool:
    return not found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_connection_of_a_server_bound_as_streamlit_binds_it_sends_without_waiting() -> None:
    with socket.socket(family=socket.AF_INET) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert disable_nagle() >= 1
        with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
            assert not waits(accepted)


def test_sockets_that_do_not_listen_are_left_alone() -> None:
    with socket.socket() as server, socket.socket() as idle, socket.socket() as closed:
        closed.close()
        server.bind(("127.0.0.1", 0))
        disable_nagle()
        assert waits(idle)
        assert waits(server)
