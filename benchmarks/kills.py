"""``kill -9`` and a store that fails, over batches against the rehearsal: what was sent, bought, lost and shown.

    python benchmarks/kills.py [--rounds 100] [--provider yunwu|kie|lovart] [--moment random|arrived|…|all]

Each round starts ``vidgen run`` and ends it in the moment asked for: when the provider has all bytes of an order, when the
answer has left, around the commit that follows an answer, at a look at a job, at the beginning, in the middle or at the end
of a file, or while it stops. The moments ``full``, ``busy`` and ``ioerr`` kill nothing: there one commit after the other fails
as SQLite does on a full disk, a locked database or a broken one. New shots are queued whenever the queue runs dry; at the
end one run goes on to the end. The figures are the provider's own counts against the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import vidgen_core.fake_provider.server as rehearsal_server
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.images import keep_image
from vidgen_core.media.sample_art import write_sample
from vidgen_core.media.video import probe

MODELS = {ProviderId("yunwu"): "grok-video-3", ProviderId("kie"): "veo3_fast", ProviderId("lovart"): "seedance_v2_0"}
#: Faults that befall a share of all jobs; none of them makes a second purchase right.
FAULTS = {
    "slow-answer": {"rate": 0.35, "argument": "0.4"},
    "reset-after-accept": 0.02,
    "poll-500": 0.1,
    "rate-limit-retry-after": {"rate": 0.1, "argument": "1"},
    "truncated": 0.1,
    "link-expired": 0.05,
    "slow-body": {"rate": 0.05, "argument": "0.02"},
}
SHOTS, TAKES, CAP = 12, 3, 6
#: A prompt that the provider refuses in clear: nothing may be owed for it.
REFUSED: Final = "[[parameter]]"
#: Where the provider can be watched, and where the product's own commits can.
AT_PROVIDER: Final = ("arrived", "answered", "poll", "file-start", "file-middle", "file-end", "stop")
AT_COMMIT: Final = ("commit-before", "commit-after")
#: SQLite's primary result codes (sqlite.org/rescode.html) and its words for them.
STORE_FAILURES: Final = {
    "full": (13, "SQLITE_FULL", "database or disk is full"),
    "busy": (5, "SQLITE_BUSY", "database is locked"),
    "ioerr": (10, "SQLITE_IOERR", "disk I/O error"),
}
MOMENTS: Final = ("random", *AT_PROVIDER, *AT_COMMIT, *STORE_FAILURES)
_SUBMITS: Final = ("/v1/video/create", "/api/v1/veo/generate", "/api/v1/jobs/createTask", "/v1/openapi/chat")
_LOOKS: Final = ("/v1/video/query", "/api/v1/veo/record-info", "/api/v1/jobs/recordInfo", "/v1/openapi/chat/status")
Process = subprocess.Popen[bytes]
#: Figures that must be zero.
BAD: Final = (
    "bought more often than asked",
    "sent more often than the ledger says",
    "clear refusals counted as owed",
    "tasks not ended",
    "broken files",
    "files that no task names",
)


def main() -> int:
    if sys.argv[1:2] == [_AS_PRODUCT]:
        return _be_the_product(json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--provider", choices=["yunwu", "kie", "lovart"], default="yunwu")
    parser.add_argument("--moment", choices=[*MOMENTS, "all"], default="random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-wait", type=float, default=12.0)
    given = parser.parse_args()
    wrong = False
    for moment in MOMENTS if given.moment == "all" else [given.moment]:
        result = kill_rounds(ProviderId(given.provider), given.rounds, given.seed, given.max_wait, moment)
        print(f"--- {given.provider}, {moment}")
        for name, value in result.items():
            print(f"{name:40} {value}")
        good = not any(result[name] for name in BAD) and bool(result["last run ended by itself"])
        print("verdict                                  " + ("as promised" if good else "WRONG"), flush=True)
        wrong = wrong or not good
    return 1 if wrong else 0


def kill_rounds(
    mode: ProviderId, rounds: int, seed: int = 1, max_wait: float = 12.0, moment: str = "random", shots: int = SHOTS
) -> dict[str, object]:
    """Run it all; returns the figures."""
    chance = random.Random(seed)
    options = RehearsalOptions(videos="shared", job_seconds=(0.3, 2.0), video_scale=0.1, kie_submits_per_10s=10_000)
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder, watched(watch), RehearsalServer(options) as server:
        server.set_faults(FAULTS | ({"slow-body": {"rate": 1, "argument": "0.02"}} if moment == "file-middle" else {}))
        locations = Locations(Path(folder) / "home").create()
        store = Store.open(locations.database)
        image = _picture(locations)
        environment = {**os.environ, **_settings(server.url, locations, max_wait)}
        hits = 0
        for number in range(1, rounds + 1):
            if not _live(store):
                _queue(store, mode, image, shots)
            if moment == "random":
                hits += _run_and_kill(environment, server, chance.uniform(0.0, 1.2))
            elif moment in STORE_FAILURES:
                hits += _run_with_failing_store(environment, moment, number, locations)
            else:
                hits += _run_to_a_moment(environment, watch, moment, chance, Path(folder))
        watch.wait_for(None)
        finished = _run_to_the_end(environment)
        figures = _figures(store, locations, server, mode, kills=moment not in STORE_FAILURES)
        store.close()
        return {"rounds": rounds, "killed while running": hits, "last run ended by itself": finished, **figures}


# --- moments at the provider


@dataclass
class Watch:
    """Waits for a moment at the provider and acts in it, once."""

    moment: str | None = None
    skip: int = 0
    act: Callable[[], None] = lambda: None
    fired: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, moment: str | None, skip: int = 0, act: Callable[[], None] = lambda: None) -> None:
        """Act at the next such moment but ``skip``."""
        self.moment, self.skip, self.act = None, skip, act
        self.fired.clear()
        self.moment = moment

    def saw(self, moment: str) -> None:
        if moment != self.moment:
            return
        if self.skip:
            self.skip -= 1
            return
        self.moment = None
        self.act()
        self.fired.set()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Rehearsals that start inside tell ``watch`` what they see on the wire."""
    create = rehearsal_server.create_app

    def create_watched(options: RehearsalOptions) -> Starlette:
        app = create(options)
        app.add_middleware(_Moments, watch=watch)
        return app

    rehearsal_server.create_app = create_watched
    try:
        yield
    finally:
        rehearsal_server.create_app = create


class _Moments:
    """Names the moments of each request."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path, saw = scope["path"], self._watch.saw
        submit, file = path in _SUBMITS, path.endswith(".mp4")
        sent = 0

        async def received() -> Message:
            message = await receive()
            if submit and message["type"] == "http.request" and not message.get("more_body"):
                saw("arrived")
                saw("stop")
            return message

        async def sending(message: Message) -> None:
            nonlocal sent
            await send(message)
            if message["type"] != "http.response.body":
                return
            sent += len(message.get("body", b""))
            if file and sent:
                saw("file-start")
                if sent > _HALF:
                    saw("file-middle")
            if not message.get("more_body"):
                saw("answered" if submit else "file-end" if file else "")

        if path in _LOOKS:
            saw("poll")
        return await self._app(scope, received, sending)


#: Bytes: well inside the rehearsal's smallest clips.
_HALF: Final = 4_000


def _run_to_a_moment(
    environment: dict[str, str], watch: Watch, moment: str, chance: random.Random, folder: Path
) -> int:
    """One round; 0 when the run ended before the moment came."""
    skip = chance.randrange(3)
    flag = folder / "armed"
    flag.unlink(missing_ok=True)
    faults: dict[str, str | int] | None = {"kill": moment, "armed": str(flag)} if moment in AT_COMMIT else None
    with _started(environment, faults) as process:
        if faults is not None:
            watch.wait_for("answered", skip, flag.touch)
        else:
            how = signal.SIGTERM if moment == "stop" else signal.SIGKILL
            watch.wait_for(moment, skip, lambda: process.send_signal(how))
        end = time.monotonic() + 60
        while process.poll() is None and not watch.fired.wait(0.02) and time.monotonic() < end:
            pass
        _ends_within(process, chance.uniform(0.0, 1.5) if moment == "stop" else 20.0)
    return int(watch.fired.is_set())


# --- the product with a store that fails, or that is killed around a commit

_AS_PRODUCT: Final = "--as-product"


def _be_the_product(faults: dict[str, str | int]) -> int:
    """``vidgen run`` in this process, with SQLAlchemy's commit taken over; the product knows nothing of it."""
    from sqlalchemy.engine.default import DefaultDialect

    commit = DefaultDialect.do_commit
    seen: dict[int, int] = {}
    count = 0

    def changed(connection: sqlite3.Connection) -> bool:
        before = seen.get(id(connection), 0)
        seen[id(connection)] = connection.total_changes
        return connection.total_changes > before

    def do_commit(self: DefaultDialect, connection: sqlite3.Connection) -> None:
        nonlocal count
        if not changed(connection):
            return commit(self, connection)
        count += 1
        if "error" in faults:
            _fail(connection, count, faults)
        elif Path(str(faults["armed"])).exists():
            if faults["kill"] == "commit-after":
                commit(self, connection)
            os.kill(os.getpid(), signal.SIGKILL)
        return commit(self, connection)

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign,assignment]
    from vidgen_core.cli import main as vidgen

    sys.argv = ["vidgen", *_RUN]
    return int(vidgen() or 0)


def _fail(connection: sqlite3.Connection, count: int, faults: dict[str, str | int]) -> None:
    """Fail as SQLite does where the turn of this commit has come: ``times`` in a row from ``which``, or two in five by lot."""
    which, times = faults["which"], int(faults["times"])
    due = random.Random(count).random() < 0.4 if which == "lots" else int(which) <= count < int(which) + times
    if not due:
        return
    code, name, words = STORE_FAILURES[str(faults["error"])]
    if name != "SQLITE_BUSY":
        # SQLite undoes the transaction by itself then; a locked one stays open.
        connection.rollback()
    with Path(str(faults["hit"])).open("a") as log:
        log.write(f"{count}\n")
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode, error.sqlite_errorname = code, name  # type: ignore[misc]
    raise error


def _run_with_failing_store(environment: dict[str, str], moment: str, number: int, locations: Locations) -> int:
    """One round: many commits fail in the first; later one after the other, alone and then three in a row."""
    which = "lots" if number == 1 else str(1 + (number // 2) % 60)
    hit = locations.home.parent / "hit"
    hit.unlink(missing_ok=True)
    faults: dict[str, str | int] = {"error": moment, "which": which, "times": 1 + 2 * (number % 2), "hit": str(hit)}
    with _started(environment, faults) as process:
        _ends_within(process, 120)
    return int(hit.exists())


def _settings(url: str, locations: Locations, max_wait: float) -> dict[str, str]:
    keys = json.dumps([{"name": "a", "secret": "sk-good-1111"}, {"name": "b", "secret": "sk-good-2222"}])
    return {
        "VIDGEN_HOME": str(locations.home),
        "VIDGEN_RUNNER__MAX_CONCURRENT": str(CAP),
        "VIDGEN_RUNNER__POLL_INTERVAL": "0.2",
        "VIDGEN_RUNNER__MAX_WAIT": str(max_wait),
        "VIDGEN_RUNNER__BACKOFF_BASE": "0.1",
        "VIDGEN_RUNNER__BACKOFF_MAX": "0.5",
        "VIDGEN_PROVIDERS__YUNWU__BASE_URL": url,
        "VIDGEN_PROVIDERS__YUNWU__KEYS": keys,
        "VIDGEN_PROVIDERS__KIE__BASE_URL": url,
        "VIDGEN_PROVIDERS__KIE__UPLOAD_URL": url,
        "VIDGEN_PROVIDERS__KIE__KEYS": keys,
        "VIDGEN_PROVIDERS__LOVART__BASE_URL": url,
        "VIDGEN_PROVIDERS__LOVART__KEYS": json.dumps([{"name": "a", "secret": "ak-good-1111:sk-good-1111"}]),
        "VIDGEN_PROVIDERS__LOVART__SETTLE": "0.1",
    }


def _picture(locations: Locations) -> str:
    picture = locations.home / "sample.jpg"
    write_sample(picture, 1, 360, 640)
    return keep_image(picture, locations.images)


def _queue(store: Store, mode: ProviderId, image: str, count: int) -> None:
    with store.write() as tx:
        project = tx.projects.ensure("default")
        words = [f"pan left {time.time_ns()} {n}" for n in range(count - 1)]
        words.append(f"pan left {time.time_ns()} {REFUSED}")
        new = [NewShot(number=None, prompt=prompt, image=image) for prompt in words]
        shots = tx.shots.add(project.id, new)
        size = "1080P" if mode is ProviderId("yunwu") else "720P"
        cost = Money(amount="0.4", currency="CNY")
        tx.tasks.add(
            [
                NewTask(
                    project_id=project.id,
                    shot_id=shot.id,
                    provider=mode,
                    model=MODELS[mode],
                    params=GenerationParams(prompt=shot.prompt, image=image, aspect_ratio="9:16", size=size),
                    cost=cost,
                )
                for shot in shots
                # Three equal refusals in a row hold a queue.
                for _ in range(1 if REFUSED in shot.prompt else TAKES)
            ]
        )


def _live(store: Store) -> int:
    with store.read() as tx:
        counts = tx.tasks.counts(None)
    return sum(counts[status] for status in (TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING))


_RUN: Final = ("run", "--until-done", "--json")


@contextmanager
def _started(environment: dict[str, str], faults: dict[str, str | int] | None = None) -> Iterator[Process]:
    """``vidgen run``, ended with the block at the latest."""
    command = [sys.executable, "-m", "vidgen_core", *_RUN]
    if faults is not None:
        command = [sys.executable, __file__, _AS_PRODUCT, json.dumps(faults)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def _ends_within(process: Process, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _run_and_kill(environment: dict[str, str], server: RehearsalServer, after: float) -> int:
    """One round; 0 when the run ended before it was killed."""
    heard = _heard(server)
    with _started(environment) as process:
        end = time.monotonic() + 60
        while process.poll() is None and _heard(server) == heard and time.monotonic() < end:
            time.sleep(0.02)
        return int(not _ends_within(process, after))


def _heard(server: RehearsalServer) -> int:
    """Requests that the provider has seen."""
    stats = server.stats()
    return int(stats["submits_total"]) + int(stats["polls_total"]) + int(stats["downloads_total"])


def _run_to_the_end(environment: dict[str, str], longest: float = 300) -> bool:
    with _started(environment) as process:
        return _ends_within(process, longest)


def _figures(
    store: Store, locations: Locations, server: RehearsalServer, mode: ProviderId, *, kills: bool
) -> dict[str, object]:
    with store.read() as tx:
        tasks = tx.tasks.many(tx.tasks.ids(None, TaskFilter()))
        attempts = [attempt for task in tasks for attempt in tx.attempts.of_task(task.id)]
        paths = {task.id: task.file for task in tasks if task.file}
    stats = server.stats()
    by_id = {task.id: task for task in tasks}
    left = Counter(by_id[a.task_id].params.prompt for a in attempts if a.state is not AttemptState.REFUSED)
    asked = Counter(task.params.prompt for task in tasks)
    accepted = Counter(stats["accepted"])
    refused = [a for a in attempts if REFUSED in by_id[a.task_id].params.prompt]
    unknown = [task for task in tasks if task.failure is not None and str(task.failure.kind) == "submit_unknown"]
    files = list(locations.videos.rglob("*.mp4"))
    return {
        "tasks": len(tasks),
        "statuses": dict(Counter(task.status.value for task in tasks)),
        "accepted by the provider": sum(accepted.values()),
        "bought more often than asked": sum(1 for prompt in asked if accepted[prompt] > asked[prompt]),
        "sent more often than the ledger says": sum(1 for prompt in asked if accepted[prompt] > left[prompt]),
        "clear refusals counted as owed": sum(
            1 for a in refused if a.charge is not ChargeStatus.NONE and not (kills and _lost(a))
        ),
        "submit outcome unknown, shown as such": len(unknown),
        "failed otherwise": sorted(
            {str(t.failure.code) for t in tasks if t.failure and t not in unknown and REFUSED not in t.params.prompt}
        ),
        "tasks not ended": _live(store),
        "files": len(files),
        "files that no task names": len({str(path) for path in files} - set(paths.values())),
        "broken files": sum(1 for path in paths.values() if not _plays(Path(path))),
        "parts left over": len(list(locations.videos.rglob("*.part"))),
        "most in flight at the provider": stats["peak_in_flight"].get(mode.value, 0),
        "polls with a wrong key": stats["wrong_key_polls"],
    }


def _lost(attempt: Attempt) -> bool:
    """Whether nobody heard the answer: then nobody can know that it was a refusal."""
    return attempt.state is AttemptState.UNKNOWN


def _plays(path: Path) -> bool:
    return path.exists() and probe(path).seconds > 0


if __name__ == "__main__":
    sys.exit(main())
