"""Engines: which of several workers carries which task."""

from __future__ import annotations

from vidgen_core.domain.errors import StoreError
from vidgen_core.worker.engines.engine import Engine


def engine_of(url: str, takeover_seconds: float, machine: str) -> Engine:
    """The engine of a database.

    :param takeover_seconds: after so long without a sign of life a worker's tasks are handed to others
    :param machine: the name of this worker
    :raises StoreError: ``store_driver_missing``
    """
    try:
        from vidgen_core.worker.engines.pgqueuer import PgQueuerEngine
    except ImportError:
        # An ImportError of its own says nothing to people.
        raise StoreError("store_driver_missing") from None
    return PgQueuerEngine(url, takeover_seconds, machine)
