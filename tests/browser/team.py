"""A team's server: Vidgen as pip installs it, started from nowhere in particular."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from browser_studio import QUICK, ROOT, Studio, free_port, stop_server, wait_for_server

from vidgen_core.app import Vidgen
from vidgen_core.locations import Locations


def lay_out(folder: Path) -> None:
    """The files of the wheel where pip would put them."""
    shutil.copytree(ROOT / "vidgen_core", folder / "vidgen_core", ignore=shutil.ignore_patterns("__pycache__"))
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["force-include"].items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, folder / target)


@contextmanager
def team(folder: Path, prepare: Callable[[Vidgen, int], None], path: str = "") -> Iterator[Studio]:
    """Its server, without a proxy.

    :param prepare: is called with the façade and the port before the server starts
    """
    home, log, port = folder / "home", folder / "server.log", free_port()
    lay_out(folder / "site-packages")
    with Vidgen.open(Locations(home)) as vidgen:
        vidgen.projects.ensure("first")
        vidgen.settings_file.change(QUICK)
        prepare(vidgen, port)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("VIDGEN_", "STREAMLIT_"))}
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "vidgen_core", "serve", "--no-browser", "--port", str(port), "--path", path],
                cwd=folder,
                env=clean | {"VIDGEN_HOME": str(home), "PYTHONPATH": str(folder / "site-packages")},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for_server(process, f"http://127.0.0.1:{port}{path}", log)
            yield Studio(f"http://127.0.0.1:{port}{path}", home, vidgen, process, log)
        finally:
            stop_server(process)
    assert "Traceback" not in log.read_text()
