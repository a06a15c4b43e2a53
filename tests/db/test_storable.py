"""Whatever an answer may hold, the store keeps; whatever a path may hold, it opens."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from vidgen_core.db import Store
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.queries import LogFilter


@pytest.fixture
def store(every_store: Store) -> Store:
    return every_store


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("half \ud83d a character", "half \ufffd a character"),
        ("two halves \ud83d\ude00", "two halves 😀"),
        ("nul \0 inside", "nul \0 inside"),
        ("短剧 \ufeff²", "短剧 \ufeff²"),
        (10**30, 10**30),
        (math.nan, None),
        ([1.5, {"deep": math.inf}], [1.5, {"deep": None}]),
    ],
)
def test_a_value_of_an_answer_is_kept(store: Store, given: object, kept: object) -> None:
    with store.write() as tx:
        tx.state.put("said", {"it": given})
        tx.log.add(LogLevel.INFO, "code", it=given)
    with store.read() as tx:
        assert tx.state.get("said") == {"it": kept}
        assert tx.log.page(None, LogFilter(), 1)[0].params == {"it": kept}


def test_a_name_and_a_text_column_take_any_text(store: Store) -> None:
    with store.write() as tx:
        project = tx.projects.ensure("ep\ud83d\0 1")
    with store.read() as tx:
        assert tx.projects.get(project.id).name == "ep\ufffd\ufffd 1"


@pytest.mark.parametrize("name", ["a?mode=ro", "100%41", "短剧 #1", "a&b=c;d", "file:x", "a'b"])
def test_a_folder_of_any_name_holds_a_database(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    store = Store.open(str(folder / "vidgen.db"))
    with store.write() as tx:
        tx.projects.ensure("ep01")
    assert store.revision() > 0
    store.backup(folder / "copy.db")
    store.close()

    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert {"vidgen.db", "copy.db"} <= {path.name for path in folder.iterdir()}
    again = Store.open(folder / "copy.db")
    with again.read() as tx:
        assert [project.name for project in tx.projects.all()] == ["ep01"]
    again.close()
