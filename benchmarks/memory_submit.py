"""How much memory fifty jobs take that each send a picture of 10 MB at the same time; the bar is 150 MiB.

Run: python benchmarks/memory_submit.py [jobs] [megabytes]. The receiving side is a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
import threading
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from pydantic import SecretStr

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import Key, Order
from vidgen_core.providers.yunwu.adapter import Yunwu

BAR = 150
MIB = 1 << 20


def receive(way: Connection) -> None:
    """Take requests slowly, so that all are under way at once, and keep nothing of them."""
    asyncio.run(_serve(way))


async def _serve(way: Connection) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        left = int(head.split("content-length:")[1].split("\r\n")[0])
        while left:
            left -= len(await reader.read(min(left, 1 << 18)))
            await asyncio.sleep(0.01)
        body = b'{"id": "job"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    way.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def draw(folder: Path, count: int, megabytes: float) -> list[Path]:
    """Pictures of noise, which no JPEG makes small."""
    side = int((megabytes * 1e6 / 0.97) ** 0.5)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    noise = np.random.default_rng(1).integers(0, 255, (side, side, 3), dtype=np.uint8)
    for number, path in enumerate(paths):
        Image.fromarray(np.roll(noise, number * 7, axis=0)).save(path, quality=95)
    return paths


class Watch:
    """The highest resident memory of this process since it began to look, in MiB."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._process = psutil.Process(os.getpid())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            self.peak = max(self.peak, self._process.memory_info().rss / MIB)

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self.peak


async def run(port: int, home: Path, pictures: list[Path]) -> tuple[float, float, float, float]:
    """Resident MiB before, at the height of preparing, at the height of sending; megabytes sent."""
    section = {"base_url": f"http://127.0.0.1:{port}", "image_max_bytes": 10_500_000}
    settings = Settings.model_validate({"providers": {"yunwu": section}})
    yunwu = Yunwu(lambda: settings, Locations(home).create())
    key = Key(id="0" * 12, label="bench", secret=SecretStr("sk-bench-0123456789"))
    params = GenerationParams(prompt="x", aspect_ratio="9:16", size="4K")
    orders = [Order(reference=path.stem, model="grok-video-3", params=params, image=path) for path in pictures]
    # A small picture first: codecs and certificates are loaded once and are no part of a job.
    small = home / "small.jpg"
    Image.new("RGB", (64, 64)).save(small)
    warm = orders[0].model_copy(update={"image": small})
    await yunwu.submit(warm, await yunwu.prepare(warm, key), key)
    before = psutil.Process().memory_info().rss / MIB
    watch = Watch()
    prepared = await asyncio.gather(*(yunwu.prepare(order, key) for order in orders))
    preparing = watch.stop()
    watch = Watch()
    await asyncio.gather(*(yunwu.submit(order, one, key) for order, one in zip(orders, prepared, strict=True)))
    sending = watch.stop()
    await yunwu.close()
    return before, preparing, sending, sum(one.sent["image_bytes"] for one in prepared) / 1e6


def main() -> int:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    receiver.start()
    with tempfile.TemporaryDirectory() as folder:
        pictures = draw(Path(folder), jobs, megabytes)
        started = datetime.now(UTC)
        before, preparing, sending, sent = asyncio.run(run(ours.recv(), Path(folder, "home"), pictures))
    seconds = (datetime.now(UTC) - started).total_seconds()
    receiver.terminate()
    receiver.join()
    added = max(preparing, sending) - before
    print(f"{'jobs':>6} {'MB sent':>8} {'before':>8} {'preparing':>10} {'sending':>8} {'added':>8} {'bar':>6} {'s':>7}")
    print(
        f"{jobs:>6} {sent:>8.0f} {before:>8.0f} {preparing:>10.0f} {sending:>8.0f} {added:>8.0f} {BAR:>6} {seconds:>7.1f}"
    )
    return 0 if added <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
