"""Run the benchmarks, all or those named, and keep what they print in docs/performance.md: ``python benchmarks [NAME …]``."""

from __future__ import annotations

import argparse
import os
import platform
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "performance.md"
NAMES = sorted(script.stem for script in HERE.glob("*.py") if not script.stem.startswith("_"))
#: Less than by default, where that would take most of an hour: for the figures at full size they are run by themselves.
SMALLER = {
    "broken_imports": ["3000"], "browser": ["-n", "4"], "checks": ["--good", "20", "--each", "4"],
    "drawing": ["--shots", "20", "--kills", "5"], "figures": ["--tasks", "200000"], "growth": ["--tasks", "4000"],
    "kills": ["--rounds", "30"], "lists": ["--tasks", "100000"], "memory_download": ["200", "10"],
    "render": ["--clips", "1"], "scale": ["--tasks", "40"], "store": ["--tasks", "100000"],
}  # fmt: skip
#: Seconds after which one of them is ended.
LONGEST = 900


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f} before"
    )


def run(name: str, folder: str) -> tuple[str, int]:
    """What a benchmark prints, which is shown meanwhile, and how it ended; not 0: it failed, or a bar of its own is missed."""
    more = [*SMALLER.get(name, ()), *(["--folder", folder] if name == "checks" else ())]
    said = []
    with subprocess.Popen(
        [sys.executable, str(HERE / f"{name}.py"), *more], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        late = threading.Timer(LONGEST, process.send_signal, [signal.SIGINT])
        late.start()
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line)
        late.cancel()
    return "".join(said).strip(), process.returncode


def kept(report: str, name: str, on: str, said: str) -> str:
    """The report with this run of a benchmark in the place of the one before, or at the end of the section that names it."""
    shown = said if said.startswith("|") else f"```\n{said}\n```"
    block = f"<!-- {name} -->\n### {name}\n\n{on}:\n\n{shown}\n<!-- end of {name} -->\n"
    found = re.compile(rf"<!-- {name} -->.*?<!-- end of {name} -->\n", re.DOTALL)
    if found.search(report):
        return found.sub(lambda _: block, report)
    sections = re.split(r"^(?=## )", report, flags=re.MULTILINE)
    place = next((place for place, section in enumerate(sections) if f"{name}.py`" in section), -1)
    sections[place] = f"{sections[place].rstrip()}\n\n{block}\n"
    return "".join(sections).rstrip("\n") + "\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.parse_args().names or NAMES:
            print(f"\n== {name} ==", flush=True)
            on = machine()
            said, ended = run(name, folder)
            if ended:
                missed.append(name)
                on += f"; ended with {ended}"
            if said:
                on = " ".join([f"`{name}", *SMALLER.get(name, ())]) + f"`, {on}"
                REPORT.write_text(kept(REPORT.read_text("utf-8"), name, on, said), "utf-8")
    if missed:
        sys.exit(f"failed, or a bar missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
