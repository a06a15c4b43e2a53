"""The container's files, as far as they can be read without an engine."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def copied() -> set[str]:
    """What the image's ``COPY . .`` takes: everything is left out but what is named with an exclamation mark."""
    rules = (ROOT / ".dockerignore").read_text().split()
    assert rules[0] == "*"
    return {rule.removeprefix("!") for rule in rules if rule.startswith("!")}


def test_the_image_gets_all_that_the_wheel_has_and_nothing_that_is_not_there() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {source.partition("/")[0] for source in (*wheel["packages"], *wheel["force-include"])} <= copied()
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            source = line.split()[1]
            assert source == "." or source in copied()


def compose() -> list[str]:
    """The command that reads compose files, in whichever form is there."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    pytest.skip("neither docker compose nor docker-compose is installed")


def test_compose_publishes_to_this_machine_only_and_gives_no_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_ALLOWED_NAMES", "studio.example")
    command = compose()
    monkeypatch.chdir(ROOT)
    read = subprocess.run([*command, "config"], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in read.splitlines()]
    assert "VIDGEN_SHARING__ALLOWED_HOSTS: studio.example" in lines
    assert "read_only: true" in lines
    assert "- ALL" in lines
    assert any("127.0.0.1" in line for line in lines)
