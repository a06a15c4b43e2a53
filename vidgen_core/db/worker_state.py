"""Typed values of the state table: what the worker, the services and the API tell one another there."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from pydantic import Field, TypeAdapter

from vidgen_core.db.engine import Tx
from vidgen_core.db.schema.system import SETTINGS
from vidgen_core.domain.base import Frozen

T = TypeVar("T")


class StateRow(Generic[T]):
    """One value of the state table, or a family of them, with its name and type in one place.

    :param name: with ``{}`` where a family has its key
    :param shape: the type of the value, as pydantic reads and writes it
    """

    def __init__(self, name: str, shape: Any) -> None:
        self._name = name
        self._adapter: TypeAdapter[T] = TypeAdapter(shape)

    def name(self, *key: object) -> str:
        """The name in the table."""
        return self._name.format(*key)

    def has(self, tx: Tx, *key: object) -> bool:
        """Whether there is a value, whichever version kept it."""
        return tx.state.get(self.name(*key)) is not None

    def get(self, tx: Tx, *key: object) -> T | None:
        """The value; None without one.

        :raises pydantic.ValidationError: it was kept by a version that wrote it otherwise
        """
        kept = tx.state.get(self.name(*key))
        return None if kept is None else self._adapter.validate_python(kept)

    def put(self, tx: Tx, value: T | None, *key: object) -> None:
        """Keep a value; None removes it."""
        tx.state.put(self.name(*key), None if value is None else self._adapter.dump_python(value, mode="json"))


class SharedSettings(Frozen):
    """The settings of all machines, as TOML, and how often they were changed."""

    rev: int
    text: str


class Paused(Frozen):
    """Nothing new is submitted, for all providers."""

    submitting: bool = True
    reason: str = "user"


class ProviderPause(Frozen):
    """Why nothing is submitted to a provider; ``until`` None waits for a person or for what is missing."""

    code: str
    params: dict[str, Any]
    since: datetime
    until: datetime | None = None
    #: Whether it ends without a person, once the cause is gone.
    by_itself: bool = True
    #: Whether a person was asked to do something in the provider's own window.
    handed_over: bool = False
    #: What did not fit into the budget (``money.BudgetExceeded``).
    stop: dict[str, Any] | None = None


class Alike(Frozen):
    """What has gone wrong in the same way: one such thing is bad luck, several are a wrong setting."""

    #: Model and code of the last refusals, and how many came in a row.
    cause: str = ""
    count: int = 0
    #: Tasks that failed with a message nobody knows, by model and message.
    messages: dict[str, list[int]] = Field(default_factory=dict)


class ProjectPause(Frozen):
    """Why the tasks of a project wait: it has reached a limit of its own."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    #: What did not fit (``money.BudgetExceeded``).
    stop: dict[str, Any] | None = None


class WaitingBatch(Frozen):
    """A batch of which only the first shot was released."""

    batch: int
    project_id: int
    #: Tasks of the first shot.
    first: list[int]
    #: Whether the rest goes out without a person once the first shot has succeeded.
    auto: bool
    #: Tasks that wait; None: all of the batch that are pending.
    rest: list[int] | None = None
    #: What the first task is to show of its model (``worker.canary.proof_of``); empty: that it succeeds.
    proof: str = ""


class SaveFolderMount(Frozen):
    """The drive that the save folder was on."""

    folder: str
    mount: str


#: The setting of a project that keeps its autopilot run.
AUTOPILOT: Final = "walk"
#: The settings of all machines that share a database.
SHARED_SETTINGS: Final = StateRow[SharedSettings](SETTINGS, SharedSettings)
PAUSED: Final = StateRow[Paused]("paused", Paused)
PROVIDER_PAUSE: Final = StateRow[ProviderPause]("provider_pause.{}", ProviderPause)
ALIKE: Final = StateRow[Alike]("alike.{}", Alike)
PROJECT_PAUSE: Final = StateRow[ProjectPause]("budget.hold.{}", ProjectPause)
#: Tasks to be polled now; written by processes that do not run them.
CHECK_NOW: Final = StateRow[list[int]]("look_now", list[int])
#: How many paid acts the database has seen; the journal counts them, too.
GENERATION: Final = StateRow[int]("generation", int)
#: How often a person has trusted a database that may be older than what was bought.
TRUSTED: Final = StateRow[int]("trusted", int)
#: Seconds by which the clock of a shared database was set in all, as far as the times that are kept were shifted.
CLOCK_SET: Final = StateRow[float]("clock_set", float)
WAITING_BATCHES: Final = StateRow[list[WaitingBatch]]("canaries", list[WaitingBatch])
#: What models were seen to do although nothing says that they do it.
PROVED_MODELS: Final = StateRow[list[str]]("proved_models", list[str])
SAVE_FOLDER_MOUNT: Final = StateRow[SaveFolderMount]("save_folder_mount", SaveFolderMount)


def forget_checks(tx: Tx, task_ids: Container[int]) -> None:
    """Take tasks off the list of those to be polled now."""
    CHECK_NOW.put(tx, [id_ for id_ in CHECK_NOW.get(tx) or () if id_ not in task_ids])
