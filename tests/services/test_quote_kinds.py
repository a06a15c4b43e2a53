"""Quotes of what is no plain take: takes until one passes, reference pictures, finished takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.agents import QuoteKind, QuoteState
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.takes import CheckResult, NewTake, Severity, Verdict
from vidgen_core.domain.tasks import FinishVerb, Task, TaskKind, TaskStatus, UntilPass
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation import drawing
from vidgen_core.services.generation.finishing import FinishOptions
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.worker.context import ActiveTask
from vidgen_core.worker.steps.claim import claim

AddShot = Callable[..., Shot]
#: What a take, a picture and an added part cost.
PRICES = [
    {"provider": "kie", "model": "veo3_fast", "amount": "0.4", "currency": "CNY"},
    {"provider": "images", "model": "*", "amount": "0.1", "currency": "CNY"},
]


@pytest.fixture
def paid(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vidgen]:
    monkeypatch.setenv("VIDGEN_MODE", "kie")
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "true")
    for name in ("KIE", "IMAGES"):
        monkeypatch.setenv(f"VIDGEN_PROVIDERS__{name}__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__MODEL", "veo3_fast")
    with Vidgen.open(locations) as opened:
        opened.settings_file.change({"prices": PRICES, "runner.max_retries": 0})
        yield opened


@pytest.fixture
def shot(paid: Vidgen) -> Shot:
    return paid.shots.add(paid.projects.ensure("ep01").id, "1", "a ship in the fog", picture_prompt="a ship")


def yuan(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


def claimed(app: Vidgen, task: Task) -> object:
    with app.store.write() as tx:
        return claim(tx, ActiveTask(tx.tasks.get(task.id), None), None, None, app.settings(), datetime.now(UTC))


def come_home(app: Vidgen, task: Task, verdict: Verdict) -> int:
    """A task that was sent ends with a take of that verdict."""
    with app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.DOWNLOADING)
        tx.tasks.move(task.id, TaskStatus.COMPLETED)
        take = tx.takes.add(
            NewTake(
                project_id=task.project_id, shot_id=task.shot_id, task_id=task.id, number=task.take, folder="/v",
                file=f"{task.id}.mp4", poster=None, seconds=8, width=720, height=1280, bytes=1, sha256=f"{task.id}",
                provider=task.provider, model=task.model,
            )
        )  # fmt: skip
        severity = Severity.PASS if verdict is Verdict.PASS else Severity.FAIL
        tx.takes.judge(take, verdict, [CheckResult(code="frozen", severity=severity, value=0.9, limit=0.5)])
        tx.tasks.note(task.id, remote_id="job-1")
    return take.id


@dataclass(frozen=True)
class Case:
    """An order of a kind."""

    kind: QuoteKind
    options: Frozen
    price: str
    output: TaskKind = TaskKind.VIDEO


UNTIL = Case(QuoteKind.VIDEOS, GenerateOptions(until=UntilPass(most=3)), "1.2")
CASES = {
    "until": UNTIL,
    "pictures": Case(QuoteKind.PICTURES, GenerateOptions(takes=2), "0.2", TaskKind.IMAGE),
    "finish": Case(QuoteKind.FINISH, FinishOptions(verb=FinishVerb.EXTEND, prompt="it sails on"), "0.4"),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, paid: Vidgen, shot: Shot) -> Case:
    if request.param == "finish":
        [task] = paid.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks
        assert claimed(paid, task) is True
        paid.takes.choose(shot.id, come_home(paid, task, Verdict.PASS))
    return CASES[request.param]


def waiting(app: Vidgen) -> list[Task]:
    return [task for task in app.tasks.many(sorted(app.tasks.ids(None))) if task.status is TaskStatus.QUEUED]


def test_each_kind_is_priced_ordered_once_and_held_by_the_limits(paid: Vidgen, shot: Shot, case: Case) -> None:
    paid.agents.add("bot", per_day=Decimal(case.price), in_all=Decimal(10))
    quoted = paid.quotes.make(shot.project_id, [shot.id], case.options, kind=case.kind, agent="bot")
    second = paid.quotes.make(shot.project_id, [shot.id], case.options, kind=case.kind, agent="bot")
    assert quoted.quote.price == yuan(case.price)
    assert waiting(paid) == []

    ordered = paid.quotes.order(quoted.token, "bot")
    assert paid.quotes.order(quoted.token, "bot") == ordered
    assert ordered.quote.state is QuoteState.ORDERED
    assert {task.output for task in ordered.tasks} == {case.output}
    assert waiting(paid) == list(ordered.tasks)

    # What was ordered counts against the limit: the same once more is above it, or is under way already.
    if case.kind is QuoteKind.FINISH:
        with pytest.raises(Refused, match="quote_changed"):
            paid.quotes.order(second.token, "bot")
    else:
        assert paid.quotes.order(second.token, "bot").quote.reason == "day"
    assert claimed(paid, ordered.tasks[0]) is True
    assert paid.tasks.attempts(ordered.tasks[0].id)[0].agent == "bot"


def test_each_kind_waits_for_a_yes_above_a_limit(paid: Vidgen, shot: Shot, case: Case) -> None:
    paid.agents.add("bot")
    quoted = paid.quotes.make(shot.project_id, [shot.id], case.options, kind=case.kind, agent="bot")
    assert paid.quotes.order(quoted.token, "bot").quote.state is QuoteState.WAITING
    assert waiting(paid) == []
    sheet = paid.quotes.preflight(quoted.quote)
    assert sheet.tasks == len(paid.quotes.approve(quoted.quote.id, quoted.quote.price).tasks)
    assert claimed(paid, waiting(paid)[0]) is True


def test_another_price_or_another_take_needs_another_quote(paid: Vidgen, shot: Shot, case: Case) -> None:
    paid.agents.add("bot", per_day=Decimal(10), in_all=Decimal(10))
    quoted = paid.quotes.make(shot.project_id, [shot.id], case.options, kind=case.kind, agent="bot")
    if case.kind is QuoteKind.FINISH:
        [task] = paid.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks
        assert claimed(paid, task) is True
        paid.takes.choose(shot.id, come_home(paid, task, Verdict.PASS))
    else:
        paid.settings_file.change({"prices": [{**row, "amount": "0.3"} for row in PRICES]})
    before = len(waiting(paid))
    with pytest.raises(Refused, match="quote_changed"):
        paid.quotes.order(quoted.token, "bot")
    assert len(waiting(paid)) == before


def test_each_draw_of_an_order_is_of_its_agent_and_none_passes_its_limit(paid: Vidgen, shot: Shot) -> None:
    paid.agents.add("bot", per_day=Decimal("1.2"), in_all=Decimal(10))
    quoted = paid.quotes.make(shot.project_id, [shot.id], UNTIL.options, agent="bot")
    assert (quoted.quote.tasks, quoted.quote.worst) == (3, yuan("1.2"))
    [first] = paid.quotes.order(quoted.token, "bot").tasks
    assert claimed(paid, first) is True
    come_home(paid, first, Verdict.FAIL)
    drawing.go_on(paid.context, None)
    [second] = waiting(paid)
    assert second.quote_id == first.quote_id
    followed = paid.quotes.follow(quoted.token, "bot")
    assert ([task.id for task in followed.tasks], followed.left) == ([first.id, second.id], 1)
    # The provider took more for the first than was thought.
    with paid.store.write() as tx:
        tx.attempts.update(tx.attempts.of_task(first.id)[0].id, cost=yuan("1.0"))
    stopped = claimed(paid, second)
    assert getattr(stopped, "code", stopped) in ("agent_limit_day", "draw_ceiling")
    assert paid.tasks.get(second.id).status is TaskStatus.PENDING


def test_a_ceiling_is_the_price_and_an_unknown_price_has_none(paid: Vidgen, shot: Shot) -> None:
    until = GenerateOptions(until=UntilPass(most=4, ceiling=Decimal("0.9")))
    assert paid.quotes.make(shot.project_id, [shot.id], until).quote.price == yuan("0.9")
    # While the live list is on, a model that it may describe waits for it.
    paid.settings_file.change({"providers.kie.live_catalogue": False})
    unknown = until.model_copy(update={"model": "nobody-knows-this"})
    with pytest.raises(InputError, match="draw_price_unknown"):
        paid.quotes.make(shot.project_id, [shot.id], unknown)


def test_what_cannot_be_done_is_refused_with_its_reason(paid: Vidgen, shot: Shot, project: Project) -> None:
    del project
    finish = FinishOptions(verb=FinishVerb.UPSCALE)
    with pytest.raises(Refused, match="quote_empty"):
        paid.quotes.make(shot.project_id, [shot.id], finish, kind=QuoteKind.FINISH)
    bare = paid.shots.add(shot.project_id, "2", "", picture_prompt="")
    with pytest.raises(Refused, match="nothing_to_draw"):
        paid.quotes.make(shot.project_id, [bare.id], GenerateOptions(takes=1), kind=QuoteKind.PICTURES)
    with pytest.raises(Refused, match="writing_model_missing"):
        paid.quotes.make(shot.project_id, [shot.id], paid.prompts.wanted({}), kind=QuoteKind.PROMPTS)
