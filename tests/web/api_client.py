"""A program that uses the HTTP API by its documentation alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx


class ApiError(Exception):
    """The server refused."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class Event(NamedTuple):
    """One server-sent event."""

    name: str
    data: Any


class ApiClient:
    """One connection to a server of this machine."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.Client(base_url=f"{base_url}/api", timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **how: Any) -> Any:
        """:raises ApiError: the server refused"""
        return _checked(self.http.request(method, path, **how)).json()

    def import_files(self, paths: Sequence[Path], project: str) -> Any:
        with ExitStack() as stack:
            files = [("files", (path.name, stack.enter_context(path.open("rb")))) for path in paths]
            return self.ask("POST", "/import", files=files, data={"project": project})

    def generate(self, project: str, **options: Any) -> Any:
        return self.ask("POST", "/tasks", json={"project": project, **options})["tasks"]

    def run(self, provider: str, ids: Sequence[str], **options: Any) -> Any:
        return self.ask("POST", f"/{provider}/tasks/run-concurrent", json={"task_ids": list(ids), **options})

    def progress(self, provider: str, ids: Sequence[str]) -> Iterator[Event]:
        with self.http.stream("GET", f"/{provider}/progress", params={"task_ids": ",".join(ids)}) as answer:
            yield from _events(_checked(answer).iter_lines())


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        answer.read()
        error = answer.json()["error"]
        raise ApiError(answer.status_code, error["kind"], error["message"])
    return answer


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line and fields:
            yield Event(fields["event"], json.loads(fields["data"]))
            fields = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
