"""Scripts: from text to a storyboard that is reviewed before it is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vidgen_core import money
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import Delivery, Refused, RemoteError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.scripts import PieceState, Script, ScriptPiece, ScriptState
from vidgen_core.domain.shots import ShotParams
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.imports.plan import Existing, Imported
from vidgen_core.services.scripts.llm_jobs import LlmJob, LlmSubject, Stopped
from vidgen_core.services.scripts.llm_ledger import failure_of

if TYPE_CHECKING:
    from vidgen_core.domain.agents import Quote
    from vidgen_core.domain.money import Money
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.preflight import Estimate
    from vidgen_core.services.imports.imports import Imports
    from vidgen_core.services.scripts.llm_queue import LlmQueue
    from vidgen_core.services.scripts.planning import Board
    from vidgen_core.services.scripts.proposals import ProposedShot
    from vidgen_core.services.scripts.splitting import Line, Piece

#: Name of a project's setting: what every picture and prompt of it looks like.
STYLE: Final = "writing.style"
#: States in which a piece is asked for without a person's word. *Asking* among them: whoever holds the lock of the queue knows that
#: nobody asks, and that the answer was written down.
_OPEN: Final = frozenset({PieceState.WAITING, PieceState.FAILED, PieceState.ASKING})


class ScriptText(Frozen):
    """A script that an agent has split."""

    text: str
    name: str = ""


class ScriptView(NamedTuple):
    """A script and how far it is."""

    script: Script
    pieces: tuple[ScriptPiece, ...]
    #: Whether somebody works on it now.
    busy: bool

    def count(self, *states: PieceState) -> int:
        return sum(1 for piece in self.pieces if piece.state in states)

    @property
    def done(self) -> int:
        return self.count(PieceState.DONE)

    @property
    def interrupted(self) -> bool:
        """Nobody works on it although it is not done."""
        return not self.busy and self.script.state in (ScriptState.RUNNING, ScriptState.WAITING, ScriptState.STOPPED)


class Covered(NamedTuple):
    """One line of a script and the shots that show it."""

    line: Line
    #: Their numbers.
    shots: tuple[str, ...]


class Scripts:
    """Texts that become storyboards."""

    def __init__(self, ctx: ServiceContext, llm_queue: LlmQueue, imports: Imports) -> None:
        self._ctx = ctx
        self._llm_queue = llm_queue
        self._imports = imports

    # --- looking

    @requires(Role.MAKER, log=False)
    def read(self, source: Path | bytes, name: str) -> str:
        """The text of a script file.

        :raises InputError: script_kind_unknown, script_unreadable, script_too_large, script_empty
        """
        from vidgen_core.services.scripts.script_files import read_script

        return read_script(source, name)

    @requires(Role.MAKER, log=False)
    def pieces(self, text: str) -> int:
        """In how many questions a script is asked."""
        from vidgen_core.services.scripts.splitting import pieces_of

        return len(pieces_of(text, self._ctx.settings().writing.piece_size))

    @requires(Role.VIEWER)
    def estimate(self, text: str) -> Estimate:
        """How many questions reading a script with the model asks, and what they cost at most."""
        return gate.estimate_questions(self._ctx, self._questions(text))

    @staticmethod
    def wanted(options: Mapping[str, Any]) -> ScriptText:
        """What is to be split, as it was kept."""
        return ScriptText.model_validate(options)

    @requires(Role.VIEWER)
    def asked(self, project_id: int, _shots: Iterable[int], wanted: ScriptText) -> list[tuple[int, Money | None]]:
        """The pieces that ``start`` would ask a model about, each with what that costs at most; None: not known.

        :raises InputError: script_empty, script_too_large
        :raises Refused: writing_model_missing, script_is_stored
        """
        from vidgen_core.services.scripts.script_files import tidy

        model, text = self._ctx.settings().writing.model, tidy(wanted.text, wanted.name)
        if not model:
            raise Refused("writing_model_missing")
        with self._ctx.store.read() as tx:
            there = tx.scripts.find(project_id, text, model)
        if there is not None and there.state is ScriptState.STORED:
            raise Refused("script_is_stored", name=there.name)
        return list(enumerate(self._questions(text)))

    @requires(Role.MAKER, log=False)
    def ask_for(self, quote: Quote, _pieces: Sequence[int], wanted: ScriptText) -> None:
        """Carry out the order of an agent; raises as ``start``, and ``writing_busy``: somebody else has it split."""
        self.start(quote.project_id, wanted.text, wanted.name, quote=quote)

    def _questions(self, text: str) -> list[Money | None]:
        """What each question about a script costs at most; None: not known."""
        from vidgen_core.services.scripts.llm_prompts import ask_for_shots, longest_answer
        from vidgen_core.services.scripts.splitting import language_of, pieces_of

        settings = self._ctx.settings()
        price, ratio = money.llm_price(settings), settings.providers.of(settings.mode).aspect_ratio
        language = self._language() or language_of(text)
        asked = [
            ask_for_shots(piece.text, language=language, ratio=ratio)
            for piece in pieces_of(text, settings.writing.piece_size)
        ]
        return [price.of(money.most_tokens(one), longest_answer(one)) if price else None for one in asked]

    @requires(Role.MAKER, log=False)
    def rehearse(self, text: str, name: str = "") -> Board:
        """The storyboard of a script split on this machine; nothing is stored.

        :raises InputError: script_empty, script_too_large
        """
        from vidgen_core.services.scripts.planning import board_offline
        from vidgen_core.services.scripts.script_files import tidy

        return self._fitted(board_offline(name, tidy(text, name), language=self._language()))

    @requires(Role.VIEWER)
    def all(self, project_id: int) -> list[ScriptView]:
        """The scripts of a project, the newest first."""
        with self._ctx.store.read() as tx:
            found = [(script, tuple(tx.scripts.pieces(script.id))) for script in tx.scripts.all(project_id)]
        return [ScriptView(script, pieces, self._is_busy(script)) for script, pieces in found]

    @requires(Role.VIEWER)
    def get(self, script_id: int) -> ScriptView:
        """:raises NotFound: script_not_found"""
        with self._ctx.store.read() as tx:
            script, pieces = tx.scripts.get(script_id), tuple(tx.scripts.pieces(script_id))
        return ScriptView(script, pieces, self._is_busy(script))

    def _is_busy(self, script: Script) -> bool:
        if script.state is not ScriptState.RUNNING:
            return False
        return self._llm_queue.is_busy(_job_name(script.id)) or self._llm_queue.is_elsewhere

    @requires(Role.VIEWER)
    def board(self, script_id: int) -> Board:
        """The storyboard that would be stored: every row with its verdict, and the lines that each shows.

        Lines that no proposal shows, and pieces without an answer, are split plainly, with a warning.
        :raises NotFound: script_not_found
        """
        from vidgen_core.services.scripts.planning import board_of_answers, board_offline

        view = self.get(script_id)
        script = view.script
        style, language = self.style(script.project_id), self._language()
        if not script.model:
            found = board_offline(script.name, script.text, first=script.first, style=style, language=language)
        else:
            found = board_of_answers(
                script.name,
                script.text,
                [_answered(piece) for piece in view.pieces],
                first=script.first,
                style=style,
                language=language,
                writer=script.model,
            )
        return self._fitted(found)

    def _language(self) -> str:
        language = self._ctx.settings().writing.language
        return "" if language == "auto" else language

    def _fitted(self, board: Board) -> Board:
        """Lengths as the present model takes them, where it takes fixed ones only."""
        settings = self._ctx.settings()
        section = settings.providers.of(settings.mode)
        durations = self._ctx.provider(settings.mode).capabilities(section.model).lengths
        if not durations:
            return board
        shots = tuple(shot.model_copy(update={"params": _nearest(shot.params, durations)}) for shot in board.plan.shots)
        return board._replace(plan=board.plan.model_copy(update={"shots": shots}))

    @requires(Role.VIEWER)
    def coverage(self, script_id: int) -> list[Covered]:
        """Every line of a script with the shots that show it: those of its plan, or of the project once it is stored.

        :raises NotFound: script_not_found
        """
        from vidgen_core.services.scripts.planning import coverage
        from vidgen_core.services.scripts.proposals import ProposedShot
        from vidgen_core.services.scripts.storyboard_check import check_storyboard

        script = self.get(script_id).script
        if script.state is not ScriptState.STORED:
            board = self.board(script_id)
            numbers = [shot.number or "–" for shot in board.plan.shots]
            shown = board.shown
        else:
            with self._ctx.store.read() as tx:
                shots = [shot for shot in tx.shots.all(script.project_id) if shot.script]
            proposed = [ProposedShot(number=place, script=shot.script) for place, shot in enumerate(shots, start=1)]
            numbers = [shot.number for shot in shots]
            shown = check_storyboard(script.text, proposed).shown
        return [
            Covered(line, tuple(numbers[place] for place in places)) for line, places in coverage(script.text, shown)
        ]

    @requires(Role.VIEWER)
    def style(self, project_id: int) -> str:
        """What every picture and prompt of a project looks like, in the person's words."""
        with self._ctx.store.read() as tx:
            return str(tx.projects.settings(project_id).get(STYLE) or "")

    # --- writing

    @requires(Role.MAKER)
    def set_style(self, project_id: int, style: str) -> None:
        with self._ctx.store.write() as tx:
            tx.projects.set_setting(project_id, STYLE, style.strip() or None)

    @requires(Role.MAKER)
    def start(
        self,
        project_id: int,
        text: str,
        name: str = "",
        *,
        offline: bool = False,
        again: bool = False,
        ask_lost: bool = False,
        quote: Quote | None = None,
    ) -> Script:
        """Begin to turn a script into a storyboard, and return at once; the same script goes on where it was.

        :param offline: split it on this machine although there is a model
        :param again: begin anew although its shots are in the storyboard
        :param ask_lost: as in ``resume``
        :param quote: the order of an agent that it is for
        :raises InputError: script_empty, script_too_large
        :raises Refused: writing_elsewhere, script_is_stored
        """
        from vidgen_core.services.scripts.script_files import tidy
        from vidgen_core.services.scripts.splitting import pieces_of

        name = " ".join(clean_text(name).split())
        script_text = tidy(text, name)
        settings = self._ctx.settings().writing
        model = "" if offline else settings.model
        with self._ctx.store.write() as tx:
            script = tx.scripts.find(project_id, script_text, model)
            if script and script.state is ScriptState.STORED and not again:
                raise Refused("script_is_stored", name=script.name)
            if script is None or script.state is ScriptState.STORED:
                pieces = pieces_of(script_text, settings.piece_size) if model else []
                parts = [(piece.first_line, piece.last_line, piece.text) for piece in pieces]
                first = tx.progress.highest_number(project_id) + 1
                script = tx.scripts.add(project_id, name or _title(script_text), script_text, model, first, parts)
                tx.log.add(LogLevel.INFO, "script_started", project_id=project_id, name=script.name, pieces=len(parts))
            if not model:
                tx.scripts.set_state(script.id, ScriptState.READY)
        if model:
            self.resume(script.id, ask_lost=ask_lost, quote=quote)
        return self.get(script.id).script

    @requires(Role.MAKER)
    def resume(self, script_id: int, *, ask_lost: bool = False, quote: Quote | None = None) -> None:
        """Ask for the pieces that have no answer yet, in the background.

        :param ask_lost: ask again for pieces whose answer was lost, too; they may have been paid for
        :param quote: the order of an agent that it is for
        :raises Refused: writing_elsewhere, writing_model_missing, writing_busy: somebody has it read already, by another order
        """
        if not self._llm_queue.has_model:
            raise Refused("writing_model_missing")
        work = partial(self._work, script_id=script_id, ask_lost=ask_lost)
        job = self._llm_queue.start(_job_name(script_id), work, quote)
        if quote is not None and job.quote is not quote:
            raise Refused("writing_busy")
        # Only whoever holds the lock of the queue gets here: it has given up what a dead process had under way.
        with self._ctx.store.write() as tx:
            if tx.scripts.get(script_id).state is not ScriptState.READY:
                tx.scripts.set_state(script_id, ScriptState.RUNNING)

    async def _work(self, job: LlmJob, script_id: int, *, ask_lost: bool) -> None:
        wanted = _OPEN | {PieceState.UNKNOWN} if ask_lost else _OPEN
        with self._ctx.store.write() as tx:
            tx.scripts.set_state(script_id, ScriptState.RUNNING)
            script = tx.scripts.get(script_id)
            pieces = [piece for piece in tx.scripts.pieces(script_id) if piece.state in wanted]
            if ask_lost:
                ids = {piece.id for piece in pieces}
                tx.llm_calls.settle([call.id for call in tx.llm_calls.lost(script.project_id) if call.piece_id in ids])
        try:
            await self._llm_queue.each(job, pieces, lambda piece: self._piece(job, script, piece))
        finally:
            self._end(job, script)

    async def _piece(self, job: LlmJob, script: Script, piece: ScriptPiece) -> None:
        from vidgen_core.services.scripts.llm_prompts import ask_for_shots
        from vidgen_core.services.scripts.proposals import read_shots
        from vidgen_core.services.scripts.splitting import language_of

        settings = self._ctx.settings()
        ratio = settings.providers.of(settings.mode).aspect_ratio
        messages = ask_for_shots(
            piece.text,
            language=self._language() or language_of(script.text),
            ratio=ratio,
            style=self.style(script.project_id),
        )
        subject = LlmSubject(script.project_id, "script", piece_id=piece.id)
        try:
            shots = self._kept(piece)
            if shots is None:
                shots = await self._llm_queue.ask(job, subject, messages, "shots", read_shots)
        except Stopped:
            self._set(piece, PieceState.WAITING)
        except VidgenError as error:
            lost = isinstance(error, RemoteError) and error.delivery is Delivery.UNKNOWN
            self._set(piece, PieceState.UNKNOWN if lost else PieceState.FAILED, failure=failure_of(error))
        else:
            self._set(piece, PieceState.DONE, [shot.model_dump() for shot in shots])

    def _kept(self, piece: ScriptPiece) -> list[ProposedShot] | None:
        """An answer that came before its process ended, and was not used yet."""
        from vidgen_core.services.scripts.proposals import UnreadableAnswer, read_shots

        with self._ctx.store.read() as tx:
            answer = tx.llm_calls.last_answer(piece.id)
        try:
            return None if answer is None else read_shots(answer)
        except UnreadableAnswer:
            return None

    def _set(
        self,
        piece: ScriptPiece,
        state: PieceState,
        answer: list[dict[str, Any]] | None = None,
        failure: Failure | None = None,
    ) -> None:
        with self._ctx.store.write() as tx:
            tx.scripts.set_piece(piece.id, state, answer, failure)

    def _end(self, job: LlmJob, script: Script) -> None:
        with self._ctx.store.write() as tx:
            pieces = tx.scripts.pieces(script.id)
            done = sum(1 for piece in pieces if piece.state is PieceState.DONE)
            ready = done == len(pieces)
            tx.scripts.set_state(script.id, ScriptState.READY if ready else ScriptState.STOPPED)
            level = LogLevel.SUCCESS if ready else LogLevel.INFO if job.unwanted.is_set() else LogLevel.WARNING
            tx.log.add(
                level, "script_read", project_id=script.project_id, name=script.name, done=done, pieces=len(pieces)
            )

    @requires(Role.MAKER)
    def cancel(self, script_id: int) -> None:
        """Ask for nothing more; answers that are there stay, and it can go on later."""
        self._llm_queue.stop(_job_name(script_id))

    @requires(Role.VIEWER)
    def wait(self, script_id: int, timeout: float | None = None) -> bool:
        """Whether nobody works on it any more, waited for at most ``timeout`` seconds."""
        return self._llm_queue.wait(_job_name(script_id), timeout)

    @requires(Role.MAKER)
    def store(
        self, script_id: int, *, again: bool = False, without: Collection[int] = (), chains: bool = False
    ) -> Imported:
        """Put the shots of a script's plan into the storyboard; rejected rows stay out.

        :param chains: let shots go on from each other where the plan proposes it
        :param without: places of rows in the plan, from 0, that stay out, too
        :raises NotFound: script_not_found
        :raises Refused: script_still_read, script_is_stored
        """
        view = self.get(script_id)
        if view.busy:
            raise Refused("script_still_read", name=view.script.name)
        if view.script.state is ScriptState.STORED and not again:
            raise Refused("script_is_stored", name=view.script.name)
        plan = self.board(script_id).plan
        wanted = tuple(shot for place, shot in enumerate(plan.shots) if place not in without)
        if not chains:
            wanted = tuple(shot.model_copy(update={"chain": ""}) for shot in wanted)
        done = self._imports.apply(
            view.script.project_id, plan.model_copy(update={"shots": wanted}), again, existing=Existing.ADD
        )
        with self._ctx.store.write() as tx:
            tx.scripts.set_state(script_id, ScriptState.STORED)
        return done

    @requires(Role.MAKER)
    def remove(self, script_id: int) -> None:
        """Take a script off the list; its shots stay.

        :raises NotFound: script_not_found
        """
        self.cancel(script_id)
        with self._ctx.store.write() as tx:
            tx.scripts.get(script_id)
            tx.scripts.remove(script_id)
            money.note_unasked(tx, _job_name(script_id), None, Decimal(0))


def _job_name(script_id: int) -> str:
    return f"script.{script_id}"


def _answered(piece: ScriptPiece) -> tuple[Piece, list[ProposedShot] | None]:
    from vidgen_core.services.scripts.proposals import ProposedShot
    from vidgen_core.services.scripts.splitting import Piece

    shots = None if piece.answer is None else [ProposedShot.model_validate(value) for value in piece.answer]
    return Piece(piece.first_line, piece.last_line, piece.text), shots


def _nearest(params: ShotParams, durations: Sequence[float]) -> ShotParams:
    if params.duration is None:
        return params
    wanted = params.duration
    return params.model_copy(update={"duration": min(durations, key=lambda offered: abs(offered - wanted))})


def _title(text: str) -> str:
    """What a pasted script is called: its first words."""
    first = next((line.strip("#《》 \t") for line in text.split("\n") if line.strip()), "")
    return first[:40]
