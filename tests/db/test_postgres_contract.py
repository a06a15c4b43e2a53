"""PostgreSQL keeps the contract of the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from store_contract import StoreContract

from vidgen_core.db import Store


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    opened = Store.open(postgres_url)
    yield opened
    opened.close()


class TestPostgres(StoreContract):
    pass
