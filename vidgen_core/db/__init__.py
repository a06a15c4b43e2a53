"""The store: everything that must survive."""

from vidgen_core.db.engine import Store, Tx
from vidgen_core.db.journal import Journal, JournalState
from vidgen_core.db.repositories.candidates import NewCandidate
from vidgen_core.db.repositories.log import LogFilter
from vidgen_core.db.repositories.shots import NewShot, ShotFilter
from vidgen_core.db.repositories.takes import NewTake
from vidgen_core.db.repositories.task_search import TaskFilter, TaskSort
from vidgen_core.db.repositories.tasks import NewTask, UnderWay
from vidgen_core.db.repository import Page

__all__ = [
    "Journal",
    "JournalState",
    "LogFilter",
    "NewCandidate",
    "NewShot",
    "NewTake",
    "NewTask",
    "Page",
    "ShotFilter",
    "Store",
    "TaskFilter",
    "TaskSort",
    "Tx",
    "UnderWay",
]
