"""The price that Lovart wants a yes for: shown, said once, logged, and never said by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from doubles import wait_until
from rehearsed import Home, rehearsed_home
from test_lovart_batch import point_lovart, queue

from vidgen_core.cli.program import run
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Delivery, NotFound, Refused, RemoteError
from vidgen_core.domain.money import Money
from vidgen_core.domain.queries import LogFilter
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION
from vidgen_core.providers.lovart.adapter import Lovart
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import answers

FORTY = Money(amount=Decimal("40.0"), currency="credits")


@pytest.fixture
def waiting(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Home, RehearsalServer, Vidgen, Task]]:
    """A take that waits for a yes to 40 credits, with the runner at work."""
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOVART__SETTLE", "0")
    monkeypatch.setenv("VIDGEN_HOME", str(locations.home))
    with rehearsed_home(locations, monkeypatch) as (home, server):
        point_lovart(monkeypatch, server.url)
        [task] = queue(home, ["zoom in [[confirmation:40]]"])
        with home.running(), Vidgen.open(locations) as app:
            wait_until(lambda: home.tasks([task])[0].stage == WAITING_FOR_CONFIRMATION, 20)
            yield home, server, app, task


def link_to(app: Vidgen, task: Task, price: Money | None) -> str:
    link = answers.link_of(app.context, "price", task.id, answers.mark_of_price(app.context, task, price))
    assert link is not None
    return link.rpartition("/")[2]


def test_a_link_says_yes_to_the_one_price_that_it_was_sent_with(waiting) -> None:
    home, server, app, task = waiting
    app.settings_file.change({"notices.address": "https://studio.example"})
    task = home.tasks([task])[0]
    good, dearer = link_to(app, task, FORTY), link_to(app, task, Money(amount=Decimal(12), currency="credits"))

    for other in (dearer, link_to(app, task, None)):
        with pytest.raises(Refused, match="price_changed"):
            app.answers.read(other)
        for amount in ("40", "12", ""):
            with pytest.raises(Refused, match="price_changed"):
                app.answers.yes(other, amount, "credits")
    with pytest.raises(NotFound):
        app.answers.read("-".join([*dearer.split("-")[:3], good.split("-")[3], dearer.split("-")[4]]))
    with pytest.raises(Refused, match="price_changed"):
        app.answers.yes(good, "41", "credits")
    assert app.answers.read(good).price == FORTY
    app.answers.yes(good, "40", "credits")

    assert home.finish([task], 30)[0].status is TaskStatus.COMPLETED
    assert server.stats()["accepted_total"] == 1
    with pytest.raises(Refused):
        app.answers.yes(good, "40", "credits")


def log_codes(app: Vidgen) -> list[str]:
    with app.store.read() as tx:
        return [line.code for line in tx.log.page(None, LogFilter(), 100)]


def test_the_price_is_asked_for_and_a_yes_to_it_lets_the_take_go_on(waiting) -> None:
    home, server, app, task = waiting

    assert app.tasks.asked_price(task.id) == FORTY
    app.tasks.confirm_price(task.id, FORTY)
    [ended] = home.finish([task], 30)

    assert ended.status is TaskStatus.COMPLETED
    assert "price_confirmed" in log_codes(app)
    assert server.stats()["accepted_total"] == 1
    with pytest.raises(Refused, match="nothing_to_confirm"):
        app.tasks.confirm_price(task.id, FORTY)


def test_a_yes_is_paid_from_the_budget_and_stands_in_the_ledger(waiting) -> None:
    _home, _server, app, task = waiting
    rate = {"of": "lovart", "worth": "0.1"}
    app.settings_file.change({"budget.limit": "3.9", "budget.rates": [rate]})

    with pytest.raises(Refused, match="budget_all"):
        app.tasks.confirm_price(task.id, FORTY)
    assert app.tasks.get(task.id).stage == WAITING_FOR_CONFIRMATION
    [attempt] = app.tasks.attempts(task.id)
    assert attempt.cost != FORTY

    app.settings_file.change({"budget.limit": "4"})
    app.tasks.confirm_price(task.id, FORTY)
    [attempt] = app.tasks.attempts(task.id)
    assert attempt.cost == FORTY
    [standing] = app.budget.standing(task.project_id).standings
    assert (standing.spent.amount, standing.left) == (Decimal(4), Decimal(0))


def test_a_yes_within_the_limit_is_paid_from_the_budget_and_stands_in_the_ledger(waiting) -> None:
    home, server, app, task = waiting
    rate = {"of": "lovart", "worth": "0.1"}
    app.settings_file.change({"budget.limit": "3.9", "budget.rates": [rate], "providers.lovart.confirm_up_to": 40})

    wait_until(lambda: "price_left" in log_codes(app), 20)
    assert app.tasks.asked_price(task.id) == FORTY
    [attempt] = app.tasks.attempts(task.id)
    assert (attempt.cost, attempt.confirmed_at) == (None, None)

    app.settings_file.change({"budget.limit": "4"})
    [ended] = home.finish([task], 30)
    assert (ended.status, ended.cost) == (TaskStatus.COMPLETED, FORTY)
    [standing] = app.budget.standing(task.project_id).standings
    assert (standing.spent.amount, standing.left) == (Decimal(4), Decimal(0))
    wait_until(lambda: log_codes(app).count("price_confirmed") == 1)
    assert log_codes(app).count("price_left") == 1
    assert [job["prompt"] for job in server.jobs()] == ["zoom in [[confirmation:40]]"]


@pytest.mark.parametrize(("delivery", "kept"), [(Delivery.REFUSED, False), (Delivery.UNKNOWN, True)])
def test_only_a_yes_that_may_have_been_taken_keeps_its_price(
    waiting, monkeypatch: pytest.MonkeyPatch, delivery: Delivery, kept: bool
) -> None:
    _home, _server, app, task = waiting

    async def refuse(*_: object) -> bool:
        raise RemoteError("server_error", delivery=delivery)

    monkeypatch.setattr(Lovart, "confirm", refuse)
    with pytest.raises(RemoteError):
        app.tasks.confirm_price(task.id, FORTY)

    [attempt] = app.tasks.attempts(task.id)
    assert (attempt.cost == FORTY, attempt.confirmed_at is not None) == (kept, kept)
    assert "price_confirmed" not in log_codes(app)


def test_another_price_than_the_one_shown_is_not_confirmed(waiting) -> None:
    home, _, app, task = waiting

    with pytest.raises(Refused, match="price_changed"):
        app.tasks.confirm_price(task.id, Money(amount=Decimal(39), currency="credits"))

    assert app.tasks.asked_price(task.id) == FORTY
    assert home.tasks([task])[0].status is TaskStatus.PROCESSING


def test_the_command_line_asks_before_it_says_yes(waiting, capfd: pytest.CaptureFixture[str]) -> None:
    home, _, app, task = waiting

    assert run(["confirm", str(task.id), "--project", "ep01"]) != 0
    assert app.tasks.asked_price(task.id) == FORTY
    capfd.readouterr()
    assert run(["confirm", str(task.id), "--project", "ep01", "--yes", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["done"] == [str(task.id)]
    [ended] = home.finish([task], 30)
    assert ended.status is TaskStatus.COMPLETED
