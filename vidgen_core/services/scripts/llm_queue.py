"""Where language models are asked: one job after the other, in the background, with every paid question in the ledger.

One process asks about what is in a database at a time; it holds a lock while it does. A question that is on its way when its
process ends is found by the next one: its answer is lost, and a person decides about asking again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from vidgen_core import money
from vidgen_core.config.schema import WritingSettings
from vidgen_core.db import Journal
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, Refused, RemoteError, StoreError
from vidgen_core.domain.money import Money
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import WRITING
from vidgen_core.domain.scripts import LlmCall, LlmCallState, PieceState
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.scripts import llm_ledger
from vidgen_core.services.scripts.llm_jobs import LlmJob, LlmSubject, Stopped

if TYPE_CHECKING:
    from vidgen_core.domain.agents import Quote
    from vidgen_core.llm.client import Chat, Reply
    from vidgen_core.providers.base import Key
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.scripts.llm_prompts import Message

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
#: Times that a question which was surely not taken is asked with one key.
TRIES: Final = 4
#: Seconds before another try where the provider names none, doubled each time; and the longest wait.
REST: Final = 2.0
LONGEST_REST: Final = 60.0
#: Seconds within which a question is answered or has failed.
LONGEST_QUESTION: Final = 330.0
#: Seconds until a database that could not be written is tried again.
STORE_WAIT: Final = 1.0


class _Question(NamedTuple):
    """What is asked, and for which job."""

    job: LlmJob
    subject: LlmSubject
    messages: Sequence[Message]
    #: ``shots``, ``prompt`` or ``judgement``: the form of the answer.
    wanted: str


class LlmQueue:
    """The one place from which models are asked."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._jobs: dict[str, LlmJob] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._journal = Journal(ctx.locations.journal)
        self._alone = ctx.store.writing_lock(ctx.locations.home / "writing.lock")
        #: Jobs of this process that have not ended; while there are any, the lock is held.
        self._held = 0
        #: Models that refused structured outputs, by address and name.
        self._without_format: set[tuple[str, str]] = set()
        #: For tests: shorter waits, by verb of the HTTP client.
        self.patience: Mapping[Any, Any] = {}
        self.rest = REST

    # --- jobs

    def start(self, name: str, work: Callable[[LlmJob], Awaitable[None]], quote: Quote | None = None) -> LlmJob:
        """Let a job be done in the background; one of the same name that is under way is answered instead.

        :param quote: the order of an agent that it is for
        :raises Refused: ``writing_elsewhere``: another process is writing
        :raises StoreError: ``store_server_away``
        """
        with self._lock:
            found = self._jobs.get(name)
            if found and not found.ended.is_set():
                return found
            self._hold()
            job = self._jobs[name] = LlmJob(name, quote)
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="vidgen-writing")
            # With the context of the caller, so that what it writes belongs to the request that made it.
            self._pool.submit(copy_context().run, self._carry_out, job, work)
            return job

    def _hold(self) -> None:
        """Be the one who asks; the caller has the lock of this object."""
        self._hold_on()
        if not self._held:
            notes = [one for one in self._journal.look().notes if one["kind"] == "answer"]
            try:
                with self._ctx.store.write() as tx:
                    llm_ledger.take_in(tx, notes)
                    llm_ledger.give_up_lost(tx)
            except BaseException:
                self._alone.release()
                raise
            for one in notes:
                with contextlib.suppress(FileError):
                    self._journal.settle(one["id"])
        self._held += 1

    def _hold_on(self) -> None:
        """Have the lock, or take it: a server that was restarted has forgotten it."""
        if not (self._held and self._alone.is_held()) and not self._alone.acquire():
            raise Refused("writing_elsewhere")

    def _carry_out(self, job: LlmJob, work: Callable[[LlmJob], Awaitable[None]]) -> None:
        try:
            job.check()
            asyncio.run(job.run(work(job)))
            with self._ctx.store.write() as tx:
                money.note_unasked(tx, job.name, job.project_id, job.unasked)
        except (Stopped, asyncio.CancelledError):
            _LOG.info("%s was stopped", job.name)
        except Exception:  # noqa: BLE001 - see below
            # Jobs keep their own failures; what comes here is a mistake of ours, and nobody else hears of it.
            _LOG.exception("%s failed", job.name)
        finally:
            with self._lock:
                self._held -= 1
                if not self._held:
                    self._alone.release()
                job.ended.set()

    @requires(Role.VIEWER)
    def is_busy(self, name: str) -> bool:
        """Whether a job of this name is under way in this process."""
        with self._lock:
            job = self._jobs.get(name)
        return job is not None and not job.ended.is_set()

    def left(self, quote_id: int) -> int:
        """What is still to be done of the order of an agent, in this process."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.quote is not None and not job.ended.is_set()]
        return sum(job.left for job in jobs if job.quote is not None and job.quote.id == quote_id)

    @property
    @requires(Role.VIEWER)
    def is_elsewhere(self) -> bool:
        """Whether another process is writing."""
        with self._lock:
            return not self._held and self._alone.is_taken()

    def stop(self, name: str) -> None:
        """Ask nothing more for this job; what is on its way is waited for, it is paid."""
        with self._lock:
            job = self._jobs.get(name)
        if job:
            job.unwanted.set()

    @requires(Role.VIEWER)
    def wait(self, name: str, timeout: float | None = None) -> bool:
        """Whether the job has ended, waited for at most ``timeout`` seconds."""
        with self._lock:
            job = self._jobs.get(name)
        return job is None or job.ended.wait(timeout)

    def stop_soon(self) -> None:
        """Ask nothing more; waits for nothing."""
        for job in list(self._jobs.values()):
            job.unwanted.set()

    def stop_at_once(self) -> None:
        """Give up questions that are out: whether they were bought is not known then."""
        for job in list(self._jobs.values()):
            job.give_up()

    def close(self, waits: Callable[[int, float], None] | None = None) -> None:
        """Stop what is under way and wait for its questions; may be called twice.

        :param waits: told when questions are out: how many, and the most seconds
        """
        self.stop_soon()
        with self._lock:
            pool, self._pool = self._pool, None
            out = sum(job.out for job in self._jobs.values())
        if out:
            _LOG.warning("Waiting for the answers to %d paid questions, at most %d s.", out, LONGEST_QUESTION)
            if waits is not None:
                waits(out, LONGEST_QUESTION)
        if pool:
            pool.shutdown(wait=True)

    # --- questions

    def settings(self) -> WritingSettings:
        return self._ctx.settings().writing

    @property
    @requires(Role.VIEWER)
    def has_model(self) -> bool:
        """Whether there is a model that can be asked."""
        return bool(self.settings().model)

    def _open_chat(self) -> Chat:
        """A client for the loop that is running; close it after use."""
        from vidgen_core.llm.client import Chat

        return Chat(self.settings().base_url, self.patience)

    async def each(self, job: LlmJob, items: Iterable[T], one: Callable[[T], Awaitable[None]]) -> None:
        """Do something for each of some items, as many at a time as the settings say.

        One that fails does not take the answers of the others along, which are paid for; its error is raised at the end.
        """
        room, wanted = asyncio.Semaphore(self.settings().max_concurrent), list(items)
        job.left = len(wanted)

        async def in_turn(item: T) -> None:
            async with room:
                try:
                    await one(item)
                finally:
                    job.left -= 1

        try:
            ends = await asyncio.gather(*map(in_turn, wanted), return_exceptions=True)
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
        finally:
            if job.chat is not None:
                await job.chat.close()

    async def ask(
        self,
        job: LlmJob,
        subject: LlmSubject,
        messages: Sequence[Message],
        wanted: str,
        read: Callable[[str], T],
        *,
        repair: bool = True,
    ) -> T:
        """The answer to one question, read; an answer that cannot be read is asked to be repaired once.

        :param wanted: ``shots``, ``prompt`` or ``judgement``: the form of the answer
        :param repair: False: an answer that cannot be read is the end, for the repair would be paid as well
        :raises VidgenError: writing_answer_unreadable, writing_answer_cut_off, writing_refused, writing_filtered, or what
            a RemoteError says; after ``answer_lost`` nobody knows whether it was bought
        :raises Stopped: nobody wants it any more, before it was asked
        """
        from vidgen_core.llm.client import not_answered
        from vidgen_core.services.scripts.llm_prompts import ask_for_repair
        from vidgen_core.services.scripts.proposals import UnreadableAnswer

        question = _Question(job, subject, messages, wanted)
        kept = self._kept(question)
        if kept is not None and kept.answer is not None:
            with contextlib.suppress(UnreadableAnswer):
                return read(kept.answer)
        for again in (False, True):
            reply = await self._reply(question)
            no = not_answered(reply)
            if no is not None:
                raise no
            why = "it was cut off; write shorter prompts" if reply.finish == "length" else ""
            try:
                if not why:
                    return read(reply.text)
            except UnreadableAnswer as error:
                why = error.why
            if again or not repair:
                code = "writing_answer_cut_off" if reply.finish == "length" else "writing_answer_unreadable"
                raise RemoteError(code, kind=ErrorKind.PROVIDER, why=why)
            question = question._replace(messages=ask_for_repair(messages, reply.text, why))
        raise AssertionError("the second round returns or raises")

    def _kept(self, question: _Question) -> LlmCall | None:
        """An answer to just this question that was paid for and never used: its process ended before."""
        if question.subject.shot_id is None:
            return None
        with self._ctx.store.read() as tx:
            return tx.llm_calls.unused_answer(question.subject.shot_id, self._digest(question))

    def used(self, shot_id: int) -> None:
        """What was answered about a shot is in its prompt, or cannot be used."""
        with self._ctx.store.write() as tx:
            tx.llm_calls.mark_used(shot_id)

    def _digest(self, question: _Question) -> str:
        asked = [*self._model(), question.wanted, list(question.messages)]
        return sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()

    async def _reply(self, question: _Question) -> Reply:
        """One answer; keys that are refused are passed over, what was surely not taken is asked again."""
        keys = self._keys()
        for place, key in enumerate(keys, start=1):
            try:
                return await self._with_key(question, key)
            except RemoteError as error:
                if error.kind not in (ErrorKind.AUTH, ErrorKind.BALANCE) or place == len(keys):
                    raise
        raise AssertionError("the last key returns or raises")

    async def _with_key(self, question: _Question, key: KeySettings | None) -> Reply:
        rest = self.rest
        tries = 0
        while True:
            question.job.check()
            tries += 1
            try:
                return await self._once(question, key)
            except RemoteError as error:
                if error.code == "format_refused" and self._may_format():
                    self._without_format.add(self._model())
                    continue
                if not llm_ledger.is_repeatable(error) or tries == TRIES:
                    raise
                await _pause(question.job, min(error.retry_after or rest, LONGEST_REST))
                rest *= 2

    async def _once(self, question: _Question, key: KeySettings | None) -> Reply:
        """One paid question: its intent is on disk before it leaves, its answer right after it came.

        The budget is asked in the transaction that writes the intent down and sets aside what it costs at most.
        """
        from vidgen_core.llm.client import not_answered
        from vidgen_core.services.scripts.llm_prompts import longest_answer, response_format

        job, subject, messages, wanted = question
        all_settings, settings, digest = self._ctx.settings(), self.settings(), self._digest(question)
        price = money.llm_price(all_settings)
        with self._lock:
            self._hold_on()
        most = price.of(money.most_tokens(messages), longest_answer(messages)) if price else None
        with self._ctx.store.write() as tx:
            now = tx.now()
            limits = money.limit_statuses(tx, all_settings, subject.project_id, now)
            llm_ledger.allow(limits, job, subject, all_settings, most)
            if job.quote is not None and (
                passed := money.agent_limit_passed(tx, all_settings, job.quote, WRITING, most, now)
            ):
                told = {"agent": job.quote.agent, "limit": passed.limit.model_dump(mode="json")}
                raise Refused(f"agent_limit_{passed.scope}", kind=ErrorKind.BALANCE, **told)
            call = tx.llm_calls.begin(
                subject.project_id,
                subject.kind,
                settings.model,
                key.label if key else "",
                settings.base_url,
                piece_id=subject.piece_id,
                shot_id=subject.shot_id,
                cost=most,
                prompt_digest=digest,
                agent=job.quote.agent if job.quote else None,
            )
            if limits:
                money.warn_near(tx, limits, money.limit_statuses(tx, all_settings, subject.project_id, now))
            if subject.piece_id is not None:
                tx.scripts.set_piece(subject.piece_id, PieceState.ASKING)
        if job.unwanted.is_set():
            # Nothing has left yet, and nothing will.
            await self._keep(job, call, {"state": LlmCallState.REFUSED, "cost": None}, subject.piece_id)
            raise Stopped
        job.out += 1
        job.chat = job.chat or self._open_chat()
        try:
            reply = await job.chat.ask(
                _key(key),
                settings.model,
                messages,
                temperature=settings.temperature,
                max_tokens=longest_answer(messages),
                response_format=response_format(wanted) if self._may_format() else None,
            )
        except asyncio.CancelledError:
            with self._ctx.store.write() as tx:
                llm_ledger.lose(tx, call, subject.piece_id)
            raise
        except RemoteError as error:
            await self._end_without_answer(job, call, subject, error)
            raise
        finally:
            job.out -= 1
        # An answer that does not count its tokens may have cost what was set aside.
        cost = price.of(reply.tokens_in, reply.tokens_out or 0) if price and reply.tokens_in is not None else most
        answer = {"tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out, "cost": cost, "answer": reply.text}
        unusable = reply.finish == "length" or not_answered(reply) is not None
        changes = {"state": LlmCallState.ANSWERED, "settled": unusable, **answer}
        await self._keep(job, call, changes, question=digest)
        return reply

    async def _end_without_answer(self, job: LlmJob, call: int, subject: LlmSubject, error: RemoteError) -> None:
        lost = error.delivery is Delivery.UNKNOWN
        state = LlmCallState.UNKNOWN if lost else LlmCallState.REFUSED
        changes = {"state": state, "failure": llm_ledger.failure_of(error), **({} if lost else {"cost": None})}
        await self._keep(job, call, changes, None if lost else subject.piece_id)

    async def _keep(
        self,
        job: LlmJob,
        call: int,
        changes: Mapping[str, Any],
        waiting: int | None = None,
        question: str | None = None,
    ) -> None:
        """Write down what became of a question: a database that cannot be written is tried until it can.

        An answer lies in the journal before, so that a crash does not lose it.
        :param waiting: the piece of a script that can be asked about again
        :raises StoreError: nobody waits for it any more; what was answered lies in the journal
        """
        note = self._note(call, changes, question)
        while True:
            try:
                with self._ctx.store.write() as tx:
                    tx.llm_calls.end(call, **changes)
                    if waiting is not None:
                        tx.scripts.set_piece(waiting, PieceState.WAITING)
                break
            except (StoreError, FileError) as error:
                _LOG.error("the answer to question %s is not yet kept: %s", call, error)
                note = note or self._note(call, changes, question)
                if job.unwanted.is_set():
                    raise
                await asyncio.sleep(STORE_WAIT)
        if note is not None:
            with contextlib.suppress(FileError):
                self._journal.settle(note)

    def _note(self, call: int, changes: Mapping[str, Any], question: str | None) -> str | None:
        """Put an answer into the journal; None where there is none, or that cannot be written either."""
        if changes["state"] is not LlmCallState.ANSWERED:
            return None
        cost: Money | None = changes["cost"]
        facts = {**changes, "cost": cost.model_dump(mode="json") if cost else None}
        try:
            return self._journal.note("answer", call=call, question=question, **facts)
        except FileError as error:
            _LOG.error("the answer to question %s is not in the journal: %s", call, error)
            return None

    def _keys(self) -> Sequence[KeySettings | None]:
        """The keys to ask with; a model that has none is asked without.

        :raises Refused: ``writing_key_address_changed``, when all were entered for another address
        """
        settings = self.settings()
        if not settings.usable_keys and any(key.enabled for key in settings.keys):
            raise Refused("writing_key_address_changed", kind=ErrorKind.AUTH)
        return settings.usable_keys or (None,)

    def _model(self) -> tuple[str, str]:
        settings = self.settings()
        return settings.base_url, settings.model

    def _may_format(self) -> bool:
        return self._model() not in self._without_format

    @requires(Role.OWNER, log=False)
    def test(self, secret: str | None = None) -> list[str]:
        """The models of the endpoint, which shows that address and key are right; costs nothing.

        :param secret: a key that is not saved yet
        :raises SettingsError: ``setting_invalid``, it cannot be a key
        :raises RemoteError: what is wrong
        """
        key = KeySettings.typed("-", secret) if secret else self._keys()[0]
        return asyncio.run(self._models(key))

    async def _models(self, key: KeySettings | None) -> list[str]:
        chat = self._open_chat()
        try:
            return await chat.models(_key(key))
        finally:
            await chat.close()


async def _pause(job: LlmJob, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        job.check()
        await asyncio.sleep(min(0.1, seconds))


def _key(key: KeySettings | None) -> Key | None:
    from vidgen_core.providers.base import Key

    return Key.of(key) if key else None
