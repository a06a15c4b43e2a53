"""Notices: somebody is told when a batch has ended or nothing more is submitted, without looking at a screen."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.db.worker_state import PAUSED, PROJECT_PAUSE, PROVIDER_PAUSE, StateRow
from vidgen_core.domain.errors import ErrorKind, InputError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.domain.queries import LogFilter
from vidgen_core.i18n import Text, choose_language, get_text
from vidgen_core.i18n.log_lines import log_sentence
from vidgen_core.money import BudgetScope
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation.answers import link_of, mark_of_price
from vidgen_core.services.generation.price_confirmation import asked_price
from vidgen_core.services.notifications import messages
from vidgen_core.worker.retries import log_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidgen_core.db import Tx
    from vidgen_core.domain.agents import Quote
    from vidgen_core.services.context import ServiceContext

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at the store.
LOOK_EVERY: Final = 1.0
#: Seconds that a pause which ends by itself must last before anybody is told.
LASTING: Final = 300.0
#: Seconds between two holds of the same cause that still count as one.
_SAME: Final = 120.0
#: Seconds that a stop waits for a notice on its way.
_STOP_SECONDS: Final = 4.0
_PAUSED: Final = PAUSED.name()
#: What people were told last, by provider, project or for all.
_TOLD: Final = StateRow[Any]("notice.{}", Any)
#: Tasks of which somebody was told that they wait for a yes to their price.
_PRICES: Final = StateRow[list[int]]("notice.prices", list[int])
#: The last line of the log about a limit that was passed on, and the codes of such lines.
_LIMITS: Final = StateRow[int]("notice.limits", int)
_NEAR: Final = frozenset(f"budget_near_{scope}" for scope in BudgetScope)


class Notifications:
    """Who is told of what; the settings say where to."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._notifier: _Notifier | None = None

    @requires(Role.OWNER, log=False)
    def test(self) -> str:
        """Send a test message now; returns the host it went to.

        :raises InputError: ``notices_unset``: there is no address
        :raises Refused: ``notice_failed`` (host, why)
        """
        from vidgen_core.services.notifications.sending import host_of, send

        settings = self._ctx.settings()
        if not settings.notices.url.get_secret_value():
            raise InputError("notices_unset")
        send(messages.of_test(self.words()), settings, tries=1)
        return host_of(settings)

    @requires(Role.VIEWER)
    def words(self) -> Text:
        """In the language of the notices, else of the program."""
        settings = self._ctx.settings()
        language = settings.notices.language
        return get_text(choose_language(language if language != "auto" else settings.language, None))

    def start(self) -> None:
        """Begin to watch; a second call does nothing."""
        if self._notifier is None:
            self._notifier = _Notifier(self._ctx, self.words)
            self._notifier.start()

    def stop(self) -> None:
        """Tell what has happened by now, and end."""
        notifier, self._notifier = self._notifier, None
        if notifier is not None:
            notifier.stop()


class _Notifier(threading.Thread):
    """One thread that looks at the store and sends; the runner never waits for it."""

    def __init__(self, ctx: ServiceContext, words: Callable[[], Text]) -> None:
        super().__init__(name="vidgen-notices", daemon=True)
        self._ctx = ctx
        self._words = words
        self._stopping = threading.Event()
        self._revision = -1
        #: Up to which line the log was read for limits.
        self._read_to = 0
        #: Cause of a provider's hold → since when, and when it was last seen.
        self._holds: dict[tuple[ProviderId, str], tuple[float, float]] = {}

    def stop(self) -> None:
        self._stopping.set()
        self.join(_STOP_SECONDS)

    def run(self) -> None:
        last = False
        while not last:
            last = self._stopping.is_set()
            try:
                # A process that merely stands by leaves the telling to the one that works.
                if last or self._ctx.works_here:
                    self._look(last=last)
            except Exception as error:  # noqa: BLE001 - whatever a notice breaks on, the next one is still told
                log_failure(_LOG, "a notice waits", error)
            self._stopping.wait(LOOK_EVERY)

    def _look(self, *, last: bool) -> None:
        self._pauses()
        revision = self._ctx.store.revision()
        if revision == self._revision and not last:
            return
        self._revision = revision
        with self._ctx.store.read() as tx:
            ended, orders = tx.batches.unnotified(), tx.quotes.unnotified()
        for batch in ended:
            self._batch(batch)
        for quote in orders:
            self._order(quote)
        self._prices()
        self._limits()

    def _batch(self, batch: int) -> None:
        """The note that it was told is on disk before anything is sent: after a crash nobody is told again."""
        wanted = self._ctx.settings().notices
        with self._ctx.store.write() as tx:
            if not tx.batches.mark_notified(batch, tx.now()):
                return
            end = tx.batches.end(batch, messages.MOST_NAMED)
        if wanted.url.get_secret_value() and wanted.on_batch_end and end.n >= wanted.least_tasks:
            self._send(messages.of_batch(end, self._words()))

    # --- questions and limits

    def _order(self, quote: Quote) -> None:
        """An agent asks to order: the note that it was told is on disk first, as with batches."""
        wanted = self._ctx.settings().notices
        with self._ctx.store.write() as tx:
            if not tx.quotes.mark_notified(quote.id):
                return
            project = tx.projects.get(quote.project_id).name
        if wanted.url.get_secret_value() and wanted.on_question:
            t = self._words()
            price = t.money(quote.price, estimated=True) if quote.price else t("shell.price_unknown")
            said = t.n("agents.asks", quote.tasks, agent=quote.agent, project=project, price=price)
            link = link_of(self._ctx, "order", quote.id)
            self._send(messages.of_question("agent_asks", f"{said} {t(f'agents.why.{quote.reason}')}", link))

    def _prices(self) -> None:
        """A job waits for a yes to its price; told once for each wait."""
        wanted = self._ctx.settings().notices
        with self._ctx.store.read() as tx:
            waiting = tx.tasks.in_stage(WAITING_FOR_CONFIRMATION)
            told = _PRICES.get(tx) or []
        if sorted(told) == sorted(waiting):
            return
        with self._ctx.store.write() as tx:
            _PRICES.put(tx, waiting)
            tasks = tx.tasks.many([id_ for id_ in waiting if id_ not in told])
        for task in tasks if wanted.url.get_secret_value() and wanted.on_question else ():
            t = self._words()
            named = {"shot": task.shot, "take": task.take, "provider": task.provider.value}
            try:
                price = asked_price(self._ctx, task.id)
                link = link_of(self._ctx, "price", task.id, mark_of_price(self._ctx, task, price))
                shown = t.money(price, estimated=False) if price else t("shell.price_unknown")
            except VidgenError:
                # Without a price there is nothing that a link could say yes to.
                link, shown = None, t("shell.price_unknown")
            self._send(messages.of_question("price_to_confirm", t("notices.price", price=shown, **named), link))

    def _limits(self) -> None:
        """A limit of the budget comes near: the log says so once, and this passes it on."""
        wanted = self._ctx.settings().notices
        with self._ctx.store.read() as tx:
            told = _LIMITS.get(tx)
            newest = max([line.id for line in tx.log.page(None, limit=1)], default=0)
            # What stood in the log before the first look is no news; what was read once is not read again.
            since = max(self._read_to, newest if told is None else told)
            lines = tx.log.after(since, None, LogFilter(codes=_NEAR), 50)
        self._read_to = lines[-1].id if lines else newest
        if not lines and told is not None:
            return
        with self._ctx.store.write() as tx:
            _LIMITS.put(tx, self._read_to)
            names = {project.id: project.name for project in tx.projects.all()}
        for line in lines if wanted.url.get_secret_value() and wanted.on_budget else ():
            project = names.get(line.project_id) if line.project_id else None
            self._send(messages.of_budget(f"Vidgen: {log_sentence(self._words(), line)}", project))

    # --- pauses

    def _pauses(self) -> None:
        wanted = self._ctx.settings().notices
        if not (wanted.url.get_secret_value() and wanted.on_pause):
            return
        with self._ctx.store.read() as tx:
            paused = tx.state.get(_PAUSED)
            holds = {mode: hold for mode in provider_ids() if (hold := tx.state.get(PROVIDER_PAUSE.name(mode)))}
            told = {name: _TOLD.get(tx, name) for name in (_PAUSED, *provider_ids())}
            projects = {project.name: _budget(tx, project.id) for project in tx.projects.all()}
        self._pause(paused, told[_PAUSED])
        for project, (name, hold, before) in projects.items():
            self._project(project, name, hold, before)
        for mode in provider_ids():
            self._provider_pause(mode, holds.get(mode), told[mode])

    def _pause(self, paused: Any, told: Any) -> None:
        """Whoever pauses by hand knows it; what pauses by itself is told once."""
        reason = str(paused.get("reason", "user")) if isinstance(paused, dict) else None
        if reason in (None, "user"):
            if told is not None:
                self._note(_PAUSED, None)
        elif told != paused and self._note(_PAUSED, paused):
            self._tell_pause(None, reason or "", paused)

    def _project(self, project: str, name: str, hold: Any, told: Any) -> None:
        """A project at its budget waits for a person."""
        if hold is None and told is not None:
            self._note(name, None)
        elif isinstance(hold, dict) and told is None and self._note(name, {"code": hold.get("code")}):
            self._tell_pause(None, str(hold.get("code")), hold.get("params") or {}, project=project)

    def _provider_pause(self, mode: ProviderId, hold: Any, told: Any) -> None:
        if hold is None:
            if told is not None and not self._recent(mode):
                self._note(mode, None)
            return
        cause = str(hold.get("code", ""))
        now = time.monotonic()
        since, seen = self._holds.get((mode, cause), (now, now))
        since = since if now - seen < _SAME else now
        self._holds[mode, cause] = (since, now)
        # What opens by itself in a moment is not worth a message.
        passing = hold.get("until") is not None and now - since < LASTING
        if passing or (isinstance(told, dict) and told.get("code") == cause):
            return
        if self._note(mode, {"code": cause, "since": hold.get("since")}):
            self._tell_pause(mode, cause, hold.get("params") or {})

    def _recent(self, mode: ProviderId) -> bool:
        """Whether the provider stood still a moment ago: short holds in a row are one."""
        now = time.monotonic()
        return any(now - seen < _SAME for (held, _), (_, seen) in self._holds.items() if held is mode)

    def _tell_pause(
        self, mode: ProviderId | None, code: str, params: dict[str, Any], *, project: str | None = None
    ) -> None:
        t = self._words()
        known = t.has(f"error.{code}")
        sentence = t.error(ErrorKind.PROVIDER, code, params) if known else t("notices.unknown_pause", code=code)
        self._send(messages.of_pause(mode.value if mode else None, code, sentence, t, project))

    def _note(self, name: str, what: Any) -> bool:
        with self._ctx.store.write() as tx:
            if _TOLD.get(tx, name) == what:
                return False
            _TOLD.put(tx, what, name)
            return True

    # --- sending

    def _send(self, notice: messages.Notification) -> None:
        from vidgen_core.services.notifications.sending import TRIES, host_of, send

        settings = self._ctx.settings()
        try:
            send(notice, settings, tries=1 if self._stopping.is_set() else TRIES, sleep=self._stopping.wait)
        except VidgenError as error:
            why = str(error.params.get("why", error.code))
            self._log(LogLevel.WARNING, "notice_failed", host=host_of(settings), why=why)
        else:
            self._log(LogLevel.INFO, "notice_sent", host=host_of(settings))

    def _log(self, level: LogLevel, code: str, **params: Any) -> None:
        with self._ctx.store.write() as tx:
            tx.log.add(level, code, **params)


def _budget(tx: Tx, project_id: int) -> tuple[str, Any, Any]:
    """Under which name a project's hold stands, the hold, and what was told of it."""
    name = PROJECT_PAUSE.name(project_id)
    return name, tx.state.get(name), _TOLD.get(tx, name)
