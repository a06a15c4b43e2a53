"""Orders by quotes: what they bind, limits of agents, and the yes of a person."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from vidgen_core import money
from vidgen_core.config.paths import Locations
from vidgen_core.domain.agents import QuoteState
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import InputError, NotFound, Refused
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.services.access.permissions import Role, Visitor, as_visitor
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.quotes import Quoted
from vidgen_core.worker.context import ActiveTask
from vidgen_core.worker.steps.claim import claim

AddShot = Callable[..., Shot]
#: What a take of the model costs.
PRICE = Decimal("0.4")
ONE = GenerateOptions(takes=1)


@pytest.fixture
def paid(app: Vidgen, yunwu_key: None, monkeypatch: pytest.MonkeyPatch) -> Vidgen:
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    # Settings are read again after a change.
    app.settings_file.change({"runner.takes_per_shot": 1})
    return app


def let_in(app: Vidgen, per_day: object = 0, in_all: object = 0, **more: object) -> str:
    app.agents.add("bot", per_day=Decimal(str(per_day)), in_all=Decimal(str(in_all)), **more)  # type: ignore[arg-type]
    return "bot"


def quoted(app: Vidgen, project: Project, shots: list[Shot], agent: str | None = "bot", **more: object) -> Quoted:
    return app.quotes.make(project.id, [shot.id for shot in shots], ONE, agent=agent, **more)  # type: ignore[arg-type]


def queued(app: Vidgen) -> list[Task]:
    return [task for task in app.tasks.many(app.tasks.ids(None)) if task.status is TaskStatus.QUEUED]


def claimed(app: Vidgen, task: Task, now: datetime | None = None) -> object:
    with app.store.write() as tx:
        active = ActiveTask(tx.tasks.get(task.id), None)
        return claim(tx, active, None, None, app.settings(), now or datetime.now(UTC))


# --- quotes


def test_a_quote_names_count_price_and_worst_case_and_is_ordered_once(
    paid: Vidgen, project: Project, add_shot: AddShot
) -> None:
    let_in(paid, 10, 10)
    found = quoted(paid, project, [add_shot("1"), add_shot("2")])
    assert found.quote.tasks == 2
    assert found.quote.price == Money(amount=2 * PRICE, currency="CNY")
    assert found.quote.worst == Money(amount=6 * PRICE, currency="CNY")
    assert paid.tasks.ids(None) == []

    first = paid.quotes.order(found.token, "bot")
    again = paid.quotes.order(found.token, "bot")

    assert (first.quote.state, len(first.tasks)) == (QuoteState.ORDERED, 2)
    assert again == first
    assert len(queued(paid)) == 2


def test_two_calls_with_one_token_at_once_order_once(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 10, 10)
    token = quoted(paid, project, [add_shot("1")]).token
    begin = threading.Barrier(4)

    def order() -> None:
        begin.wait()
        paid.quotes.order(token, "bot")

    threads = [threading.Thread(target=order) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(queued(paid)) == 1


@pytest.mark.parametrize("change", ["id", "signature", "agent", "nothing", "words"])
def test_a_token_that_is_not_ones_own_orders_nothing(
    paid: Vidgen, project: Project, add_shot: AddShot, change: str
) -> None:
    let_in(paid, 10, 10)
    paid.agents.add("other", per_day=Decimal(10), in_all=Decimal(10))
    shot = add_shot("1")
    token, second = quoted(paid, project, [shot]).token, quoted(paid, project, [shot]).token
    number, _, signature = token.partition("-")
    forged = {
        "id": f"{second.partition('-')[0]}-{signature}",
        "signature": f"{number}-{'0' * 40}",
        "agent": token,
        "nothing": "",
        "words": "１-é" * 3,
    }[change]
    with pytest.raises(NotFound):
        paid.quotes.order(forged, "other" if change == "agent" else "bot")
    assert queued(paid) == []


def test_a_quote_ends_and_a_change_of_what_it_names_needs_another(
    paid: Vidgen, project: Project, add_shot: AddShot
) -> None:
    let_in(paid, 10, 10)
    shot = add_shot("1")
    late = quoted(paid, project, [shot])
    with paid.store.write() as tx:
        tx.quotes.move(late.quote, QuoteState.QUOTED, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(Refused, match="quote_expired"):
        paid.quotes.order(late.token, "bot")

    dearer = quoted(paid, project, [shot])
    paid.settings_file.change({"prices": [{"provider": "yunwu", "model": "*", "amount": "3", "currency": "CNY"}]})
    with pytest.raises(Refused, match="quote_changed"):
        paid.quotes.order(dearer.token, "bot")

    gone = quoted(paid, project, [shot])
    paid.shots.delete([shot.id])
    with pytest.raises(Refused, match="quote_changed"):
        paid.quotes.order(gone.token, "bot")
    assert queued(paid) == []


def test_a_wording_may_change_after_the_quote(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 10, 10)
    shot = add_shot("1")
    token = quoted(paid, project, [shot]).token
    paid.shots.edit(shot.id, prompt="zoom in")
    (task,) = paid.quotes.order(token, "bot").tasks
    assert task.params.prompt == "zoom in"


def test_the_token_of_no_agent_orders_without_limits(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    found = quoted(paid, project, [add_shot("1")], agent=None)
    (task,) = paid.quotes.order(found.token).tasks
    assert claimed(paid, task) is True
    assert paid.tasks.attempts(task.id)[0].agent is None


def test_what_cannot_be_quoted_says_why(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 10, 10)
    shot = add_shot("1")
    with pytest.raises(Refused, match="quote_empty"):
        quoted(paid, project, [])
    paid.tasks.generate(project.id, [shot.id], ONE)
    with pytest.raises(Refused, match="quote_having"):
        quoted(paid, project, [shot], again=False)
    with pytest.raises(Refused, match="key_needed"):
        paid.quotes.make(project.id, [add_shot("2", params=ShotParams(provider="kie")).id], ONE, agent="bot")


# --- limits


@pytest.mark.parametrize(("per_day", "in_all", "why"), [(0.7, 10, "day"), (10, 0.7, "all"), (0, 0, "day")])
def test_above_a_limit_an_order_waits_for_a_person(
    paid: Vidgen, project: Project, add_shot: AddShot, per_day: float, in_all: float, why: str
) -> None:
    let_in(paid, per_day, in_all)
    found = quoted(paid, project, [add_shot("1"), add_shot("2")])

    waits = paid.quotes.order(found.token, "bot")

    assert (waits.quote.state, waits.quote.reason, waits.tasks) == (QuoteState.WAITING, why, ())
    assert [one.id for one in paid.quotes.waiting()] == [found.quote.id]
    assert paid.quotes.order(found.token, "bot") == waits
    assert queued(paid) == []


def test_a_yes_orders_at_the_price_that_was_shown_and_once(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid)
    found = quoted(paid, project, [add_shot("1")])
    paid.quotes.order(found.token, "bot")
    with pytest.raises(Refused, match="quote_changed"):
        paid.quotes.approve(found.quote.id, Money(amount=Decimal("0.3"), currency="CNY"))

    done = paid.quotes.approve(found.quote.id, found.quote.price)

    assert (done.quote.state, done.quote.approved, len(done.tasks)) == (QuoteState.ORDERED, True, 1)
    with pytest.raises(Refused, match="quote_decided"):
        paid.quotes.approve(found.quote.id, found.quote.price)
    with pytest.raises(Refused, match="quote_decided"):
        paid.quotes.decline(found.quote.id)
    # What a person has approved is not held by the agent's limit.
    assert claimed(paid, done.tasks[0]) is True
    [attempt] = paid.tasks.attempts(done.tasks[0].id)
    assert attempt.agent == "bot"
    assert len(queued(paid)) == 0
    with paid.store.write() as tx:
        tx.attempts.update(attempt.id, state=AttemptState.SENDING, intent_at=datetime.now(UTC))
    assert [one.agent for one in paid.ledger.requests(project.id)] == ["bot"]
    with paid.store.read() as tx:
        assert '"agent":"bot"' in [line.body for line in tx.chain.lines()][-1]


def test_a_no_orders_nothing_for_ever(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid)
    found = quoted(paid, project, [add_shot("1")])
    paid.quotes.order(found.token, "bot")
    paid.quotes.decline(found.quote.id)
    assert paid.quotes.order(found.token, "bot").quote.state is QuoteState.DECLINED
    with pytest.raises(Refused, match="quote_decided"):
        paid.quotes.approve(found.quote.id, found.quote.price)
    assert (queued(paid), paid.quotes.waiting()) == ([], [])


def test_a_yes_that_comes_after_a_no_is_not_told_as_one(
    paid: Vidgen, project: Project, add_shot: AddShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_in(paid)
    found = quoted(paid, project, [add_shot("1")])
    waiting = paid.quotes.order(found.token, "bot").quote
    paid.quotes.decline(waiting.id)
    # The other one has said no between the look and the order.
    monkeypatch.setattr(paid.quotes, "undecided", lambda _id: waiting)
    with pytest.raises(Refused, match="quote_decided"):
        paid.quotes.approve(waiting.id, waiting.price)
    assert queued(paid) == []


def test_a_large_order_asks_a_person_as_any_other_does(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 100, 100)
    paid.settings_file.change({"gate.ask_above_tasks": 1})
    found = quoted(paid, project, [add_shot("1"), add_shot("2")])
    assert paid.quotes.order(found.token, "bot").quote.reason == "gate"


def test_an_unknown_price_waits(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 100, 100)
    found = quoted(paid, project, [add_shot("1", params=ShotParams(model="nobody-knows-this"))])
    assert (found.quote.price, paid.quotes.order(found.token, "bot").quote.reason) == (None, "price")
    assert len(paid.quotes.approve(found.quote.id, None).tasks) == 1


def test_what_is_free_never_waits(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(app)
    found = quoted(app, project, [add_shot("1")])
    assert app.quotes.order(found.token, "bot").quote.state is QuoteState.ORDERED


def test_two_orders_at_once_cannot_pass_a_limit_together(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 0.9, 0.9)
    tokens = [quoted(paid, project, [add_shot(str(n))]).token for n in range(6)]
    begin = threading.Barrier(len(tokens))

    def order(token: str) -> None:
        begin.wait()
        paid.quotes.order(token, "bot")

    threads = [threading.Thread(target=order, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(queued(paid)) == 2
    assert len(paid.quotes.waiting()) == 4


def test_what_an_agent_has_spent_and_queued_counts(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 1, 1)
    (first,) = paid.quotes.order(quoted(paid, project, [add_shot("1")]).token, "bot").tasks
    assert claimed(paid, first) is True
    paid.quotes.order(quoted(paid, project, [add_shot("2")]).token, "bot")
    day, every = paid.agents.statuses(paid.agents.get("bot"))
    assert (day.spent.amount, every.left.amount) == (2 * PRICE, 1 - 2 * PRICE)
    assert paid.quotes.order(quoted(paid, project, [add_shot("3")]).token, "bot").quote.state is QuoteState.WAITING


def test_an_automatic_retry_cannot_pass_a_limit(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 0.4, 0.4)
    (task,) = paid.quotes.order(quoted(paid, project, [add_shot("1")]).token, "bot").tasks
    assert claimed(paid, task) is True
    with paid.store.write() as tx:
        attempt = tx.attempts.of_task(task.id)[0]
        tx.attempts.update(attempt.id, charge=ChargeStatus.ASSUMED)
        tx.tasks.move(task.id, TaskStatus.QUEUED)

    stop = claimed(paid, task)

    assert isinstance(stop, money.BudgetExceeded)
    assert stop.code == "agent_limit_day"
    held = paid.tasks.get(task.id)
    assert held.status is TaskStatus.PENDING
    assert held.failure is not None
    assert held.failure.code == "agent_limit_day"
    # A person who starts it orders it anew, under no agent's name.
    assert paid.tasks.start([task.id]).done == (task.id,)
    assert claimed(paid, task) is True
    assert [one.agent for one in paid.tasks.attempts(task.id)] == ["bot", None]


def test_the_limit_of_the_day_is_that_of_the_day(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    let_in(paid, 0.4, 100)
    (task,) = paid.quotes.order(quoted(paid, project, [add_shot("1")]).token, "bot").tasks
    claimed(paid, task)
    agent, tomorrow = paid.agents.get("bot"), datetime.now(UTC) + timedelta(days=1)
    with paid.store.read() as tx:
        today, later = (
            money.agent_statuses(tx, paid.settings(), agent, now)[0] for now in (datetime.now(UTC), tomorrow)
        )
    assert (today.left.amount, later.left.amount) == (0, PRICE)


def test_limits_in_other_money_are_converted_and_without_a_rate_used_up(
    paid: Vidgen, project: Project, add_shot: AddShot
) -> None:
    paid.settings_file.change({"budget.currency": "USD"})
    let_in(paid, 0.06, 0.06)
    paid.settings_file.change({"budget.currency": "CNY"})
    assert paid.quotes.order(quoted(paid, project, [add_shot("1")]).token, "bot").quote.state is QuoteState.ORDERED
    paid.agents.revoke("bot")
    paid.settings_file.change({"budget.currency": "JPY", "budget.rates": [{"of": "CNY", "worth": "20"}]})
    let_in(paid, 1000, 1000)
    paid.settings_file.change({"budget.currency": "CNY", "budget.rates": []})
    assert paid.quotes.order(quoted(paid, project, [add_shot("2")]).token, "bot").quote.state is QuoteState.WAITING


# --- agents


def test_a_token_opens_until_it_is_revoked_and_is_kept_nowhere(
    paid: Vidgen, project: Project, add_shot: AddShot
) -> None:
    token = paid.agents.add("bot", per_day=Decimal(10), in_all=Decimal(10))
    found = paid.agents.find(token)
    assert found is not None
    assert found.name == "bot"
    assert token.encode() not in paid.locations.database.read_bytes()
    order = quoted(paid, project, [add_shot("1")]).token
    paid.agents.revoke("bot")
    assert paid.agents.find(token) is None
    with pytest.raises(Refused, match="agent_revoked"):
        paid.quotes.order(order, "bot")
    with pytest.raises(NotFound):
        paid.agents.revoke("bot")
    # The name comes back with what it has spent, and another token.
    second = paid.agents.add("bot")
    assert second != token
    assert paid.agents.find(token) is None


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("  ", {}, "agent_name_wrong"),
        ("x" * 61, {}, "agent_name_wrong"),
        ("a\x07b", {}, "agent_name_wrong"),
        ("bot", {"role": Role.OWNER}, "agent_role_wrong"),
        ("bot", {"per_day": Decimal(-1)}, "agent_amount_wrong"),
        ("bot", {"in_all": Decimal("NaN")}, "agent_amount_wrong"),
        ("bot", {"in_all": Decimal("Infinity")}, "agent_amount_wrong"),
    ],
)
def test_an_agent_has_a_name_a_role_and_limits(app: Vidgen, name: str, more: dict[str, object], code: str) -> None:
    with pytest.raises(InputError, match=code):
        app.agents.add(name, **more)  # type: ignore[arg-type]
    assert app.agents.all() == []


def test_a_name_is_in_use_once(app: Vidgen) -> None:
    app.agents.add("bot")
    with pytest.raises(Refused, match="agent_exists"):
        app.agents.add(" bot ")


def test_an_agent_orders_in_its_projects_only(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    other = paid.projects.ensure("secret")
    let_in(paid, 10, 10, projects=[other.id])
    with pytest.raises(Refused, match="agent_without_project"):
        quoted(paid, project, [add_shot("1")])


def test_everything_stands_in_the_log_under_the_agents_name(
    paid: Vidgen, project: Project, add_shot: AddShot, locations: Locations
) -> None:
    let_in(paid)
    bot = as_visitor(paid, Visitor(Role.MAKER, "bot", is_agent=True))
    found = bot.quotes.make(project.id, [add_shot("1").id], ONE, agent="bot")
    bot.quotes.order(found.token, "bot")
    paid.quotes.approve(found.quote.id, found.quote.price)
    lines = {line.code: line.params for line in paid.log.page(None)}
    assert lines["agent_waits"]["agent"] == "bot"
    assert lines["agent_approved"]["agent"] == "bot"
    assert lines["did_quotes_order"]["who"] == "bot"
    assert not any(found.token in str(params) for params in lines.values())


def test_a_viewer_reads_and_orders_nothing(paid: Vidgen, project: Project, add_shot: AddShot) -> None:
    paid.agents.add("eye", Role.VIEWER)
    eye = as_visitor(paid, Visitor(Role.VIEWER, "eye", is_agent=True))
    with pytest.raises(Refused, match="role_forbids_maker"):
        eye.quotes.make(project.id, [add_shot("1").id], ONE, agent="eye")


# --- ends in the middle


def test_an_order_is_there_whole_or_not_at_all_and_its_token_says_which_after_a_restart(
    paid: Vidgen, project: Project, add_shot: AddShot, locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_in(paid, 10, 10)
    token = quoted(paid, project, [add_shot("1"), add_shot("2")]).token

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        # The tasks and the quote are written, and the process ends before the commit.
        patch.setattr("vidgen_core.services.generation.canaries.keep_held", killed)
        with pytest.raises(Killed):
            paid.quotes.order(token, "bot")
    assert queued(paid) == []

    with Vidgen.open(locations) as again:
        first = again.quotes.order(token, "bot")
        assert len(first.tasks) == 2
    with Vidgen.open(locations) as later:
        assert later.quotes.order(token, "bot").tasks == first.tasks
        assert len(queued(later)) == 2
