"""The least that does the work: an aiohttp loop with a semaphore. Nothing of it outlives the process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from peers.measured import Work, measured


async def _run(work: Work) -> None:
    slots = asyncio.Semaphore(work.cap)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(number: int) -> None:
            async with slots:
                async with session.post(f"{work.url}/jobs", json={"prompt": "x"}) as answer:
                    job = (await answer.json())["id"]
                while True:
                    await asyncio.sleep(work.poll)
                    async with session.get(f"{work.url}/jobs/{job}") as answer:
                        said = await answer.json()
                    if said["state"] == "done":
                        break
            async with session.get(said["url"]) as answer:
                Path(work.folder, f"{number}.mp4").write_bytes(await answer.read())  # noqa: ASYNC240 — some kilobytes

        await asyncio.gather(*(one(number) for number in range(work.jobs)))


if __name__ == "__main__":
    measured(lambda work: asyncio.run(_run(work)))
