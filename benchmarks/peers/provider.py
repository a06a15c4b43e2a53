"""A provider in a process of its own: jobs of drawn lengths over HTTP, and what it saw of those who asked for them.

POST /jobs          -> {"id": "7"}
GET /jobs/7         -> {"state": "running"} or {"state": "done", "url": …}
GET /files/7        the video
GET /figures        what was seen
GET /forget         begin anew
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web


class TimedJobs:
    """Jobs in the order in which they came; the n-th lasts as long in every run."""

    def __init__(self, spread: tuple[float, float], cap: int, video: bytes) -> None:
        self._spread = spread
        self._cap = cap
        self._video = video
        self._begin()

    def _begin(self) -> None:
        self._chance = random.Random(1)
        self.jobs: list[tuple[float, float]] = []
        self.seen: dict[int, float] = {}
        self.fetched: dict[int, float] = {}
        self.polls = 0
        self.peak = 0

    async def forget(self, _request: web.Request) -> web.Response:
        self._begin()
        return web.Response()

    async def submit(self, _request: web.Request) -> web.Response:
        now = time.monotonic()
        self.jobs.append((now, now + self._chance.uniform(*self._spread)))
        self.peak = max(self.peak, sum(end > now for _, end in self.jobs[-4 * self._cap :]))
        return web.json_response({"id": f"{len(self.jobs) - 1}"})

    async def poll(self, request: web.Request) -> web.Response:
        self.polls += 1
        job, now = int(request.match_info["job"]), time.monotonic()
        if now < self.jobs[job][1]:
            return web.json_response({"state": "running"})
        self.seen.setdefault(job, now)
        return web.json_response({"state": "done", "url": f"http://{request.host}/files/{job}"})

    async def file(self, request: web.Request) -> web.Response:
        self.fetched[int(request.match_info["job"])] = time.monotonic()
        return web.Response(body=self._video, content_type="video/mp4")

    async def figures(self, _request: web.Request) -> web.Response:
        """Ratios as ``docs/performance.md`` has them."""
        begun = [begin for begin, _ in self.jobs]
        first, last = min(begun), max(begun)
        lengths = [end - begin for begin, end in self.jobs]
        ideal = sum(lengths) / self._cap
        span = max(self.fetched.values()) - first
        busy = sum(min(end, last) - begin for begin, end in self.jobs if begin < last)
        late = sorted(self.seen[job] - end for job, (_, end) in enumerate(self.jobs))
        known: dict[str, Any] = {
            "makespan/ideal": span / ideal,
            "makespan/FIFO": span / first_in_first_out(lengths, self._cap),
            "idle": 1 - busy / (self._cap * (last - first)) if last > first else 0.0,
            "delay s": sum(late) / len(late),
            "latest s": late[-1],
            "polls/task": self.polls / len(self.jobs),
            "peak": self.peak,
            "done": len(self.fetched),
        }
        return web.json_response(known)


def first_in_first_out(lengths: list[float], cap: int) -> float:
    """Seconds until the last of these jobs ends where each slot is filled again at once."""
    free = [0.0] * cap
    for length in lengths:
        slot = free.index(min(free))
        free[slot] += length
    return max(free)


def main() -> None:
    cap, low, high, video = sys.argv[1:]
    jobs = TimedJobs((float(low), float(high)), int(cap), Path(video).read_bytes())
    app = web.Application()
    app.add_routes(
        [
            web.post("/jobs", jobs.submit),
            web.get("/jobs/{job}", jobs.poll),
            web.get("/files/{job}", jobs.file),
            web.get("/figures", jobs.figures),
            web.get("/forget", jobs.forget),
        ]
    )

    async def serve() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
