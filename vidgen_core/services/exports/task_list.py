"""The task list as a file: CSV and XLSX for people and their spreadsheets, JSON for programs."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from lxml.etree import LxmlError
from openpyxl import Workbook  # type: ignore[import-untyped]
from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # type: ignore[import-untyped]
from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]

from vidgen_core.domain.tasks import Task
from vidgen_core.i18n import Text
from vidgen_core.media.disk import translate_os_errors
from vidgen_core.providers.http.cleaning import clean, clean_text
from vidgen_core.services.imports.formulas import tame
from vidgen_core.services.schemas.base import iso
from vidgen_core.services.schemas.tasks import TaskResponse, progress_of

Format = Literal["csv", "xlsx", "json"]
#: ``tasks.export.<name>`` in the catalogues heads each column.
COLUMNS: Final = (
    "shot", "take", "status", "progress", "prompt", "provider", "model", "aspect_ratio", "size", "duration", "seed",
    "attempts", "remote_id", "error_kind", "error", "cost", "currency", "file", "created_at", "started_at",
    "finished_at", "output", "mode", "sound", "negative_prompt", "last_frame", "references",
)  # fmt: skip


def write_tasks(tasks: Iterable[Task], format: Format, t: Text, project: str, file: BinaryIO) -> None:  # noqa: A002
    """Write the list in the reader's language (CSV, XLSX), or as ``vidgen tasks --json`` prints it; no row is kept."""
    if format == "json":
        _json((TaskResponse.of(task, t, project).model_dump(mode="json") for task in tasks), file)
    elif format == "csv":
        write_csv(_rows(tasks, t), file)
    else:
        write_xlsx({"tasks": _rows(tasks, t)}, file)


def _rows(tasks: Iterable[Task], t: Text) -> Iterator[list[Any]]:
    yield [t(f"tasks.export.{name}") for name in COLUMNS]
    for task in tasks:
        row = _row(task, t)
        yield [clean_text(value) if isinstance(value := row[name], str) else value for name in COLUMNS]


def _row(task: Task, t: Text) -> dict[str, Any]:
    params, failure = task.params, task.failure
    return {
        "shot": task.shot,
        "take": task.take,
        "output": t(f"pictures.output.{task.output}"),
        "status": t.status(task.status),
        "progress": progress_of(task),
        "prompt": params.prompt,
        "provider": t.provider(task.provider),
        "model": task.model,
        "aspect_ratio": params.aspect_ratio,
        "size": params.size,
        "duration": params.duration,
        "mode": t(f"material.mode.{params.mode}") if params.mode else None,
        "sound": None if params.sound is None else t(f"material.sound.{params.sound}"),
        "negative_prompt": params.negative_prompt or None,
        "last_frame": params.last_frame or params.last_frame_url,
        "references": len(params.references) or None,
        "seed": params.seed,
        "attempts": task.attempts,
        "remote_id": task.remote_id,
        "error_kind": failure.kind.value if failure else None,
        "error": t.told(failure) if failure else None,
        "cost": float(task.cost.amount) if task.cost else None,
        "currency": task.cost.currency if task.cost else None,
        "file": task.file,
        "created_at": iso(task.created_at),
        "started_at": iso(task.started_at),
        "finished_at": iso(task.finished_at),
    }


def _json(items: Iterable[dict[str, Any]], file: BinaryIO) -> None:
    between = "["
    for item in items:
        # No text of JSON holds a line break.
        row = json.dumps(clean(item), ensure_ascii=False, indent=1).replace("\n", "\n ")
        file.write(f"{between}\n {row}".encode())
        between = ","
    file.write(b"[]" if between == "[" else b"\n]")


def write_csv(rows: Iterable[Sequence[Any]], file: BinaryIO) -> None:
    """Write rows as spreadsheets read them; nothing in them is a formula."""
    # Excel takes UTF-8 only with a byte order mark.
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    csv.writer(text).writerows([tame(value) for value in row] for row in rows)
    text.detach()


def write_xlsx(
    sheets: Mapping[str, Iterable[Sequence[Any]]],
    file: BinaryIO,
    *,
    widths: Sequence[int] = (),
    guard: Callable[[str], str] = tame,
) -> None:
    """Write a workbook of sheets by their names, each with its heads first.

    :param widths: of the first columns, in letters
    :param guard: keeps a text from being taken for a formula
    :raises FileError: as ``translate_os_errors``
    """
    book = Workbook(write_only=True)
    waiting = Path(tempfile.gettempdir(), "rows")
    try:
        with translate_os_errors(waiting):
            for name, rows in sheets.items():
                _write_sheet(book.create_sheet(name), rows, widths, guard)
        book.save(file)
    except LxmlError as error:
        for sheet in book.worksheets:
            # It would say the same again when it is thrown away.
            with contextlib.suppress(LxmlError):
                sheet._writer.close()
        # Rows wait in a temporary file, whose writer says ``IO_ENOSPC`` for the system's ``ENOSPC``.
        with translate_os_errors(waiting):
            raise OSError(getattr(errno, str(error).removeprefix("IO_"), errno.EIO), str(error)) from error


def _write_sheet(sheet: Any, rows: Iterable[Sequence[Any]], widths: Sequence[int], guard: Callable[[str], str]) -> None:
    sheet.freeze_panes = "A2"
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    for row in rows:
        sheet.append([_cell(sheet, guard(value)) if isinstance(value, str) else value for value in row])


def _cell(sheet: Any, text: str) -> Any:
    """A cell that is text whatever it looks like: ``1.0`` keeps its zero, ``=1+1`` is never worked out."""
    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"
    return cell
