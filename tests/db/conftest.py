"""Databases in real files; the schema is made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import postgres, postgres_url  # noqa: F401 - fixtures

from vidgen_core.db import Store

pytest.register_assert_rewrite("store_contract")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the long ones of the contract to `make test-all` where a server keeps it."""
    for item in items:
        if "TestPostgres" in item.nodeid and "any_sort" in item.name:
            item.add_marker(pytest.mark.extended)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "vidgen.db"
    Store.open(path).close()
    return path


@pytest.fixture
def database(new_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(new_database, tmp_path / "vidgen.db"))


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    opened = Store.open(database)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.extended])])
def every_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store in each kind of database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    opened = Store.open(request.getfixturevalue("postgres_url"))
    yield opened
    opened.close()
