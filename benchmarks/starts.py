"""How soon commands and the server answer, and what a server costs that has nothing to do.

    python benchmarks/starts.py [--rounds 5] [--rest 30]

*Modules* are those imported by the end of a command: their number does not depend on the machine. Of each command the quickest
of the rounds counts. The first byte is that of the first page: on an empty home, and of one that has been opened before.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_server

import httpx
import psutil
from playwright.sync_api import sync_playwright

COMMANDS = (["--help"], ["tasks"], ["tasks", "--json"], ["keys"])
COUNTING = "import sys\nfrom vidgen_core.cli.program import run\nrun({!r})\nprint(len(sys.modules), file=sys.stderr)"


def command(arguments: list[str], home: Path, rounds: int) -> tuple[float, float, int]:
    """The least seconds on the clock and of the processor, and how many modules were imported."""
    environment = {**os.environ, "VIDGEN_HOME": str(home)}
    found = []
    for _ in range(rounds):
        wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "vidgen_core", *arguments], env=environment, capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((time.perf_counter() - wall, cpu))
    counted = subprocess.run(
        [sys.executable, "-c", COUNTING.format(arguments)], env=environment, capture_output=True, text=True, check=True
    )
    return min(wall for wall, _ in found), min(cpu for _, cpu in found), int(counted.stderr.split()[-1])


@contextmanager
def server(home: Path) -> Iterator[tuple[psutil.Process, str, float]]:
    """The whole product, its address, and the seconds until its first byte."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, begun = f"http://127.0.0.1:{port}", time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "vidgen_core", "serve", "--no-browser", "--port", str(port)],
        env={**os.environ, "VIDGEN_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            while time.perf_counter() - begun < 120:
                with suppress(httpx.HTTPError):
                    if httpx.get(url, trust_env=False, timeout=60).status_code == 200:
                        break
                time.sleep(0.02)
            yield psutil.Process(process.pid), url, time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGINT)


def idle(process: psutil.Process, seconds: float) -> tuple[float, float]:
    """The share of a core that it takes, and its memory in MB."""
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / seconds, process.memory_info().rss / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--rest", type=float, default=30)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder) / "home"
        print("| what | n | seconds | CPU s | modules | bar |\n|---|---|---|---|---|---|")
        with server(home) as (_, _, first):
            print(f"| first byte on an empty home | 1 | {first:.2f} | – | – | 3 s |", flush=True)
        with server(home) as (process, url, first):
            print(f"| first byte of a home opened before | 1 | {first:.2f} | – | – | 2 s |", flush=True)
            chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = chromium.new_page()
            page.goto(url, timeout=120_000)
            page.get_by_role("main").wait_for(timeout=120_000)
            time.sleep(given.rest / 3)
            share, memory = idle(process, given.rest)
            print(
                f"| idle with a browser open, {memory:.0f} MB | 1 | {given.rest:.0f} | {share:.1%} of a core | – | 1 % |",
                flush=True,
            )
            chromium.close()
        for arguments, bar in zip(COMMANDS, ("0.3 s", "0.5 s", "0.5 s", "0.5 s"), strict=True):
            wall, cpu, modules = command(arguments, home, given.rounds)
            print(
                f"| `vidgen {' '.join(arguments)}` | {given.rounds} | {wall:.2f} | {cpu:.2f} | {modules} | {bar} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
