"""The store: the database and the journal of a data home."""

from vidgen_core.db.engine import Store, Tx
from vidgen_core.db.journal import Journal, JournalState

__all__ = ["Journal", "JournalState", "Store", "Tx"]
