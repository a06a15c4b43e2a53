"""Disputes: the lines of the ledger that a reseller has to answer for, as a file to be sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidgen_core.db.repositories.disputes import DisputeFilter, DisputeLine, DisputeRepository
from vidgen_core.domain.errors import ErrorKind, InputError
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.context import Service

if TYPE_CHECKING:
    from vidgen_core.i18n import Text

#: Lines of one pack; a longer period is taken in parts.
MOST: Final = 10_000


class Disputes(Service):
    """Packs for resellers."""

    any = stored(Role.VIEWER, DisputeRepository.any)

    @requires(Role.VIEWER)
    def pack(
        self,
        t: Text,
        project_id: int | None = None,
        *,
        task_ids: Collection[int] | None = None,
        provider: ProviderId | None = None,
        kinds: Collection[ErrorKind] = (),
        since: date | None = None,
        until: date | None = None,
        successes: bool = False,
        empty: bool = False,
    ) -> bytes:
        """A ZIP with CSV, JSON and a note, in the reader's language.

        :param task_ids: every attempt of these tasks; None: every attempt that was sent and brought no video
        :param since: the first day, :param until: the last one, both on the clock of the studio's machine
        :param successes: attempts that brought a video, too
        :param empty: without anything that fits, a pack that says so, for those who can only be given a file
        :raises InputError: ``period_backwards`` (since, until); ``dispute_empty``: nothing was sent that fits
        """
        begin, end = period(since, until)
        wanted = DisputeFilter(
            project_id=project_id,
            task_ids=None if task_ids is None else tuple(task_ids),
            provider=provider,
            kinds=frozenset(kinds),
            since=begin,
            until=end,
            successes=successes,
        )
        with self._ctx.store.read() as tx:
            lines = list(tx.disputes.lines(wanted, MOST + 1))
        if not lines and not empty:
            raise InputError("dispute_empty")
        return self._packed(lines, t)

    def _packed(self, lines: list[DisputeLine], t: Text) -> bytes:
        from vidgen_core.providers.http.redact import redact
        from vidgen_core.services.exports.dispute import dispute_pack

        providers = self._ctx.settings().providers
        keys = [key.secret.get_secret_value() for mode in provider_ids() for key in providers.of(mode).keys]
        # Some keys are pairs.
        secrets = [*keys, *(part for key in keys if ":" in key for part in key.split(":"))]
        return dispute_pack(lines[:MOST], t, lambda answer: redact(answer, *secrets), cut=len(lines) > MOST)

    @requires(Role.OWNER, log=False)
    def write(self, target: Path, pack: bytes) -> None:
        """Write a pack to a file, which appears whole or not at all.

        :raises FileError: disk_full, folder_read_only
        """
        from vidgen_core.services.exports.writers import write_bytes

        write_bytes(pack, target)


def period(since: date | None, until: date | None) -> tuple[datetime | None, datetime | None]:
    """Begin and end of some days, both included, on the clock of this machine.

    :raises InputError: ``period_backwards`` (since, until)
    """
    if since is not None and until is not None and until < since:
        raise InputError("period_backwards", since=since.isoformat(), until=until.isoformat())
    begin, end = (
        None if day is None else datetime.combine(day, time()).astimezone()
        for day in (since, until and until + timedelta(days=1))
    )
    return begin, end
