"""Money: prices and estimates, and what amounts are worth in the user's currency."""

from vidgen_core.money.prices import PRICES, PRICES_AS_OF, Price, estimate, own_prices, price_of, total
from vidgen_core.money.rates import CREDITS, KIE_CREDIT_USD, RATES_AS_OF, USD_CNY, convert, rates_of

__all__ = [
    "CREDITS",
    "KIE_CREDIT_USD",
    "PRICES",
    "PRICES_AS_OF",
    "RATES_AS_OF",
    "USD_CNY",
    "Price",
    "convert",
    "estimate",
    "own_prices",
    "price_of",
    "rates_of",
    "total",
]
