"""The store: the database and the journal of a data home."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vidgen_core.db.engine import Store, Tx
from vidgen_core.db.journal import Journal, JournalState

if TYPE_CHECKING:
    from vidgen_core.db.repositories.candidates import NewCandidate
    from vidgen_core.db.repositories.shots import NewShot
    from vidgen_core.db.repositories.takes import NewTake
    from vidgen_core.db.repositories.tasks import ActiveCount, NewTask

__all__ = [
    "ActiveCount", "Journal", "JournalState", "NewCandidate", "NewShot", "NewTake", "NewTask", "Store", "Tx",
]  # fmt: skip

#: Imported when somebody asks for them, as the repositories are.
_MODULES = {
    "ActiveCount": "tasks", "NewCandidate": "candidates", "NewShot": "shots", "NewTake": "takes", "NewTask": "tasks",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"vidgen_core.db.repositories.{_MODULES[name]}"), name)
