"""Shots counted by their traits: kept up by triggers through everything that happens to a shot."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import text

from vidgen_core.db import Store, Tx
from vidgen_core.db.schema.library import SHOT_TRAITS
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.takes import NewTake
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskKind, TaskStatus

PARAMS = GenerationParams(prompt="rain", aspect_ratio="9:16", size="720P")


@pytest.fixture
def store(every_store: Store) -> Store:
    return every_store


def counted_anew(store: Store, project_id: int) -> dict[str, int]:
    """What a walk over all shots finds."""
    with store.read() as tx:
        return {
            trait: tx.execute(
                text(f"SELECT count(*) FROM shots WHERE project_id = :project AND {condition}"),  # noqa: S608
                {"project": project_id},
            ).scalar_one()
            for trait, condition in SHOT_TRAITS.items()
        }


def kept(store: Store, project_id: int) -> dict[str, int]:
    with store.read() as tx:
        return tx.shots.counts(project_id)


def something(tx: Tx, project_id: int, dice: Random) -> None:
    """One of the things that happen to shots and their tasks."""
    shots = tx.shots.ids(project_id, ShotFilter())
    match dice.randrange(8) if shots else 0:
        case 0:
            tx.shots.add(project_id, [NewShot(prompt=dice.choice(["", "rain"]))])
        case 1:
            tx.shots.edit(dice.choice(shots), {"prompt": dice.choice(["", "snow"])})
        case 2:
            tx.shots.edit(dice.choice(shots), {"image": dice.choice([None, "a" * 64 + ".jpg"])})
        case 3:
            output = dice.choice([TaskKind.VIDEO, TaskKind.IMAGE])
            new = NewTask(
                project_id=project_id,
                shot_id=dice.choice(shots),
                provider=ProviderId("local"),
                model="ken-burns",
                params=PARAMS,
                output=output,
            )
            tx.tasks.add([new])
        case 4 | 5:
            tasks = [task for tasks in tx.tasks.of_shots(shots).values() for task in tasks]
            if tasks:
                task = dice.choice(tasks)
                if not tx.tasks.move(task.id, dice.choice(list(TaskStatus))):
                    return
        case 6:
            takes = [take for takes in tx.takes.of_shots(shots).values() for take in takes]
            if takes:
                take = dice.choice(takes)
                tx.shots.choose(take.shot_id, dice.choice([None, take.id]))
            else:
                done(tx, project_id, dice.choice(shots))
        case 7:
            tx.shots.delete([dice.choice(shots)])


def done(tx: Tx, project_id: int, shot_id: int) -> None:
    [task] = tx.tasks.add(
        [
            NewTask(
                project_id=project_id, shot_id=shot_id, provider=ProviderId("local"), model="ken-burns", params=PARAMS
            )
        ]
    )
    for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
        tx.tasks.move(task.id, status)
    tx.takes.add(
        NewTake(
            project_id=project_id, shot_id=shot_id, task_id=task.id, number=task.take, folder="/videos", file="1.mp4",
            poster=None, seconds=5.0, width=720, height=1280, bytes=1, sha256="a" * 64, provider=ProviderId("local"),
            model="ken-burns", seed=1,
        )
    )  # fmt: skip


def test_whatever_happens_to_shots_the_counts_are_those_of_a_walk_over_all(store: Store) -> None:
    dice = Random(7)
    with store.write() as tx:
        projects = [tx.projects.ensure(name).id for name in ("ep01", "ep02")]
    seen = set()
    for _ in range(300):
        project = dice.choice(projects)
        with store.write() as tx:
            something(tx, project, dice)
        found = kept(store, project)
        assert found == counted_anew(store, project)
        seen |= {trait for trait, n in found.items() if n}
    assert seen == set(SHOT_TRAITS), "everything that is counted has happened"


def test_a_page_tells_how_many_there_are(store: Store) -> None:
    with store.write() as tx:
        project = tx.projects.ensure("ep01").id
        tx.shots.add(project, [NewShot(prompt="rain"), NewShot(prompt="snow"), NewShot(prompt="")])
        assert tx.shots.page(project, ShotFilter("without_takes"), 1).total == 3
        assert tx.shots.page(project, ShotFilter("running"), 1).total == 0
        assert tx.shots.page(project, ShotFilter(text="snow"), 1).total == 1
