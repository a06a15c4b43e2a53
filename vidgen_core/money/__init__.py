"""Money: prices and estimates, rates, the budget."""

from vidgen_core.money.budget import (
    AgentStatus,
    BudgetExceeded,
    BudgetScope,
    LimitStatus,
    agent_limit_passed,
    agent_statuses,
    allow_overrun,
    check_agent,
    check_budget,
    check_draw,
    day_of,
    end_run,
    fits_draw,
    in_currency,
    is_of_ended_run,
    limit_run,
    limit_statuses,
    note_unasked,
    over_agent_limit,
    project_limit,
    set_project_limit,
    warn_near,
)
from vidgen_core.money.prices import (
    PRICES_AS_OF,
    LlmPrice,
    Price,
    built_in_prices,
    cost_now,
    estimate,
    llm_price,
    most_tokens,
    own_prices,
    price_of,
    prices_of,
    risen_price,
    store_price_list,
    total,
)
from vidgen_core.money.rates import CREDITS, USD_CNY, convert, rates_of

__all__ = [
    "CREDITS", "PRICES_AS_OF", "USD_CNY", "AgentStatus", "BudgetExceeded", "BudgetScope", "LimitStatus", "LlmPrice",
    "Price", "agent_limit_passed", "agent_statuses", "allow_overrun", "built_in_prices", "check_agent",
    "check_budget", "check_draw", "convert", "cost_now", "day_of", "end_run", "estimate", "fits_draw", "in_currency",
    "is_of_ended_run", "limit_run", "limit_statuses", "llm_price", "most_tokens", "note_unasked", "over_agent_limit",
    "own_prices", "price_of", "prices_of", "project_limit", "rates_of", "risen_price", "set_project_limit",
    "store_price_list", "total", "warn_near",
]  # fmt: skip
