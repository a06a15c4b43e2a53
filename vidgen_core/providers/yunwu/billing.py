"""What Yunwu publishes and writes down about money: the price list and the log of a key.

New-API counts in quota units; ``/api/status`` names how many make a US dollar and what a dollar is in yuan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ModelPrice
from vidgen_core.providers.base import BilledJob
from vidgen_core.providers.http.cleaning import clean, read_json
from vidgen_core.providers.http.error_body import at
from vidgen_core.providers.yunwu.catalogue import name_in, rows_in

#: The type of a log line that gives money back.
_REFUND: Final = 6
#: Quota type of a price for the whole call; the others are by the token.
_BY_CALL: Final = 1


#: No amount, price or time that makes sense is larger.
_MOST: Final = 10**15


def number(value: Any) -> Decimal | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _MOST:
        return None
    return Decimal(str(value))


def unit_in(status: Any) -> Decimal | None:
    """How many quota units make a US dollar; None where that is not said."""
    unit = number(at(status, "data.quota_per_unit"))
    return unit if unit is not None and unit >= 1 else None


def time_of(stamp: Decimal) -> datetime:
    """Seconds or, above 10^12, milliseconds since 1970."""
    seconds = stamp / 1000 if stamp > 10**12 else stamp
    return datetime.fromtimestamp(float(seconds), UTC)


def money_of(amount: Decimal, status: Any) -> Money:
    """An amount in the relay's unit (a US dollar) as yuan, by the relay's own rate; without a rate in dollars."""
    rate = number(at(status, "data.usd_exchange_rate"))
    if rate is None or not _is_factor(rate):
        return _rounded(amount, "USD")
    return _rounded(amount * rate, "CNY")


def displayed(amount: Decimal, status: Any) -> Money | None:
    """An amount in what the relay displays (new-api, controller/billing.go); None where that is not known."""
    shown, unit = at(status, "data.quota_display_type"), unit_in(status)
    if shown == "CNY":
        return _rounded(amount, "CNY")
    if shown == "TOKENS" or at(status, "data.display_in_currency") is False:
        return money_of(amount / unit, status) if unit is not None else None
    return money_of(amount, status) if isinstance(at(status, "data"), Mapping) else None


def _rounded(amount: Decimal, currency: str) -> Money:
    return Money(amount=amount.quantize(Decimal("0.0001")), currency=currency)


def _is_factor(value: Decimal) -> bool:
    return Decimal("0.001") < value < 1000


def prices(body: Any, status: Any) -> tuple[ModelPrice, ...] | None:
    """``/api/pricing_new`` or ``/api/pricing`` as prices of whole calls by model, for the group called default.

    What is not sold in that group, and what makes no sense, is left out: a price that is wrong is worse than none.
    :returns: None where it is no price list
    """
    rows = rows_in(body)
    if not rows and not isinstance(at(body, "data"), list):
        return None
    group = _ratio(at(body, "group_ratio.default") if at(body, "group_ratio") else at(body, "data.group_ratio.default"))
    found: dict[str, ModelPrice] = {}
    for row in rows:
        name, amount = name_in(row), _price_of(row)
        groups = row.get("enable_groups")
        sold = not isinstance(groups, list) or not groups or "default" in groups or "all" in groups
        if name is not None and amount is not None and sold and name not in found:
            money = money_of(amount * group, status)
            if money.amount > 0:
                found[name] = ModelPrice(model=name, amount=money.amount, currency=money.currency, assumed=False)
    return tuple(found.values())


def _price_of(row: Mapping[str, Any]) -> Decimal | None:
    """The price of a whole call; None for a price by the token, and for values that no price has."""
    kind, price = row.get("quota_type"), number(row.get("model_price"))
    by_call = kind == _BY_CALL and not isinstance(kind, bool)
    return price if by_call and price is not None and 0 < price < 10**6 else None


def _ratio(value: Any) -> Decimal:
    """The factor of a group, 1 where none can be read."""
    factor = number(value)
    return factor if factor is not None and _is_factor(factor) else Decimal(1)


def billed_jobs(rows: Iterable[Any], status: Any, *, cut: bool) -> tuple[BilledJob, ...]:
    """The lines of ``/api/log/token`` added up by the job that they name; lines that name none are left out.

    :param cut: the log has more lines than it shows: of its last second, and of a job whose charge is not among them, some
        may be missing, so such jobs are left out
    """
    rows = list(rows)
    edge = oldest(rows) if cut else None
    whole: dict[str, bool] = {}
    if (unit := unit_in(status)) is None:
        return ()
    taken: defaultdict[str, Decimal] = defaultdict(Decimal)
    back: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        job, quota = job_in(row), number(at(row, "quota"))
        if job is None or quota is None:
            continue
        refund = at(row, "type") == _REFUND or quota < 0
        whole[job] = whole.get(job, True) and (edge is None or oldest([row]) != edge)
        (back if refund else taken)[job] += abs(quota) / unit
    return tuple(
        BilledJob(remote_id=job, taken=money_of(taken[job], status), given_back=money_of(back[job], status))
        for job, is_whole in whole.items()
        if not cut or (is_whole and job in taken)
    )


def job_in(row: Any) -> str | None:
    """The job that a line of the log names, in the line or in its JSON text ``other``."""
    job = at(row, "task_id") or fact_in(row, "task_id")
    return job if isinstance(job, str) and job else None


def fact_in(row: Any, name: str) -> Any:
    """What a line of the log says beside its columns, in its JSON text ``other``."""
    other = at(row, "other")
    facts = clean(read_json(other)) if isinstance(other, str) else other
    return at(facts, name) if isinstance(facts, Mapping) else None


def oldest(rows: Iterable[Any]) -> datetime | None:
    """How far back the log goes."""
    stamps = [stamp for row in rows if (stamp := number(at(row, "created_at"))) is not None and 0 < stamp < 10**14]
    return time_of(min(stamps)) if stamps else None
