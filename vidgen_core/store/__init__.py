"""The store: everything that must survive."""

from vidgen_core.store.base import Page
from vidgen_core.store.candidates import NewCandidate
from vidgen_core.store.engine import Store, Tx
from vidgen_core.store.journal import Journal, Look
from vidgen_core.store.log import LogFilter
from vidgen_core.store.search import TaskFilter, TaskSort
from vidgen_core.store.shots import NewShot, ShotFilter
from vidgen_core.store.takes import NewTake
from vidgen_core.store.tasks import NewTask, UnderWay

__all__ = [
    "Journal",
    "LogFilter",
    "Look",
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
