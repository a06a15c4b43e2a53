"""Providers by id.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal


class ProviderId(StrEnum):
    """The providers; the value is the provider's id everywhere."""

    LOCAL = "local"
    YUNWU = "yunwu"
    KIE = "kie"
    LOVART = "lovart"
    #: Image endpoints of an aggregator: makes pictures, never videos.
    IMAGES = "images"


#: What stands in the ledger for a provider where a language model was asked.
WRITING: Final = "writing"


#: To whom money goes: a provider, or whoever answers what a language model is asked.
BillableParty = ProviderId | Literal["writing"]


def billable_party(name: str) -> BillableParty:
    """As the ledger names it."""
    return WRITING if name == WRITING else ProviderId(name)


#: The generation modes: the providers that make videos.
VIDEO_PROVIDERS: Final = (ProviderId.LOCAL, ProviderId.YUNWU, ProviderId.KIE, ProviderId.LOVART)


#: The providers that draw pictures.
PICTURE_PROVIDERS: Final = (ProviderId.LOCAL, ProviderId.IMAGES)
