"""What every backend of the store must do; a backend joins with a subclass that gives the ``store`` fixture."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from doubles import one_round
from sqlalchemy import func, select

from vidgen_core.db import Store, Tx
from vidgen_core.db.schema.queue import tasks
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, NotFound, Refused
from vidgen_core.domain.log import Heartbeat, LogLevel
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import LogFilter, ShotFilter, TaskFilter
from vidgen_core.domain.shots import GenerationMode, NewShot, ReferenceRole, Shot, ShotParams, ShotReference
from vidgen_core.domain.takes import NewTake
from vidgen_core.domain.tasks import (
    LIVE,
    TRANSITIONS,
    ActiveCount,
    Failure,
    GenerationParams,
    NewTask,
    Task,
    TaskStatus,
    sources,
)

PENDING, QUEUED, PROCESSING, DOWNLOADING, COMPLETED, FAILED, CANCELLED = TaskStatus
NETWORK = Failure(kind=ErrorKind.NETWORK, code="dns_failed", params={"host": "127.0.0.1"})
ANY = TaskFilter()

#: How a new, queued task comes to each status.
WAYS: dict[TaskStatus, tuple[TaskStatus, ...]] = {
    PENDING: (PENDING,),
    QUEUED: (),
    PROCESSING: (PROCESSING,),
    DOWNLOADING: (PROCESSING, DOWNLOADING),
    COMPLETED: (PROCESSING, DOWNLOADING, COMPLETED),
    FAILED: (FAILED,),
    CANCELLED: (CANCELLED,),
}


def now() -> datetime:
    return datetime.now(UTC)


def yuan(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


def new_task(shot: Shot, *, prompt: str = "", provider: ProviderId = ProviderId("local"), **more: Any) -> NewTask:
    params = GenerationParams(prompt=prompt or shot.prompt, aspect_ratio="16:9", size="720P")
    return NewTask(project_id=shot.project_id, shot_id=shot.id, provider=provider, model="model", params=params, **more)


def film(tx: Tx, count: int = 1) -> list[Shot]:
    project = tx.projects.ensure("film")
    return tx.shots.add(project.id, [NewShot(prompt=f"scene {n}") for n in range(1, count + 1)])


def task_in(tx: Tx, shot: Shot, status: TaskStatus, **more: Any) -> Task:
    task = tx.tasks.add([new_task(shot, **more)])[0]
    for step in WAYS[status]:
        assert tx.tasks.move(task.id, step)
    return tx.tasks.get(task.id)


def take_of(tx: Tx, task: Task, sha256: str = "00") -> NewTake:
    return NewTake(
        project_id=task.project_id,
        shot_id=task.shot_id,
        task_id=task.id,
        number=task.take,
        folder="/videos",
        file=f"film/{task.id}.mp4",
        poster=None,
        seconds=5.0,
        width=1280,
        height=720,
        bytes=1_000,
        sha256=sha256,
        provider=task.provider,
        model=task.model,
        warnings=("same_file",),
    )


def ids(found: Collection[Task | Shot]) -> list[int]:
    return [item.id for item in found]


class StoreContract:
    # Transactions

    def test_a_transaction_that_raises_leaves_nothing(self, store: Store) -> None:
        def half_way() -> None:
            with store.write() as tx:
                tx.projects.ensure("film")
                tx.projects.get(99)

        with pytest.raises(NotFound):
            half_way()
        with store.read() as tx:
            assert tx.projects.all() == []

    def test_writing_inside_writing_is_told_at_once_instead_of_waiting_for_ever(self, store: Store) -> None:
        with store.write(), pytest.raises(RuntimeError), store.write():
            pass

    def test_a_reader_sees_one_moment_and_never_waits_for_the_writer(self, store: Store) -> None:
        with store.write() as tx:
            film(tx, 2)
        with store.read() as reader:
            before = reader.shots.page(1, ShotFilter(), 10).total
            with store.write() as writer:
                film(writer, 3)
                with store.read() as other:
                    assert other.shots.page(1, ShotFilter(), 10).total == 2
            assert reader.shots.page(1, ShotFilter(), 10).total == before == 2
        with store.read() as tx:
            assert tx.shots.page(1, ShotFilter(), 10).total == 5

    def test_the_revision_rises_with_each_change_and_rests_without(self, store: Store) -> None:
        start = store.revision()
        with store.write() as tx:
            film(tx)
        changed = store.revision()
        with store.write() as tx:
            tx.log.add(LogLevel.INFO, "started")
        assert start < changed == store.revision()

    def test_revisions_of_many_threads_never_repeat(self, store: Store) -> None:
        seen: list[int] = []

        def write() -> None:
            for _ in range(20):
                with store.write() as tx:
                    seen.append(tx.rev)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 80
        assert all(later > earlier for earlier, later in pairwise(seen))

    # Projects

    def test_a_project_is_made_once_and_found_by_its_name(self, store: Store) -> None:
        with store.write() as tx:
            made = tx.projects.ensure("电影")
            assert tx.projects.ensure("电影") == made == tx.projects.get(made.id) == tx.projects.find("电影")
            assert tx.projects.find("other") is None
            with pytest.raises(NotFound, match="project_not_found"):
                tx.projects.get(99)

    def test_settings_of_a_project_are_kept_and_replaced(self, store: Store) -> None:
        with store.write() as tx:
            project = tx.projects.ensure("film")
            tx.projects.set_setting(project.id, "style", {"grain": 1})
            tx.projects.set_setting(project.id, "style", {"grain": 2})
            assert tx.projects.settings(project.id) == {"style": {"grain": 2}}

    # Shots

    def test_shots_without_a_number_are_numbered_on(self, store: Store) -> None:
        with store.write() as tx:
            project = tx.projects.ensure("film")
            added = tx.shots.add(project.id, [NewShot(number="3.2"), NewShot(number="draft"), NewShot()])
            more = tx.shots.add(project.id, [NewShot(), NewShot(number="1.1"), NewShot()])
        assert [shot.number for shot in added + more] == ["3.2", "draft", "4.0", "5.0", "1.1", "6.0"]

    def test_a_shot_comes_back_as_it_was_given(self, store: Store) -> None:
        given = NewShot(
            number="7.1",
            prompt="夕阳",
            image="ab.png",
            image_url="http://127.0.0.1/a.png",
            last_frame="cd.png",
            last_frame_url="http://127.0.0.1/c.png",
            references=(
                ShotReference(image="ef.png"),
                ShotReference(image_url="http://127.0.0.1/e.png", role=ReferenceRole.STYLE),
            ),
            params=ShotParams(takes=3, seed=7, mode=GenerationMode.REFERENCES, sound=False, negative_prompt="雨"),
            extra={"场景": "海"},
            script="他走了",
            picture_prompt="沙滩上的背影",
        )
        with store.write() as tx:
            shot = tx.shots.add(tx.projects.ensure("film").id, [given])[0]
            assert tx.shots.get(shot.id) == tx.shots.by_number(shot.project_id, "7.1") == shot
        fields = (
            "number",
            "prompt",
            "image",
            "image_url",
            "last_frame",
            "last_frame_url",
            "references",
            "params",
            "extra",
        )
        for name in (*fields, "script", "picture_prompt"):
            assert getattr(shot, name) == getattr(given, name)

    def test_an_edit_of_what_somebody_else_has_edited_is_refused(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
        with store.write() as tx:
            edited = tx.shots.edit(shot.id, {"prompt": "mine"}, shot.rev)
        with store.write() as tx:
            with pytest.raises(Refused, match="edited_elsewhere"):
                tx.shots.edit(shot.id, {"prompt": "yours"}, shot.rev)
            assert tx.shots.get(shot.id).prompt == "mine"
            assert tx.shots.edit(shot.id, {"params": ShotParams(takes=2)}, edited.rev).params.takes == 2
            with pytest.raises(TypeError):
                tx.shots.edit(shot.id, {"position": 1})

    def test_progress_of_a_task_does_not_get_in_the_way_of_an_edit(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            task = task_in(tx, shot, PROCESSING)
        with store.write() as tx:
            tx.tasks.note(task.id, progress=40)
        with store.write() as tx:
            assert tx.shots.edit(shot.id, {"prompt": "half typed"}, shot.rev).prompt == "half typed"

    def test_a_shot_is_moved_between_any_two_as_often_as_one_likes(self, store: Store) -> None:
        with store.write() as tx:
            first, second, third = ids(film(tx, 3))
            for turn in range(80):
                tx.shots.move((second, third)[turn % 2], (third, second)[turn % 2])
            assert tx.shots.ids(1, ShotFilter()) == [first, third, second]
            tx.shots.move(first, None)
            assert tx.shots.ids(1, ShotFilter()) == [third, second, first]
            tx.shots.move(first, third)
            assert tx.shots.ids(1, ShotFilter()) == [first, third, second]

    def test_a_move_says_what_puts_it_back(self, store: Store) -> None:
        with store.write() as tx:
            first, second, third = ids(film(tx, 3))
            assert tx.shots.move(first, None) == second
            assert tx.shots.move(first, second) is None
            tx.shots.delete([second])
            assert tx.shots.move(first, None) == third
            assert tx.shots.move(third, first) == first, "where it stands already"
            assert tx.shots.ids(1, ShotFilter()) == [third, first]

    def test_no_shot_is_moved_into_another_project(self, store: Store) -> None:
        with store.write() as tx:
            [mine], other = ids(film(tx, 1)), tx.projects.ensure("other")
            [theirs] = tx.shots.add(other.id, [NewShot()])
            with pytest.raises(NotFound):
                tx.shots.move(mine, theirs.id)

    def test_tasks_follow_their_shot_in_the_order(self, store: Store) -> None:
        with store.write() as tx:
            one, two = film(tx, 2)
            tx.tasks.add([new_task(one), new_task(two)])
            tx.shots.move(two.id, one.id)
            assert [task.shot for task in tx.tasks.page(1, ANY, "shot", False).items] == ["2.0", "1.0"]

    def test_each_filter_of_shots_shows_its_own(self, store: Store) -> None:
        with store.write() as tx:
            bare, waiting, failed, done, chosen = film(tx, 5)
            task_in(tx, waiting, QUEUED)
            task_in(tx, failed, FAILED)
            task_in(tx, done, COMPLETED)
            task = task_in(tx, chosen, COMPLETED)
            tx.shots.choose(chosen.id, tx.takes.add(take_of(tx, task)).id)

            def shown(state: Any, words: str = "") -> list[int]:
                page = tx.shots.page(1, ShotFilter(state, words), 10)
                assert page.total == len(page.items)
                assert ids(page.items) == tx.shots.ids(1, ShotFilter(state, words))
                return ids(page.items)

            assert shown("all") == ids([bare, waiting, failed, done, chosen])
            assert shown("without_takes") == ids([bare, failed])
            assert shown("running") == [waiting.id]
            assert shown("to_choose") == [done.id]
            assert shown("chosen") == [chosen.id]
            assert shown("failed") == [failed.id]
            assert shown("all", "SCENE 4") == [done.id]
            assert shown("all", "3.0") == [failed.id]
            assert shown("all", "%") == shown("all", "_") == []

    def test_deleted_shots_come_back_with_the_tasks_that_went_with_them(self, store: Store) -> None:
        with store.write() as tx:
            shot, other = film(tx, 2)
            kept, gone = tx.tasks.add([new_task(shot), new_task(shot)])
            tx.tasks.delete([gone.id])
            busy = task_in(tx, other, PROCESSING)
        with store.write() as tx:
            assert tx.shots.delete([shot.id, other.id]) == [shot.id]
            assert tx.tasks.counts(1)[QUEUED] == 0
            assert tx.tasks.get(busy.id).status is PROCESSING
            with pytest.raises(NotFound, match="shot_not_found"):
                tx.shots.get(shot.id)
        with store.write() as tx:
            tx.shots.restore([shot.id])
            assert ids(tx.tasks.of_shots([shot.id])[shot.id]) == [kept.id]
            assert tx.shots.get(shot.id).live_count == 1

    def test_identities_are_those_of_shots_that_are_there(self, store: Store) -> None:
        with store.write() as tx:
            project = tx.projects.ensure("film")
            added = tx.shots.add(project.id, [NewShot(identity="a"), NewShot(identity="b"), NewShot()])
            tx.shots.delete([added[1].id])
            assert tx.shots.identities(project.id) == {"a"}

    def test_a_shot_has_changed_when_its_tasks_or_takes_have(self, store: Store) -> None:
        def changed_by(change: Callable[[Tx], object]) -> list[int]:
            before = store.revision()
            with store.write() as tx:
                change(tx)
            with store.read() as tx:
                return tx.shots.changed_since(1, before)

        with store.write() as tx:
            shot, still = film(tx, 2)
        assert changed_by(lambda tx: tx.tasks.add([new_task(shot)])) == [shot.id]
        with store.read() as tx:
            task = tx.tasks.of_shots([shot.id])[shot.id][0]
        assert changed_by(lambda tx: tx.tasks.note(task.id, progress=1)) == [shot.id]
        assert changed_by(lambda tx: tx.tasks.move(task.id, PROCESSING)) == [shot.id]
        assert changed_by(lambda tx: tx.takes.add(take_of(tx, task))) == [shot.id]
        assert changed_by(lambda tx: tx.takes.reject(1, "blurred")) == [shot.id]
        assert changed_by(lambda tx: tx.shots.choose(shot.id, 1)) == [shot.id]
        assert changed_by(lambda tx: tx.shots.delete([still.id])) == [still.id]
        assert changed_by(lambda tx: tx.log.add(LogLevel.INFO, "x")) == []

    # Tasks

    def test_a_task_comes_back_as_it_was_given(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            new = new_task(
                shot, prompt="镜头推进", provider=ProviderId("yunwu"), priority=2, cost=yuan("0.4"), status=PENDING
            )
            task = tx.tasks.add([new])[0]
            assert tx.tasks.get(task.id) == task
        assert (task.params, task.provider, task.model) == (new.params, ProviderId("yunwu"), "model")
        assert (task.priority, task.cost, task.status, task.shot) == (2, yuan("0.4"), PENDING, "1.0")

    def test_takes_are_numbered_on_within_their_shot_and_numbers_are_never_used_again(self, store: Store) -> None:
        with store.write() as tx:
            one, two = film(tx, 2)
            first = tx.tasks.add([new_task(one), new_task(two), new_task(one)])
            tx.tasks.delete([first[2].id])
            second = tx.tasks.add([new_task(one)])
        assert [task.take for task in first + second] == [1, 1, 2, 3]
        assert first[0].batch == first[2].batch != second[0].batch

    def test_a_task_for_a_shot_that_is_gone_is_not_made(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            tx.shots.delete([shot.id])
            with pytest.raises(NotFound, match="shot_not_found"):
                tx.tasks.add([new_task(shot)])

    @pytest.mark.parametrize("start", TaskStatus)
    def test_only_allowed_moves_write_a_row(self, store: Store, start: TaskStatus) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            for target in TaskStatus:
                task = task_in(tx, shot, start)
                moved = tx.tasks.move(task.id, target)
                assert moved == (target in TRANSITIONS[start]) == (start in sources(target))
                after = tx.tasks.get(task.id)
                assert after.status is (target if moved else start)
                assert moved or after == task

    def test_a_move_with_another_attempt_than_the_present_one_is_lost(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            old = self.begin(tx, task)
            new = self.begin(tx, task)
            assert not tx.tasks.move(task.id, FAILED, attempt_id=old)
            assert tx.tasks.move(task.id, FAILED, attempt_id=new, failure=NETWORK)

    def test_of_two_who_claim_one_task_one_wins(self, store: Store) -> None:
        with store.write() as tx:
            claimed = [task.id for task in tx.tasks.add([new_task(film(tx)[0])] * 20)]
        won: Counter[int] = Counter()
        ready = threading.Barrier(2)

        def claim() -> None:
            ready.wait()
            for task_id in claimed:
                with store.write() as tx:
                    won[task_id] += tx.tasks.move(task_id, PROCESSING)

        threads = [threading.Thread(target=claim) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == dict.fromkeys(claimed, 1)

    def test_a_deleted_task_does_not_move(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], QUEUED)
            tx.tasks.delete([task.id])
            assert not tx.tasks.move(task.id, PROCESSING)

    def test_times_of_a_task_are_those_of_its_moves(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            started = task.started_at
            assert started is not None
            assert task.finished_at is None
            tx.tasks.move(task.id, QUEUED, due_at=now() + timedelta(hours=1), failure=NETWORK)
            waiting = tx.tasks.get(task.id)
            assert (waiting.started_at, waiting.failure) == (started, NETWORK)
            tx.tasks.move(task.id, PROCESSING)
            tx.tasks.move(task.id, FAILED, failure=NETWORK)
            ended = tx.tasks.get(task.id)
            assert (ended.started_at, ended.due_at) == (started, None)
            assert ended.finished_at is not None
            assert ended.finished_at >= started

    def test_a_retry_starts_clean(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            tx.tasks.note(task.id, progress=30, stage="rendering", remote_id="r1", result_url="u", submitted_at=now())
            tx.tasks.request_cancel([task.id])
            tx.tasks.move(task.id, FAILED, failure=NETWORK)
            tx.tasks.move(task.id, QUEUED)
            again = tx.tasks.get(task.id)
        for name in (
            "progress",
            "stage",
            "remote_id",
            "result_url",
            "submitted_at",
            "failure",
            "started_at",
            "finished_at",
        ):
            assert getattr(again, name) is None
        assert not again.cancel_requested

    def test_a_note_never_changes_the_status_and_knows_its_columns(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            tx.tasks.note(task.id, progress=55, stage="rendering", polled_at=task.created_at, cost=yuan("0.123456"))
            noted = tx.tasks.get(task.id)
            assert (noted.progress, noted.stage, noted.polled_at) == (55, "rendering", task.created_at)
            assert noted.cost == yuan("0.123456")
            for wrong in ({"status": QUEUED}, {"speed": 1}, {"rev": 1}):
                with pytest.raises(TypeError):
                    tx.tasks.note(task.id, **wrong)
                with pytest.raises(TypeError):
                    tx.tasks.move(task.id, FAILED, **wrong)
            with pytest.raises(NotFound, match="task_not_found"):
                tx.tasks.note(999, progress=1)

    def test_batches_take_turns_by_fives_and_a_small_one_is_served_soon(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            big = {task.id for task in tx.tasks.add([new_task(shot)] * 40)}
            other = {task.id for task in tx.tasks.add([new_task(shot)] * 40)}
            served = [self.claim(tx) for _ in range(30)]
            assert [self.who(task, big, other) for task in served] == ["big"] * 5 + ["other"] * 5 + (
                ["big"] * 5 + ["other"] * 5
            ) * 2
            small = {task.id for task in tx.tasks.add([new_task(shot)] * 3)}
            soon = [self.claim(tx) for _ in range(13)]
            assert small <= set(soon)
            pinned = tx.tasks.add([new_task(shot)])[0]
            tx.tasks.pin([pinned.id], 1)
            assert self.claim(tx) == pinned.id

    def test_released_tasks_queue_behind_the_round_being_served(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            kept = [task.id for task in tx.tasks.add([new_task(shot, status=PENDING)] * 7)]
            tx.tasks.add([new_task(shot)] * 20)
            for _ in range(10):
                self.claim(tx)
            done = task_in(tx, shot, COMPLETED)
            assert tx.tasks.release([*kept, done.id]) == kept
            order = [task.id for task in tx.tasks.claimable(ProviderId("local"), now(), 30)]
        assert order[:5] == kept[:5]
        assert order.index(kept[5]) >= 10

    def test_only_due_unspoilt_tasks_of_the_provider_are_claimable(self, store: Store) -> None:
        at = now()
        with store.write() as tx:
            shot = film(tx)[0]
            ready, late, spoilt, deleted = tx.tasks.add([new_task(shot)] * 4)
            tx.tasks.add([new_task(shot, provider=ProviderId("kie")), new_task(shot, status=PENDING)])
            tx.tasks.note(late.id, due_at=at + timedelta(seconds=30))
            tx.tasks.request_cancel([spoilt.id])
            tx.tasks.delete([deleted.id])
            assert ids(tx.tasks.claimable(ProviderId("local"), at, 10)) == [ready.id]
            due = tx.tasks.next_due(ProviderId("local"), at)
            assert due == at + timedelta(seconds=30)
            assert ids(tx.tasks.claimable(ProviderId("local"), due, 10)) == [ready.id, late.id]
            assert tx.tasks.next_due(ProviderId("local"), due) is None

    def test_what_a_runner_held_is_found_again(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            found = {status: task_in(tx, shot, status).id for status in TaskStatus}
            assert ids(tx.tasks.active()) == [found[PROCESSING], found[DOWNLOADING]]

    def test_requests_to_cancel_are_kept_for_live_tasks_only(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            found = [task_in(tx, shot, status) for status in TaskStatus]
            assert tx.tasks.request_cancel(ids(found)) == len(LIVE)
            assert {task.status for task in tx.tasks.cancel_requested()} == LIVE
            assert tx.tasks.request_cancel(ids(found)) == 0
            tx.tasks.move(found[1].id, CANCELLED)
            assert found[1].id not in ids(tx.tasks.cancel_requested())

    def test_what_a_runner_holds_is_not_deleted(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            found = {status: task_in(tx, shot, status).id for status in TaskStatus}
            gone = tx.tasks.delete(list(found.values()))
            assert set(gone) == set(found.values()) - {found[PROCESSING], found[DOWNLOADING]}
            with pytest.raises(NotFound, match="task_not_found"):
                tx.tasks.get(found[QUEUED])
            tx.tasks.restore(gone)
            assert ids(tx.tasks.many(list(found.values()))) == list(found.values())

    def test_changed_tasks_are_told_by_revision(self, store: Store) -> None:
        with store.write() as tx:
            one, two = tx.tasks.add([new_task(film(tx)[0])] * 2)
        before = store.revision()
        with store.write() as tx:
            tx.tasks.note(two.id, progress=1)
        with store.read() as tx:
            assert tx.tasks.changed_since(1, before) == [two.id]
            assert tx.tasks.changed_since(1, 0) == [one.id, two.id]

    # Pages

    @pytest.mark.parametrize(
        ("sort", "descending"),
        one_round(
            ["id", "shot", "status", "provider", "attempts", "created", "finished", "duration", "cost"], [False, True]
        ),
    )
    def test_pages_of_any_sort_are_the_sorted_list_cut_up(self, store: Store, sort: Any, descending: bool) -> None:
        with store.write() as tx:
            everything = {task.id: task for task in self.many_tasks(tx)}
        keys: dict[str, Callable[[Task], Any]] = {
            "id": lambda task: task.id,
            "created": lambda task: task.id,
            "shot": lambda task: (float(task.shot), task.take),
            "status": lambda task: task.status,
            "provider": lambda task: task.provider,
            "attempts": lambda task: task.attempts,
            "finished": lambda task: task.finished_at.timestamp() if task.finished_at else 0,
            "duration": self.lasted,
            "cost": lambda task: task.cost.amount if task.cost else -1,
        }
        with store.read() as tx:
            for where in self.filters():
                fitting = [task for task in everything.values() if self.fits(task, where)]
                wanted = sorted(fitting, key=lambda task: (keys[sort](task), task.id), reverse=descending)
                jumped: list[int] = []
                for skip in range(0, len(wanted) + 20, 20):
                    page = tx.tasks.page(1, where, sort, descending, 20, skip=skip)
                    assert (page.total, page.total_is_least) == (len(wanted), False)
                    assert (page.next is None) == (skip + 20 >= len(wanted))
                    jumped += ids(page.items)
                page = tx.tasks.page(1, where, sort, descending, 17)
                turned = ids(page.items)
                while page.next:
                    if len(turned) % 2:
                        beyond = tx.tasks.page(1, where, sort, descending, 17, page.next, 2)
                        assert ids(beyond.items) == ids(wanted)[len(turned) + 2 :][:17]
                    page = tx.tasks.page(1, where, sort, descending, 17, page.next)
                    turned += ids(page.items)
                assert jumped == turned == ids(wanted)
                assert sorted(turned) == tx.tasks.ids(1, where)

    def test_a_search_takes_every_sign_as_it_is(self, store: Store) -> None:
        with store.write() as tx:
            shots = film(tx, 4)
            for shot, prompt in zip(shots, ("100% rain", "ÄRGER_1", "海边 的 少女", "a'b\"c"), strict=True):
                tx.tasks.add([new_task(shot, prompt=prompt)])
            for words, found in {"%": 1, "_": 2, "ärger": 2, "少女": 3, "'b\"": 4, "RAIN ": 1, "4.0": 4}.items():
                assert [task.shot for task in tx.tasks.page(1, TaskFilter(text=words)).items] == [f"{found}.0"]
            assert tx.tasks.page(1, TaskFilter(text="\\")).total == 0

    def test_a_renumbered_shot_is_found_by_its_new_number(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            tx.tasks.add([new_task(shot)])
            tx.shots.edit(shot.id, {"number": "8.8"})
            assert [task.shot for task in tx.tasks.page(1, TaskFilter(text="8.8")).items] == ["8.8"]
            assert tx.tasks.page(1, TaskFilter(text="1.0")).items == []

    def test_pages_of_all_projects_hold_all(self, store: Store) -> None:
        with store.write() as tx:
            for name in ("one", "two"):
                project = tx.projects.ensure(name)
                tx.tasks.add([new_task(shot) for shot in tx.shots.add(project.id, [NewShot(prompt="sea"), NewShot()])])
            assert tx.tasks.page(None, ANY, "shot", False).total == 4
            assert len(tx.tasks.page(None, TaskFilter(text="sea")).items) == 2
            assert tx.tasks.counts(None)[QUEUED] == 4
            assert tx.tasks.counts(2)[QUEUED] == 2

    def test_counts_equal_a_count_of_the_rows_after_anything(self, store: Store) -> None:
        chance = random.Random(7)
        with store.write() as tx:
            shots = film(tx, 4)
            known = ids(tx.tasks.add([new_task(chance.choice(shots)) for _ in range(30)]))
        for _ in range(150):
            with store.write() as tx:
                self.something(tx, chance, shots, known)
        with store.read() as tx:
            alive = tasks.c.deleted_at.is_(None)
            query = select(tasks.c.status, func.count().label("n")).where(alive).group_by(tasks.c.status)
            assert tx.tasks.counts(1) == {
                **dict.fromkeys(TaskStatus, 0),
                **{TaskStatus(row.status): row.n for row in tx.execute(query)},
            }
            for shot in tx.shots.many(ids(shots)):
                found = Counter(task.status for task in tx.tasks.of_shots([shot.id])[shot.id])
                assert shot.live_count == sum(found[status] for status in LIVE)
                assert (shot.completed_count, shot.failed_count) == (found[COMPLETED], found[FAILED])

    # Attempts

    def test_attempts_are_numbered_and_become_the_present_one(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            self.begin(tx, task)
            second = self.begin(tx, task)
            after = tx.tasks.get(task.id)
            assert (after.attempts, after.attempt_id) == (2, second)
            assert [attempt.number for attempt in tx.attempts.of_task(task.id)] == [1, 2]
            assert tx.attempts.get(second).state is AttemptState.PREPARING

    def test_an_attempt_keeps_what_became_known_of_it(self, store: Store) -> None:
        at = now()
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            attempt = self.begin(tx, task)
            tx.attempts.update(attempt, state=AttemptState.SENDING, intent_at=at, sent={"图": 1})
            assert ids(tx.attempts.open(ProviderId("local"))) == [attempt]  # type: ignore[arg-type]
            tx.attempts.update(attempt, state=AttemptState.ACCEPTED, remote_id="r-7", failure=NETWORK)
            found = tx.attempts.by_remote_id(ProviderId("local"), "r-7")
            assert found == tx.attempts.get(attempt)
            assert found is not None
            assert (found.sent, found.failure, found.intent_at) == ({"图": 1}, NETWORK, at)
            assert tx.attempts.by_remote_id(ProviderId("kie"), "r-7") is None
            assert tx.attempts.recent_intents(ProviderId("local"), at) == [("key", at)]
            assert tx.attempts.recent_intents(ProviderId("local"), at + timedelta(seconds=1)) == []
            tx.attempts.update(attempt, state=AttemptState.SUCCEEDED)
            assert tx.attempts.open(ProviderId("local")) == []
            with pytest.raises(TypeError):
                tx.attempts.update(attempt, number=3)
            with pytest.raises(NotFound):
                tx.attempts.update(99, state=AttemptState.FAILED)

    def test_usual_durations_are_those_of_attempts_that_succeeded(self, store: Store) -> None:
        at = now()
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            for state, seconds in (
                (AttemptState.SUCCEEDED, 60),
                (AttemptState.FAILED, 5),
                (AttemptState.SUCCEEDED, 90),
            ):
                attempt = self.begin(tx, task)
                ended = at + timedelta(seconds=seconds)
                tx.attempts.update(attempt, state=state, accepted_at=at, ended_at=ended)
            assert tx.attempts.durations(ProviderId("local")) == {"model": [90.0, 60.0]}
            assert tx.attempts.durations(ProviderId("local"), newest=1) == {"model": [90.0]}
            assert tx.attempts.durations(ProviderId("kie")) == {}

    def test_spend_is_summed_exactly_by_currency_and_charge_and_outlives_its_tasks(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            for price in ("0.1", "0.2", "0.000001"):
                task = task_in(tx, shot, PROCESSING)
                tx.attempts.update(self.begin(tx, task, yuan("9")), cost=yuan(price), charge=ChargeStatus.CHARGED)
                tx.tasks.move(task.id, FAILED)
                tx.tasks.delete([task.id])
            points = Money(amount=Decimal(30), currency="credits")
            tx.attempts.update(self.begin(tx, task, points), charge=ChargeStatus.ASSUMED)
            wanted = {
                "CNY": {ChargeStatus.CHARGED: yuan("0.300001")},
                "credits": {ChargeStatus.ASSUMED: points},
            }
            assert tx.ledger.by_charge(1) == tx.ledger.by_charge(None) == wanted
            assert tx.ledger.by_charge(2) == {}

    def test_what_is_owed_is_known_by_provider_project_and_day(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            task = task_in(tx, shot, PROCESSING)
            for charge, price in (
                (ChargeStatus.CHARGED, "2"),
                (ChargeStatus.UNKNOWN, "1"),
                (ChargeStatus.REFUNDED, "4"),
                (ChargeStatus.NONE, "8"),
            ):
                tx.attempts.update(self.begin(tx, task, yuan(price)), charge=charge)
            yesterday = self.begin(tx, task, yuan("16"))
            tx.attempts.update(yesterday, charge=ChargeStatus.ASSUMED, intent_at=now() - timedelta(days=1))
            assert tx.ledger.committed() == tx.ledger.committed(1) == {ProviderId("local"): [yuan("19")]}
            today = now().astimezone().date()
            assert tx.ledger.committed(1, today) == {ProviderId("local"): [yuan("3")]}
            assert tx.ledger.committed(1, today - timedelta(days=1)) == tx.ledger.committed(1)
            assert tx.ledger.committed(2) == {}

    def test_the_ledgers_days_follow_every_change_of_an_attempt(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], PROCESSING)
            attempt = self.begin(tx, task, None)
            [unpriced] = tx.ledger.sums()
            assert (unpriced.money, unpriced.n, unpriced.charge) == (None, 1, ChargeStatus.NONE)
            early = datetime(2026, 1, 1, 12, 20, tzinfo=UTC)
            tx.attempts.update(attempt, cost=yuan("2.92"), charge=ChargeStatus.CHARGED, intent_at=early)
            [line] = tx.ledger.sums()
            assert (line.money, line.n, line.charge) == (yuan("2.92"), 1, ChargeStatus.CHARGED)
            day = early.astimezone().date()
            assert line.day == day
            assert tx.ledger.sums(1, day, day + timedelta(days=1)) == [line]
            assert tx.ledger.sums(1, day + timedelta(days=1)) == tx.ledger.sums(1, None, day) == tx.ledger.sums(2) == []

    def test_balances_are_kept_in_their_order(self, store: Store) -> None:
        with store.write() as tx:
            for minutes, left in ((0, "10"), (5, "7")):
                at = datetime(2026, 1, 1, 12, minutes, tzinfo=UTC)
                tx.ledger.keep_balance(ProviderId("kie"), "k1", "main", yuan(left), "check", at)
            assert [one.money for one in tx.ledger.balances(ProviderId("kie"))] == [yuan("10"), yuan("7")]
            last = tx.ledger.last_balance(ProviderId("kie"), "k1")
            assert last is not None
            assert last.money == yuan("7")
            assert tx.ledger.last_balance(ProviderId("kie"), "k2") is None
            assert tx.ledger.balances(ProviderId("yunwu")) == []

    def test_a_project_that_is_held_back_is_passed_over_in_the_queue(self, store: Store) -> None:
        with store.write() as tx:
            mine = film(tx)[0]
            other = tx.shots.add(tx.projects.ensure("other").id, [NewShot(prompt="scene 1")])[0]
            first, second = task_in(tx, mine, QUEUED), task_in(tx, other, QUEUED)
            at = now()
            assert [task.id for task in tx.tasks.claimable(ProviderId("local"), at, 5)] == [first.id, second.id]
            assert [task.id for task in tx.tasks.claimable(ProviderId("local"), at, 5, {mine.project_id})] == [
                second.id
            ]
            assert tx.tasks.claimable(ProviderId("local"), at, 5, {mine.project_id, other.project_id}) == []
            assert tx.tasks.queued(None) == {ProviderId("local"): 2}
            assert tx.tasks.queued(other.project_id) == {ProviderId("local"): 1}
            assert tx.tasks.active_counts(None) == []
            tx.tasks.move(first.id, PROCESSING)
            tx.tasks.note(first.id, progress=40)
            assert tx.tasks.active_counts(mine.project_id) == [ActiveCount(ProviderId("local"), PROCESSING, 1, 40)]
            assert tx.tasks.active_counts(other.project_id) == []
            tx.tasks.move(first.id, QUEUED)
            assert tx.tasks.of_batch(first.batch, QUEUED) == [first.id]

    # Takes

    def test_a_take_is_chosen_rejected_and_found_by_its_bytes(self, store: Store) -> None:
        with store.write() as tx:
            one, two = film(tx, 2)
            first = tx.takes.add(take_of(tx, task_in(tx, one, COMPLETED), "aa"))
            second = tx.takes.add(take_of(tx, task_in(tx, two, COMPLETED), "aa"))
            tx.shots.choose(two.id, second.id)
            tx.shots.choose(one.id, first.id)
            tx.shots.move(two.id, one.id)
            assert [take.id for take in tx.takes.chosen(1)] == [second.id, first.id]
            another = take_of(tx, task_in(tx, one, COMPLETED), "aa").model_copy(update={"prompt": "another prompt"})
            assert [twin.id for twin in tx.takes.twins(another)] == [first.id, second.id]
            assert tx.takes.twins(
                another.model_copy(update={"prompt": "", "provider": ProviderId("kie")})
            ) == tx.takes.twins(another)
            assert (
                tx.takes.twins(another.model_copy(update={"prompt": ""}))
                == tx.takes.twins(another.model_copy(update={"sha256": "bb"}))
                == []
            )
            assert [twin.id for twin in tx.takes.twins(another.model_copy(update={"task_id": first.task_id}))] == [
                second.id
            ]
            assert tx.takes.get(first.id).chosen
            assert tx.takes.get(first.id).warnings == ("same_file",)
            tx.takes.reject(first.id, "blurred")
            assert tx.takes.get(first.id).rejected == "blurred"
            tx.shots.choose(one.id, None)
            assert not tx.takes.get(first.id).chosen
            with pytest.raises(NotFound, match="take_not_found"):
                tx.shots.choose(one.id, second.id)

    def test_a_file_brought_again_takes_the_place_of_the_one_before(self, store: Store) -> None:
        with store.write() as tx:
            task = task_in(tx, film(tx)[0], COMPLETED)
            first = tx.takes.add(take_of(tx, task, "aa"))
            again = tx.takes.add(take_of(tx, task, "bb"))
            assert (first.id, again.sha256) == (again.id, "bb")
            assert tx.takes.of_shots([task.shot_id]) == {task.shot_id: [again]}
            tx.takes.update(again.id, poster="p.jpg", warnings=())
            moved = tx.takes.of_task(task.id)
            assert moved is not None
            assert (moved.poster, moved.warnings) == ("p.jpg", ())

    def test_a_deleted_tasks_take_is_hidden_and_chosen_again_with_it(self, store: Store) -> None:
        with store.write() as tx:
            shot = film(tx)[0]
            task = task_in(tx, shot, COMPLETED)
            take = tx.takes.add(take_of(tx, task))
            tx.shots.choose(shot.id, take.id)
            tx.tasks.delete([task.id])
            assert tx.shots.get(shot.id).chosen_take_id is None
            assert tx.takes.of_shots([shot.id]) == {shot.id: []}
            tx.tasks.restore([task.id])
            assert [found.id for found in tx.takes.chosen(1)] == [take.id]

    # Log, keys and small facts

    def test_the_log_is_paged_backwards_and_followed_forwards(self, store: Store) -> None:
        with store.write() as tx:
            for n in range(10):
                tx.log.add(
                    LogLevel.ERROR if n % 5 == 0 else LogLevel.INFO, f"code_{n}", project_id=1, task_id=n % 2, n=n
                )
            tx.log.add(LogLevel.WARNING, "paused", 谁="云雾")
            tx.log.add(LogLevel.INFO, "elsewhere", project_id=2)

            def codes(where: LogFilter = LogFilter(), project: int | None = 1, **more: Any) -> list[str]:
                return [line.code for line in tx.log.page(project, where, more.pop("limit", 50), **more)]

            assert codes(limit=3) == ["paused", "code_9", "code_8"]
            assert codes(limit=2, before_id=9) == ["code_7", "code_6"]
            assert codes(project=None, limit=1) == ["elsewhere"]
            assert codes(LogFilter(frozenset({LogLevel.ERROR}))) == ["code_5", "code_0"]
            assert codes(LogFilter(frozenset({LogLevel.ERROR}), task_id=1), None) == ["code_5"]
            assert codes(LogFilter(text="云雾")) == ["paused"]
            assert codes(LogFilter(text="CODE_7")) == ["code_7"]
            assert codes(LogFilter(text="nothing", codes=frozenset({"code_1"}))) == ["code_1"]
            assert [line.code for line in tx.log.after(9, 1, LogFilter(), 50)] == ["code_9", "paused"]
            assert (tx.log.count(), tx.log.count(1)) == (12, 10)

    def test_a_cleared_log_goes_on_with_new_ids(self, store: Store) -> None:
        with store.write() as tx:
            tx.log.add(LogLevel.INFO, "old", project_id=1)
            tx.log.add(LogLevel.INFO, "other", project_id=2)
            last = tx.log.page(None, LogFilter(), 1)[0].id
            tx.log.clear(1)
            assert tx.log.count() == 1
            tx.log.clear(None)
            tx.log.add(LogLevel.INFO, "new", at=datetime(2026, 1, 1, tzinfo=UTC))
            line = tx.log.page(None, LogFilter(), 1)[0]
        assert line.id > last
        assert line.at == datetime(2026, 1, 1, tzinfo=UTC)

    def test_a_key_sends_once_in_its_interval_whoever_asks(self, store: Store) -> None:
        at = now()
        half = timedelta(seconds=0.5)

        def turn(when: datetime, key: str = "key") -> float:
            with store.write() as tx:
                return tx.keys.take_turn(ProviderId("kie"), key, "main", 0.5, when)

        assert turn(at) == 0.0
        assert turn(at + half * 0.5) == pytest.approx(0.25, abs=0.001)
        assert turn(at, "other") == 0.0
        assert turn(at + half) == 0.0
        assert turn(at + half) == pytest.approx(0.5, abs=0.001)
        # Written down by a clock that was wrong.
        assert turn(at - timedelta(hours=1)) == 0.0
        with store.read() as tx:
            [usage, _] = tx.keys.all(ProviderId("kie"))
        assert usage.submitted == 0

    def test_keys_are_counted_and_rest(self, store: Store) -> None:
        until = now() + timedelta(minutes=1)
        with store.write() as tx:
            tx.keys.touch(ProviderId("yunwu"), "key", "main", submitted=1)
            tx.keys.touch(ProviderId("yunwu"), "key", "main ••x4KR", succeeded=1, failed=2, at=until)
            tx.keys.set_health(ProviderId("yunwu"), "key", "exhausted", until)
            task = task_in(tx, film(tx)[0], PROCESSING, provider=ProviderId("yunwu"))
            tx.attempts.update(self.begin(tx, task, yuan("0.4")), charge=ChargeStatus.CHARGED)
            usage = tx.keys.all(ProviderId("yunwu"))[0]
            assert (usage.submitted, usage.succeeded, usage.failed) == (1, 1, 2)
            assert (usage.name, usage.health, usage.cooling_until) == ("main ••x4KR", "exhausted", until)
            assert usage.spend == yuan("0.4")
            assert tx.keys.all(ProviderId("kie")) == []

    def test_small_facts_are_kept(self, store: Store) -> None:
        beat = Heartbeat(pid=7, host="here", started_at=now(), at=now())
        with store.write() as tx:
            assert tx.heartbeat.get() is None
            assert tx.state.get("paused") is None
            for note in (None, "paused"):
                tx.heartbeat.beat(beat.model_copy(update={"note": note}))
            tx.state.put("paused", {"submitting": True})
            tx.state.put("paused", {"submitting": False})
            assert tx.heartbeat.get() == beat
            assert tx.state.get("paused") == {"submitting": False}

    def test_an_upload_is_found_while_it_is_alive(self, store: Store) -> None:
        with store.write() as tx:
            tx.uploads.put(ProviderId("kie"), "key", "aa", "http://127.0.0.1/a", now() + timedelta(hours=1))
            tx.uploads.put(ProviderId("kie"), "key", "bb", "http://127.0.0.1/b", now() - timedelta(seconds=1))
            assert tx.uploads.get(ProviderId("kie"), "key", "aa") == "http://127.0.0.1/a"
            assert tx.uploads.get(ProviderId("kie"), "key", "bb") is None
            assert tx.uploads.get(ProviderId("kie"), "other", "aa") is None

    # Helpers

    @staticmethod
    def begin(tx: Tx, task: Task, cost: Money | None = None) -> int:
        return tx.attempts.begin(task.id, task.provider, task.model, "key", "main", None, cost).id

    @staticmethod
    def claim(tx: Tx) -> int:
        task = tx.tasks.claimable(ProviderId("local"), now(), 1)[0]
        assert tx.tasks.move(task.id, PROCESSING)
        return task.id

    @staticmethod
    def who(task_id: int, big: set[int], other: set[int]) -> str:
        return "big" if task_id in big else "other" if task_id in other else "nobody"

    @staticmethod
    def lasted(task: Task) -> float:
        if task.finished_at is None:
            return -1
        return (task.finished_at - (task.started_at or task.finished_at)).total_seconds()

    def many_tasks(self, tx: Tx) -> list[Task]:
        """60 tasks in every status, of two providers, with costs and attempts of all kinds."""
        chance = random.Random(3)
        shots = film(tx, 6)
        for _ in range(60):
            cost = chance.choice((None, yuan("0.4"), yuan("1.2")))
            shot = chance.choice(shots)
            mode = chance.choice((ProviderId("local"), ProviderId("kie")))
            task = tx.tasks.add([new_task(shot, provider=mode, cost=cost, prompt=chance.choice(("rain", "sun", "")))])[
                0
            ]
            for _ in range(chance.randrange(3)):
                self.begin(tx, task)
            for step in WAYS[chance.choice(list(TaskStatus))]:
                tx.tasks.move(task.id, step, failure=NETWORK if step is FAILED else None)
        hidden = tx.tasks.add([new_task(shots[0])])[0]
        tx.tasks.delete([hidden.id])
        return tx.tasks.many(tx.tasks.ids(1, ANY))

    @staticmethod
    def filters() -> list[TaskFilter]:
        return [
            ANY,
            TaskFilter(LIVE),
            TaskFilter(frozenset({COMPLETED})),
            TaskFilter(provider=ProviderId("kie")),
            TaskFilter(frozenset({FAILED, QUEUED}), ProviderId("local")),
            TaskFilter(kind=ErrorKind.NETWORK),
            TaskFilter(kind=ErrorKind.AUTH),
            TaskFilter(shot_id=2),
            TaskFilter(LIVE, shot_id=2),
            TaskFilter(text="rain"),
            TaskFilter(LIVE, ProviderId("kie"), text="rain"),
            TaskFilter(kind=ErrorKind.NETWORK, text="sun"),
            TaskFilter(shot_id=3, text="sun"),
        ]

    @staticmethod
    def fits(task: Task, where: TaskFilter) -> bool:
        return (
            (not where.statuses or task.status in where.statuses)
            and (where.provider is None or task.provider == where.provider)
            and (where.shot_id is None or task.shot_id == where.shot_id)
            and (where.kind is None or (task.failure is not None and task.failure.kind == where.kind))
            and where.text in task.params.prompt
        )

    @staticmethod
    def something(tx: Tx, chance: random.Random, shots: list[Shot], known: list[int]) -> None:
        some = chance.sample(known, 3)
        match chance.randrange(8):
            case 0:
                tx.tasks.delete(some)
            case 1:
                tx.tasks.restore(some)
            case 2:
                tx.shots.delete([chance.choice(shots).id])
            case 3:
                tx.shots.restore(ids(shots))
            case 4:
                tx.tasks.release(some)
            case _:
                for task_id in some:
                    tx.tasks.move(task_id, chance.choice(list(TaskStatus)))
