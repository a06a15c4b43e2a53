"""Chains: which take a shot goes on from, what it waits for, and which takes were made from another one than now.

A shot of a chain begins with the last sharp frame of the shot before it: of its chosen take or, in an auto-run, of the first
that passed. What is waited for is asked here by the scheduler, the claim and the screens alike. What waits stands in the
queue as long as it can go on by itself, and is *pending* with the reason where a person is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from io import BytesIO
from typing import Any, Final, NamedTuple

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.db.repositories.batches import WaitingTask
from vidgen_core.db.worker_state import AUTOPILOT
from vidgen_core.domain.errors import ErrorKind, FileError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import ChainFrame, Take, Verdict, goes_out, stand_ins
from vidgen_core.domain.tasks import ChainLink, DrawState, Failure, FinishVerb, Task, TaskKind, TaskStatus
from vidgen_core.media.storage import LocalMedia
from vidgen_core.worker.context import ActiveTask, Context
from vidgen_core.worker.transition import Rows, leave_to_person, log

#: Pixels of the longer side of a frame that goes into the next shot.
FRAME_EDGE: Final = 4096
#: Why a shot does not go on: sentences of ``error.<code>``. A person has to do something about all but the first.
WAITS: Final = "chain_waits"
CODES: Final = frozenset(
    {
        WAITS, "chain_waits_choice", "chain_none_passed", "chain_previous_failed", "chain_previous_missing",
        "chain_previous_stale", "chain_frame_gone", "chain_drifted",
    }
)  # fmt: skip


class Waits(NamedTuple):
    """Why a shot does not go on yet; ``params`` name the shot before it."""

    code: str
    params: dict[str, Any]
    #: It will go on without a person.
    by_itself: bool = False


class Stale(NamedTuple):
    """Why the take of a shot no longer goes on from the one before it: ``chain.stale.<code>`` in the catalogues."""

    code: str
    #: Number of the shot in which something has changed.
    shot: str


def digest(words: str) -> str:
    """What a prompt is known by in the links of the takes that follow it."""
    return blake2b(words.encode(), digest_size=8).hexdigest()


class Chain:
    """The shots of one chain in their order, with their takes and what those were made from."""

    def __init__(self, tx: Tx, shots: Sequence[Shot]) -> None:
        ids = [shot.id for shot in shots]
        self.shots = {shot.id: shot for shot in shots}
        self._takes = tx.takes.of_shots(ids)
        self._by_id = {take.id: take for some in self._takes.values() for take in some}
        self._standing = stand_ins(self._by_id.values())
        self._made = tx.shot_chains.made_from(ids)
        self._pending = tx.shot_chains.pending(ids)
        drawn = {one.shot_id for one in tx.draws.of_shots(ids).values() if one.state is DrawState.DRAWING}
        #: Another take of them is ordered as soon as the last one has failed its checks.
        self._drawn = drawn - self._pending
        self.stale: dict[int, Stale] = {}
        for shot in shots:
            if (found := self._stale(shot)) is not None:
                self.stale[shot.id] = found

    @property
    def head(self) -> Shot:
        return next(iter(self.shots.values()))

    def chosen(self, shot: Shot) -> Take | None:
        return self._by_id.get(shot.chosen_take_id or 0)

    def takes(self, shot: Shot) -> list[Take]:
        """Those that nobody has put aside."""
        return [take for take in self._takes[shot.id] if take.rejected is None]

    def link_of(self, take: Take) -> ChainLink | None:
        """What the first frame of a take came from; what was made from a take begins as that one does."""
        parent = self._by_id.get(take.parent_id or 0)
        return self.link_of(parent) if parent is not None else self._made.get(take.task_id, (None, None))[0]

    def end(self, take: Take) -> Take:
        """The take whose end is shown where this one is chosen: what it was extended to, where that goes out for it."""
        file = goes_out(take, self._standing)
        end = self.end_of(file.id)
        return take if end == self.end_of(take.id) else self._by_id.get(end or 0, file)

    def end_of(self, take_id: int | None) -> int | None:
        """The take that ends as this one does: what was only enlarged is the same."""
        take = self._by_id.get(take_id or 0)
        verb = None if take is None else self._made.get(take.task_id, (None, None))[1]
        if take is None or take.parent_id is None or verb in (None, FinishVerb.EXTEND):
            return take_id
        return self.end_of(take.parent_id)

    def _stale(self, shot: Shot) -> Stale | None:
        """With none chosen it is stale when every take of it is."""
        chosen = self.chosen(shot)
        takes = [chosen] if chosen else self.takes(shot)
        reasons = [self.why_stale(shot, take) for take in takes]
        return reasons[-1] if reasons and all(reasons) else None

    def why_stale(self, shot: Shot, take: Take) -> Stale | None:
        """Why a take of a shot was made from something else than it would be made from now."""
        link, before = self.link_of(take), self.shots.get(shot.follows or 0)
        if before is None:
            return None if link is None else Stale("unlinked", shot.number)
        if link is None:
            return Stale("linked", before.number)
        if link.shot != before.id:
            return Stale("moved", before.number)
        chosen = self.chosen(before)
        if chosen is not None and self.end_of(self.end(chosen).id) != self.end_of(link.take):
            return Stale("take", before.number)
        if link.words != digest(before.prompt):
            return Stale("words", before.number)
        return self.stale.get(before.id)

    # --- what the next one begins with

    def source(self, shot: Shot, rules: ChainRules, *, auto: bool, anyway: bool = False) -> Take | Waits | None:
        """The take that a shot goes on from, or why there is none yet; None: it follows nothing.

        :param auto: nobody chooses: the first take that has passed is taken
        :param anyway: a person has said yes to what speaks against the take
        """
        before = self.shots.get(shot.follows or 0)
        if before is None:
            return None
        found = self._take(before, rules, auto=auto, anyway=anyway)
        if isinstance(found, Waits):
            return found
        told: dict[str, Any] = {"shot": before.number, "take": found.number}
        if not rules.has_frame(found):
            return Waits("chain_frame_gone", told)
        drifted = None if anyway or found.frame is None else rules.drifted(found.frame)
        return found if drifted is None else Waits("chain_drifted", told | drifted)

    def _take(self, before: Shot, rules: ChainRules, *, auto: bool, anyway: bool) -> Take | Waits:
        drawn = rules.settings.checks.enabled and before.id in self._drawn
        told, comes = {"shot": before.number}, before.live_count > 0 or drawn
        chosen, takes = self.chosen(before), self.takes(before)
        if chosen is not None:
            stale = before.id in self.stale
            if comes and not anyway and (stale or chosen.prompt != before.prompt):
                return Waits(WAITS, told, by_itself=True)
            return Waits("chain_previous_stale", told) if stale and not anyway else self.end(chosen)
        if takes and auto:
            fitting = [take for take in takes if self.why_stale(before, take) is None]
            passed = next((take for take in fitting if rules.passes(take)), None)
            unseen = rules.settings.checks.enabled and any(take.verdict is None for take in fitting)
            if passed is not None:
                return passed
            return Waits(WAITS, told, by_itself=True) if comes or unseen else Waits("chain_none_passed", told)
        if takes:
            return Waits("chain_waits_choice", told)
        if comes:
            return Waits(WAITS, told, by_itself=True)
        if before.id in self._pending:
            return Waits(WAITS, told)
        return Waits("chain_previous_failed" if before.failed_count else "chain_previous_missing", told)


class ChainRules(NamedTuple):
    """What decides about the take that a shot goes on from, besides the chain."""

    settings: Settings
    media: LocalMedia

    def passes(self, take: Take) -> bool:
        return take.verdict is Verdict.PASS if self.settings.checks.enabled else take.is_good

    def has_frame(self, take: Take) -> bool:
        """Whether the last frame is there, or the video that it is taken from."""
        if take.frame is None:
            return self.media.may_have(take)
        return bool(take.frame.key) and (self.media.may_have_picture(take.frame.key) or self.media.may_have(take))

    def drifted(self, frame: ChainFrame) -> dict[str, Any] | None:
        """Which measure of a frame is beyond its limit: ``what``, ``value`` and ``limit``."""
        limits = self.settings.chain
        measured = (
            ("sharpness", frame.sharpness, limits.least_sharpness, 1),
            ("colour", frame.colour, limits.most_colour, -1),
            ("similarity", frame.similarity, limits.least_similarity, 1),
        )
        beyond = ((what, value, limit) for what, value, limit, sign in measured if value is not None and value * sign < limit * sign)  # fmt: skip
        return next(({"what": what, "value": round(value, 2), "limit": limit} for what, value, limit in beyond), None)


def chain_of(tx: Tx, shot: Shot) -> Chain:
    """The chain of a shot that is in one."""
    return Chain(tx, tx.shots.many(tx.shot_chains.shots(shot.project_id, shot.chain)))


def is_auto(tx: Tx, project_id: int, settings: Settings, draw: int | None) -> bool:
    """Whether nobody is asked which take goes on: in an auto-run, and in an order that draws until one passes."""
    run = tx.projects.settings(project_id).get(AUTOPILOT) or {}
    return settings.chain.first_passing or draw is not None or bool(run.get("on"))


def _begins_here(task: Task) -> bool:
    """Whether a task makes a video from the first frame of its shot."""
    return task.output is TaskKind.VIDEO and task.params.parent is None


def source_of(tx: Tx, task: Task, rules: ChainRules) -> Take | Waits | None:
    """What a task goes on from now; as ``Chain.source``."""
    if not _begins_here(task) or not tx.shot_chains.any(task.project_id):
        return None
    shot = next(iter(tx.shots.many([task.shot_id])), None)
    if shot is None or shot.follows is None:
        return None
    auto = is_auto(tx, task.project_id, rules.settings, task.draw)
    anyway = task.params.link is not None and task.params.link.anyway
    return chain_of(tx, shot).source(shot, rules, auto=auto, anyway=anyway)


# --- the queue --------------------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """What becomes of a task that waits; ``waits`` None: it may be claimed."""

    task_id: int
    waits: Waits | None


def changes(tx: Tx, rules: ChainRules, waiting: Sequence[WaitingTask] | None = None) -> list[Change]:
    """Tasks of chains that go on now, or with which a person has to do something.

    :param waiting: those that wait, where the caller has read them
    """
    return list(_changes(tx, rules, tx.shot_chains.waiting() if waiting is None else waiting))


def _changes(tx: Tx, rules: ChainRules, waiting: Sequence[WaitingTask]) -> Iterator[Change]:
    known: dict[tuple[int, str], Chain] = {}
    shots: dict[int, Shot] = {}
    for one in waiting:
        pending = one.status is TaskStatus.PENDING
        if (pending and (one.failure is None or one.failure.code not in CODES)) or (not pending and one.sits):
            continue
        if one.shot_id not in shots:
            shots.update((shot.id, shot) for shot in tx.shots.many([one.shot_id]))
        shot = shots.get(one.shot_id)
        if shot is None:
            continue
        if (shot.project_id, shot.chain) not in known:
            known[shot.project_id, shot.chain] = chain_of(tx, shot)
        auto = is_auto(tx, shot.project_id, rules.settings, one.draw)
        found = known[shot.project_id, shot.chain].source(shot, rules, auto=auto, anyway=one.anyway)
        waits = found if isinstance(found, Waits) else None
        if waits is None or waits.by_itself is pending or (pending and _differs(one.failure, waits)):
            yield Change(one.id, waits)


def _differs(failure: Failure | None, waits: Waits) -> bool:
    return failure is None or (failure.code, failure.params) != (waits.code, waits.params)


def carry_out(tx: Tx, wanted: Collection[Change]) -> None:
    """Let tasks of chains go on, or leave them to a person; those of a run that has ended wait for one anyway."""
    for change in wanted:
        task = next(iter(tx.tasks.many([change.task_id])), None)
        if task is None or task.waits_for is None:
            continue
        held = task.status is TaskStatus.PENDING and money.is_of_ended_run(tx, task)
        if change.waits is not None and not change.waits.by_itself:
            _leave(tx, task, change.waits)
        elif not held:
            tx.tasks.release([task.id] if task.status is TaskStatus.PENDING else [])
            if change.waits is None:
                tx.tasks.note(task.id, waits_for=None)


def _leave(tx: Tx, task: Task, waits: Waits) -> None:
    if task.status is TaskStatus.QUEUED:
        leave_to_person(tx, Rows(task, None), waits.code, waits.params)
    else:
        tx.tasks.note(task.id, failure=_failure(waits))


def _failure(waits: Waits) -> Failure:
    return Failure(kind=ErrorKind.PARAMETER, code=waits.code, params=waits.params, charged=ChargeStatus.NONE)


# --- the claim --------------------------------------------------------------------------------------------------------


async def take_frame(active: ActiveTask, ctx: Context) -> None:
    """See that the last frame of the take that a task goes on from lies in the image store, measured against the chain's first.

    It is taken once from each video: what is kept with the take is used again.
    """
    rules = rules_of(ctx)
    found = ctx.read(lambda tx: _wanted_frame(tx, active.task, rules))
    if found is None:
        return
    take, head, first = found
    frame = await asyncio.to_thread(_extract, take, head, first, rules.media)
    await ctx.writer.do(lambda tx: tx.takes.update(take.id, frame=frame.model_dump(mode="json")))


def rules_of(ctx: Context) -> ChainRules:
    return ChainRules(ctx.settings(), ctx.media)


def _wanted_frame(tx: Tx, task: Task, rules: ChainRules) -> tuple[Take, str, Take | None] | None:
    """The take whose frame is to be taken, and the picture, by its key, or the take that its chain begins with."""
    take = source_of(tx, task, rules)
    return _lacks_frame(tx, task, take, rules) if isinstance(take, Take) else None


def _lacks_frame(tx: Tx, task: Task, take: Take, rules: ChainRules) -> tuple[Take, str, Take | None] | None:
    chain = chain_of(tx, tx.shots.get(task.shot_id))
    first = take if take.shot_id == chain.head.id else chain.chosen(chain.head)
    head = chain.head.image or (first.sha256 if first else "")
    kept = take.frame
    same = kept is not None and kept.head == head and rules.media.may_have_picture(kept.key)
    return None if same else (take, head, None if chain.head.image else first)


def _extract(take: Take, head: str, first_take: Take | None, media: LocalMedia) -> ChainFrame:
    """The frame of a take; without a key where the video cannot be read."""
    # The video and picture libraries are loaded only where a video is opened.
    from vidgen_core.media import video
    from vidgen_core.media.checks.blur import drift_from, last_sharp_picture
    from vidgen_core.media.checks.reference_frames import reference
    from vidgen_core.media.images import open_upright

    kept = media.picture(take.frame.key) if take.frame and take.frame.key else None
    try:
        if kept is not None and kept.is_file():
            picture, key = open_upright(kept), kept.name
        else:
            picture = last_sharp_picture(media.video(take), FRAME_EDGE)
            data = BytesIO()
            picture.save(data, "PNG")
            key = media.add_picture(data.getvalue())
    except FileError:
        return ChainFrame(key="", head=head)
    try:
        first = (
            video.first_picture(media.video(first_take), FRAME_EDGE)
            if first_take
            else reference(media.picture(head) if head else None)
        )
    except FileError:
        first = None
    drift = (None, None, None) if first is None else drift_from(picture, first)
    return ChainFrame(key=key, head=head, sharpness=drift[0], colour=drift[1], similarity=drift[2])


class NoFrame:
    """The last frame of the take that a task goes on from is not there yet (``take_frame``)."""


NO_FRAME: Final = NoFrame()


def claim_link(tx: Tx, rows: Rows, rules: ChainRules) -> dict[str, Any] | NoFrame | None:
    """The params with which a task goes on from the take that counts now; None: it does not go yet, and says why.

    A task that no longer follows anything begins with its shot's own picture, or waits for a person.
    """
    task = rows.task
    if not _begins_here(task):
        return {}
    take, link = source_of(tx, task, rules), task.params.link
    if isinstance(take, Waits):
        shot = tx.shots.get(task.shot_id)
        tx.tasks.note(task.id, waits_for=shot.follows)
        rows.task = tx.tasks.get(task.id)
        if not take.by_itself:
            leave_to_person(tx, rows, take.code, take.params)
        return None
    if take is None:
        return {} if link is None else _unlinked(tx, rows)
    if take.frame is None or _lacks_frame(tx, task, take, rules) is not None:
        return NO_FRAME
    before = tx.shots.get(take.shot_id)
    if before.chosen_take_id is None:
        tx.shots.choose(before.id, take.id)
        log(tx, LogLevel.INFO, "chain_chose", task, before=before.number, number=take.number)
    made = ChainLink(shot=before.id, take=take.id, words=digest(before.prompt), anyway=link is not None and link.anyway)
    changed = {"image": take.frame.key, "image_url": None, "link": made}
    return {"params": task.params.model_copy(update=changed)}


def _unlinked(tx: Tx, rows: Rows) -> dict[str, Any] | None:
    shot = tx.shots.get(rows.task.shot_id)
    if not (shot.image or shot.image_url or rows.task.params.references):
        leave_to_person(tx, rows, "chain_gone", {"shot": shot.number})
        return None
    own = {"image": shot.image, "image_url": shot.image_url, "link": None}
    return {"params": rows.task.params.model_copy(update=own)}


def is_current(tx: Tx, task: Task, rules: ChainRules) -> bool:
    """Whether a task that is about to be sent goes on from the take that counts now."""
    link = task.params.link
    found = source_of(tx, task, rules)
    return (link is None and found is None) or (
        isinstance(found, Take) and link is not None and (found.id, found.shot_id) == (link.take, link.shot)
    )
