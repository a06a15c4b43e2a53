"""The store: the database and the journal of a data home."""

from vidgen_core.db.engine import Store, Tx
from vidgen_core.db.journal import Journal, JournalState
from vidgen_core.db.repositories.candidates import NewCandidate
from vidgen_core.db.repositories.shots import NewShot
from vidgen_core.db.repositories.takes import NewTake
from vidgen_core.db.repositories.tasks import ActiveCount, NewTask

__all__ = [
    "ActiveCount", "Journal", "JournalState", "NewCandidate", "NewShot", "NewTake", "NewTask", "Store", "Tx",
]  # fmt: skip
