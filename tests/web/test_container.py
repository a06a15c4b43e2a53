"""The container's files, as far as they can be read without an engine."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
import yaml

from vidgen_core.cli.program import build
from vidgen_core.config.loader import environment_names, load_settings
from vidgen_core.config.lookup import variable_of
from vidgen_core.config.paths import Locations

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
            assert set(line.split()[1:-1]) <= copied() | {"."}


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


class Studio:
    """``deploy/compose.yaml`` as it would be started."""

    def __init__(self) -> None:
        text = (ROOT / "deploy" / "compose.yaml").read_text()
        values = {"DATABASE_PASSWORD": "d", "S3_KEY": "k", "S3_SECRET": "s", "VIDGEN_NAME": "studio.example"}
        for name, value in {**values, "QUEUE_PASSWORD_HASH": "h"}.items():
            text = text.replace(f"${{{name}:?}}", value)
        text = text.replace("${TZ:-UTC}", "Asia/Shanghai").replace("${S3_IMAGE:-", "").replace("Z}", "Z")
        assert "${" not in text
        self.file = yaml.safe_load(text)
        self.services = self.file["services"]

    def ours(self) -> dict[str, list[str]]:
        """The arguments of ``vidgen`` by service."""
        commands = {name: one.get("command", []) for name, one in self.services.items()}
        return {name: words[3:] for name, words in commands.items() if words[:3] == ["python", "-m", "vidgen_core"]}


@pytest.fixture
def studio() -> Studio:
    return Studio()


def test_the_commands_of_the_studios_compose_file_exist(studio: Studio) -> None:
    group = typer.main.get_command(build())
    assert sorted(studio.ours()) == ["serve-1", "serve-2", "worker-1", "worker-2"]
    for name, *words in studio.ours().values():
        command = group.commands[name]  # type: ignore[attr-defined]
        # Parses them as the command line would; an unknown one is an error.
        assert command.make_context(name, list(words)).params
    scripts = {script.name for script in entry_points(group="console_scripts")}
    assert studio.services["queue"]["command"][0] in scripts or not find_spec("pgqueuer")
    compile(studio.services["bucket"]["command"][-1], "bucket", "exec")


def told(page: str) -> list[str]:
    """The commands of Vidgen that a page names, without their ``vidgen``."""
    text = (ROOT / page).read_text()
    return re.findall(r"^(?:ExecStart=\S*/)?vidgen ([a-z].*)$", text, re.MULTILINE) + re.findall(
        r"`vidgen ([a-z][^`]*)`", text
    )


@pytest.mark.parametrize("page", ["docs/how-to/scale-out.md", "docs/how-to/operate.md", "docs/how-to/vidgen.service"])
def test_every_command_that_a_page_for_operators_names_is_taken_as_it_stands(page: str) -> None:
    group = typer.main.get_command(build())
    found = [shlex.split(line.partition(" #")[0]) for line in told(page)]
    assert found
    for words in found:
        command, name = group, "vidgen"
        while words and hasattr(command, "commands"):
            name, *words = words
            command = command.commands[name]
        # An unknown option, or a value that is missing, is an error; a name in capitals stands for any.
        command.make_context(name, words)


def test_the_settings_of_the_studios_compose_file_exist_and_are_right(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in studio.ours():
        given = studio.services[name]["environment"]
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        assert set(given) <= {variable_of(setting) for setting in environment_names()}
        settings = load_settings(Locations(tmp_path))
        assert settings.scale.database.get_secret_value() == "postgresql://vidgen:d@postgres:5432/vidgen"
        assert (settings.scale.media, settings.scale.timezone) == ("s3://vidgen/studio", "Asia/Shanghai")


def test_what_the_studios_compose_file_names_is_there(studio: Studio) -> None:
    named = set(studio.services)
    for one in studio.services.values():
        assert set(one.get("depends_on", ())) <= named
        for volume in one.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in studio.file["volumes"] or (ROOT / "deploy" / source).is_file()
    homes = [one["volumes"] for name, one in studio.services.items() if name in studio.ours()]
    assert len({str(home) for home in homes}) == len(homes)
    upstreams = re.findall(r"([a-z0-9-]+):(\d+)", (ROOT / "deploy" / "Caddyfile").read_text())
    assert {name for name, _ in upstreams} == {"serve-1", "serve-2", "queue"}
    for name, port in upstreams:
        assert port in studio.services[name]["command"]
    assert [name for name, one in studio.services.items() if "ports" in one] == ["proxy"]
