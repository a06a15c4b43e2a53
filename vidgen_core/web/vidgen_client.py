"""A typed client of Vidgen's HTTP API in one file; it needs httpx and nothing of Vidgen.

Take it from your server, ``curl -O http://127.0.0.1:8501/api/vidgen_client.py``, and put it beside your program::

    with VidgenClient("http://127.0.0.1:8501") as vidgen:
        vidgen.import_files([Path("shots.csv"), Path("1.jpg")], project="ep01")
        tasks = vidgen.generate(project="ep01", all=True, takes=1)
        for event in vidgen.progress("local", [task["id"] for task in tasks]):
            print(event.name, event.data)
        vidgen.download(tasks[0]["id"], Path("1.mp4"))

A server that others can reach asks for the token of *Settings → Sharing*: ``VidgenClient(url, token="…")``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypedDict, cast
from urllib.parse import urlsplit

import httpx


class ApiError(Exception):
    """The server refused: ``status`` of HTTP, ``kind`` for programs, ``message`` for people."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(f"{status} {kind}: {message}")
        self.status = status
        self.kind = kind
        self.message = message


class Cost(TypedDict):
    """Money; ``estimated`` unless the provider has named it."""

    amount: float
    currency: str
    estimated: bool


class TaskError(TypedDict):
    """Why a task failed; ``charged`` is ``none``, ``estimated``, ``charged``, ``assumed`` or ``unknown``."""

    kind: str
    code: str
    message: str
    provider_message: str | None
    retryable: bool
    charged: str


class Task(TypedDict):
    """One take of one shot; times are UTC, ISO 8601."""

    id: str
    project: str
    shot: str
    take: int
    output: str
    status: str
    progress: int | None
    provider: str
    model: str
    remote_id: str | None
    attempts: int
    error: TaskError | None
    file: str | None
    cost: Cost | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class Take(TypedDict):
    """A finished video; ``video`` is its address on the server."""

    id: str
    take: int
    task: str
    seconds: float
    width: int
    height: int
    bytes: int
    chosen: bool
    rejected: str | None
    video: str


class Picture(TypedDict):
    """A candidate for a shot's reference picture; ``image`` is its address on the server."""

    id: str
    number: int
    task: str | None
    provider: str | None
    model: str
    prompt: str
    width: int | None
    height: int | None
    bytes: int | None
    chosen: bool
    rejected: bool
    image: str | None
    image_url: str | None


class Shot(TypedDict):
    """One shot; ``tasks`` counts them by status."""

    id: str
    project: str
    shot: str
    prompt: str
    script: str
    picture_prompt: str
    image: str | None
    image_url: str | None
    params: dict[str, Any]
    extra: dict[str, str]
    tasks: dict[str, int]
    takes: list[Take]
    pictures: list[Picture]
    rev: int


class AddedShot(TypedDict):
    """A shot that came in."""

    id: str | None
    shot: str | None


class Row(TypedDict):
    """A row that did not come in, and why."""

    line: int | None
    source: str
    code: str
    reason: str


class Imported(TypedDict):
    """What came of an import."""

    added: list[AddedShot]
    skipped: list[Row]
    rejected: list[Row]


class RefusedTask(TypedDict):
    """A task that a wish did not fit, and why."""

    id: str
    code: str
    message: str


class Outcome(TypedDict):
    """Which tasks a wish was carried out for."""

    done: list[str]
    refused: list[RefusedTask]


class Ordered(TypedDict):
    """What a call has ordered; ``worst`` is with every automatic retry; None: unknown."""

    count: int
    cost: Cost | None
    worst: Cost | None


class Released(Outcome):
    """As ``Outcome``, with what was ordered and the cap that holds from now on."""

    ordered: Ordered
    max_concurrent: int


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
        # A proxy of the environment cannot reach this machine.
        elsewhere = urlsplit(base_url).hostname not in ("127.0.0.1", "localhost", "::1")
        address = f"{base_url.rstrip('/')}/api"
        self.http = httpx.Client(base_url=address, headers=headers, timeout=timeout, trust_env=elsewhere)

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

    def import_files(self, paths: Sequence[Path], project: str = "default", *, again: bool = False) -> Imported:
        """Lists and the pictures that they name."""
        with ExitStack() as stack:
            files = [("files", (path.name, stack.enter_context(path.open("rb")))) for path in paths]
            form = {"project": project, "again": str(again).lower()}
            return cast("Imported", self.ask("POST", "/import", files=files, data=form))

    def shots(self, project: str = "default", **wanted: Any) -> list[Shot]:
        """``limit``, ``offset``, ``state`` and ``text`` narrow them."""
        return cast("list[Shot]", self.ask("GET", "/shots", params={"project": project, **wanted})["items"])

    def choose(self, take_id: str) -> Shot:
        """Choose a take for its shot."""
        return cast("Shot", self.ask("POST", f"/takes/{take_id}/choose"))

    # --- tasks

    def generate(self, project: str = "default", **wish: Any) -> list[Task]:
        """Queue takes: ``shots=["1.0"]`` or ``all=True``, ``takes``, ``provider``, ``model`` …"""
        return cast("list[Task]", self.ask("POST", "/tasks", json={"project": project, **wish})["tasks"])

    def run(self, provider: str, ids: Sequence[str], max_concurrent: int | None = None) -> Released:
        """Let queued tasks go."""
        body = {"task_ids": list(ids)} | ({"max_concurrent": max_concurrent} if max_concurrent else {})
        return cast("Released", self.ask("POST", f"/{provider}/tasks/run-concurrent", json=body))

    def task(self, id_: str) -> Task:
        """One task as it is now."""
        return cast("Task", self.ask("GET", f"/tasks/{id_}"))

    def wish(self, verb: str, ids: Sequence[str], **more: Any) -> Outcome:
        """``retry``, ``look-again``, ``download-again``, ``cancel`` or ``delete``."""
        return cast("Outcome", self.ask("POST", f"/tasks/{verb}", json={"ids": list(ids), **more}))

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
