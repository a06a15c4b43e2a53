"""Takes shown to a language model that looks at pictures: its paid opinion of each, asked for by a click and kept with the take."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vidgen_core import money
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, Refused, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.takes import ModelAnswer, Take
from vidgen_core.domain.tasks import Failure
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.quality.checks import keep_answer
from vidgen_core.services.scripts.llm_jobs import LlmJob, LlmSubject, Stopped
from vidgen_core.services.scripts.llm_ledger import failure_of

if TYPE_CHECKING:
    from PIL import Image

    from vidgen_core.domain.agents import Quote
    from vidgen_core.domain.money import Money
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.preflight import Estimate
    from vidgen_core.services.scripts.llm_prompts import Message
    from vidgen_core.services.scripts.llm_queue import LlmQueue

#: Frames of a take that are shown, spread over it, and the longest side of each in pixels.
FRAMES: Final = 6
_EDGE: Final = 512


class Nothing(Frozen):
    """What can be asked for where takes are judged."""


class Judging(NamedTuple):
    """How far the present or last job of a project is."""

    total: int
    done: int = 0
    failed: int = 0
    busy: bool = True
    #: Why the last of those failed that did.
    failure: Failure | None = None


class ModelJudge:
    """What a language model says of takes."""

    def __init__(self, ctx: ServiceContext, llm_queue: LlmQueue) -> None:
        self._ctx = ctx
        self._llm_queue = llm_queue
        self._lock = threading.Lock()
        self._standing: dict[int, Judging] = {}

    @property
    @requires(Role.VIEWER)
    def is_on(self) -> bool:
        """Whether takes can be shown to a model: the setting is on, and there is a model that looks at pictures."""
        settings = self._ctx.settings()
        return settings.checks.ask_model and settings.writing.vision and self._llm_queue.has_model

    @requires(Role.VIEWER)
    def standing(self, project_id: int) -> Judging | None:
        """The present or last job of this process; None without one."""
        with self._lock:
            return self._standing.get(project_id)

    @requires(Role.VIEWER)
    def forget(self, project_id: int) -> None:
        """How the last job ended has been read."""
        with self._lock:
            found = self._standing.get(project_id)
            if found is not None and not found.busy:
                del self._standing[project_id]

    @requires(Role.VIEWER)
    def wait(self, project_id: int, timeout: float | None = None) -> bool:
        """Whether nothing is asked any more, waited for at most ``timeout`` seconds."""
        return self._llm_queue.wait(_job_name(project_id), timeout)

    @requires(Role.VIEWER)
    def unjudged(self, project_id: int, shot_ids: Iterable[int] | None = None) -> list[int]:
        """Ids of the takes that no model has judged yet; rejected ones are left out.

        :param shot_ids: only of these shots; None: of all of the project
        """
        with self._ctx.store.read() as tx:
            wanted = tx.shots.ids(project_id) if shot_ids is None else list(shot_ids)
            takes = tx.takes.of_shots(wanted)
        return [one.id for id_ in wanted for one in takes[id_] if one.answer is None and one.rejected is None]

    @requires(Role.VIEWER)
    def estimate(self, project_id: int, take_ids: Iterable[int]) -> Estimate:
        """How many questions ``ask`` would ask, and what they cost at most."""
        return gate.estimate_questions(self._ctx, [cost for _, cost in self._questions(project_id, take_ids)])

    @staticmethod
    def wanted(options: Mapping[str, Any]) -> Frozen:
        """Nothing can be asked for."""
        return Nothing.model_validate(options)

    @requires(Role.VIEWER)
    def asked(self, project_id: int, shot_ids: Iterable[int], _wanted: Frozen) -> list[tuple[int, Money | None]]:
        """The ids of the takes of some shots that no model has judged yet, each with what that costs at most.

        :raises Refused: ``judge_off``
        """
        if not self.is_on:
            raise Refused("judge_off")
        return self._questions(project_id, self.unjudged(project_id, shot_ids))

    @requires(Role.MAKER, log=False)
    def ask_for(self, quote: Quote, ids: Sequence[int], _wanted: Frozen) -> None:
        """Carry out the order of an agent; raises as ``ask``."""
        self.ask(quote.project_id, ids, quote=quote)

    def _questions(self, project_id: int, take_ids: Iterable[int]) -> list[tuple[int, Money | None]]:
        from vidgen_core.services.scripts.llm_prompts import ask_about_take, longest_answer

        price = money.llm_price(self._ctx.settings())
        costs = []
        for take in self._takes(project_id, take_ids):
            # The pictures' bytes do not count.
            messages = ask_about_take(take.prompt, "data:", ["data:"] * FRAMES)
            most = price.of(money.most_tokens(messages), longest_answer(messages)) if price else None
            costs.append((take.id, most))
        return costs

    @requires(Role.MAKER)
    def ask(self, project_id: int, take_ids: Iterable[int], *, quote: Quote | None = None) -> int:
        """Ask about each of some takes in the background, one paid question a take; returns how many.

        :param quote: the order of an agent that it is for
        :raises Refused: ``judge_off``, ``judge_busy``, ``writing_elsewhere``
        """
        if not self.is_on:
            raise Refused("judge_off")
        takes = self._takes(project_id, take_ids)
        with self._lock:
            before = self._standing.get(project_id)
            if before and before.busy:
                raise Refused("judge_busy")
            self._standing[project_id] = Judging(len(takes))
        try:
            self._llm_queue.start(_job_name(project_id), lambda job: self._work(job, project_id, takes), quote)
        except VidgenError:
            with self._lock:
                del self._standing[project_id]
            raise
        return len(takes)

    @requires(Role.MAKER)
    def cancel(self, project_id: int) -> None:
        """Ask nothing more; what is on its way is waited for."""
        self._llm_queue.stop(_job_name(project_id))

    def _takes(self, project_id: int, take_ids: Iterable[int]) -> list[Take]:
        with self._ctx.store.read() as tx:
            found = [tx.takes.get(take_id) for take_id in dict.fromkeys(take_ids)]
        return [take for take in found if take.project_id == project_id]

    def _count(self, project_id: int, **changes: Any) -> None:
        with self._lock:
            self._standing[project_id] = self._standing[project_id]._replace(**changes)

    async def _work(self, job: LlmJob, project_id: int, takes: Sequence[Take]) -> None:
        try:
            await self._llm_queue.each(job, takes, lambda take: self._one(job, take))
        finally:
            self._count(project_id, busy=False)

    async def _one(self, job: LlmJob, take: Take) -> None:
        from vidgen_core.services.scripts.proposals import read_judgement

        if job.unwanted.is_set():
            return
        try:
            messages = await asyncio.to_thread(self._question, take)
            subject = LlmSubject(take.project_id, "judge", shot_id=take.shot_id)
            faults = await self._llm_queue.ask(job, subject, messages, "judgement", read_judgement, repair=False)
            model = self._ctx.settings().writing.model
            with self._ctx.store.write() as tx:
                keep_answer(tx, take, ModelAnswer(model=model, faults=faults, at=tx.now()))
        except Stopped:
            return
        except VidgenError as error:
            now = self._standing[take.project_id]
            self._count(take.project_id, failed=now.failed + 1, failure=failure_of(error))
            with self._ctx.store.write() as tx:
                params = {"cause": error.code, **error.params, "project_id": take.project_id, "task_id": take.task_id}
                tx.log.add(LogLevel.WARNING, "take_not_judged", **params)
            return
        self._llm_queue.used(take.shot_id)
        self._count(take.project_id, done=self._standing[take.project_id].done + 1)

    def _question(self, take: Take) -> list[Message]:
        """The question with its pictures.

        :raises FileError: the clip cannot be read
        """
        from vidgen_core.media.checks.clip import Clip, ClipRequest
        from vidgen_core.media.checks.reference_frames import reference
        from vidgen_core.services.scripts.llm_prompts import ask_about_take

        path = self._ctx.media.video(take)
        if not path.is_file():
            raise FileError("video_missing", path=str(path))
        frames = Clip(path, ClipRequest()).pictures.large
        last, count = len(frames) - 1, min(FRAMES, len(frames))
        shown = [frames[round(place * last / max(count - 1, 1))] for place in range(count)]
        with self._ctx.store.read() as tx:
            image = tx.tasks.with_deleted([take.task_id])[0].params.image
        first = reference(self._ctx.media.picture(image) if image else None)
        return ask_about_take(take.prompt, _uri(first) if first else None, [_uri(one) for one in shown])


def _uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((_EDGE, _EDGE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _job_name(project_id: int) -> str:
    return f"judge.{project_id}"
