"""What the command line says: languages, wrong use, settings, and that stdout belongs to the machine."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

import vidgen_core
from tests.cli.cli_doubles import Vidgen
from vidgen_core.cli import session as words
from vidgen_core.cli.generating import Mode
from vidgen_core.cli.program import MODULES, build
from vidgen_core.cli.serving import dashboard
from vidgen_core.domain.errors import FileError
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.i18n import get_text


def helps() -> list[str]:
    """Every help id of the program."""
    import typer

    found: list[str] = []

    def visit(command: object) -> None:
        found.extend(part.help for part in (command, *command.params) if part.help)  # type: ignore[attr-defined]
        for inner in getattr(command, "commands", {}).values():
            visit(inner)

    visit(typer.main.get_command(build()))
    return [help_id for help_id in found if not help_id.startswith("Show this")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_help_text_has_its_words(language: str) -> None:
    text = get_text(language, strict=True)

    assert len(helps()) > 60
    assert [help_id for help_id in helps() if not text.has(help_id)] == []


def test_help_speaks_the_language_of_the_settings_file(
    vidgen: Vidgen, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDGEN_LANGUAGE")
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text('language = "zh"')

    assert "列出项目的镜头" in vidgen("--help").out


def test_help_is_readable_however_broken_the_settings_are(
    vidgen: Vidgen, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDGEN_LANGUAGE")
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text("language = [")

    assert "List the shots" in vidgen("--help").out
    said = vidgen("shots")
    assert said.status == 2
    assert "settings.toml" in said.err


def test_without_a_command_help_is_shown(vidgen: Vidgen) -> None:
    assert vidgen().out == vidgen("--help").out
    assert "config" in vidgen("config").out


@pytest.mark.parametrize(
    "command",
    [
        "nosuch",
        "tasks --nosuch",
        "tasks --status nosuch",
        "shots --project nosuch",
        "pick 1.0",
        "pick 9.9 1",
        "pick 1.0 x",
        "move 9.9",
        "move 1.0 --before 9.9",
        "generate",
        "generate --all --shot 1.0",
        "generate --all --takes 9",
        "generate --all --provider nosuch",
        "import nosuch.csv",
        "import",
        "retry",
        "retry --failed 1",
        "retry nosuch",
        "adopt --shot 9.9 id",
        "check --provider nosuch",
        "config get nosuch",
        "config set nosuch 1",
        "config set runner.max_concurrent many",
        "config set language en",
        "backup nosuch/folder/file.db",
        "rehearse --fault nosuch",
        "serve --port 70000",
        "logs --limit 0",
    ],
)
def test_wrong_use_is_one_sentence_and_status_two(vidgen: Vidgen, command: str) -> None:
    said = vidgen(*command.split())

    assert said.status == 2
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        "tasks --json", "shots", "way", "chains", "characters", "budget", "review links", "review votes", "logs",
        "generate --all --yes", "pictures --missing --yes", "retry --failed --yes", "pick --first", "pick --best",
        "prompts --empty --yes", "judge --model --yes", "export --to X.csv", "export --to X.zip", "conform --undo",
        "go --stop", "rename-project ep02", "copy-project ep02", "archive-project", "delete-project --yes",
        "review share",
    ],
)  # fmt: skip
def test_nothing_is_created_by_looking_for_something(vidgen: Vidgen, tmp_path: Path, command: str) -> None:
    said = vidgen(*command.replace("X", str(tmp_path / "out")).split())

    assert "went wrong" not in said.err
    assert vidgen("projects", "--json").json == []


def test_what_is_kept_with_the_default_project_creates_it(vidgen: Vidgen) -> None:
    assert vidgen("budget", "--limit", "4").status == 0
    assert [project["name"] for project in vidgen("projects", "--json").json] == ["default"]


def test_a_taken_port_is_said_before_anything_starts(vidgen: Vidgen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = vidgen("serve", "--no-browser", "--port", str(port))

    assert said.status == 2
    assert str(port) in said.err


def test_settings_are_read_and_changed_and_keys_stay_hidden(vidgen: Vidgen, home: Path) -> None:
    assert vidgen("config", "set", "runner.max_concurrent", "5").status == 0
    assert vidgen("config", "get", "runner.max_concurrent", "--json").json == {"runner.max_concurrent": 5}

    keys = json.dumps([{"name": "main", "secret": "sk-abcdefghx4KR"}])
    saved = vidgen("config", "set", "providers.yunwu.keys", keys)
    shown = vidgen("config", "get")

    assert saved.status == 0
    assert "sk-****x4KR" in shown.out
    assert "abcdefgh" not in saved.out + saved.err + shown.out + shown.err
    assert "from the environment" in shown.out
    file = home / "settings.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert vidgen("config", "path").out.strip() == str(file)
    listed = vidgen("keys", "--json").json
    assert [(key["name"], key["label"], key["submitted"]) for key in listed] == [("main", "main ••x4KR", 0)]
    assert "main ••x4KR" in vidgen("keys").out


def test_the_doctor_is_content_with_a_fresh_home(vidgen: Vidgen) -> None:
    said = vidgen("doctor", "--json")

    assert said.status == 0
    assert {finding["level"] for finding in said.json} <= {"ok", "warning"}
    assert all("{" not in finding["message"] for finding in said.json)
    assert len(vidgen("doctor").out.splitlines()) == len(said.json)


def test_the_doctor_finds_wrong_settings(vidgen: Vidgen, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text('mode = "loca"')

    said = vidgen("doctor", "--json")

    assert said.status == 1
    assert [finding["code"] for finding in said.json if finding["level"] == "error"] == ["settings_wrong"]


def test_the_local_renderer_checks_out(vidgen: Vidgen) -> None:
    said = vidgen("check", "--json")

    assert said.status == 0
    assert (said.json["provider"], said.json["ok"], said.json["error"]) == ("local", True, None)


def test_a_provider_without_a_key_does_not(vidgen: Vidgen) -> None:
    said = vidgen("check", "--provider", "yunwu", "--json")

    assert said.status == 1
    assert said.json["error"]["code"] == "key_missing"


def test_the_database_is_copied(vidgen: Vidgen, tmp_path: Path, shot_list: Path) -> None:
    vidgen("import", str(shot_list))

    said = vidgen("backup", str(tmp_path), "--json")

    assert said.status == 0
    copy = Path(said.json["file"])
    assert copy.parent == tmp_path
    assert copy.read_bytes().startswith(b"SQLite format 3")


def test_the_log_tells_what_was_done(vidgen: Vidgen, shot_list: Path) -> None:
    vidgen("import", str(shot_list))

    lines = vidgen("logs", "--json").json

    assert [(line["code"], line["level"]) for line in lines] == [("imported", "INFO")]
    assert "2 shots imported" in lines[0]["text"]
    assert "2 shots imported" in vidgen("logs").out


def test_faults_of_the_rehearsal_are_listed(vidgen: Vidgen) -> None:
    assert len(vidgen("rehearse", "--list-faults", "--json").json) > 20


def test_the_words_of_this_run_are_chosen_by_the_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDGEN_HOME", str(tmp_path))
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    words.text.cache_clear()

    assert words.text().lang == "zh"
    words.text.cache_clear()


HEAVY = {
    "aiohttp", "altair", "av", "docx", "fastapi", "httpx", "numpy", "openpyxl", "opentimelineio", "pandas", "streamlit", "throttled",
    "uvicorn",
}  # fmt: skip
#: What a list of tasks has nothing to do with: each takes as long as the list itself.
SELDOM = {
    "PIL", "email.parser", "filelock", "natsort", "sqlalchemy.dialects.postgresql", "tenacity", "tomlkit", "urllib.request",
    "vidgen_core.config.toml_writer", "vidgen_core.media.files", "vidgen_core.providers.http.links",
    "vidgen_core.services.generation.gate", "vidgen_core.services.imports.imports", "vidgen_core.services.scripts.scripts",
    "vidgen_core.services.system.worker_control", "vidgen_core.worker.context",
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "needless", "most", "shows"),
    [
        (["--help"], HEAVY | {"sqlalchemy", "PIL", "rich", "pydantic"}, 26, "rehearse"),
        (["tasks"], HEAVY | SELDOM | {"rich.console"}, 98, ""),
        (["tasks", "--json"], HEAVY | SELDOM | {"rich.console"}, 101, "["),
        (["shots"], HEAVY | SELDOM - {"vidgen_core.services.generation.gate", "vidgen_core.worker.context"}, 124, ""),
        (["keys"], HEAVY | {"filelock", "tomlkit"}, 131, ""),
    ],
)
def test_commands_start_without_what_they_do_not_need(
    home: Path, arguments: list[str], needless: set[str], most: int, shows: str
) -> None:
    """What makes a command wait is a library that it does not need, or too many of our own modules."""
    if arguments[0] != "--help":
        # The first one makes the database.
        subprocess.run(
            [sys.executable, "-m", "vidgen_core", *arguments], capture_output=True, env=os.environ, check=True
        )
    code = (
        "import sys\nfrom vidgen_core.cli.program import run\n"
        f"run({arguments!r})\nprint(sorted({needless!r} & sys.modules.keys()), file=sys.stderr)\n"
        "print(sum(name.startswith('vidgen_core') for name in sys.modules), file=sys.stderr)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)

    needed, own = said.stderr.strip().splitlines()[-2:]
    assert needed == "[]"
    assert int(own) <= most
    assert shows in said.stdout


def test_a_command_is_found_in_its_module() -> None:
    """A command that the table leaves out is found in none, and one in the wrong place not when it is called."""
    for module, known in MODULES.items():
        commands = import_module(f"vidgen_core.cli.{module}").commands
        named = [one.name for one in (*commands.registered_commands, *commands.registered_groups)]
        assert sorted(filter(None, named)) == sorted(known.split())


def test_modes_can_be_named_as_they_are() -> None:
    assert list(get_args(Mode)) == [mode.value for mode in GenerationMode]


def test_what_is_installed_without_a_checkout_has_its_dashboard_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(vidgen_core.__file__).parents[1]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    inside = {target: (root / source).exists() for source, target in wheel["force-include"].items()}
    folder = "vidgen_core/app"
    assert inside == {f"{folder}/{name}": True for name in ("streamlit_app.py", "pages", ".streamlit/config.toml")}

    monkeypatch.setattr(vidgen_core, "__file__", str(tmp_path / "vidgen_core" / "__init__.py"))
    with pytest.raises(FileError) as refused:
        dashboard()
    assert refused.value.code == "dashboard_missing"
    script = tmp_path / folder / "streamlit_app.py"
    script.parent.mkdir(parents=True)
    script.touch()
    assert dashboard() == script.resolve()
