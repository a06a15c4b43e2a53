"""Answers that hold until something changes.

Ten open pages ask the same questions after every change. As long as neither the store's revision nor the settings have
changed, a question has the answer it had, whoever asks; what depends on the time of day does not belong here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from vidgen_core.config.schema import Settings
    from vidgen_core.db import Store, Tx

T = TypeVar("T")

#: Answers of one revision that are kept; pages that differ in everything forget each other's.
MOST: Final = 256


class RevisionCache:
    """The answers of the present revision. Safe to share between threads."""

    def __init__(self, store: Store, settings: Callable[[], Settings]) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[Hashable, Any] = {}
        self._of: tuple[int, Settings | None] = (-1, None)

    def ask(self, name: Hashable, question: Callable[[Tx], T]) -> T:
        """The answer to ``question`` now, which is asked only when the one under ``name`` no longer holds.

        :param name: tells questions apart; the same name must stand for the same question
        :param question: reads the store and the settings and nothing else, both when it is asked: settings read before could
            be older than those it is kept for; what it returns is shared and not to be changed
        """
        now = (self._store.revision(), self._settings())
        with self._lock:
            if self._same(now) and name in self._known:
                return cast("T", self._known[name])
        with self._store.read() as tx:
            answer = question(tx)
        # What was asked while something changed may be of before or after it, and is told once only.
        if self._store.revision() == now[0]:
            with self._lock:
                self._keep(now, name, answer)
        return answer

    def _same(self, now: tuple[int, Settings]) -> bool:
        return self._of[0] == now[0] and self._of[1] is now[1]

    def _keep(self, now: tuple[int, Settings], name: Hashable, answer: object) -> None:
        if now[0] < self._of[0]:
            # Somebody has seen a later state meanwhile.
            return
        if not self._same(now) or len(self._known) >= MOST:
            self._known.clear()
            self._of = now
        self._known[name] = answer
