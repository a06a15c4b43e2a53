"""Opening, sharing, damaging and copying the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidgen_core.errors import StoreError
from vidgen_core.store import Store


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "vidgen.db"
    path.write_bytes(b"these are not the bytes of a database" * 200)
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    assert caught.value.code == "store_damaged"


def test_a_store_opens_by_path_and_by_url_and_sees_the_same_things(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "vidgen.db")
    with first.write() as tx:
        made = tx.projects.ensure("film")
    second = Store.open(f"sqlite:///{tmp_path / 'vidgen.db'}")
    with second.read() as tx:
        assert tx.projects.find("film") == made
    first.close()
    second.close()
