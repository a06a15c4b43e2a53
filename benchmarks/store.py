"""How long the store takes over its questions: ``python benchmarks/store.py [--tasks 1000000]``.

Fills a temporary database (10,000 shots; by default 100,000 and 1,000,000 tasks in the real tables, under the real
triggers and indexes) and prints median and 95th percentile over n runs beside the bar, for each question that a
screen or the runner asks. Old tasks have ended and new ones wait, as in life, so that a filter's rows lie together.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from vidgen_core.db import Store, Tx
from vidgen_core.db.schema.queue import attempts, tasks, texts
from vidgen_core.db.schema.system import log
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import LogFilter, ShotFilter, TaskFilter, TaskSort
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus

SHOTS = 10_000
WORDS = [
    "镜头",
    "缓缓",
    "推进",
    "向左",
    "平移",
    "camera",
    "slowly",
    "zooms",
    "in",
    "pan",
    "left",
    "夕阳",
    "下",
    "的",
    "海边",
    "少女",
    "回头",
    "handheld",
    "rain",
    "neon",
    "street",
]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 20_000


def prompt_of(shot: int, wording: int) -> str:
    """About 150 characters, the same for the same shot and wording."""
    chance = random.Random(shot * 1_000 + wording)
    rare = " unicorn" if shot % 2_000 == 7 else ""
    return f"Shot {shot} {wording}{rare}: " + " ".join(chance.choices(WORDS, k=24))


def prompts_of(wordings: int) -> list[str]:
    """By text id, from 0."""
    return [prompt_of(shot, wording) for shot in range(SHOTS) for wording in range(wordings)]


def status_of(place: float, chance: random.Random) -> TaskStatus:
    """The status of a task by its place between the oldest (0) and the newest (1)."""
    if place > 0.999:
        return chance.choice((TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.QUEUED))
    if place > 0.85:
        return TaskStatus.PENDING if chance.random() < 0.1 else TaskStatus.QUEUED
    return chance.choices((TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED), (88, 10, 2))[0]


def task_row(
    number: int, place: float, positions: list[int], prompts: list[str], chance: random.Random
) -> dict[str, Any]:
    wording = chance.randrange(len(prompts))
    shot = wording * SHOTS // len(prompts)
    status = status_of(place, chance)
    created = NOW + timedelta(seconds=number)
    ended = status in {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}
    lasted = chance.uniform(40, 400)
    kind = chance.choice(list(ErrorKind)) if status is TaskStatus.FAILED else None
    return {
        "project_id": 1,
        "shot_id": shot + 1,
        "shot_position": positions[shot],
        "take": number,
        "batch": number // 300,
        "status": status,
        "provider": chance.choices((ProviderId("yunwu"), ProviderId("kie"), ProviderId("local")), (60, 35, 5))[0],
        "model": "grok-video-3",
        "text_id": wording + 1,
        "turn": number // 5,
        "attempts": chance.choice((1, 1, 1, 2, 3)) if ended else 0,
        "failure_kind": kind,
        "failure": kind and {"kind": kind, "code": f"{kind}"},
        "file": f"/videos/film/{number}.mp4" if status is TaskStatus.COMPLETED else None,
        "cost": chance.choice((Decimal("0.4"), Decimal("0.6"), None)),
        "cost_currency": "CNY",
        "charge": "none",
        "rev": number + 1,
        "created_at": created,
        "started_at": created if ended else None,
        "finished_at": created + timedelta(seconds=lasted) if ended else None,
        "duration": lasted if ended else None,
        "params": {
            "prompt": prompts[wording],
            "image": "a" * 64 + ".png",
            "aspect_ratio": "16:9",
            "size": "1080P",
        },
    }


def chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def text_rows(prompts: list[str]) -> Iterator[dict[str, Any]]:
    for number, prompt in enumerate(prompts):
        words = f"{number * SHOTS // len(prompts) + 1}.0\n{prompt}".casefold()
        yield {"id": number + 1, "digest": blake2b(words.encode(), digest_size=16).digest(), "text": words}


def attempt_row(number: int) -> dict[str, Any]:
    return {
        "project_id": 1,
        "task_id": number + 1,
        "number": 1,
        "state": "succeeded",
        "provider": "yunwu",
        "model": "grok-video-3",
        "key_id": f"key{number % 4}",
        "remote_id": f"remote-{number}",
        "intent_at": NOW + timedelta(seconds=number),
        "cost": Decimal("0.4"),
        "cost_currency": "CNY",
        "charge": "charged",
        "sent": {},
        "rev": number,
        "created_at": NOW + timedelta(seconds=number),
    }


def log_row(number: int) -> dict[str, Any]:
    level = "ERROR" if number % 1_000 == 0 else "INFO"
    return {
        "at": NOW + timedelta(seconds=number),
        "level": level,
        "project_id": 1 if number % 3 else None,
        "task_id": number % 1_000,
        "code": "task_submitted",
        "params": {"shot": f"{number % SHOTS}.0"},
    }


def fill(store: Store, count: int, wordings: int) -> None:
    with store.write() as tx:
        project = tx.projects.ensure("film")
        planned = [NewShot(prompt=prompt_of(shot, 0)) for shot in range(SHOTS)]
        positions = [shot.position for shot in tx.shots.add(project.id, planned)]
    prompts, chance = prompts_of(wordings), random.Random(1)
    sources: list[tuple[Any, Iterator[dict[str, Any]]]] = [
        (texts, text_rows(prompts)),
        (tasks, (task_row(number, number / count, positions, prompts, chance) for number in range(count))),
        (attempts, (attempt_row(number) for number in range(count))),
        (log, (log_row(number) for number in range(count))),
    ]
    for table, rows in sources:
        for chunk in chunks(rows):
            with store.write() as tx:
                tx.execute(insert(table), chunk)
                _ = tx.rev
        store.checkpoint()


@dataclass(frozen=True)
class Question:
    name: str
    ask: Callable[[Tx], object]
    #: milliseconds at up to 100,000 and at 1,000,000 tasks
    bars: tuple[float, float] = (20, 50)
    writes: bool = False


def pages() -> Iterator[Question]:
    def page(name: str, where: TaskFilter, *arguments: Any, bars: tuple[float, float] = (20, 50)) -> Question:
        return Question(f"tasks: {name}", lambda tx: tx.tasks.page(1, where, *arguments), bars)

    running = frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING})
    completed = frozenset({TaskStatus.COMPLETED})
    failed = frozenset({TaskStatus.FAILED})
    yield page("newest 50", TaskFilter(), "id", True, 50)
    yield page("completed, newest", TaskFilter(completed), "created", True, 50)
    yield page("live, by shot", TaskFilter(running), "shot", False, 50)
    yield page("all, by shot, jump to page 21", TaskFilter(), "shot", False, 50, None, 1_000)
    yield page("all, by shot, jump to page 2,000", TaskFilter(), "shot", False, 50, None, 99_950)
    yield page("failed, slowest", TaskFilter(failed), "duration", True, 50)
    yield page("yunwu, by cost", TaskFilter(provider=ProviderId("yunwu")), "cost", True, 50)
    yield page("all, by finish", TaskFilter(), "finished", True, 50)
    yield page("all, by attempts", TaskFilter(), "attempts", True, 50)
    yield page("all, by status", TaskFilter(), "status", True, 50)
    yield page("failed of moderation, by finish", TaskFilter(kind=ErrorKind.MODERATION), "finished", True, 50)
    yield page("of one shot, by status", TaskFilter(shot_id=77), "status", True, 50)
    text = (50.0, 500.0)
    yield page("text, rare word", TaskFilter(text="Unicorn"), "id", True, 50, bars=text)
    yield page("text, in a sixth, by shot", TaskFilter(text="neon street"), "shot", False, 50, bars=text)
    yield page("text, in nearly all, by cost", TaskFilter(text="镜头"), "cost", True, 50, bars=text)
    yield page("text, none", TaskFilter(text="absent word"), "id", True, 50, bars=text)
    yield page("text among failed", TaskFilter(failed, text="rain"), "finished", True, 50, bars=text)


def shots_with_tasks(tx: Tx) -> None:
    ids = [shot.id for shot in tx.shots.page(1, ShotFilter(), 20, skip=4_000).items]
    tx.tasks.of_shots(ids)
    tx.takes.of_shots(ids)


def claim(tx: Tx) -> None:
    for task in tx.tasks.claimable(ProviderId("yunwu"), NOW, 1):
        tx.tasks.move(task.id, TaskStatus.PROCESSING)


def add_three(tx: Tx) -> None:
    params = GenerationParams(prompt=prompt_of(76, 0), aspect_ratio="16:9", size="1080P")
    tx.tasks.add(
        [NewTask(project_id=1, shot_id=77, provider=ProviderId("kie"), model="grok", params=params) for _ in range(3)]
    )


def note_fifty(last: int) -> Callable[[Tx], object]:
    """Fifty tasks that lie apart."""
    apart = last // 51

    def note(tx: Tx) -> None:
        for task_id in range(apart, 50 * apart + 1, apart):
            tx.tasks.note(task_id, progress=50, polled_at=NOW)

    return note


def turned(sort: TaskSort, pages: int) -> Callable[[Tx], object]:
    """The page after a jump over so many pages, as it is turned to."""
    marks: list[str | None] = []

    def ask(tx: Tx) -> object:
        if not marks:
            marks.append(tx.tasks.page(1, TaskFilter(), sort, True, 50, None, 50 * pages).next)
        return tx.tasks.page(1, TaskFilter(), sort, True, 50, marks[0])

    return ask


def questions(last: int) -> Iterator[Question]:
    yield Question("header: counts", lambda tx: tx.tasks.counts(1), (5, 5))
    yield Question("header: spend", lambda tx: tx.ledger.by_charge(1), (5, 5))
    yield Question("anything changed?", lambda tx: tx.rev, (5, 5))
    yield Question("claim 1", claim, (5, 5), writes=True)
    yield Question("who goes next: 50", lambda tx: tx.tasks.claimable(ProviderId("yunwu"), NOW, 50), (5, 5))
    yield Question("generate 3", add_three, (20, 20), writes=True)
    yield Question("note progress of 50", note_fifty(last), (50, 50), writes=True)
    yield from pages()
    yield Question("tasks: turn to the middle, by id", turned("id", last // 100))
    yield Question("tasks: turn to the middle, by cost", turned("cost", last // 100))
    # 200 tasks at 100,000 and 2,000 at 1,000,000: the cost is theirs, not that of finding them.
    yield Question("shots: 20 cards with tasks", shots_with_tasks, (20, 200))
    yield Question("shots: failed", lambda tx: tx.shots.page(1, ShotFilter("failed"), 20, skip=2_000))
    yield Question("shots: text", lambda tx: tx.shots.page(1, ShotFilter("all", "unicorn"), 20))
    yield Question("shots: changed since", lambda tx: tx.shots.changed_since(1, last - 20), (5, 5))
    yield Question("tasks: changed since", lambda tx: tx.tasks.changed_since(1, last - 20), (5, 5))
    yield Question("log: newest 200", lambda tx: tx.log.page(1, LogFilter(), 200))
    yield Question("log: text", lambda tx: tx.log.page(1, LogFilter(text="7777.0"), 200), (50, 500))


def timed(store: Store, question: Question, n: int) -> tuple[list[float], list[float]]:
    """Milliseconds by the clock and on the processor, each sorted; only the second is one's own on a shared machine."""
    clock, processor = [], []
    for _ in range(n):
        begun, used = time.perf_counter(), time.thread_time()
        with store.write() if question.writes else store.read() as tx:
            question.ask(tx)
        clock.append((time.perf_counter() - begun) * 1_000)
        processor.append((time.thread_time() - used) * 1_000)
    return sorted(clock), sorted(processor)


def measure(count: int, n: int, wordings: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "vidgen.db", checkpoints=True)
        begun = time.perf_counter()
        fill(store, count, wordings)
        size = store.info()["bytes"] / 2**20
        print(f"\n{count:,} tasks, {SHOTS:,} shots, {SHOTS * wordings:,} texts: {size:,.0f} MiB", end=", ")
        print(f"filled in {time.perf_counter() - begun:.0f} s")
        print(f"{'question':38} {'median ms':>10} {'p95 ms':>8} {'cpu ms':>8} {'n':>4} {'bar ms':>7}")
        for question in questions(count):
            taken, used = timed(store, question, n)
            bar = question.bars[count > 100_000]
            median = statistics.median(taken)
            mark = "" if median <= bar else "  missed"
            print(
                f"{question.name:38} {median:10.2f} {taken[int(n * 0.95)]:8.2f} {statistics.median(used):8.2f} {n:4} {bar:7.0f}{mark}",
                flush=True,
            )
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, action="append", help="how many tasks; may be repeated")
    parser.add_argument("--n", type=int, default=30, help="runs of each question")
    parser.add_argument("--wordings", type=int, default=3, help="different prompts of each shot")
    given = parser.parse_args()
    for count in given.tasks or [100_000, 1_000_000]:
        measure(count, given.n, given.wordings)


if __name__ == "__main__":
    main()
