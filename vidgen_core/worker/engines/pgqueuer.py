"""PgQueuer as the engine: its tables lie beside ours in the same database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, Final

import asyncpg
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from sqlalchemy.engine import make_url

from vidgen_core.worker.engines.engine import Carry

logger = logging.getLogger(__name__)
# That a server was restarted is no news for people, least of all with a traceback for each connection.
logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)

#: The name under which PgQueuer keeps our jobs; those of one worker have its name after it.
ENTRYPOINT: Final = "task"
#: Options of an address that both drivers know.
OPTIONS: Final = frozenset(
    {"host", "port", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword"}
)
#: Seconds until a server that is away is asked again.
AGAIN: Final = 1.0
#: Seconds that a statement may take: a server that has gone silent is given up.
LONGEST: Final = 10.0
#: Jobs taken at once, so that others have a turn between.
BATCH: Final = 5
#: Two first starts take turns by this advisory lock.
INSTALL_LOCK: Final = 0x7669646A
#: What is raised while the server cannot be used; the worker, which meets the same, says so.
_AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_NO_LATER_THAN_NOW: Final = """
    UPDATE pgqueuer SET execute_after = least(execute_after, now()), heartbeat = least(heartbeat, now())
    WHERE execute_after > now() OR heartbeat > now()
"""


class _Watched(Queries):
    """Says when jobs cannot be taken any more: ``QueueManager.run`` would first wait for all that are carried."""

    broken: Callable[[], None] = staticmethod(lambda: None)

    async def dequeue(self, *args: Any, **options: Any) -> list[Job]:
        try:
            return await super().dequeue(*args, **options)
        except Exception:
            self.broken()
            raise


class PgQueuerEngine:
    """An engine (see ``engine.Engine``); belongs to one event loop."""

    def __init__(self, url: str, takeover_seconds: float, machine: str) -> None:
        self._url = _for_asyncpg(url)
        self._machine = machine
        self._takeover = timedelta(seconds=takeover_seconds)
        self._ended = asyncio.Event()
        self._manager: QueueManager | None = None

    def stop(self) -> None:
        self._ended.set()
        if self._manager is not None:
            self._manager.shutdown.set()

    async def put(self, task_ids: Collection[int], machine: str = "") -> None:
        manager = self._manager
        if manager is None or not task_ids:
            return
        names = [str(id_) for id_ in task_ids]
        payload: list[bytes | None] = [name.encode() for name in names]
        try:
            await manager.queries.enqueue(
                [_entrypoint(machine)] * len(names),
                payload,
                [0] * len(names),
                dedupe_key=[f"{name}.{machine}" if machine else name for name in names],
                on_conflict="skip",
            )
        except _AWAY as error:
            logger.info("the engine's server is away: %s", error)

    async def run(self, carry: Carry) -> None:
        told = ""
        while not self._ended.is_set():
            try:
                # ``timeout`` is that of a connection, ``command_timeout`` that of a statement.
                async with asyncpg.create_pool(
                    self._url, min_size=0, max_size=3, timeout=LONGEST, command_timeout=LONGEST, reset=_nothing
                ) as pool:
                    await self._serve(pool, carry)
            except Exception as error:  # noqa: BLE001 - whatever breaks in it, tasks are still to be handed out
                why = str(error) or type(error).__name__
                quiet = why == told or isinstance(error, _AWAY)
                logger.log(logging.INFO if quiet else logging.WARNING, "the engine begins again: %s", why)
                told = why
            self._manager = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), AGAIN)

    async def _serve(self, pool: Any, carry: Carry) -> None:
        queries = _Watched(AsyncpgPoolDriver(pool))
        await _install(pool, queries)
        manager = QueueManager(queries)
        over = asyncio.Event()
        queries.broken = over.set

        async def _carry(job: Job) -> None:
            if await _unless(over, carry(int(job.payload or b"0"))):
                # Given back, for another worker to go on with.
                raise RetryRequested(timedelta(0))

        for name in (_entrypoint(""), _entrypoint(self._machine)):
            manager.entrypoint(name)(_carry)
        self._manager = manager
        if self._ended.is_set():
            return
        ending = asyncio.create_task(self._ended.wait())
        ending.add_done_callback(lambda _: over.set())
        mending = asyncio.create_task(self._mend_times(pool))
        try:
            await manager.run(
                dequeue_timeout=min(self._takeover / 6, timedelta(seconds=1)),
                batch_size=BATCH,
                heartbeat_timeout=self._takeover,
            )
        finally:
            ending.cancel()
            mending.cancel()

    async def _mend_times(self, pool: Any) -> None:
        """Let no job wait for a time that was written down before the clock of the server was set back; none is due later."""
        while True:
            await asyncio.sleep(self._takeover.total_seconds())
            # What goes wrong here goes wrong in the queue as well, which says so.
            with contextlib.suppress(*_AWAY):
                await pool.execute(_NO_LATER_THAN_NOW)


def _for_asyncpg(url: str) -> str:
    """The same address as the store's driver reads it, without options that only that one has."""
    parsed = make_url(url)
    query = {name: value for name, value in parsed.query.items() if name in OPTIONS}
    return parsed.set(drivername="postgresql", query=query).render_as_string(hide_password=False)


def _entrypoint(machine: str) -> str:
    return f"{ENTRYPOINT}.{machine}" if machine else ENTRYPOINT


async def _nothing(_connection: Any) -> None:
    """What is to be undone of a session before its next use: nothing, where asyncpg would send four statements."""


async def _unless(over: asyncio.Event, carrying: Any) -> bool:
    """Wait until a task is carried; True when the engine is over before that."""
    carried, ended = asyncio.ensure_future(carrying), asyncio.create_task(over.wait())
    try:
        await asyncio.wait((carried, ended), return_when=asyncio.FIRST_COMPLETED)
        if not carried.done():
            return True
        await carried
        return False
    finally:
        carried.cancel()
        ended.cancel()


async def _install(pool: Any, queries: Queries) -> None:
    """Create or upgrade PgQueuer's tables."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({INSTALL_LOCK})")
        if not await queries.schema_is_installed():
            await queries.install()
        elif (await queries.plan_upgrade()).statements:
            await queries.upgrade()
