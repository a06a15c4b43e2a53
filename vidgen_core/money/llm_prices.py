"""Prices of requests to language models: per call, per million tokens, or both.

The user's rows for ``writing`` in the price table are asked first, then the prices among the settings of writing, which
are those of whatever model is set. There is no built-in price: a model at one address is paid, at another it is free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from vidgen_core.config.schema import Settings
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import WRITING

_MILLION: Final = Decimal(1_000_000)
#: Upper bound of the tokens of a picture; models that count tiles take some 1,100 for one of 768 pixels.
_PICTURE: Final = 2_000
#: Tokens of every message beside its text, and of the response format.
_FRAME: Final = 16
_FORM: Final = 1_000


class LlmPrice(Frozen):
    """The price of one request: the sum of its parts."""

    call: Decimal = Decimal(0)
    #: For a million input and a million output tokens.
    million_in: Decimal = Decimal(0)
    million_out: Decimal = Decimal(0)
    currency: str

    def of(self, tokens_in: int, tokens_out: int) -> Money:
        amount = self.call + (self.million_in * tokens_in + self.million_out * tokens_out) / _MILLION
        return Money(amount=amount, currency=self.currency)


def llm_price(settings: Settings) -> LlmPrice | None:
    """The price of the configured model; None when it is unknown or in more than one currency."""
    model = settings.writing.model
    rows = [row for row in settings.prices if row.provider == WRITING]
    for name in (model, "*"):
        found = [row for row in rows if row.model == name]
        if found:
            if len({row.currency for row in found}) > 1:
                return None
            # The first row of a kind counts, as everywhere in the table.
            parts = {row.unit: row.amount for row in reversed(found)}
            return LlmPrice(currency=found[0].currency, **parts)
    writing = settings.writing
    if not (writing.price_in or writing.price_out):
        return None
    return LlmPrice(million_in=writing.price_in, million_out=writing.price_out, currency=writing.currency)


def most_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Upper bound of the tokens of a request: no tokenizer in use makes more than one of a byte of UTF-8."""
    return _FORM + sum(_FRAME + _most(message.get("content")) for message in messages)


def _most(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode())
    parts = content if isinstance(content, list) else []
    return sum(len(str(part["text"]).encode()) if part.get("type") == "text" else _PICTURE for part in parts)
