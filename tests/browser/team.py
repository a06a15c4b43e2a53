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

from browser_studio import QUICK, ROOT, Studio, free_port, settled, stop_server, wait_for_server
from playwright.sync_api import Page

from vidgen_core.config.paths import Locations
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

PASSWORDS = {Role.VIEWER: "look-look-look", Role.MAKER: "make-make-make", Role.OWNER: "own-own-own-own"}


def with_passwords(vidgen: Vidgen, port: int) -> None:
    """Give each role a password; for ``team``."""
    sharing = Auth(vidgen.settings_file)
    sharing.ensure_token()
    for role, password in PASSWORDS.items():
        sharing.set_password(role, password)
    vidgen.settings_file.change({"sharing.sign_in": "password"})


def sign_in(page: Page, url: str, name: str, role: Role) -> None:
    """Come in by the screen that asks for a password."""
    page.goto(url)
    page.get_by_label("name").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[role])
    page.get_by_role("button", name="Sign in").click()
    settled(page)


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
        vidgen.settings_file.change({**QUICK, "runner.takes_per_shot": 1})
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
