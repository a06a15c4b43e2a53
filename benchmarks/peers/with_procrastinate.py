"""procrastinate with a PostgreSQL of its own, whose processor time is not counted; it runs a task of a killed process again."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

import aiohttp
from procrastinate import App, PsycopgConnector

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from postgres_server import Postgres

from peers.measured import Work, measured


async def _run(work: Work, url: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="one")
    async def one(number: int) -> None:
        async with http.post(f"{work.url}/jobs", json={"prompt": "x"}) as answer:
            job = (await answer.json())["id"]
        while True:
            await asyncio.sleep(work.poll)
            async with http.get(f"{work.url}/jobs/{job}") as answer:
                said = await answer.json()
            if said["state"] == "done":
                break
        async with http.get(said["url"]) as answer:
            await asyncio.to_thread(Path(work.folder, f"{number}.mp4").write_bytes, await answer.read())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, app.open_async():
        await app.schema_manager.apply_schema_async()
        await one.batch_defer_async(*({"number": number} for number in range(work.jobs)))
        await app.run_worker_async(concurrency=work.cap, wait=False, install_signal_handlers=False)


if __name__ == "__main__":
    data = Path(tempfile.mkdtemp(prefix="vidgen-procrastinate-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(data, user, user)
    server = Postgres(data, user)
    server.start()
    try:
        url = server.new()
        measured(lambda work: asyncio.run(_run(work, url)))
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)
