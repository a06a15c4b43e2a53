"""One thing to open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations, find_locations
from vidgen_core.config.schema import Settings
from vidgen_core.db import Journal, Store
from vidgen_core.domain.errors import FileError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.access.sessions import Sessions
from vidgen_core.services.context import ServiceContext, made_of, service
from vidgen_core.services.revision_cache import RevisionCache
from vidgen_core.services.system.database import SettingsRow, open_media, open_store

if TYPE_CHECKING:
    from vidgen_core.media.storage import LocalMedia
    from vidgen_core.providers.base import Provider
    from vidgen_core.services.access.agents import Agents
    from vidgen_core.services.access.requests import Requests
    from vidgen_core.services.autopilot.progress import ProjectProgress
    from vidgen_core.services.billing.budget import Budget
    from vidgen_core.services.exports.editing.edits import Edits
    from vidgen_core.services.exports.exports import Exports
    from vidgen_core.services.generation.answers import Answers
    from vidgen_core.services.generation.finishing import Finishing
    from vidgen_core.services.generation.quotes import Quotes
    from vidgen_core.services.generation.task_list import TaskList
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
    from vidgen_core.services.scripts.llm_queue import LlmQueue
    from vidgen_core.services.scripts.prompts import Prompts
    from vidgen_core.services.scripts.scripts import Scripts
    from vidgen_core.services.system.cleanup import Cleanup
    from vidgen_core.services.system.diagnostics import Diagnostics
    from vidgen_core.services.system.logs import Logs
    from vidgen_core.services.system.metrics import Metrics
    from vidgen_core.services.system.settings import SettingsService
    from vidgen_core.services.system.worker_control import BackgroundService, WorkerControl


class Vidgen:
    """A data home, opened::

        with Vidgen.open() as vidgen:
            project = vidgen.projects.ensure("ep01")
            vidgen.tasks.generate(project.id, vidgen.shots.ids(project.id))

    Safe to share between threads. Every verb raises a ``VidgenError`` or does what it says.
    """

    settings_file: SettingsService = service("system.settings")
    requests: Requests = service("access.requests")
    agents: Agents = service("access.agents")
    shots: Shots = service("library.shots")
    projects: Projects = service("library.projects")
    chains: Chains = service("library.chains", "shots")
    takes: Takes = service("library.takes")
    reviews: Reviews = service("library.reviews")
    tasks: Tasks = service("generation.tasks")
    #: What ``tasks`` tells, for those who change nothing: its modules are a tenth of what a command loads.
    task_list: TaskList = service("generation.task_list")
    quotes: Quotes = service(
        "generation.quotes", "tasks", "finishing", "pictures", "prompts", "model_judge", "scripts", "llm_queue"
    )
    answers: Answers = service("generation.answers", "tasks", "quotes")
    finishing: Finishing = service("generation.finishing")
    pictures: Pictures = service("library.pictures", "shots")
    characters: Characters = service("library.characters", "pictures")
    budget: Budget = service("billing.budget", "tasks")
    imports: Imports = service("imports.imports", "shots")
    watched_folders: WatchedFolders = service("imports.watched_folders", "imports", "shots", "tasks")
    worker: WorkerControl = service("system.worker_control", "tasks", "_companions")
    diagnostics: Diagnostics = service("system.diagnostics", "worker")
    metrics: Metrics = service("system.metrics", "worker")
    log: Logs = service("system.logs")
    reports: Reports = service("reports.reports")
    notifications: Notifications = service("notifications.notifications")
    disputes: Disputes = service("reports.disputes")
    ledger: Ledger = service("reports.ledger")
    checks: Checks = service("quality.checks")
    exports: Exports = service("exports.exports")
    edits: Edits = service("exports.editing.edits")
    cleanup: Cleanup = service("system.cleanup")
    llm_queue: LlmQueue = service("scripts.llm_queue")
    scripts: Scripts = service("scripts.scripts", "llm_queue", "imports")
    prompts: Prompts = service("scripts.prompts", "llm_queue", "scripts", "shots")
    model_judge: ModelJudge = service("quality.model_judge", "llm_queue")
    progress: ProjectProgress = service(
        "autopilot.progress", "tasks", "shots", "pictures", "takes", "prompts", "exports"
    )

    def __init__(
        self, locations: Locations, store: Store, settings_file: SettingsFile, media: LocalMedia | None = None
    ) -> None:
        self._ctx = ServiceContext(locations, store, settings_file, media)
        store.witness = Journal(locations.journal).ledger
        self.sessions = Sessions(settings_file, store)
        self._ctx.bind_worker(lambda: made_of(self).get("worker"))

    @classmethod
    def open(cls, locations: Locations | None = None) -> Self:
        """Open the data home, making it where there is none.

        :raises StoreError: the database is locked, damaged, too new or cannot be written
        :raises FileError: ``home_unwritable`` (path, why), ``media_driver_missing``
        """
        where = _create(locations or find_locations())
        settings_file = SettingsFile(where)
        store = open_store(where)
        try:
            if store.is_shared:
                settings_file.share(SettingsRow(store))
            opened = cls(where, store, settings_file, open_media(where))
            where.make_private()
            if not where.journal.exists():
                # Before the first task is queued: a copy of the home is known by it.
                opened.worker.begin_journal()
        except BaseException:
            store.close()
            raise
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

    @requires(Role.VIEWER)
    def on_change(self, tell: Callable[[], None]) -> Callable[[], None]:
        """As ``Store.on_change``."""
        return self._ctx.store.on_change(tell)

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
        for name in {"llm_queue", "worker"} & made_of(self).keys():
            getattr(self, name).stop_soon()

    def stop_at_once(self) -> None:
        """While ``close`` waits for paid requests: give them up, so that whether they were bought is not known."""
        for name in {"llm_queue", "worker"} & made_of(self).keys():
            getattr(self, name).stop_at_once()

    def close(self, waits: Callable[[int, float], None] | None = None) -> None:
        """Stop the runner if it is here and close the store; may be called twice.

        Paid requests that are out, orders and questions to language models, are waited for as long as they may take.

        :param waits: told when there are any: how many, and the most seconds
        """
        self.stop_soon()
        made = made_of(self)
        if "exports" in made:
            self.exports.close()
        if "llm_queue" in made:
            self.llm_queue.close(waits)
        if "worker" in made:
            self.worker.stop(waits=waits)
        self.store.close()

    def _companions(self) -> tuple[Sequence[BackgroundService], Sequence[BackgroundService]]:
        return (self.progress, self.watched_folders, self.checks), (self.notifications,)

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
