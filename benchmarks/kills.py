"""``kill -9`` at random moments over batches against the rehearsal: what was sent, bought, lost and shown.

    python benchmarks/kills.py [--rounds 200] [--provider yunwu|kie|lovart]

Each round starts ``vidgen run``, waits until it talks to the provider, and kills it up to 1.2 seconds later; new shots are
queued whenever the queue runs dry. At the end one run goes on to the end. The figures are the provider's own counts
against the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from vidgen_core.locations import Locations
from vidgen_core.media.images import draw_sample, keep_image
from vidgen_core.media.video import probe
from vidgen_core.models import AttemptState, GenerationParams, Mode, Money, TaskStatus
from vidgen_core.rehearsal.options import RehearsalOptions
from vidgen_core.rehearsal.server import RehearsalServer
from vidgen_core.store import NewShot, NewTask, Store, TaskFilter

MODELS = {Mode.YUNWU: "grok-video-3", Mode.KIE: "veo3_fast", Mode.LOVART: "seedance_v2_0"}
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


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--provider", choices=["yunwu", "kie", "lovart"], default="yunwu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-wait", type=float, default=12.0)
    given = parser.parse_args()
    result = kill_rounds(Mode(given.provider), given.rounds, given.seed, given.max_wait)
    for name, value in result.items():
        print(f"{name:40} {value}")
    bad = ("bought more often than asked", "sent more often than the ledger says", "tasks not ended", "broken files")
    return 1 if any(result[name] for name in bad) else 0


def kill_rounds(mode: Mode, rounds: int, seed: int = 1, max_wait: float = 12.0) -> dict[str, object]:
    """Run it all; returns the figures."""
    chance = random.Random(seed)
    options = RehearsalOptions(videos="shared", job_seconds=(0.3, 2.0), video_scale=0.1, kie_submits_per_10s=10_000)
    with tempfile.TemporaryDirectory() as folder, RehearsalServer(options) as server:
        server.set_faults(FAULTS)
        locations = Locations(Path(folder) / "home").create()
        store = Store.open(locations.database)
        image = _picture(locations)
        environment = {**os.environ, **_settings(server.url, locations, max_wait)}
        kills = 0
        for _ in range(rounds):
            if not _live(store):
                _queue(store, mode, image)
            kills += _run_and_kill(environment, server, chance.uniform(0.0, 1.2))
        finished = _run_to_the_end(environment)
        figures = _figures(store, locations, server, mode)
        store.close()
        return {"rounds": rounds, "killed while running": kills, "last run ended by itself": finished, **figures}


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
    draw_sample(picture, 1, 360, 640)
    return keep_image(picture, locations.images)


def _queue(store: Store, mode: Mode, image: str) -> None:
    with store.write() as tx:
        project = tx.projects.ensure("default")
        new = [NewShot(number=None, prompt=f"pan left {time.time_ns()} {n}", image=image) for n in range(SHOTS)]
        shots = tx.shots.add(project.id, new)
        size = "1080P" if mode is Mode.YUNWU else "720P"
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
                for _ in range(TAKES)
            ]
        )


def _live(store: Store) -> int:
    with store.read() as tx:
        counts = tx.tasks.counts(None)
    return sum(counts[status] for status in (TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING))


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vidgen_core", "run", "--until-done", "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _run_and_kill(environment: dict[str, str], server: RehearsalServer, after: float) -> int:
    """One round; 0 when the run ended before it was killed."""
    heard = _heard(server)
    process = _start(environment)
    end = time.monotonic() + 60
    while process.poll() is None and _heard(server) == heard and time.monotonic() < end:
        time.sleep(0.02)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 1
    return 0


def _heard(server: RehearsalServer) -> int:
    """Requests that the provider has seen."""
    stats = server.stats()
    return int(stats["submits_total"]) + int(stats["polls_total"]) + int(stats["downloads_total"])


def _run_to_the_end(environment: dict[str, str]) -> bool:
    process = _start(environment)
    try:
        process.wait(300)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def _figures(store: Store, locations: Locations, server: RehearsalServer, mode: Mode) -> dict[str, object]:
    with store.read() as tx:
        tasks = tx.tasks.many(tx.tasks.ids(None, TaskFilter()))
        attempts = [attempt for task in tasks for attempt in tx.attempts.of_task(task.id)]
        paths = {task.id: task.file for task in tasks if task.file}
    stats = server.stats()
    by_id = {task.id: task for task in tasks}
    left = Counter(by_id[a.task_id].params.prompt for a in attempts if a.state is not AttemptState.REFUSED)
    asked = Counter(task.params.prompt for task in tasks)
    accepted = Counter(stats["accepted"])
    unknown = [task for task in tasks if task.failure is not None and str(task.failure.kind) == "submit_unknown"]
    files = list(locations.videos.rglob("*.mp4"))
    return {
        "tasks": len(tasks),
        "statuses": dict(Counter(task.status.value for task in tasks)),
        "accepted by the provider": sum(accepted.values()),
        "bought more often than asked": sum(1 for prompt in asked if accepted[prompt] > asked[prompt]),
        "sent more often than the ledger says": sum(1 for prompt in asked if accepted[prompt] > left[prompt]),
        "submit outcome unknown, shown as such": len(unknown),
        "failed otherwise": sorted({str(t.failure.code) for t in tasks if t.failure and t not in unknown}),
        "tasks not ended": _live(store),
        "files": len(files),
        "files that no task names": len({str(path) for path in files} - set(paths.values())),
        "broken files": sum(1 for path in paths.values() if not _plays(Path(path))),
        "parts left over": len(list(locations.videos.rglob("*.part"))),
        "most in flight at the provider": stats["peak_in_flight"].get(mode.value, 0),
        "polls with a wrong key": stats["wrong_key_polls"],
    }


def _plays(path: Path) -> bool:
    return path.exists() and probe(path).seconds > 0


if __name__ == "__main__":
    sys.exit(main())
