"""Yunwu and KIE keep the contract, against the rehearsal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from contract import RemoteContract
from provider_world import World

from vidgen_core.config.schema import Settings
from vidgen_core.providers.base import Provider
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.yunwu.adapter import Yunwu

Build = Callable[[Callable[[], Settings]], Provider]


class TestYunwu(RemoteContract):
    @pytest.fixture
    def build(self, world: World) -> Build:
        return lambda settings: Yunwu(settings, world.locations)

    @pytest.fixture
    async def provider(self, world: World) -> AsyncIterator[Provider]:
        provider = Yunwu(world.settings, world.locations)
        yield provider
        await provider.close()


class TestKieVeo(RemoteContract):
    @pytest.fixture
    def build(self, world: World) -> Build:
        return lambda settings: Kie(settings, world.locations)

    @pytest.fixture
    async def provider(self, world: World) -> AsyncIterator[Provider]:
        provider = Kie(world.settings, world.locations)
        yield provider
        await provider.close()


class TestKieJobs(TestKieVeo):
    @pytest.fixture(autouse=True)
    def _model(self, world: World) -> None:
        world.options = {"kie": {"model": "grok-imagine/image-to-video"}}
