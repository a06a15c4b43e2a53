"""Money: prices and estimates, rates, the budget."""

from vidgen_core.money.book import cost_now, keep_list, list_age, prices_of
from vidgen_core.money.budget import (
    Scope,
    Standing,
    Stop,
    day_of,
    grant,
    hold_of_project,
    in_currency,
    limit_run,
    note_unasked,
    project_limit,
    set_project_limit,
    standings,
    verdict,
)
from vidgen_core.money.prices import PRICES, PRICES_AS_OF, Price, estimate, own_prices, price_of, total
from vidgen_core.money.rates import CREDITS, KIE_CREDIT_USD, RATES_AS_OF, USD_CNY, convert, rates_of
from vidgen_core.money.writing import WritingPrice, most_tokens, writing_price

__all__ = [
    "CREDITS",
    "KIE_CREDIT_USD",
    "PRICES",
    "PRICES_AS_OF",
    "RATES_AS_OF",
    "USD_CNY",
    "Price",
    "Scope",
    "Standing",
    "Stop",
    "WritingPrice",
    "convert",
    "cost_now",
    "day_of",
    "estimate",
    "grant",
    "hold_of_project",
    "in_currency",
    "keep_list",
    "limit_run",
    "list_age",
    "most_tokens",
    "note_unasked",
    "own_prices",
    "price_of",
    "prices_of",
    "project_limit",
    "rates_of",
    "set_project_limit",
    "standings",
    "total",
    "verdict",
    "writing_price",
]
