"""The task list as a file: complete, in the reader's words, and no danger to a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure, GenerationParams, Task, TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.services.exports.task_list import COLUMNS, Format, write_tasks
from vidgen_core.services.imports.formulas import tame

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)


def task(prompt: str = "缓缓推进", **changes: object) -> Task:
    values = {
        "id": 7,
        "project_id": 1,
        "shot_id": 1,
        "shot": "1.0",
        "take": 2,
        "batch": 1,
        "status": TaskStatus.FAILED,
        "provider": ProviderId("yunwu"),
        "model": "grok-video-3",
        "params": GenerationParams(prompt=prompt, aspect_ratio="9:16", size="1080P"),
        "failure": Failure(kind=ErrorKind.MODERATION, code="moderation"),
        "cost": Money(amount=Decimal("0.4"), currency="CNY"),
        "charge": ChargeStatus.ESTIMATED,
        "created_at": AT,
    }
    return Task.model_validate(values | changes)


def listed(task: Task, kind: Format, language: str = "en") -> bytes:
    file = io.BytesIO()
    write_tasks([task], kind, get_text(language), "ep01", file)
    return file.getvalue()


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_a_chinese_csv_opens_in_excel_with_chinese_heads() -> None:
    content = listed(task(), "csv", "zh")

    head, row = rows_of(content)
    assert content.startswith(b"\xef\xbb\xbf")
    assert head[:3] == ["镜号", "条次", "状态"]
    assert row[:3] == ["1.0", "2", "失败"]
    assert row[COLUMNS.index("cost")] == "0.4"


@pytest.mark.parametrize("bait", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_no_cell_becomes_a_formula(bait: str) -> None:
    (_, row) = rows_of(listed(task(bait), "csv"))
    sheet = openpyxl.load_workbook(io.BytesIO(listed(task(bait), "xlsx"))).active
    cell = sheet.cell(2, COLUMNS.index("prompt") + 1)

    assert row[COLUMNS.index("prompt")] == f"'{bait}"
    assert (cell.data_type, cell.value) == ("s", f"'{bait}")


def test_ordinary_words_stay_as_they_are() -> None:
    assert [tame(value) for value in ("pan left", "镜头", 3, None)] == ["pan left", "镜头", 3, None]


def test_characters_that_no_workbook_takes_are_left_out() -> None:
    content = listed(task("pan\x00 left\x0b"), "xlsx")

    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet.cell(2, COLUMNS.index("prompt") + 1).value == "pan left"


def test_json_has_the_shape_that_programs_rely_on() -> None:
    (item,) = json.loads(listed(task(), "json"))

    assert item["status"] == "failed"
    assert item["cost"] == {"amount": 0.4, "currency": "CNY", "estimated": True}
    assert item["created_at"] == "2026-11-21T10:00:00Z"
    assert item["error"]["kind"] == "moderation"
    assert set(item) == {
        "id", "project", "shot", "take", "output", "status", "progress", "provider", "model", "remote_id", "attempts",
        "error", "file", "parent", "waits_for", "verdict", "checks", "warnings", "params", "cost", "created_at", "started_at",
        "finished_at",
    }  # fmt: skip
