"""A typed client of Vidgen's HTTP API in one file; it needs httpx and nothing of Vidgen.

with VidgenClient("http://127.0.0.1:8501") as vidgen:
    vidgen.import_files([Path("shots.csv"), Path("1.jpg")], project="ep01")
    tasks = vidgen.generate(project="ep01", all=True, takes=1)
    for event in vidgen.progress("local", [task["id"] for task in tasks]):
        print(event.name, event.data)
    vidgen.download(tasks[0]["id"], Path("1.mp4"))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx


class ApiError(Exception):
    """The server refused: ``status`` of HTTP, ``kind`` for programs, ``message`` for people."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(f"{status} {kind}: {message}")
        self.status = status
        self.kind = kind
        self.message = message


class Event(NamedTuple):
    """One server-sent event."""

    name: str
    data: Any
    id: str | None


class VidgenClient:
    """One connection to a server.

    :param token: not needed on the machine of the server
    """

    def __init__(self, base_url: str, token: str | None = None, language: str = "en", timeout: float = 60.0) -> None:
        headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.http = httpx.Client(base_url=f"{base_url}/api", headers=headers, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **how: Any) -> Any:
        """Any request; its JSON.

        :raises ApiError: the server refused
        """
        return _checked(self.http.request(method, path, **how)).json()

    # --- shots

    def import_files(self, paths: Sequence[Path], project: str = "default", *, again: bool = False) -> dict[str, Any]:
        """Lists and the pictures that they name → ``added``, ``skipped``, ``rejected``."""
        with ExitStack() as stack:
            files = [("files", (path.name, stack.enter_context(path.open("rb")))) for path in paths]
            form = {"project": project, "again": str(again).lower()}
            answer: dict[str, Any] = self.ask("POST", "/import", files=files, data=form)
        return answer

    def shots(self, project: str = "default", **wanted: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.ask("GET", "/shots", params={"project": project, **wanted})["items"]
        return items

    def choose(self, take_id: str) -> dict[str, Any]:
        shot: dict[str, Any] = self.ask("POST", f"/takes/{take_id}/choose")
        return shot

    # --- tasks

    def generate(self, project: str = "default", **wish: Any) -> list[dict[str, Any]]:
        """Queue takes: ``shots=["1.0"]`` or ``all=True``, ``takes``, ``provider``, ``model`` …"""
        tasks: list[dict[str, Any]] = self.ask("POST", "/tasks", json={"project": project, **wish})["tasks"]
        return tasks

    def run(self, provider: str, ids: Sequence[str], max_concurrent: int | None = None) -> dict[str, Any]:
        body = {"task_ids": list(ids)} | ({"max_concurrent": max_concurrent} if max_concurrent else {})
        answer: dict[str, Any] = self.ask("POST", f"/{provider}/tasks/run-concurrent", json=body)
        return answer

    def task(self, id_: str) -> dict[str, Any]:
        task: dict[str, Any] = self.ask("GET", f"/tasks/{id_}")
        return task

    def wish(self, verb: str, ids: Sequence[str], **more: Any) -> dict[str, Any]:
        """``retry``, ``look-again``, ``download-again``, ``cancel`` or ``delete``."""
        answer: dict[str, Any] = self.ask("POST", f"/tasks/{verb}", json={"ids": list(ids), **more})
        return answer

    def progress(self, provider: str, ids: Sequence[str], last_event_id: str | None = None) -> Iterator[Event]:
        """Events until all tasks have ended; give the last id to go on after a break."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        params = {"task_ids": ",".join(ids)}
        with self.http.stream("GET", f"/{provider}/progress", params=params, headers=headers) as answer:
            _checked(answer)
            yield from _events(answer.iter_lines())

    def download(self, id_: str, target: Path) -> Path:
        """The video of a finished task."""
        with self.http.stream("GET", f"/tasks/{id_}/video") as answer:
            _checked(answer)
            with target.open("wb") as file:
                for block in answer.iter_bytes():
                    file.write(block)
        return target


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
            yield Event(fields.get("event", "message"), json.loads(fields.get("data", "null")), fields.get("id"))
            fields = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
