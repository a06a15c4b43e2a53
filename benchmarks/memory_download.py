"""How much memory two hundred downloads take, as many at once as the worker has; the bar is 100 MiB.

Run: python benchmarks/memory_download.py [downloads] [megabytes each] [at once]. The sending side is a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from memory_submit import MIB, Watch

from vidgen_core.media.files import PartFile
from vidgen_core.providers.http.client import Http
from vidgen_core.providers.http.download import download
from vidgen_core.worker.context import DOWNLOADS

BAR = 100


def give(way: Connection, size: int) -> None:
    asyncio.run(_serve(way, size))


async def _serve(way: Connection, size: int) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
        )
        block = b"x" * (1 << 18)
        for start in range(0, size, len(block)):
            writer.write(block[: size - start])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=2048)
    way.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def run(port: int, folder: Path, count: int, at_once: int) -> tuple[float, float, float]:
    """Resident MiB before and at the height, and seconds."""
    url, http = f"http://127.0.0.1:{port}", Http()
    await download(http, url, PartFile(folder / "warm"), home=url)
    before = psutil.Process().memory_info().rss / MIB
    watch, started = Watch(), time.perf_counter()
    places = asyncio.Semaphore(at_once)

    async def one(path: Path) -> None:
        async with places:
            await download(http, url, PartFile(path), home=url)
            path.with_name(f"{path.name}.part").unlink(missing_ok=True)

    await asyncio.gather(*(one(folder / f"{n}.mp4") for n in range(count)))
    seconds, peak = time.perf_counter() - started, watch.stop()
    await http.close()
    return before, peak, seconds


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    at_once = int(sys.argv[3]) if len(sys.argv) > 3 else DOWNLOADS
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    giver = context.Process(target=give, args=(theirs, megabytes * 1_000_000), daemon=True)
    giver.start()
    with tempfile.TemporaryDirectory() as folder:
        before, peak, seconds = asyncio.run(run(ours.recv(), Path(folder), count, at_once))
    giver.terminate()
    giver.join()
    print(f"{'downloads':>9} {'at once':>8} {'MB each':>8} {'before':>8} {'peak':>8} {'added':>8} {'bar':>6} {'s':>7}")
    print(
        f"{count:>9} {at_once:>8} {megabytes:>8} {before:>8.0f} {peak:>8.0f} {peak - before:>8.0f} {BAR:>6} {seconds:>7.1f}"
    )
    return 0 if peak - before <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
