"""Fixtures that all tests share."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import argon2
import httpx
import pytest
import respx.mocks
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.db.backends.sqlite import SqliteBackend
from vidgen_core.media.kenburns import RenderSpec, render

# A test is right or wrong; how long it takes is the machine's affair.
settings.register_profile("quick", deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=200)


def pytest_configure(config: pytest.Config) -> None:
    """Try fewer made-up values where the extended tests are left out, and let Ctrl+C reach what tests start."""
    settings.load_profile("quick" if "not extended" in config.option.markexpr else "thorough")
    # A shell lets its background jobs ignore it, and they hand that on to every process they start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector pass over what importing all tests makes: it stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


#: Modules that use the PostgreSQL of the session, which each worker would start for itself.
ON_POSTGRES = {
    "test_shared_database.py",
    "test_settings_shared.py",
    "test_writing_of_two_machines.py",
    "test_container.py",
}


class KeptTogether(LoadScopeScheduling):
    """Tests one by one to whichever worker is free, but for those that share what is dear to make.

    Browser tests stay with their module, and all together in ``make test``, where they are few. Marks of groups, which
    pytest-xdist knows, have no effect from pytest 9.2 on.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if "postgres" in nodeid or path.rpartition("/")[2] in ON_POSTGRES:
            return "postgres"
        if "test_many_workers" in path:
            # Each of them starts three processes.
            return f"many workers, {sum(nodeid.encode()) % 2}"
        if "/i18n/" in path or "test_log_sentences" in path or "test_words" in path or "test_two_servers" in path:
            # They read the source of the whole program, or start servers, once a module.
            return path
        if "browser/" not in path:
            return nodeid
        return "browser" if "not extended" in self.config.option.markexpr else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> KeptTogether:
    return KeptTogether(config, log)


class TransportMocker(respx.mocks.AbstractRequestMocker):
    """Wire shapes at httpx's transports: our own for event loops, its own for everything else."""

    name = "transport"
    targets = ["vidgen_core.providers.http.transport.Transport", "httpx.HTTPTransport"]  # noqa: RUF012
    target_methods = ["handle_request", "handle_async_request"]  # noqa: RUF012

    @classmethod
    def to_httpx_request(cls, request: httpx.Request, **_: object) -> httpx.Request:
        return request

    @classmethod
    def from_sync_httpx_response(cls, httpx_response: httpx.Response, *_: object, **__: object) -> httpx.Response:
        return httpx_response

    @classmethod
    async def from_async_httpx_response(
        cls, httpx_response: httpx.Response, *_: object, **__: object
    ) -> httpx.Response:
        return httpx_response


respx.mocks.DEFAULT_MOCKER = TransportMocker.name


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting and no proxy of this machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("VIDGEN_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # Checks of takes load models and decode every clip; tests of them switch them on.
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "false")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that nobody has written to, migrated once."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    Store.open(path).close()
    return path


@pytest.fixture(autouse=True)
def known_schema(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> None:
    """New databases are copies of an empty one, in all tests but the store's own: migrating takes a quarter of a second."""
    prepare = SqliteBackend.prepare

    def copy(backend: SqliteBackend) -> None:
        if not backend.path.exists() and backend.path.parent.is_dir():
            shutil.copyfile(empty_database, backend.path)
        prepare(backend)

    if "db" not in request.path.relative_to(Path(__file__).parent).parts:
        monkeypatch.setattr(SqliteBackend, "prepare", copy)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least work it allows: a hash is slow on purpose, and its strength is not what is tested."""
    cheap = functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(argon2, "PasswordHasher", cheap)


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    """An empty data home."""
    return Locations(tmp_path / "home").create()


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real MP4, 9:16, one second."""
    path = tmp_path_factory.mktemp("video") / "small.mp4"
    render(RenderSpec(image=None, prompt="pan left", width=72, height=128, seconds=1.0), path)
    return path
