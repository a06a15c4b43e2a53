"""The execution log in words and files."""

from __future__ import annotations

import csv
import io
import json

import pytest

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.log import LogLevel, LogLine
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import get_text
from vidgen_core.i18n.log_lines import log_sentence
from vidgen_core.services.facade import Vidgen


@pytest.fixture
def line(app: Vidgen, project: Project) -> LogLine:
    with app.store.write() as tx:
        detail = {"kind": "auth", "cause": "key_missing", "detail": {"provider": "kie"}}
        tx.log.add(LogLevel.ERROR, "task_failed", project_id=project.id, shot="1.0", take=2, **detail)
    return app.log.page(project.id)[0]


def test_a_cause_is_put_into_words(line: LogLine) -> None:
    sentence = log_sentence(get_text("en"), line)

    assert "1.0" in sentence
    assert "There is no API key for KIE" in sentence


def test_an_unknown_cause_stays_readable(app: Vidgen) -> None:
    with app.store.write() as tx:
        tx.log.add(LogLevel.ERROR, "task_failed", shot="1.0", take=1, kind=ErrorKind.NETWORK.value, cause="E42")

    assert "E42" in log_sentence(get_text("zh"), app.log.page(None)[0])


def test_new_lines_are_followed(app: Vidgen, line: LogLine) -> None:
    app.worker.pause()

    assert [new.code for new in app.log.after(line.id)] == ["paused"]


def test_the_log_is_exported_in_three_kinds(app: Vidgen, project: Project, line: LogLine) -> None:
    def words(line: LogLine) -> str:
        return f"={line.code}"

    text, table, data = ("".join(app.log.export(kind, words, project.id)) for kind in ("txt", "csv", "json"))

    assert text.endswith(" ERROR =task_failed\n")
    rows = list(csv.reader(io.StringIO(table.lstrip("\ufeff"))))
    assert rows[0] == ["time", "level", "task", "text"]
    # Not a formula in a spreadsheet.
    assert rows[1][3] == "'=task_failed"
    assert [item["code"] for item in json.loads(data)] == ["task_failed"]


def test_an_empty_log_is_valid_json(app: Vidgen) -> None:
    assert json.loads("".join(app.log.export("json", str))) == []


def test_a_cleared_log_is_empty(app: Vidgen, project: Project, line: LogLine) -> None:
    app.log.clear(project.id)

    assert app.log.page(project.id) == []
