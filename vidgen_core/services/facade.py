"""One thing to open."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations, find_locations
from vidgen_core.config.schema import Settings
from vidgen_core.db import Journal, Store
from vidgen_core.domain.errors import FileError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.access.agents import Agents
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.access.requests import Requests
from vidgen_core.services.access.sessions import Sessions
from vidgen_core.services.autopilot.progress import ProjectProgress
from vidgen_core.services.billing.budget import Budget
from vidgen_core.services.context import ServiceContext
from vidgen_core.services.exports.editing.edits import Edits
from vidgen_core.services.exports.exports import Exports
from vidgen_core.services.generation.answers import Answers
from vidgen_core.services.generation.finishing import Finishing
from vidgen_core.services.generation.quotes import Quotes
from vidgen_core.services.generation.tasks import Tasks
from vidgen_core.services.imports.imports import Imports
from vidgen_core.services.imports.watched_folders import WatchedFolders
from vidgen_core.services.library.chains import Chains
from vidgen_core.services.library.characters import Characters
from vidgen_core.services.library.pictures import Pictures
from vidgen_core.services.library.projects import Projects
from vidgen_core.services.library.reviews import Reviews
from vidgen_core.services.library.shots import Shots
from vidgen_core.services.library.takes import Takes
from vidgen_core.services.notifications.notifications import Notifications
from vidgen_core.services.quality.checks import Checks
from vidgen_core.services.quality.model_judge import ModelJudge
from vidgen_core.services.reports.disputes import Disputes
from vidgen_core.services.reports.ledger import Ledger
from vidgen_core.services.reports.reports import Reports
from vidgen_core.services.revision_cache import RevisionCache
from vidgen_core.services.scripts.llm_queue import LlmQueue
from vidgen_core.services.scripts.prompts import Prompts
from vidgen_core.services.scripts.scripts import Scripts
from vidgen_core.services.system.cleanup import Cleanup
from vidgen_core.services.system.database import open_store
from vidgen_core.services.system.diagnostics import Diagnostics
from vidgen_core.services.system.logs import Logs
from vidgen_core.services.system.metrics import Metrics
from vidgen_core.services.system.settings import SettingsService
from vidgen_core.services.system.worker_control import WorkerControl

if TYPE_CHECKING:
    from vidgen_core.providers.base import Provider


class Vidgen:
    """A data home, opened::

        with Vidgen.open() as vidgen:
            project = vidgen.projects.ensure("ep01")
            vidgen.tasks.generate(project.id, vidgen.shots.ids(project.id))

    Safe to share between threads. Every verb raises a ``VidgenError`` or does what it says.
    """

    def __init__(self, locations: Locations, store: Store, settings_file: SettingsFile) -> None:
        self._ctx = ctx = ServiceContext(locations, store, settings_file)
        store.witness = Journal(locations.journal).ledger
        self.settings_file = SettingsService(ctx)
        self.sessions = Sessions(settings_file, store)
        self.requests = Requests(ctx)
        self.agents = Agents(ctx)
        self.shots = Shots(ctx)
        self.projects = Projects(ctx, self.shots)
        self.chains = Chains(ctx, self.shots)
        self.takes = Takes(ctx)
        self.reviews = Reviews(ctx)
        self.tasks = Tasks(ctx)
        self.quotes = Quotes(ctx, self.tasks)
        self.answers = Answers(ctx, self.tasks, self.quotes)
        self.finishing = Finishing(ctx)
        self.pictures = Pictures(ctx, self.shots)
        self.characters = Characters(ctx, self.pictures)
        self.budget = Budget(ctx, self.tasks)
        self.imports = Imports(ctx, self.shots)
        self.watched_folders = WatchedFolders(ctx, self.imports, self.shots, self.tasks)
        self.worker = WorkerControl(ctx, self.tasks)
        self.diagnostics = Diagnostics(ctx, self.worker)
        self.metrics = Metrics(ctx, self.worker)
        self.log = Logs(ctx)
        self.reports = Reports(ctx)
        self.notifications = Notifications(ctx)
        self.disputes = Disputes(ctx)
        self.ledger = Ledger(ctx)
        self.checks = Checks(ctx)
        self.exports = Exports(ctx)
        self.edits = Edits(ctx)
        self.cleanup = Cleanup(ctx)
        self.llm_queue = LlmQueue(ctx)
        self.scripts = Scripts(ctx, self.llm_queue, self.imports)
        self.prompts = Prompts(ctx, self.llm_queue, self.scripts, self.shots)
        self.model_judge = ModelJudge(ctx, self.llm_queue)
        self.progress = ProjectProgress(
            ctx, self.tasks, self.shots, self.pictures, self.takes, self.prompts, self.exports
        )
        ctx.bind_worker(self.worker)
        self.worker.attach(self.progress, self.watched_folders, self.checks, after=(self.notifications,))

    @classmethod
    def open(cls, locations: Locations | None = None) -> Self:
        """Open the data home, making it where there is none.

        :raises StoreError: the database is locked, damaged, too new or cannot be written
        :raises FileError: ``home_unwritable`` (path, why)
        """
        where = _create(locations or find_locations())
        settings_file = SettingsFile(where)
        opened = cls(where, open_store(where), settings_file)
        where.make_private()
        # Before the first task is queued: a copy of the home is known by it.
        opened.worker.begin_journal()
        return opened

    @property
    @requires(Role.VIEWER, always=True)
    def locations(self) -> Locations:
        return self._ctx.locations

    @property
    def context(self) -> ServiceContext:
        return self._ctx

    @property
    def store(self) -> Store:
        return self._ctx.store

    @property
    def revision_cache(self) -> RevisionCache:
        return self._ctx.revision_cache

    @requires(Role.VIEWER)
    def revision(self) -> int:
        """The store's number of changes."""
        return self._ctx.store.revision()

    @requires(Role.VIEWER, always=True)
    def settings(self) -> Settings:
        """The settings in force now.

        :raises SettingsError: the file cannot be read and there are no earlier good settings
        """
        return self._ctx.settings()

    @requires(Role.VIEWER, always=True)
    def provider(self, mode: ProviderId) -> Provider:
        """The provider of a mode, for its free and quick answers: models, capabilities, checks."""
        return self._ctx.provider(mode)

    @property
    @requires(Role.VIEWER, always=True)
    def modes(self) -> tuple[ProviderId, ...]:
        """The generation modes that can be chosen."""
        return self._ctx.modes

    def stop_soon(self) -> None:
        """Buy nothing new; waits for nothing."""
        self.llm_queue.stop_soon()
        self.worker.stop_soon()

    def stop_at_once(self) -> None:
        """While ``close`` waits for paid requests: give them up, so that whether they were bought is not known."""
        self.llm_queue.stop_at_once()
        self.worker.stop_at_once()

    def close(self, waits: Callable[[int, float], None] | None = None) -> None:
        """Stop the runner if it is here and close the store; may be called twice.

        Paid requests that are out, orders and questions to language models, are waited for as long as they may take.

        :param waits: told when there are any: how many, and the most seconds
        """
        self.stop_soon()
        self.exports.close()
        self.llm_queue.close(waits)
        self.worker.stop(waits=waits)
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _create(locations: Locations) -> Locations:
    try:
        return locations.create()
    except OSError as error:
        raise FileError("home_unwritable", path=str(locations.home), why=error.strerror or "") from error
