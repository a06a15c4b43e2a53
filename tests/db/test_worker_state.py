"""Typed values of the state table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vidgen_core.db import Store
from vidgen_core.db.worker_state import CHECK_NOW, PROVIDER_PAUSE, ProviderPause
from vidgen_core.domain.providers import ProviderId

PAUSE = ProviderPause(code="pause_no_key", params={"cause": "no_keys"}, since=datetime(2026, 1, 2, tzinfo=UTC))


def test_a_value_comes_back_as_it_was_put_under_its_own_key_and_goes_with_none(store: Store) -> None:
    with store.write() as tx:
        PROVIDER_PAUSE.put(tx, PAUSE, ProviderId("yunwu"))
        CHECK_NOW.put(tx, [3, 5])
    with store.read() as tx:
        assert PROVIDER_PAUSE.get(tx, ProviderId("yunwu")) == PAUSE
        assert PROVIDER_PAUSE.get(tx, ProviderId("kie")) is None
        assert CHECK_NOW.get(tx) == [3, 5]
    with store.write() as tx:
        PROVIDER_PAUSE.put(tx, None, ProviderId("yunwu"))
        assert not PROVIDER_PAUSE.has(tx, ProviderId("yunwu"))


def test_a_value_of_another_shape_is_refused_and_still_known_to_be_there(store: Store) -> None:
    with store.write() as tx:
        tx.state.put(PROVIDER_PAUSE.name(ProviderId("kie")), {"reason": "?"})
        assert PROVIDER_PAUSE.has(tx, ProviderId("kie"))
        with pytest.raises(ValidationError):
            PROVIDER_PAUSE.get(tx, ProviderId("kie"))
