"""Providers by id, and what is known of each without asking it.

A provider is a folder below ``vidgen_core/providers``; the ``ProviderSpec`` in its ``spec.py`` is all that the rest of
the program knows of it. Nothing outside of the folder names it: callers ask the specs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any, Final, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.setting_values import wrong


class ProviderId(str):
    """The id of a registered provider; there is one object for each, so ``is`` compares them.

    :raises ValueError: no provider of that name is registered
    """

    __slots__ = ()

    def __new__(cls, name: str) -> ProviderId:  # noqa: PYI034 - always the one that was registered
        try:
            return _IDS[str(name)]
        except KeyError:
            raise ValueError(f"{name!r} is no provider") from None

    @property
    def value(self) -> str:
        """The id as plain text."""
        return str.__str__(self)

    @property
    def spec(self) -> ProviderSpec:
        """What is known of the provider."""
        return _SPECS[self]

    @property
    def is_free(self) -> bool:
        """Whether it works on this machine: nothing is sent anywhere or paid for."""
        return self.spec.free

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_known)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": [*_SPECS]}


def _known(name: Any) -> ProviderId:
    try:
        return ProviderId(name)
    except ValueError:
        raise wrong("one_of", allowed=", ".join(_SPECS)) from None


#: What an amount of the price table is for.
PriceUnit = Literal["take", "second", "call", "million_in", "million_out"]


class ModelPrice(Frozen):
    """What a take, or a second of it, costs: of the built-in table, or of a list that a provider publishes."""

    #: The model's id; ``*`` stands for every model.
    model: str
    amount: Decimal
    currency: str = "CNY"
    unit: PriceUnit = "take"
    #: Only for takes of this size; empty: any.
    size: str = ""
    #: Only for takes of this length; None: any.
    seconds: float | None = None
    #: Only for takes with, or without, sound; None: any.
    sound: bool | None = None
    #: What a take has that leaves its length, or its sound, to the model; None: that is not known.
    usual_seconds: float | None = None
    usual_sound: bool | None = None
    #: True: our best knowledge, not confirmed by the provider in writing.
    assumed: bool = True


@dataclass(frozen=True, kw_only=True)
class ProviderSpec:
    """Everything the program knows of a provider before it is built."""

    name: str
    #: What people read, by language.
    title: Mapping[str, str]
    #: Where it stands on screens: smaller comes first.
    place: int = 100
    #: A Material icon, as Streamlit names it.
    icon: str
    settings: type[ProviderSettings]
    #: ``module:class`` of the ``Provider``; imported when it is built, so that nobody waits for those that are not used.
    adapter: str
    #: It can be the mode of new takes.
    videos: bool = True
    pictures: bool = False
    #: It works on this machine: no network, no cost.
    free: bool = False
    #: Further words for it in lists that are imported, in lower case.
    aliases: tuple[str, ...] = ()
    prices: tuple[ModelPrice, ...] = ()
    #: It publishes a list of prices.
    lists_prices: bool = False
    #: Its money is credits of its own, for which people may set a rate.
    has_credits: bool = False
    #: What one credit is worth in US dollars, where somebody measured it.
    credit_usd: Decimal | None = None
    #: Settings that are fixed with a task when it is queued.
    task_options: tuple[str, ...] = ()
    #: The model that draws pictures, where it is another one than that of the settings.
    picture_model: str | None = None
    #: Settings that name a place on this machine.
    path_settings: tuple[str, ...] = ()
    #: The adapter takes ``uploads``: links of pictures that lie at the provider are remembered.
    keeps_uploads: bool = False
    #: ``module:function`` that makes a ``Callback``, where the provider tells us that a job has ended.
    callback: str | None = None
    #: Where its language models answer, where it has some.
    llm_url: str = ""

    @property
    def id(self) -> ProviderId:
        """The name as the id that everything else uses."""
        return _IDS[self.name]


_SPECS: Final[dict[str, ProviderSpec]] = {}
_IDS: Final[dict[str, ProviderId]] = {}
_LISTENERS: Final[list[Callable[[Iterable[ProviderSpec]], None]]] = []


def register(spec: ProviderSpec) -> ProviderId:
    """Make a provider known; the screens show providers in this order."""
    if spec.name not in _SPECS:
        _IDS[spec.name] = str.__new__(ProviderId, spec.name)
        _SPECS[spec.name] = spec
        for told in _LISTENERS:
            told((spec,))
    return _IDS[spec.name]


def for_each_provider(told: Callable[[Iterable[ProviderSpec]], None]) -> None:
    """Call with every provider, and with those that are registered later."""
    _LISTENERS.append(told)
    told(specs())


def specs() -> tuple[ProviderSpec, ...]:
    """Every provider."""
    return tuple(_SPECS.values())


def provider_ids() -> tuple[ProviderId, ...]:
    """The ids of all providers."""
    return tuple(spec.id for spec in specs())


def video_providers() -> tuple[ProviderId, ...]:
    """The generation modes: the providers that make videos."""
    return tuple(spec.id for spec in specs() if spec.videos)


def picture_providers() -> tuple[ProviderId, ...]:
    """The providers that draw pictures, those of this machine first."""
    return tuple(spec.id for spec in sorted(specs(), key=lambda spec: not spec.free) if spec.pictures)


def paid_providers() -> tuple[ProviderId, ...]:
    """The providers whose orders cost money."""
    return tuple(spec.id for spec in specs() if not spec.free)


def local_provider() -> ProviderId:
    """The provider that works on this machine and costs nothing."""
    return next(spec.id for spec in specs() if spec.free and spec.videos)


def paid_picture_provider() -> ProviderId:
    """The provider whose settings say how pictures are drawn."""
    return next(spec.id for spec in specs() if spec.pictures and not spec.free and not spec.videos)


#: What stands in the ledger for a provider where a language model was asked.
WRITING: Final = "writing"


#: To whom money goes: a provider, or whoever answers what a language model is asked.
BillableParty = ProviderId | Literal["writing"]


def billable_party(name: str) -> BillableParty:
    """As the ledger names it."""
    return WRITING if name == WRITING else ProviderId(name)


# Whoever knows of providers knows all of them: settings, prices and screens are made of what they say.
import_module("vidgen_core.providers.registry").register_all()
