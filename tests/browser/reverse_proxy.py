"""A small reverse proxy, as it stands before the server of a team: one path of it leads to Vidgen."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class _Proxy:
    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._path = path.encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._pass_on(reader, writer)
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection, so that every one of them is looked at."""
        head = await reader.readuntil(b"\r\n\r\n")
        line, *headers = head[:-4].split(b"\r\n")
        wanted = line.split(b" ")[1]
        if wanted.partition(b"?")[0] != self._path and not wanted.startswith(self._path + b"/"):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        if not any(header.lower().startswith(b"upgrade:") for header in headers):
            headers = [header for header in headers if not header.lower().startswith(b"connection:")]
            headers.append(b"Connection: close")
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        ours.write(b"\r\n".join([line, *headers, b"X-Forwarded-For: 203.0.113.9", b"", b""]))
        try:
            # Whoever goes first ends it for both: nobody but its own frame holds a task whose client has gone.
            ways = [asyncio.create_task(_copy(reader, ours)), asyncio.create_task(_copy(theirs, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            ours.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()


@contextlib.contextmanager
def proxied(port: int, path: str) -> Iterator[str]:
    """The address of the path on a proxy before the server at ``port``; everything else on it is 404."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    proxy = _Proxy(port, path)
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(proxy.serve, "127.0.0.1", 0), loop).result(10)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """Take no more connections and let those that are open go, also what came in meanwhile."""
    server.close()
    idle_rounds = 0
    # A connection that was accepted just now becomes a task, and a closed socket is let go, some rounds later.
    while idle_rounds < 5:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        idle_rounds = 0 if tasks else idle_rounds + 1
        # What is cancelled before its first step never comes to its *finally*.
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
