"""Run the benchmarks, all or those named, and keep what they print in docs/performance.md: ``python benchmarks [NAME …]``."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "performance.md"
NAMES = sorted(script.stem for script in HERE.glob("*.py") if not script.stem.startswith("_"))
HEAD = "\n## Last run of `make bench`\n"


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f} before"
    )


def run(name: str, folder: str) -> str | None:
    """What a benchmark prints, which is shown meanwhile; None: it failed."""
    more = ["--folder", folder] if name == "checks" else []
    said = []
    with subprocess.Popen(
        [sys.executable, str(HERE / f"{name}.py"), *more], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line)
    return "".join(said).strip() if process.returncode == 0 else None


def kept(report: str, name: str, on: str, said: str) -> str:
    """The report with this run of a benchmark in the place of the one before."""
    shown = said if said.startswith("|") else f"```\n{said}\n```"
    block = f"<!-- {name} -->\n### {name}\n\n{on}:\n\n{shown}\n<!-- end of {name} -->\n"
    found = re.compile(rf"<!-- {name} -->.*?<!-- end of {name} -->\n", re.DOTALL)
    if found.search(report):
        return found.sub(lambda _: block, report)
    return report.rstrip("\n") + ("\n" if HEAD in report else f"\n{HEAD}") + f"\n{block}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.parse_args().names or NAMES:
            print(f"\n== {name} ==", flush=True)
            on, said = machine(), run(name, folder)
            if said is None:
                failed.append(name)
            else:
                REPORT.write_text(kept(REPORT.read_text("utf-8"), name, on, said), "utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
