"""The execution log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Final, Literal

from vidgen_core.db.repositories.log import LogRepository
from vidgen_core.domain.log import LogLine
from vidgen_core.domain.queries import LogFilter
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.context import Service

#: The setting of a project that says to which line its log was cleared.
_CLEARED: Final = "log_cleared"
#: Lines read at once while exporting.
_BLOCK: Final = 5_000


class Logs(Service):
    """Lines with a code and params; put into words where they are shown."""

    page = stored(Role.VIEWER, LogRepository.page)
    after = stored(Role.VIEWER, LogRepository.after)

    @requires(Role.OWNER)
    def clear(self, project_id: int | None) -> None:
        """Remove the lines of a project, whose log begins anew: it shows no older lines of the whole program either.

        :param project_id: None: of all
        """
        with self._ctx.store.write() as tx:
            newest = tx.log.page(project_id, limit=1)
            tx.log.clear(project_id)
            if project_id is not None:
                tx.projects.set_setting(project_id, _CLEARED, newest[0].id if newest else 0)

    @requires(Role.VIEWER)
    def cleared_to(self, project_id: int) -> int:
        """The id of the last line that was there when the project's log was cleared; 0: it never was."""
        with self._ctx.store.read() as tx:
            return int(tx.projects.settings(project_id).get(_CLEARED, 0))

    @requires(Role.VIEWER)
    def export(
        self,
        format: Literal["txt", "csv", "json"],  # noqa: A002 - the word people use
        words: Callable[[LogLine], str],
        project_id: int | None = None,
        wanted: LogFilter = LogFilter(),
    ) -> Iterator[str]:
        """The whole log, newest line first, in pieces of text.

        :param words: puts a line into the reader's language
        """
        if format == "json":
            return _as_json(self._lines(project_id, wanted), words)
        if format == "csv":
            return _as_csv(self._lines(project_id, wanted), words)
        return _as_text(self._lines(project_id, wanted), words)

    def _lines(self, project_id: int | None, wanted: LogFilter) -> Iterator[LogLine]:
        before: int | None = None
        while lines := self.page(project_id, wanted, _BLOCK, before):
            yield from lines
            before = lines[-1].id


def _as_text(lines: Iterator[LogLine], words: Callable[[LogLine], str]) -> Iterator[str]:
    for line in lines:
        yield f"{line.at.isoformat(timespec='seconds')} {line.level} {words(line)}\n"


def _as_csv(lines: Iterator[LogLine], words: Callable[[LogLine], str]) -> Iterator[str]:
    # Brings the readers of lists along, which looking at the log does not need.
    from vidgen_core.services.imports.formulas import tame

    # Excel takes UTF-8 only with a byte order mark.
    yield "\ufefftime,level,task,text\r\n"
    for line in lines:
        row = io.StringIO()
        csv.writer(row).writerow([line.at.isoformat(timespec="seconds"), line.level, line.task_id, tame(words(line))])
        yield row.getvalue()


def _as_json(lines: Iterator[LogLine], words: Callable[[LogLine], str]) -> Iterator[str]:
    yield "["
    for index, line in enumerate(lines):
        item = line.model_dump(mode="json") | {"text": words(line)}
        yield (",\n" if index else "\n") + json.dumps(item, ensure_ascii=False)
    yield "\n]\n"
