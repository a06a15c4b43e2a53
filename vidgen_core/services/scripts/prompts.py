"""Video prompts: written for many shots at once, every wording kept, and what a person wrote never written over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from vidgen_core import money
from vidgen_core.db.repositories.scripts import versions_by_text
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import NotFound, Refused, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.scripts import LlmCall, PromptVersion
from vidgen_core.domain.shots import Author, Shot
from vidgen_core.domain.tasks import Failure
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.scripts.llm_jobs import LlmJob, LlmSubject, Stopped
from vidgen_core.services.scripts.llm_ledger import failure_of, stopped_by_budget

if TYPE_CHECKING:
    from vidgen_core.domain.agents import Quote
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.preflight import Estimate
    from vidgen_core.services.library.shots import Shots
    from vidgen_core.services.scripts.llm_prompts import Message
    from vidgen_core.services.scripts.llm_queue import LlmQueue
    from vidgen_core.services.scripts.scripts import Scripts

#: Longest side, in pixels, and bytes of a picture that a model looks at.
LOOKED_AT: Final = 768
LOOKED_AT_BYTES: Final = 300_000
#: Times that a prompt is put in place anew when its shot is edited at that very moment.
_TRIES: Final = 3


class Wanted(Frozen):
    """What is to be written."""

    #: Name of a camera move; empty: one that fits.
    camera: str = ""
    #: ``zh`` or ``en``: translate what is there, write nothing new.
    translate: Literal["", "zh", "en"] = ""
    #: On this machine, although there is a model.
    offline: bool = False
    #: Ask again for shots whose answer was lost; it may have been paid for.
    ask_lost: bool = False


class Writing(NamedTuple):
    """How far the prompts of a project are."""

    total: int
    #: Put in place.
    written: int = 0
    #: Kept as a version beside what a person wrote.
    beside: int = 0
    #: Nothing to write from, or an answer that was lost before.
    skipped: int = 0
    failed: int = 0
    busy: bool = False
    failure: Failure | None = None
    #: Shots that the budget has stopped, and what was wanted of them; ``failure`` says why.
    stopped: tuple[int, ...] = ()
    wanted: Wanted = Wanted()

    @property
    def done(self) -> int:
        return self.written + self.beside + self.skipped + self.failed


class VersionView(NamedTuple):
    """One wording, whether it is the shot's prompt now, and the numbers of the takes it made."""

    version: PromptVersion
    in_use: bool
    takes: tuple[int, ...]


class Prompts:
    """The wordings of video prompts."""

    def __init__(self, ctx: ServiceContext, llm_queue: LlmQueue, scripts: Scripts, shots: Shots) -> None:
        self._ctx = ctx
        self._llm_queue = llm_queue
        self._scripts = scripts
        self._shots = shots
        self._lock = threading.Lock()
        self._writings: dict[int, Writing] = {}

    # --- looking

    @requires(Role.VIEWER)
    def versions(self, shot_id: int) -> list[VersionView]:
        """Every wording of a shot's prompt, the latest first.

        :raises NotFound: shot_not_found
        """
        with self._ctx.store.read() as tx:
            shot = tx.shots.get(shot_id)
            versions = tx.prompts.of(shot_id)
            takes = tx.takes.of_shots([shot_id]).get(shot_id, [])
        made: dict[int, list[int]] = {}
        by_text = versions_by_text(versions)
        for take in takes:
            # The latest one there was when the take was made; its words decide.
            same = by_text.get(take.prompt, [])
            known = [version for version in same if version.created_at <= take.created_at] or same
            if known:
                made.setdefault(known[0].id, []).append(take.number)
        used = next((version.id for version in versions if version.text == shot.prompt), None)
        return [
            VersionView(version, version.id == used, tuple(sorted(made.get(version.id, ())))) for version in versions
        ]

    @requires(Role.VIEWER)
    def writing(self, project_id: int) -> Writing | None:
        """The present or last job of this process; None without one."""
        with self._lock:
            return self._writings.get(project_id)

    @requires(Role.VIEWER)
    def lost(self, project_id: int) -> list[LlmCall]:
        """Questions about prompts whose answer was lost and about which nobody has decided yet."""
        with self._ctx.store.read() as tx:
            return [call for call in tx.llm_calls.lost(project_id) if call.shot_id is not None and call.kind != "judge"]

    @requires(Role.VIEWER)
    def empty(self, project_id: int) -> list[int]:
        """Shots without a prompt, in their order."""
        with self._ctx.store.read() as tx:
            return tx.progress.ids(project_id, "without_prompt")

    @requires(Role.VIEWER)
    def estimate(self, project_id: int, shot_ids: Iterable[int], wanted: Wanted | None = None) -> Estimate:
        """How many questions ``write`` with the same words would ask at most, and what they cost at most."""
        with self._ctx.store.read() as tx:
            shots = [shot for shot in tx.shots.many(list(shot_ids)) if shot.project_id == project_id]
        return gate.estimate_questions(self._ctx, self.questions(shots, wanted))

    @staticmethod
    def wanted(options: Mapping[str, Any]) -> Wanted:
        """What is to be written, as it was kept."""
        return Wanted.model_validate(options)

    @requires(Role.VIEWER)
    def asked(self, project_id: int, shot_ids: Iterable[int], wanted: Wanted) -> list[tuple[int, Money | None]]:
        """The ids of the shots that ``write`` would ask a model about, each with what that costs at most; None: not known.

        :raises Refused: ``writing_model_missing``
        """
        if not self._llm_queue.has_model or wanted.offline:
            raise Refused("writing_model_missing")
        with self._ctx.store.read() as tx:
            shots = [shot for shot in tx.shots.many(list(shot_ids)) if shot.project_id == project_id]
        going = [shot for shot in shots if _has_words(shot, wanted)]
        return list(zip([shot.id for shot in going], self.questions(going, wanted), strict=True))

    @requires(Role.MAKER, log=False)
    def ask_for(self, quote: Quote, ids: Sequence[int], wanted: Wanted) -> None:
        """Carry out the order of an agent; raises as ``write``."""
        self.write(quote.project_id, ids, wanted, quote=quote)

    @requires(Role.VIEWER)
    def questions(self, shots: Iterable[Shot], wanted: Wanted | None = None) -> list[Money | None]:
        """What each question that ``write`` would ask costs at most; None: not known. None is asked without a model."""
        how = wanted or Wanted()
        if not self._llm_queue.has_model or how.offline:
            return []
        price = money.llm_price(self._ctx.settings())
        return [self._most(price, shot, how) for shot in shots if _has_words(shot, how)]

    def _most(self, price: money.LlmPrice | None, shot: Shot, how: Wanted) -> Money | None:
        from vidgen_core.services.scripts.llm_prompts import longest_answer

        if price is None:
            return None
        messages, _ = self._question(shot, how, self._scripts.style(shot.project_id), look=False)
        return price.of(money.most_tokens(messages), longest_answer(messages))

    @requires(Role.VIEWER)
    def wait(self, project_id: int, timeout: float | None = None) -> bool:
        """Whether nothing is written any more, waited for at most ``timeout`` seconds."""
        return self._llm_queue.wait(_job_name(project_id), timeout)

    # --- writing

    @requires(Role.MAKER)
    def put_back(self, shot_id: int, version_id: int) -> Shot:
        """Make an earlier wording the prompt again, with its negative prompt; from here on it is the person's choice.

        :raises NotFound: shot_not_found, prompt_version_not_found
        """
        with self._ctx.store.read() as tx:
            version = tx.prompts.get(version_id)
            if version.shot_id != shot_id:
                raise NotFound("prompt_version_not_found", id=version_id)
            params = tx.shots.get(shot_id).params
        if version.negative_prompt is None:
            return self._shots.edit(shot_id, prompt=version.text)
        kept = params.model_copy(update={"negative_prompt": version.negative_prompt or None})
        return self._shots.edit(shot_id, prompt=version.text, params=kept)

    @requires(Role.MAKER)
    def write(
        self, project_id: int, shot_ids: Iterable[int], wanted: Wanted | None = None, *, quote: Quote | None = None
    ) -> int:
        """Write the video prompts of shots in the background; returns how many shots are checked.

        Empty prompts and those of a model are written; beside what a person wrote, the new wording is kept as a version.
        :param quote: the order of an agent that it is for: its name stands in the ledger, and its limits hold each question
        :raises Refused: writing_elsewhere, writing_model_missing (translation), writing_busy
        """
        how = wanted or Wanted()
        ids = list(dict.fromkeys(shot_ids))
        asks = self._llm_queue.has_model and not how.offline
        if how.translate and not asks:
            raise Refused("writing_model_missing")
        with self._lock:
            before = self._writings.get(project_id)
            if before and before.busy:
                raise Refused("writing_busy")
            self._writings[project_id] = Writing(len(ids), busy=True, wanted=how)
        try:
            work = partial(self._work, project_id=project_id, ids=ids, how=how)
            self._llm_queue.start(_job_name(project_id), work, quote)
        except VidgenError:
            self._count(project_id, busy=False)
            raise
        return len(ids)

    @requires(Role.MAKER)
    def cancel(self, project_id: int) -> None:
        """Write nothing more; what is written stays."""
        self._llm_queue.stop(_job_name(project_id))

    def _count(self, project_id: int, *names: str, **changes: Any) -> None:
        with self._lock:
            now = self._writings[project_id]
            counts = {name: getattr(now, name) + 1 for name in names}
            self._writings[project_id] = now._replace(**counts, **changes)

    async def _work(self, job: LlmJob, project_id: int, ids: list[int], how: Wanted) -> None:
        asks = self._llm_queue.has_model and not how.offline
        style = self._scripts.style(project_id)
        lost = {call.shot_id: call.id for call in self.lost(project_id)}
        if how.ask_lost:
            with self._ctx.store.write() as tx:
                tx.llm_calls.settle([lost.pop(shot_id) for shot_id in ids if shot_id in lost])

        async def one(item: tuple[int, int]) -> None:
            place, shot_id = item
            await self._one(job, shot_id, place, how, style, asks=asks, skip=asks and shot_id in lost)

        try:
            await self._llm_queue.each(job, enumerate(ids), one)
        finally:
            self._count(project_id, busy=False)
            now = self._writings[project_id]
            with self._ctx.store.write() as tx:
                tx.log.add(
                    LogLevel.WARNING if now.failed else LogLevel.SUCCESS,
                    "prompts_written",
                    project_id=project_id,
                    written=now.written,
                    beside=now.beside,
                    failed=now.failed,
                    total=now.total,
                )

    async def _one(
        self, job: LlmJob, shot_id: int, place: int, how: Wanted, style: str, *, asks: bool, skip: bool
    ) -> None:
        if job.unwanted.is_set():
            return
        # Let the loop breathe: without a model nothing else is waited for.
        await asyncio.sleep(0)
        try:
            shot = self._shots.get(shot_id)
        except VidgenError:
            # Deleted in the meantime.
            return
        if skip or not _has_words(shot, how):
            self._count(shot.project_id, "skipped")
            return
        try:
            text, writer = await self._worded(job, shot, place, how, style, asks=asks)
            self._count(shot.project_id, self._put(shot_id, text, writer))
            if asks:
                self._llm_queue.used(shot_id)
        except Stopped:
            return
        except VidgenError as error:
            self._fail(shot, failure_of(error))

    def _fail(self, shot: Shot, failure: Failure) -> None:
        now = self._writings[shot.project_id]
        if stopped_by_budget(failure):
            self._count(shot.project_id, "failed", failure=failure, stopped=(*now.stopped, shot.id))
        else:
            self._count(shot.project_id, "failed", failure=now.failure if now.stopped else failure)

    async def _worded(
        self, job: LlmJob, shot: Shot, place: int, how: Wanted, style: str, *, asks: bool
    ) -> tuple[str, str]:
        """A prompt for the shot, and who wrote it."""
        from vidgen_core.services.scripts.proposals import read_prompt
        from vidgen_core.services.scripts.templates import TEMPLATE, from_line

        settings = self._ctx.settings().writing
        language = "" if settings.language == "auto" else settings.language
        if not asks:
            words = shot.script or shot.picture_prompt
            return from_line(words, place, camera=how.camera, style=style, language=language), TEMPLATE
        messages, kind = self._question(shot, how, style)
        subject = LlmSubject(shot.project_id, kind, shot_id=shot.id)
        return await self._llm_queue.ask(job, subject, messages, "prompt", read_prompt), settings.model

    def _question(self, shot: Shot, how: Wanted, style: str, *, look: bool = True) -> tuple[list[Message], str]:
        """The question and its kind.

        :param look: False leaves the picture's bytes out, which do not count
        """
        from vidgen_core.services.scripts.llm_prompts import ask_for_prompt, ask_for_translation
        from vidgen_core.services.scripts.splitting import language_of

        if how.translate:
            return ask_for_translation(shot.prompt, how.translate), "translate"
        settings = self._ctx.settings().writing
        words = shot.script or shot.picture_prompt
        language = language_of(words) if settings.language == "auto" else settings.language
        image = (self._picture(shot) if look else shot.image and "data:") if settings.vision else None
        question = ask_for_prompt(
            shot.script, shot.picture_prompt, language=language, camera=how.camera, style=style, image=image
        )
        return question, "prompt"

    def _picture(self, shot: Shot) -> str | None:
        """The shot's picture, small, as a data URI; None without one that can be read."""
        import base64

        from vidgen_core.media.images import fit_jpeg

        if shot.image is None:
            return None
        try:
            data = fit_jpeg(self._shots.image_path(shot.image), max_bytes=LOOKED_AT_BYTES, max_edge=LOOKED_AT)
        except VidgenError:
            return None
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"

    def _put(self, shot_id: int, text: str, writer: str) -> Literal["written", "beside"]:
        """Put a wording in place where nobody's words are lost by it; else keep it as a version."""
        for _ in range(_TRIES):
            with self._ctx.store.read() as tx:
                shot = tx.shots.get(shot_id)
                used = tx.prompts.in_use({shot_id: shot.prompt}).get(shot_id)
            # A prompt of which no version is known is from before: a person's.
            if shot.prompt and (used is None or used.author is not Author.MODEL):
                break
            try:
                self._shots.edit(shot_id, shot.rev, author=Author.MODEL, writer=writer, prompt=text)
            except Refused as error:
                if error.code != "edited_elsewhere":
                    raise
                continue
            return "written"
        with self._ctx.store.write() as tx:
            if tx.shots.get(shot_id).prompt != text:
                tx.prompts.keep_alternative(shot_id, text, writer)
        return "beside"


def _job_name(project_id: int) -> str:
    return f"prompts.{project_id}"


def _has_words(shot: Shot, how: Wanted) -> bool:
    return bool(shot.prompt if how.translate else shot.script.strip() or shot.picture_prompt.strip())
