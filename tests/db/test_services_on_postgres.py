"""What services keep in tables of their own, they keep in PostgreSQL as well: their tests, run there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from postgres_server import postgres  # noqa: F401 - a fixture

pytest.importorskip("pgqueuer", reason="needs the engine of the extra `scale`")
pytestmark = [pytest.mark.extended, pytest.mark.timeout(900)]

TESTS = Path(__file__).parents[1]


@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize(
    "module",
    [
        "services/test_chains_of_shots.py",
        "services/test_characters.py",
        "services/test_drawing.py",
        "services/test_finishing_chosen_takes.py",
        "services/test_quotes.py",
        "services/test_quote_kinds.py",
        "scripts/test_questions_ordered_by_agents.py",
        "web/test_answers.py",
    ],
)
def test_services_keep_what_they_keep_on_a_server(module: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "on_postgres",
        "-p",
        "no:cacheprovider",
        "-x",
        "-q",
        "--timeout=300",
    ]
    # That one reads the file of the database.
    command += ["-k", "not kept_nowhere"]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'run'}", str(TESTS / module)],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
