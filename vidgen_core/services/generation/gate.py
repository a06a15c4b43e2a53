"""What is known of a paid order before it goes: count, price, worst case, balance after, missing keys, and whether to ask.

``estimate_of`` is quick and fills labels, ``check_order`` also reads pictures whole (about a second for a gigabyte) and fills the
sheet. Both say by ``asks`` whether a person is asked first, and by ``key_missing`` why nothing can go.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import WRITING, BillableParty, ProviderId
from vidgen_core.domain.tasks import GenerationParams, Task, UntilPass
from vidgen_core.providers.capabilities import Problem
from vidgen_core.services.generation import canaries
from vidgen_core.services.generation.planning import GenerationPlan, cost_of
from vidgen_core.services.generation.preflight import BalanceAfter, Estimate, Preflight, PreflightProblem, ShotProblem
from vidgen_core.services.generation.validation import ValidatedShot

if TYPE_CHECKING:
    from vidgen_core.media.storage import LocalMedia
    from vidgen_core.services.context import ServiceContext

_P = TypeVar("_P", bound=BillableParty)

#: Shots named with one problem.
NAMED: Final = 50


class OrderItem(NamedTuple):
    """What would be made of one shot."""

    shot: str
    provider: ProviderId
    model: str
    params: GenerationParams
    takes: int
    problems: tuple[Problem, ...]

    @property
    def goes(self) -> bool:
        return not any(problem.fatal for problem in self.problems)


#: The problem of a model of which one take goes ahead.
ON_TRIAL: Final = "canary_first"


def on_trial(model: str) -> Problem:
    """Nobody has seen yet what a model makes of such material: a person is asked, and one take goes ahead."""
    return Problem(field="model", code=ON_TRIAL, params={"model": model}, fatal=False)


def _tries(problems: Iterable[Problem]) -> bool:
    return any(problem.code == ON_TRIAL for problem in problems)


def asks(settings: Settings, tasks: int, costs: Mapping[_P, Sequence[Money]], *, known: bool) -> bool:
    """Whether a person is asked before so much is made; what is surely free never asks.

    :param costs: by provider
    :param known: whether ``costs`` is all of it
    """
    if known and not any(cost.amount for amounts in costs.values() for cost in amounts):
        return False
    gate, home = settings.gate, settings.budget.currency
    worth, uncounted = money.in_currency(costs, settings)
    limit = money.convert(Money(amount=gate.ask_above, currency=gate.currency), home, money.rates_of(settings))
    unclear = not known or bool(uncounted) or limit is None
    return unclear or tasks > gate.ask_above_tasks or (limit is not None and worth.amount > limit.amount)


def estimate_questions(ctx: ServiceContext, questions: Sequence[Money | None]) -> Estimate:
    """What questions to a language model cost at most; unknown prices of few do not ask, for a question costs little."""
    settings, total = ctx.settings(), money.total(questions)
    known = total is not None or not questions
    many = len(questions) > settings.gate.ask_above_tasks and (total is None or bool(total.amount))
    by_party: dict[BillableParty, list[Money]] = {WRITING: [total]} if total else {}
    dear = total is not None and asks(settings, len(questions), by_party, known=True)
    return Estimate(
        tasks=len(questions), money=total, worst=total, free=known and not (total and total.amount), asks=many or dear
    )


def worst(low: Money, settings: Settings) -> Money:
    """What an order takes when every automatic retry is needed and paid."""
    runner = settings.runner
    times = 1 + (runner.max_retries if runner.retry_on_fail else 0)
    return Money(amount=low.amount * times, currency=low.currency)


#: Codes of ``no_key``.
NO_KEY: Final = frozenset({"key_needed", "key_address_changed"})


def key_missing(ctx: ServiceContext, modes: Iterable[ProviderId]) -> ProviderId | None:
    """The first provider that takes money and has no key switched on."""
    return next((mode for mode in dict.fromkeys(modes) if not _has_key(ctx, mode)), None)


def _has_key(ctx: ServiceContext, mode: ProviderId) -> bool:
    try:
        needed = ctx.provider(mode).needs_key
    except Refused:
        # It is refused with a sentence of its own.
        return True
    return not needed or any(key.works for key in ctx.settings().providers.of(mode).keys)


def with_keys(ctx: ServiceContext, validated: Sequence[ValidatedShot]) -> list[ValidatedShot]:
    """The same, with what has no key refused.

    :raises Refused: as ``no_key``, when nothing of it can go for want of a key
    """
    going = [seen for seen in validated if not seen.fatal]
    lacking = {mode for mode in {seen.plan.provider for seen in going} if not _has_key(ctx, mode)}
    if going and all(seen.plan.provider in lacking for seen in going):
        raise no_key(ctx.settings(), going[0].plan.provider)
    return [
        seen._replace(problems=(*seen.problems, _key_problem(ctx, seen.plan.provider)))
        if seen.plan.provider in lacking
        else seen
        for seen in validated
    ]


def _key_problem(ctx: ServiceContext, mode: ProviderId) -> Problem:
    lack = no_key(ctx.settings(), mode)
    return Problem(field="provider", code=lack.code, params=lack.params)


def no_key(settings: Settings, mode: ProviderId) -> Refused:
    """Why nothing is queued without a key: ``key_needed`` or ``key_address_changed`` (provider)."""
    moved = any(key.enabled for key in settings.providers.of(mode).keys)
    return Refused("key_address_changed" if moved else "key_needed", kind=ErrorKind.AUTH, provider=mode.value)


def estimate_of(
    ctx: ServiceContext, validated: Sequence[ValidatedShot], having: int = 0, until: UntilPass | None = None
) -> Estimate:
    """What would be queued for these shots, what it would cost, and what stands against it.

    :param having: shots that were left out because they have takes
    :param until: takes are ordered until one passes: the money is that of as many as will probably be needed
    """
    if until is not None:
        return _estimate_until(ctx, validated, having, until)
    settings = ctx.settings()
    good = [seen for seen in validated if not seen.fatal]
    table = ctx.price_table()
    costs = [cost_of(seen.plan, table, seen.plan.takes) for seen in good]
    prices = [money.price_of(seen.plan.provider, seen.plan.model, table, seen.plan.params) for seen in good]
    by_provider = _by_provider((seen.plan.provider, cost) for seen, cost in zip(good, costs, strict=True))
    worth, uncounted = money.in_currency(by_provider, settings)
    known = None not in costs
    foreign = any(cost.currency != settings.budget.currency for amounts in by_provider.values() for cost in amounts)
    tasks = sum(seen.plan.takes for seen in good)
    total = money.total(costs)
    return Estimate(
        tasks=tasks,
        money=total,
        worst=total and worst(total, settings),
        free=all(cost is not None and not cost.amount for cost in costs),
        assumed=any(price is not None and price.assumed for price in prices),
        problems=tuple(ShotProblem(seen.shot, problem) for seen in validated for problem in seen.problems),
        worth=worth if known and foreign and not uncounted else None,
        having=having,
        asks=asks(settings, tasks, by_provider, known=known) or any(_tries(seen.problems) for seen in good),
        key_missing=key_missing(ctx, (seen.plan.provider for seen in good)),
    )


def _estimate_until(ctx: ServiceContext, validated: Sequence[ValidatedShot], having: int, until: UntilPass) -> Estimate:
    """As ``estimate_of`` for an order that draws until one passes."""
    one = estimate_of(ctx, validated, having)
    plans = [seen.plan for seen in validated if not seen.fatal]
    draws = sum(expected_draws(ctx, planned, until) for planned in plans)
    if one.money is None or not plans:
        return one.model_copy(update={"draws": draws})
    settings = ctx.settings()
    share = Decimal(str(round(draws / len(plans), 4)))
    by_provider: dict[BillableParty, list[Money]] = {}
    for planned in plans:
        cost = cost_of(planned, ctx.price_table())
        if cost is not None:
            by_provider.setdefault(planned.provider, []).append(cost.model_copy(update={"amount": cost.amount * share}))
    most = one.money.model_copy(update={"amount": one.money.amount * until.most})
    worst_case = worst(most, settings)
    if until.ceiling is not None and worst_case.currency == settings.budget.currency:
        worst_case = worst_case.model_copy(update={"amount": min(worst_case.amount, until.ceiling)})
    likely = one.money.model_copy(update={"amount": one.money.amount * share})
    return one.model_copy(
        update={
            "draws": draws,
            "money": likely,
            "worst": worst_case,
            "worth": one.worth and one.worth.model_copy(update={"amount": one.worth.amount * share}),
            "asks": asks(settings, math.ceil(draws), by_provider, known=True),
        }
    )


#: What is believed of a model before its takes are known: of two takes so many pass.
_BEFORE: Final = (1.4, 2.0)


def expected_draws(ctx: ServiceContext, planned: GenerationPlan, until: UntilPass) -> float:
    """How many takes a shot will probably get until one passes, by how often those of its model have passed so far."""
    known = ctx.revision_cache.ask("acceptance", lambda tx: tx.takes.acceptance())
    passed, checked = known.get((planned.provider.value, planned.model), (0, 0))
    fails = 1 - (passed + _BEFORE[0]) / (checked + _BEFORE[1])
    return sum(fails**number for number in range(until.most))


def estimate_tasks(ctx: ServiceContext, tasks: Sequence[Task]) -> Estimate:
    """What starting or submitting tasks again would cost; none of them is checked for problems."""
    settings, table = ctx.settings(), ctx.price_table()
    costs = [money.estimate(task.provider, task.model, task.params, own=table) for task in tasks]
    by_provider = _by_provider(zip((task.provider for task in tasks), costs, strict=True))
    total = money.total(costs)
    with ctx.store.read() as tx:
        trial = any(canaries.unproved(ctx, tx, task) for task in tasks)
    return Estimate(
        tasks=len(tasks),
        money=total,
        worst=total and worst(total, settings),
        free=all(cost is not None and not cost.amount for cost in costs),
        asks=trial or asks(settings, len(tasks), by_provider, known=None not in costs),
        key_missing=key_missing(ctx, (task.provider for task in tasks)),
    )


class _Found:
    """Problems as they are found, alike ones together."""

    def __init__(self) -> None:
        self._shots: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        self._params: dict[tuple[str, str, bool], dict[str, Any]] = {}

    def add(self, shot: str, code: str, params: dict[str, Any], *, fatal: bool) -> None:
        key = (code, repr(sorted(params.items())), fatal)
        self._params[key] = params
        if shot and shot not in self._shots[key]:
            self._shots[key].append(shot)

    def all(self) -> tuple[PreflightProblem, ...]:
        """What stops something first."""
        found = [
            PreflightProblem(
                code=code,
                params=params,
                fatal=fatal,
                shots=tuple(self._shots[code, text, fatal][:NAMED]),
                count=len(self._shots[code, text, fatal]),
            )
            for (code, text, fatal), params in self._params.items()
        ]
        return tuple(sorted(found, key=lambda problem: not problem.fatal))


def grouped(problems: Iterable[tuple[str, Problem]]) -> tuple[PreflightProblem, ...]:
    """Alike ones together.

    :param problems: each with the number of its shot
    """
    found = _Found()
    for shot, problem in problems:
        found.add(shot, problem.code, problem.params, fatal=problem.fatal)
    return found.all()


def check_order(
    ctx: ServiceContext,
    tx: Tx,
    project_id: int,
    items: Sequence[OrderItem],
    having: Sequence[str] = (),
    *,
    pictures: Sequence[OrderItem] = (),
    questions: Sequence[Money | None] = (),
) -> Preflight:
    """Go through an order.

    :param items: one for each shot or task, with what its model has against it
    :param having: numbers of shots that have takes already
    :param pictures: the same for pictures that are drawn before
    :param questions: what each question to a language model costs at most
    """
    settings = ctx.settings()
    found = _Found()
    drawn = sum(item.takes for item in pictures if item.goes)
    items = [*items, *pictures]
    for item in items:
        for problem in item.problems:
            found.add(item.shot, problem.code, problem.params, fatal=problem.fatal)
    _pictures(items, ctx.media, found)
    _prompts(items, found)
    good = [item for item in items if item.goes]
    prices = money.prices_of(tx, settings)
    costs = [(item, money.estimate(item.provider, item.model, item.params, item.takes, prices)) for item in good]
    for item, cost in costs:
        if cost is None:
            found.add(item.shot, "preflight_price_unknown", {"model": item.model}, fatal=False)
    missing = key_missing(ctx, (item.provider for item in good))
    if missing is not None:
        lack = no_key(ctx.settings(), missing)
        found.add("", lack.code, lack.params, fatal=False)
    by_provider = _by_provider((item.provider, cost) for item, cost in costs)
    asked = money.total(questions)
    by_party: dict[BillableParty, list[Money]] = dict(by_provider.items())
    if asked and asked.amount:
        by_party[WRITING] = [asked]
    low, uncounted = money.in_currency(by_party, settings)
    priced = all(cost is not None for _, cost in costs) and (asked is not None or not questions)
    known = priced and not uncounted
    standings = money.limit_statuses(tx, settings, project_id, tx.now())
    for standing in standings:
        if low.amount > standing.left:
            short: dict[str, Any] = {"left": _json(standing.left, low.currency), "needed": low.model_dump(mode="json")}
            found.add("", f"preflight_budget_{standing.scope}", short, fatal=False)
    balances = tuple(_balances(tx, by_provider))
    for balance in balances:
        if balance.after.amount < 0:
            told: dict[str, Any] = {"provider": balance.provider.value, "left": balance.left.model_dump(mode="json")}
            found.add("", "preflight_balance_short", told, fatal=False)
    tasks = sum(item.takes for item in good)
    return Preflight(
        tasks=tasks,
        shots=len({item.shot for item in good}) if pictures else len(good),
        pictures=drawn,
        questions=len(questions),
        asks=asks(settings, tasks, by_party, known=priced) or any(_tries(item.problems) for item in good),
        key_missing=missing,
        having=tuple(having),
        problems=found.all(),
        costs={mode: tuple(amounts) for mode, amounts in by_party.items()},
        low=low if known else None,
        high=worst(low, settings) if known else None,
        at_least=low,
        balances=balances,
        seconds=_seconds(tx, settings, good),
        standings=standings,
    )


def _json(amount: Decimal, currency: str) -> dict[str, Any]:
    return Money(amount=amount, currency=currency).model_dump(mode="json")


def _pictures(items: Iterable[OrderItem], media: LocalMedia, found: _Found) -> None:
    """Pictures that are not there any more, or are not what was kept: they are named by the hash of their bytes."""
    validated: dict[str, str | None] = {}
    for item in items:
        params = item.params
        for key in (params.image, params.last_frame, *(picture.image for picture in params.references)):
            if key is None:
                continue
            if key not in validated:
                validated[key] = _wrong_with(media, key)
            code = validated[key]
            if code is not None:
                found.add(item.shot, code, {}, fatal=True)


def _wrong_with(media: LocalMedia, key: str) -> str | None:
    path = media.path_of_picture(key)
    if not path.is_file() and media.may_have_picture(key):
        # It is in the bucket, and comes here when it is sent.
        return None
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "preflight_picture_missing"
    return None if digest == path.stem else "preflight_picture_broken"


def _begins_with(params: GenerationParams) -> str | None:
    return f"shot {params.link.shot}" if params.link else params.image or params.image_url


def _prompts(items: Iterable[OrderItem], found: _Found) -> None:
    shots: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for item in items:
        wording = " ".join(item.params.prompt.split())
        if not wording:
            found.add(item.shot, "preflight_prompt_empty", {}, fatal=False)
            continue
        same = shots[wording.casefold(), _begins_with(item.params)]
        if item.shot not in same:
            same.append(item.shot)
    for alike in shots.values():
        for shot in alike if len(alike) > 1 else ():
            found.add(shot, "preflight_prompt_twice", {"first": alike[0]}, fatal=False)


def _by_provider(costs: Iterable[tuple[ProviderId, Money | None]]) -> dict[ProviderId, list[Money]]:
    sums: dict[tuple[ProviderId, str], Decimal] = defaultdict(Decimal)
    for mode, cost in costs:
        if cost is not None and cost.amount:
            sums[mode, cost.currency] += cost.amount
    found: dict[ProviderId, list[Money]] = defaultdict(list)
    for (mode, currency), amount in sums.items():
        found[mode].append(Money(amount=amount, currency=currency))
    return found


def _balances(tx: Tx, by_provider: dict[ProviderId, list[Money]]) -> Iterable[BalanceAfter]:
    """The last known balance of each provider, and what would be left of it."""
    for mode, amounts in by_provider.items():
        last = tx.ledger.last_balance(mode)
        if last is None:
            continue
        for amount in amounts:
            if amount.currency == last.money.currency:
                after = Money(amount=last.money.amount - amount.amount, currency=amount.currency)
                yield BalanceAfter(provider=mode, at=last.at, left=last.money, after=after)


def _seconds(tx: Tx, settings: Settings, items: Sequence[OrderItem]) -> float | None:
    """How long it will take: learned durations of each model over the slots of its provider; None when not yet known."""
    work: dict[ProviderId, float] = defaultdict(float)
    longest: dict[ProviderId, float] = {}
    learned = {mode: tx.attempts.durations(mode) for mode in {item.provider for item in items}}
    for item in items:
        known = learned[item.provider].get(item.model)
        if not known:
            return None
        usual = statistics.median(known)
        work[item.provider] += usual * item.takes
        longest[item.provider] = max(usual, longest.get(item.provider, 0.0))
    spans = [max(longest[mode], seconds / settings.max_concurrent(mode)) for mode, seconds in work.items()]
    return max(spans, default=None)
